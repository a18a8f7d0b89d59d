//! The topic of groups and their offsets: made by the first who needs it.

use controller::NewTopic;
use metadata::Image;
use model::TopicName;

use crate::BrokerOptions;

/// `__consumer_offsets` with the settings that Kafka gives it.
pub(crate) fn new_topic(options: &BrokerOptions, image: &Image) -> NewTopic {
    let replicas = options.server.number("offsets.topic.replication.factor");
    let brokers = image.brokers().filter(|broker| !broker.is_fenced).count().max(1);
    let segment_bytes = options.server.number("offsets.topic.segment.bytes").to_string();
    let option = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    NewTopic {
        name: TopicName::CONSUMER_OFFSETS.to_owned(),
        partitions: options.offsets_partitions,
        replication_factor: i16::try_from(replicas.min(brokers as i64)).unwrap_or(1),
        assignment: Vec::new(),
        options: vec![
            option("cleanup.policy", "compact"),
            option("compression.type", "producer"),
            option("segment.bytes", &segment_bytes),
        ],
    }
}
