//! What a broker counts: requests, records, and the partitions that are there.

use std::{fmt::Write, sync::Arc};

use broker::{Metrics, Sample};
use gateway::MetricsPage;
use replication::{ReplicaSet, Standing};

/// Where the figures come from.
pub(crate) struct BrokerPage {
    broker: Arc<Metrics>,
    replicas: Arc<ReplicaSet>,
}

impl BrokerPage {
    pub(crate) const fn new(broker: Arc<Metrics>, replicas: Arc<ReplicaSet>) -> Self {
        Self { broker, replicas }
    }

    fn counters(&self) -> [(&'static str, u64); 7] {
        let figures = self.replicas.figures();
        [
            ("kafka_server_replicamanager_isrshrinks_total", figures.isr_shrinks()),
            ("kafka_server_replicamanager_isrexpands_total", figures.isr_expands()),
            ("kafka_server_brokertopicmetrics_replicationbytesin_total", figures.copied_bytes()),
            ("logmill_replication_truncations_total", figures.truncations()),
            (
                "logmill_replication_truncations_below_high_watermark_total",
                figures.truncations_below_watermark(),
            ),
            ("logmill_replication_damaged_logs_total", figures.damaged_logs()),
            ("logmill_replication_logs_begun_anew_total", figures.logs_begun_anew()),
        ]
    }
}

impl MetricsPage for BrokerPage {
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
        for (name, value) in self.counters() {
            let _ = writeln!(page, "# TYPE {name} counter\n{name} {value}");
        }
        for (name, value) in of_replicas(&self.replicas.standing()) {
            let _ = writeln!(page, "# TYPE {name} gauge\n{name} {value}");
        }
    }
}

/// `kafka.server:type=ReplicaManager`: partitions that are here.
fn of_replicas(here: &Standing) -> [(&'static str, f64); 7] {
    [
        ("kafka_server_replicamanager_partitioncount", here.partitions as f64),
        ("kafka_server_replicamanager_leadercount", here.led as f64),
        ("kafka_server_replicamanager_offlinereplicacount", here.offline as f64),
        ("kafka_server_replicamanager_underreplicatedpartitions", here.under_replicated as f64),
        ("kafka_server_replicamanager_underminisrpartitioncount", here.under_min_isr as f64),
        ("kafka_server_replicamanager_atminisrpartitioncount", here.at_min_isr as f64),
        ("kafka_server_replicamanager_reassigningpartitions", here.reassigned as f64),
    ]
}
