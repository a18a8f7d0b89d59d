//! Replicated state machines on internal topics: consumer groups and their offsets, transactions.
//!
//! A shard is the machine of one partition of an internal topic. It decides (records and answers), the [runtime](Log)
//! appends the records, applies them, and lets the answers go once they are committed. Everything runs on one thread of
//! its own, so that a heartbeat never waits for a write of somebody else's.
//!
//! ```no_run
//! # fn over(log: std::sync::Arc<dyn coordinator::Log>) -> std::io::Result<()> {
//! use coordinator::{Coordinator, GroupOptions, RequestContext};
//! use model::LeaderEpoch;
//! use wire::messages::{GroupId, OffsetFetchRequest, text};
//!
//! let clock = std::sync::Arc::new(world::real::SystemClock::new());
//! let topics = std::sync::Arc::new(|_: &str| Some(1));
//! let coordinator = Coordinator::start(log, clock, 7, GroupOptions::default(), topics)?;
//! coordinator.elect(coordinator.partition_for("orders"), LeaderEpoch(0));
//! let cx = RequestContext { client_id: "me".into(), client_host: "/127.0.0.1".into(), api_version: 7 };
//! let asked = OffsetFetchRequest::default().with_group_id(GroupId(text("orders")));
//! let answer = world::exec::block_on(coordinator.fetch_offsets(cx, asked));
//! # Ok(())
//! # }
//! ```
//!
//! What this crate is not: it opens no log and knows no partition's leader; both are told to it. Groups of KIP-848
//! are further shards on the same runtime, to come.

mod asked;
mod budget;
mod coordinator;
#[cfg(test)]
mod coordinator_tests;
mod fetch_shape;
mod gather;
mod group;
mod limits;
mod options;
mod runtime;
#[cfg(test)]
mod test_log;
mod transaction;
mod transaction_coordinator;
mod transactional;

pub use asked::RequestContext;
pub use coordinator::Coordinator;
pub use group::{
    CommittedOffset, DecodeError, GroupRecord, SavedGroup, SavedMember, partition_for,
};
pub use options::{GroupOptions, Topics};
pub use runtime::{Loaded, Log, Reign, Wake};
pub use transaction::{
    AddPartitions, ClientVersion, EndTransaction, InitProducer, MarkerOrder, MarkerReport, Markers,
    ProducerIds, Producing, Transaction, TransactionFilter, TransactionOptions, TransactionRecord,
    TransactionResult, TransactionState,
};
pub use transaction_coordinator::TransactionCoordinator;
