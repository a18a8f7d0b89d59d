//! Replicated state machines on internal topics: consumer groups and their offsets.
