//! What a coordinator needs of the internal topic under it. The broker implements it over its replicas.

use std::sync::Arc;

use bytes::BytesMut;
use model::{ErrorCode, LeaderEpoch, Offset, PartitionId, ProducerId, Verification};
use records::{Record, control::Marker};

/// A partition of the internal topic, in one reign of this broker over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reign {
    /// Which partition.
    pub partition: PartitionId,
    /// The leader epoch in which this broker was elected.
    pub epoch: LeaderEpoch,
}

/// What lies in an internal partition.
#[derive(Clone, Copy, Debug)]
pub enum Loaded<'a> {
    /// A record; with the producer whose transaction it is part of, if it is.
    Record(Record<'a>, Option<ProducerId>),
    /// The end of a producer's transaction.
    Marker(ProducerId, Marker),
}

/// Makes a coordinator's thread look at what is committed. Cheap; may be called under a lock.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// An internal topic's partitions, as the coordinator's thread sees them. Everything names the reign in which it is asked: in another
/// one somebody else may have written.
pub trait Log: Send + Sync {
    /// Appends one record batch (uncompressed, Kafka's record schemas) and answers its last offset.
    ///
    /// # Errors
    /// The code of what stopped it; nothing is then in the log. NOT_LEADER_OR_FOLLOWER in another reign.
    fn append(
        &self,
        reign: Reign,
        batch: BytesMut,
        verification: Verification,
    ) -> Result<Offset, ErrorCode>;

    /// Visits every record and marker up to the log's end, committed or not, in order; answers that end. [`Wake`]s when it is committed.
    ///
    /// # Errors
    /// The code of what stopped it; what was visited is then thrown away.
    fn load(&self, reign: Reign, visit: &mut dyn FnMut(Loaded<'_>)) -> Result<Offset, ErrorCode>;

    /// The first offset that is not yet committed; [`Offset::NONE`] in another reign.
    /// A log that commits later than it appends [wakes](Wake) when this moves.
    fn committed(&self, reign: Reign) -> Offset;

    /// Whether nobody but this broker is in sync in `reign`, so that nobody else can have led since. Where that is not sure, false: what is
    /// told of state that no append shows to be the newest then waits for a [barrier](super::Batching::Barrier). A log without replicas is alone:
    /// the default.
    fn is_alone(&self, _reign: Reign) -> bool {
        true
    }

    /// Whom to wake. A log that commits what it appends wakes nobody: the default.
    fn wakes(&self, _wake: Wake) {}
}
