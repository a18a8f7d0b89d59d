//! A plan, running: record batches in, result rows out. Single-threaded and deterministic: what comes out depends on what was fed in
//! which order and on nothing else.

mod error;
mod results;
mod skeleton;

pub use error::GraphError;
pub use results::{DeadRow, FailedRow, LateRow, ResultRecord, Results};
pub use skeleton::Graph;
