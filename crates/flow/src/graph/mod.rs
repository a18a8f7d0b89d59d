//! A plan, running: record batches in, result rows out. Single-threaded and deterministic: what comes out depends on what was fed in
//! which order and on nothing else, not on how the feeding was cut into calls.
//!
//! ```text
//! feed.rs      batches ─▶ records, every offset accounted for
//! pipeline.rs  records ─▶ decode ─▶ computed ─▶ row time, marks ─▶ steps ─▶ window or sink
//! advance.rs   rows and marks of a chunk, row by row where a window closes among them
//! outlet.rs    rows ─▶ the sink's records, the screen, or nowhere
//! state.rs     all of it ⇄ bytes
//! ```
//! A row is late by the watermark as it was before the row's own mark; then the mark moves the watermark, and the windows that it reaches
//! close at that very row.

mod advance;
mod check;
mod error;
mod feed;
mod outlet;
mod pipeline;
mod results;
mod running;
mod state;
mod walk;

pub use error::GraphError;
pub use results::{DeadRow, FailedRow, LateRow, ResultRecord, Results};
pub use running::Graph;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod graph_tests;
#[cfg(test)]
mod restart_tests;
