//! What a broker does for transactions beside deciding about them: markers written here, and what goes to other brokers.
//!
//! ```text
//!   coordinator ──order──▶ Outgoing ─┬─▶ LocalMarkers ──▶ the partitions led here
//!   Produce, TxnOffsetCommit ─question─▶ └─▶ Lane, one per broker and kind ──BrokerLinks──▶ its broker
//! ```

mod lane;
mod markers;
mod outgoing;
mod questions;
mod start;

pub use markers::LocalMarkers;
pub(crate) use markers::Writing;
pub use outgoing::Outgoing;
pub(crate) use questions::Addition;
pub use start::Transactions;

use model::{ErrorCode, TopicPartition};

/// What has come of it in each partition.
pub(crate) type Codes = Vec<(TopicPartition, ErrorCode)>;

/// The same everywhere.
pub(crate) fn all(places: &[TopicPartition], code: ErrorCode) -> Codes {
    places.iter().map(|place| (place.clone(), code)).collect()
}
