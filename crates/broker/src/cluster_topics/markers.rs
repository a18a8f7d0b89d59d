//! Fencing a job's older reigns off what another broker leads: an abort marker of the new epoch, by WriteTxnMarkers.

use flow::topics::Producer;
use model::{ErrorCode, TopicPartition};

use super::{ClusterTopics, route::Led};

impl ClusterTopics {
    /// Has the leader write a marker of `producer`'s epoch.
    ///
    /// WriteTxnMarkers is not served yet: until it is, a job whose outputs are led elsewhere waits at its take-over.
    #[expect(clippy::unused_self, reason = "it asks a broker once brokers serve it")]
    pub(super) const fn write_marker(
        &self,
        _led: Led,
        _partition: &TopicPartition,
        _producer: Producer,
    ) -> Result<(), ErrorCode> {
        Err(ErrorCode::BrokerNotAvailable)
    }
}
