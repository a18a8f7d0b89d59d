//! Stored jobs and the running graphs they become, beside their partition.
