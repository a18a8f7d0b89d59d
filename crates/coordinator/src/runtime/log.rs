//! What a coordinator needs of the internal topic under it. The broker implements it over its replicas.

use bytes::BytesMut;
use model::{ErrorCode, Offset, PartitionId};
use records::Record;

/// An internal topic's partitions, as the coordinator's thread sees them.
pub trait Log: Send + Sync {
    /// Appends one record batch (uncompressed, Kafka's record schemas) and answers its last offset.
    ///
    /// # Errors
    /// The code of what stopped it; nothing is then in the log.
    fn append(&self, partition: PartitionId, batch: BytesMut) -> Result<Offset, ErrorCode>;

    /// Visits every record below the high watermark, in order.
    ///
    /// # Errors
    /// The code of what stopped it; what was visited is then thrown away.
    fn load(
        &self,
        partition: PartitionId,
        visit: &mut dyn FnMut(Record<'_>),
    ) -> Result<(), ErrorCode>;

    /// The first offset that is not yet committed. A lone node commits what it appends: the default.
    /// A log that commits later calls [`crate::Coordinator::on_committed`] when this moves.
    fn committed(&self, _partition: PartitionId) -> Offset {
        Offset(i64::MAX)
    }
}
