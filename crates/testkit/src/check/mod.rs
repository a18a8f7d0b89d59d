//! The checkers: each looks at what clients were told and at what is there in the end.

mod log;
mod records;
mod windows;

pub use log::{Fetched, Read, fetch, read_partition};
pub use records::acknowledged_is_kept_once_and_in_order;
pub use windows::{SCRIPT, every_window_once_and_right};
