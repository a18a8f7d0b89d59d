//! The partitions of this node without a socket between: for jobs ([`LocalTopics`]) and for the coordinator ([`LocalLog`]).

mod log;
mod topics;

pub use log::LocalLog;
pub use topics::{LocalParts, LocalTopics};
