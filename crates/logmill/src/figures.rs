//! What `/metrics` shows of the node: the broker's figures, the partitions', the process's.

use std::{fmt::Write, sync::Arc};

use broker::{Metrics, Sample};
use gateway::MetricsPage;
use metadata::Publisher;
use replication::ReplicaSet;

use crate::process;

/// Where the figures come from.
pub(crate) struct Figures {
    broker: Arc<Metrics>,
    replicas: Arc<ReplicaSet>,
    publisher: Arc<Publisher>,
}

impl Figures {
    pub(crate) const fn new(
        broker: Arc<Metrics>,
        replicas: Arc<ReplicaSet>,
        publisher: Arc<Publisher>,
    ) -> Self {
        Self { broker, replicas, publisher }
    }

    fn gauges(&self) -> Vec<(&'static str, f64)> {
        let image = self.publisher.current();
        let partitions = image.partition_count() as f64;
        let offline = if self.replicas.is_offline() { partitions } else { 0.0 };
        let mut gauges = vec![
            ("kafka_server_replicamanager_partitioncount", partitions),
            ("kafka_server_replicamanager_leadercount", partitions - offline),
            // A lone node's in-sync replicas are itself.
            ("kafka_server_replicamanager_underreplicatedpartitions", 0.0),
            ("kafka_controller_kafkacontroller_globaltopiccount", image.topic_count() as f64),
            ("kafka_controller_kafkacontroller_globalpartitioncount", partitions),
            ("kafka_controller_kafkacontroller_offlinepartitionscount", offline),
            ("kafka_controller_kafkacontroller_activecontrollercount", 1.0),
        ];
        if let Some((resident, _)) = process::memory_bytes(std::process::id()) {
            gauges.push(("process_resident_memory_bytes", resident as f64));
        }
        gauges
    }
}

impl MetricsPage for Figures {
    fn write(&self, page: &mut String) {
        let mut named = "";
        self.broker.visit(&mut |sample: Sample| {
            if sample.name != named {
                named = sample.name;
                let kind = if sample.is_counter { "counter" } else { "gauge" };
                let _ = writeln!(page, "# HELP {named} {}\n# TYPE {named} {kind}", sample.help);
            }
            let labels: Vec<_> =
                sample.labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
            let labels =
                if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            // Writing to a String cannot fail.
            let _ = writeln!(page, "{named}{labels} {}", sample.value);
        });
        for (name, value) in self.gauges() {
            let _ = writeln!(page, "# TYPE {name} gauge\n{name} {value}");
        }
    }
}
