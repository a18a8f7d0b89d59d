//! The checkers: each looks at what clients were told and at what is there in the end.

mod candidates;
mod groups;
mod log;
mod records;
mod replicas;
mod transactions;
mod windows;

pub use candidates::candidates_hold_what_is_committed;
pub use groups::{committed_position, group_coordinator};
pub use log::{Fetched, Read, fetch, read_partition};
pub use records::acknowledged_is_kept_once_and_in_order;
pub use replicas::replicas_have_one_history;
pub use transactions::transactions_are_whole_or_nothing;
pub use windows::{SCRIPT, every_window_once_and_right};
