//! The topics of groups and of transactions: made by the first who needs them, with the settings that Kafka gives them.

use controller::NewTopic;
use metadata::Image;
use model::TopicName;

use crate::BrokerOptions;

/// `__consumer_offsets`.
pub(crate) fn offsets(options: &BrokerOptions, image: &Image) -> NewTopic {
    let segment_bytes = options.server.number("offsets.topic.segment.bytes").to_string();
    NewTopic {
        name: TopicName::CONSUMER_OFFSETS.to_owned(),
        partitions: options.offsets_partitions,
        replication_factor: replicas(options, image, "offsets.topic.replication.factor"),
        assignment: Vec::new(),
        options: vec![
            option("cleanup.policy", "compact"),
            option("compression.type", "producer"),
            option("segment.bytes", &segment_bytes),
        ],
    }
}

/// `__transaction_state`.
pub(crate) fn transactions(options: &BrokerOptions, image: &Image) -> NewTopic {
    let text = |name: &str| options.server.number(name).to_string();
    NewTopic {
        name: TopicName::TRANSACTION_STATE.to_owned(),
        partitions: options.transaction_partitions,
        replication_factor: replicas(options, image, "transaction.state.log.replication.factor"),
        assignment: Vec::new(),
        options: vec![
            option("cleanup.policy", "compact"),
            option("compression.type", "uncompressed"),
            option("min.insync.replicas", &text("transaction.state.log.min.isr")),
            option("segment.bytes", &text("transaction.state.log.segment.bytes")),
            option("unclean.leader.election.enable", "false"),
        ],
    }
}

/// As many replicas as are asked for; fewer where fewer brokers are registered, which Kafka refuses: a lone node needs no settings for
/// its groups. A broker that is down for the moment counts: the topic would be without its replica for ever.
fn replicas(options: &BrokerOptions, image: &Image, name: &str) -> i16 {
    let brokers = image.brokers().count().max(1);
    i16::try_from(options.server.number(name).min(brokers as i64)).unwrap_or(1)
}

fn option(name: &str, value: &str) -> (String, Option<String>) {
    (name.to_owned(), Some(value.to_owned()))
}
