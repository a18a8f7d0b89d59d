//! Transactions: what a producer writes to many partitions becomes visible as one, or not at all. One shard per partition of
//! `__transaction_state`; `docs/internals/transactions.md` follows one committed transaction by file name.

mod add;
mod asked;
mod cx;
mod describe;
mod desk;
mod end;
mod expiry;
mod init;
mod markers;
mod options;
mod record;
mod shard;
mod state;
#[expect(clippy::module_inception, reason = "the module's main noun")]
mod transaction;

pub use asked::{
    AddPartitions, EndTransaction, InitProducer, ListFilter as TransactionFilter, Producing,
};
pub(crate) use desk::{Question, TransactionDesk};
pub use markers::{MarkerOrder, MarkerReport, Markers};
pub use options::{ProducerIds, TransactionOptions};
pub use record::TransactionRecord;
pub use state::{TransactionResult, TransactionState};
pub use transaction::{ClientVersion, Transaction};

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod test_world;
#[cfg(test)]
mod trace_tests;
