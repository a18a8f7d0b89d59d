//! The cluster's topics, as a job on this node sees them: what is led here in place, the rest through its leader.
//!
//! ```text
//!              led here            followed here               neither
//!   read       in place            the replica, up to its      Fetch
//!                                  high watermark
//!   ends, times, epochs   in place │ ListOffsets, OffsetForLeaderEpoch
//!   append     in place            │ Produce, acks=all, again while leadership moves
//!   fence      a control batch     │ WriteTxnMarkers
//!   journal    in place            │ refused: whoever does not lead it has no right to it
//! ```
//! Every call to another broker goes over the [`Brokers`] seam. All but reads are tried again, with leadership as the image has it by then,
//! for as long as an election may take; what is refused for longer is the job's to wait for.

mod brokers;
mod fetch;
mod groups;
mod markers;
mod produce;
mod questions;
mod route;
mod socket_brokers;
mod topics;

pub use brokers::{Brokers, Call};
pub use socket_brokers::SocketBrokers;
pub use topics::ClusterTopics;
