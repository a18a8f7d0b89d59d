//! The checkers: each looks at what clients were told and at what is there in the end.

mod log;
mod records;

pub use log::{Read, read_partition};
pub use records::acknowledged_is_kept_once_and_in_order;
