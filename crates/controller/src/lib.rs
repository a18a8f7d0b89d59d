//! The metadata quorum: requests become decisions, decisions become records.
