//! The cluster as a node's image has it, whether the node leads the quorum, and its process.

use std::{fmt::Write, sync::Arc, time::Duration};

use controller::Controller;
use gateway::MetricsPage;
use metadata::{Image, PartitionState, Publisher, Topic};
use model::BrokerId;
use world::exec;

use crate::process;

/// Where the figures come from.
pub(crate) struct ClusterPage {
    node: BrokerId,
    publisher: Arc<Publisher>,
    controller: Controller,
}

impl ClusterPage {
    pub(crate) const fn new(
        node: BrokerId,
        publisher: Arc<Publisher>,
        controller: Controller,
    ) -> Self {
        Self { node, publisher, controller }
    }

    /// Whether this node leads the quorum. One that does not answer does not.
    fn is_controller(&self) -> bool {
        let status = exec::block_on_for(QUORUM_PATIENCE, self.controller.quorum()).flatten();
        status.is_some_and(|status| status.leader == Some(self.node))
    }
}

/// How long `/metrics` waits for the quorum's word.
const QUORUM_PATIENCE: Duration = Duration::from_millis(500);

impl MetricsPage for ClusterPage {
    fn write(&self, page: &mut String) {
        let mut gauges = Vec::from(of_cluster(&self.publisher.current(), self.is_controller()));
        if let Some((resident, _)) = process::memory_bytes(std::process::id()) {
            gauges.push(("process_resident_memory_bytes", resident as f64));
        }
        for (name, value) in gauges {
            // Writing to a String cannot fail.
            let _ = writeln!(page, "# TYPE {name} gauge\n{name} {value}");
        }
    }
}

/// `kafka.controller:type=KafkaController`: the cluster, as this node's image has it.
fn of_cluster(image: &Image, is_controller: bool) -> [(&'static str, f64); 7] {
    let partitions = |is_one: fn(&PartitionState) -> bool| -> f64 {
        let of_topic = |topic: &Arc<Topic>| topic.numbered().filter(|(_, one)| is_one(one)).count();
        image.topics().map(of_topic).sum::<usize>() as f64
    };
    let brokers = |is_fenced: bool| {
        image.brokers().filter(|broker| broker.is_fenced == is_fenced).count() as f64
    };
    let is_imbalanced = |one: &PartitionState| one.replicas.first() != Some(&one.leader);
    [
        (
            "kafka_controller_kafkacontroller_activecontrollercount",
            f64::from(u8::from(is_controller)),
        ),
        ("kafka_controller_kafkacontroller_activebrokercount", brokers(false)),
        ("kafka_controller_kafkacontroller_fencedbrokercount", brokers(true)),
        ("kafka_controller_kafkacontroller_globaltopiccount", image.topic_count() as f64),
        ("kafka_controller_kafkacontroller_globalpartitioncount", image.partition_count() as f64),
        (
            "kafka_controller_kafkacontroller_offlinepartitionscount",
            partitions(|one| !one.is_led()),
        ),
        (
            "kafka_controller_kafkacontroller_preferredreplicaimbalancecount",
            partitions(is_imbalanced),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use metadata::{Fact, NO_LEADER, StateFact};
    use model::{
        BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch, PartitionId, TopicId, TopicName,
    };

    use super::*;

    fn led_by(leader: BrokerId) -> StateFact {
        StateFact {
            replicas: vec![BrokerId(1), BrokerId(2)],
            isr: vec![BrokerId(1), BrokerId(2)],
            leader,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            adding: Vec::new(),
            removing: Vec::new(),
            elr: Vec::new(),
            last_leader: NO_LEADER,
        }
    }

    #[test]
    fn the_cluster_is_counted_under_kafkas_names() {
        let mut image = Image::default();
        for (id, is_fenced) in [(1, false), (2, true)] {
            image.apply(&Fact::RegisterBroker {
                id: BrokerId(id),
                incarnation: 1,
                epoch: BrokerEpoch(id.into()),
                host: "h".to_owned(),
                port: 1,
                rack: None,
                lineage: 0,
                is_fenced,
                is_shutting_down: false,
            });
        }
        let topic = TopicId::parse("AAAAAAAAAAAAAAAAAAAAAg").expect("an id");
        image.apply(&Fact::Topic { name: TopicName::parse("t").expect("a name"), id: topic });
        for (index, leader) in [(0, BrokerId(1)), (1, BrokerId(2)), (2, NO_LEADER)] {
            let (first, state) = (PartitionId(index), led_by(leader));
            image.apply(&Fact::Partitions { topic, first, count: 1, state });
        }
        let shown: Vec<(&str, f64)> = of_cluster(&image, true)
            .map(|(name, value)| (name.rsplit('_').next().unwrap_or_default(), value))
            .to_vec();
        let expected = [
            ("activecontrollercount", 1.0),
            ("activebrokercount", 1.0),
            ("fencedbrokercount", 1.0),
            ("globaltopiccount", 1.0),
            ("globalpartitioncount", 3.0),
            ("offlinepartitionscount", 1.0),
            ("preferredreplicaimbalancecount", 2.0),
        ];
        assert_eq!(shown, expected);
    }
}
