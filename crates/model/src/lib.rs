//! The nouns of Logmill: offsets, epochs, ids, names, error codes, limits.
//!
//! A value of one of these types is legal by construction: a [`TopicName`] has passed Kafka's rules, an [`Offset`]
//! steps with checked arithmetic. Bare integers do not travel past `wire` and `records`.
//!
//! What this crate is not: it knows no bytes, no time source and no disk.

mod epoch;
mod error_code;
mod ids;
mod isolation;
pub mod limits;
pub mod mutant;
mod names;
mod offset;
mod partition;
mod pending;
mod time;
mod verification;

pub use epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch, ProducerEpoch};
pub use error_code::ErrorCode;
pub use ids::{BrokerId, PartitionId, ProducerId, TopicId};
pub use isolation::Isolation;
pub use names::{InvalidName, TopicName};
pub use offset::Offset;
pub use partition::TopicPartition;
pub use pending::{Pending, Reply};
pub use time::TimestampMs;
pub use verification::{Verification, VerificationGuard};
