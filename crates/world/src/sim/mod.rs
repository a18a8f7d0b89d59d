//! Worlds that a test makes and breaks.
