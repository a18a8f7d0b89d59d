//! The topics of groups and of transactions: made by the first who needs them, with the settings that Kafka gives them.
//!
//! The first client is often there before the last broker, and a topic keeps the replicas it was made with. So nothing is made while there
//! are fewer brokers than replicas, as with Kafka; only where nobody has said how many there are to be, and no voter is missing, fewer do:
//! a lone node needs no settings for its groups.

use controller::NewTopic;
use metadata::Image;
use model::TopicName;

use crate::BrokerOptions;

/// `__consumer_offsets`; none while there are too few brokers for it.
pub(crate) fn offsets(options: &BrokerOptions, image: &Image) -> Option<NewTopic> {
    let replication_factor = replicas(options, image, "offsets.topic.replication.factor")?;
    let segment_bytes = options.server.number("offsets.topic.segment.bytes").to_string();
    Some(NewTopic {
        name: TopicName::CONSUMER_OFFSETS.to_owned(),
        partitions: options.offsets_partitions,
        replication_factor,
        assignment: Vec::new(),
        options: vec![
            option("cleanup.policy", "compact"),
            option("compression.type", "producer"),
            option("segment.bytes", &segment_bytes),
        ],
    })
}

/// `__transaction_state`; none while there are too few brokers for it.
pub(crate) fn transactions(options: &BrokerOptions, image: &Image) -> Option<NewTopic> {
    let replication_factor = replicas(options, image, "transaction.state.log.replication.factor")?;
    let text = |name: &str| options.server.number(name).to_string();
    Some(NewTopic {
        name: TopicName::TRANSACTION_STATE.to_owned(),
        partitions: options.transaction_partitions,
        replication_factor,
        assignment: Vec::new(),
        options: vec![
            option("cleanup.policy", "compact"),
            option("compression.type", "uncompressed"),
            option("min.insync.replicas", &text("transaction.state.log.min.isr")),
            option("segment.bytes", &text("transaction.state.log.segment.bytes")),
            option("unclean.leader.election.enable", "false"),
        ],
    })
}

/// How many replicas a topic is made with. A broker that is down for the moment counts: it has its place.
fn replicas(options: &BrokerOptions, image: &Image, name: &str) -> Option<i16> {
    let wanted = usize::try_from(options.server.number(name)).unwrap_or(1);
    let brokers = image.brokers().count().max(1);
    if brokers >= wanted {
        return i16::try_from(wanted).ok();
    }
    let voters = options.server.text("controller.quorum.voters").unwrap_or_default();
    let voters = voters.split(',').filter(|voter| !voter.trim().is_empty()).count();
    let is_small = options.server.is_set(name).is_none() && voters <= brokers;
    i16::try_from(brokers).ok().filter(|_| is_small)
}

fn option(name: &str, value: &str) -> (String, Option<String>) {
    (name.to_owned(), Some(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use metadata::{Fact, options::ServerOptions};
    use model::{BrokerEpoch, BrokerId};

    use super::*;

    fn made(brokers: i32, set: &[(&str, &str)]) -> Option<i16> {
        let mut image = Image::default();
        for id in 1..=brokers {
            image.apply(&Fact::RegisterBroker {
                id: BrokerId(id),
                incarnation: 1,
                epoch: BrokerEpoch(i64::from(id)),
                host: "h".to_owned(),
                port: 1,
                rack: None,
                lineage: 0,
                is_fenced: false,
                is_shutting_down: false,
            });
        }
        let mut server = ServerOptions::new(BrokerId(1));
        set.iter().for_each(|(name, value)| server.set(name, value).unwrap());
        let options = BrokerOptions::new(Arc::new(server), "c", "h", 1);
        offsets(&options, &image).map(|topic| topic.replication_factor)
    }

    const FACTOR: &str = "offsets.topic.replication.factor";
    const VOTERS: (&str, &str) = ("controller.quorum.voters", "1@a:1,2@b:1,3@c:1");

    #[test]
    fn a_topic_waits_for_the_brokers_that_were_promised() {
        assert_eq!(made(2, &[(FACTOR, "3")]), None);
        assert_eq!(made(3, &[(FACTOR, "3")]), Some(3));
        assert_eq!(made(2, &[VOTERS]), None);
        assert_eq!(made(3, &[VOTERS]), Some(3));
        assert_eq!(made(4, &[VOTERS]), Some(3));
        assert_eq!(made(1, &[VOTERS, (FACTOR, "1")]), Some(1));
    }

    #[test]
    fn a_lone_node_needs_no_settings() {
        assert_eq!(made(1, &[]), Some(1));
        assert_eq!(made(1, &[("controller.quorum.voters", "1@a:1")]), Some(1));
    }
}
