//! What a graph gives: records for the sink, and rows that could not be used.

use bytes::Bytes;
use model::{Offset, TimestampMs};

/// Everything given since the last time it was taken, in the order in which it arose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// Records for the sink's topic; empty for the other sinks.
    pub rows: Vec<ResultRecord>,
    /// How many rows reached the sink, whichever it is.
    pub rows_given: u64,
    /// Records for the dead-letter topic; empty where the plan has none.
    pub dead: Vec<DeadRow>,
    /// Rows that came after their window had closed.
    pub late: Vec<LateRow>,
    /// Rows of a closed window that failed on their way to the sink (a failed CAST behind the aggregate). They have no offset
    /// of their own.
    pub failed: Vec<FailedRow>,
}

/// One record for the sink's topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultRecord {
    /// The key; the caller picks the partition by it.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// The window's time (its end less 1 ms); the input record's timestamp where there is no window.
    pub timestamp: TimestampMs,
}

/// A record that could not become a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadRow {
    /// The input's ordinal.
    pub input: usize,
    /// The record's offset; the first one where a whole batch cannot be read.
    pub offset: Offset,
    /// Why.
    pub reason: String,
    /// The record's key.
    pub key: Option<Bytes>,
    /// The record's value.
    pub value: Option<Bytes>,
}

/// A row that came too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateRow {
    /// The input's ordinal.
    pub input: usize,
    /// The record's offset.
    pub offset: Offset,
    /// The row's time.
    pub row_time: i64,
    /// The watermark that had closed its window.
    pub watermark: i64,
}

/// A result that could not be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRow {
    /// The window's time.
    pub window_time: i64,
    /// Why.
    pub reason: String,
}
