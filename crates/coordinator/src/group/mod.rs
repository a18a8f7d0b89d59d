//! Groups: who reads what together, and how far each has come. One shard per partition of `__consumer_offsets`.

mod classic;
mod cx;
mod describe;
mod expiry;
mod hash;
mod offsets;
mod pending_offsets;
mod record;
mod record_read;
mod record_write;
mod shard;

pub(crate) use cx::Core;
pub use hash::partition_for;
pub use record::{CommittedOffset, GroupRecord, SavedGroup, SavedMember};
pub use record_read::DecodeError;
pub(crate) use shard::GroupShard;

#[cfg(test)]
mod property_tests;
#[cfg(test)]
pub(crate) mod test_world;
#[cfg(test)]
mod trace_tests;
