//! A job's group at its coordinator, wherever that is.

use model::{ErrorCode, Offset, TopicName, TopicPartition};
use wire::{Api, messages::OffsetFetchResponse};

use super::{
    ClusterTopics,
    brokers::{ask, call},
    route::Route,
};
use crate::local::groups;

/// The last versions with one group each.
const OFFSET_COMMIT: (Api, i16) = (Api::OffsetCommit, 8);
const OFFSET_FETCH: (Api, i16) = (Api::OffsetFetch, 7);

impl ClusterTopics {
    /// Sends `positions` to the coordinator; the answer is not waited for.
    pub(super) fn send_commit(&self, group: &str, positions: &[(TopicPartition, Offset)]) {
        if let Ok(Route::Elsewhere(led)) = self.coordinator_of(group)
            && let Ok(call) = call(OFFSET_COMMIT, &groups::commit_request(group, positions))
        {
            drop(self.brokers.ask(led.leader, call));
        }
    }

    /// What the coordinator, another broker, has of `group`.
    pub(super) fn ask_committed(
        &self,
        group: &str,
        partition: &TopicPartition,
        route: Route,
    ) -> Result<Option<Offset>, ErrorCode> {
        let Route::Elsewhere(led) = route else { return Err(ErrorCode::NotCoordinator) };
        let request = groups::fetch_request(group, partition);
        let answer: OffsetFetchResponse =
            ask(self.brokers.as_ref(), led.leader, OFFSET_FETCH, &request)?;
        groups::committed_in(&answer)
    }

    /// Where the group's partition of the offsets topic is led; that there is no such topic yet is `UNKNOWN_TOPIC_OR_PARTITION`.
    pub(super) fn coordinator_of(&self, group: &str) -> Result<Route, ErrorCode> {
        let topic =
            TopicName::parse(TopicName::CONSUMER_OFFSETS).expect("Kafka's own name is legal");
        let partition = self.here.coordinator_partition(group);
        self.route(&TopicPartition::new(topic, partition))
    }
}
