//! What the Kafka face counts, under the names that Kafka's JMX exporter gives.
//!
//! Counters are atomics in a struct that is handed in; [`Metrics::visit`] walks them for whoever renders.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use wire::Api;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `more`.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Moves it.
    pub fn add(&self, more: i64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// Sets it.
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    /// Where it stands.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// Times, in buckets of powers of two microseconds.
#[derive(Debug, Default)]
pub struct Times {
    buckets: [AtomicU64; BUCKETS],
    sum_micros: AtomicU64,
}

/// From 1 µs to 2^24 µs (17 s); what is longer counts in the last.
const BUCKETS: usize = 25;

impl Times {
    /// Counts one.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - micros.leading_zeros()).min(BUCKETS as u32 - 1);
        self.buckets[bucket as usize].fetch_add(1, Relaxed);
        self.sum_micros.fetch_add(micros, Relaxed);
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// All together, in milliseconds.
    #[must_use]
    pub fn sum_ms(&self) -> f64 {
        self.sum_micros.load(Relaxed) as f64 / 1e3
    }

    /// The time that the share `quantile` stays below, in milliseconds: a bucket's upper bound.
    #[must_use]
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        let rank = (quantile * self.count() as f64).ceil() as u64;
        let mut seen = 0;
        for (power, bucket) in self.buckets.iter().enumerate() {
            seen += bucket.load(Relaxed);
            if rank > 0 && seen >= rank {
                return (1_u64 << power) as f64 / 1e3;
            }
        }
        0.0
    }
}

/// One API's requests.
#[derive(Debug, Default)]
pub struct ApiMetrics {
    /// Answered.
    pub requests: Counter,
    /// From the frame's last byte to the answer's place in the outbox.
    pub total_time: Times,
}

/// All that the broker counts.
#[derive(Debug)]
pub struct Metrics {
    /// Records appended by clients.
    pub messages_in: Counter,
    /// Bytes of batches appended by clients.
    pub bytes_in: Counter,
    /// Bytes of records sent to clients.
    pub bytes_out: Counter,
    /// Produce requests, by partition refused.
    pub produce_failed: Counter,
    /// Fetch requests, by partition refused.
    pub fetch_failed: Counter,
    /// Bytes received, frames and all.
    pub network_in: Counter,
    /// Bytes sent, frames and all.
    pub network_out: Counter,
    /// Open connections.
    pub connections: Gauge,
    /// Connections closed because of what they sent.
    pub connections_refused: Counter,
    /// Fetch sessions.
    pub fetch_sessions: Gauge,
    apis: Vec<ApiMetrics>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            messages_in: Counter::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            produce_failed: Counter::default(),
            fetch_failed: Counter::default(),
            network_in: Counter::default(),
            network_out: Counter::default(),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            fetch_sessions: Gauge::default(),
            apis: Api::ALL.iter().map(|_| ApiMetrics::default()).collect(),
        }
    }
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Kafka's name, as its JMX exporter writes it.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Whether it only grows.
    pub is_counter: bool,
    /// Labels: name and value.
    pub labels: Vec<(&'static str, String)>,
    /// The figure.
    pub value: f64,
}

impl Metrics {
    /// One API's figures.
    #[must_use]
    pub fn api(&self, api: Api) -> &ApiMetrics {
        &self.apis[api.index()]
    }

    /// Counts an answered request.
    pub fn observe_request(&self, api: Api, took: Duration) {
        let figures = self.api(api);
        figures.requests.add(1);
        figures.total_time.observe(took);
    }

    /// Walks all figures, those of one name together.
    pub fn visit(&self, visit: &mut dyn FnMut(Sample)) {
        for (name, help, counter) in self.counters() {
            let value = counter.value() as f64;
            visit(Sample { name, help, is_counter: true, labels: Vec::new(), value });
        }
        for (name, help, gauge) in self.gauges() {
            let value = gauge.value() as f64;
            visit(Sample { name, help, is_counter: false, labels: Vec::new(), value });
        }
        self.visit_requests(visit);
        self.visit_times(visit);
    }

    fn counters(&self) -> [(&'static str, &'static str, &Counter); 8] {
        [
            ("kafka_server_brokertopicmetrics_messagesin_total", "Records in.", &self.messages_in),
            ("kafka_server_brokertopicmetrics_bytesin_total", "Record bytes in.", &self.bytes_in),
            (
                "kafka_server_brokertopicmetrics_bytesout_total",
                "Record bytes out.",
                &self.bytes_out,
            ),
            (
                "kafka_server_brokertopicmetrics_failedproducerequests_total",
                "Partitions refused in Produce.",
                &self.produce_failed,
            ),
            (
                "kafka_server_brokertopicmetrics_failedfetchrequests_total",
                "Partitions refused in Fetch.",
                &self.fetch_failed,
            ),
            (
                "kafka_server_socket_server_metrics_incoming_byte_total",
                "Bytes received.",
                &self.network_in,
            ),
            (
                "kafka_server_socket_server_metrics_outgoing_byte_total",
                "Bytes sent.",
                &self.network_out,
            ),
            (
                "kafka_network_connections_refused_total",
                "Connections closed for what they sent.",
                &self.connections_refused,
            ),
        ]
    }

    fn gauges(&self) -> [(&'static str, &'static str, &Gauge); 2] {
        [
            (
                "kafka_server_socket_server_metrics_connection_count",
                "Open connections.",
                &self.connections,
            ),
            (
                "kafka_server_fetchsessioncache_numincrementalfetchsessions",
                "Fetch sessions.",
                &self.fetch_sessions,
            ),
        ]
    }

    fn visit_requests(&self, visit: &mut dyn FnMut(Sample)) {
        for api in Api::ALL {
            visit(Sample {
                name: "kafka_network_requestmetrics_requests_total",
                help: "Requests answered.",
                is_counter: true,
                labels: vec![("request", api.name().to_owned())],
                value: self.api(*api).requests.value() as f64,
            });
        }
    }

    fn visit_times(&self, visit: &mut dyn FnMut(Sample)) {
        for api in Api::ALL {
            let times = &self.api(*api).total_time;
            if times.count() == 0 {
                continue;
            }
            for (quantile, label) in [(0.5, "0.50"), (0.99, "0.99"), (0.999, "0.999")] {
                visit(Sample {
                    name: "kafka_network_requestmetrics_totaltimems",
                    help: "Time per request in milliseconds.",
                    is_counter: false,
                    labels: vec![
                        ("request", api.name().to_owned()),
                        ("quantile", label.to_owned()),
                    ],
                    value: times.quantile_ms(quantile),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_bounds() {
        let times = Times::default();
        assert_eq!(times.quantile_ms(0.99), 0.0);
        for _ in 0..99 {
            times.observe(Duration::from_micros(100));
        }
        times.observe(Duration::from_secs(100));
        assert_eq!(times.quantile_ms(0.5), 0.128);
        assert_eq!(times.count(), 100);
        assert!(times.quantile_ms(0.999) > 10_000.0);
    }

    #[test]
    fn figures_of_one_name_come_together() {
        let metrics = Metrics::default();
        metrics.observe_request(Api::Fetch, Duration::from_micros(3));
        let mut names = Vec::new();
        metrics.visit(&mut |sample| names.push(sample.name));
        names.dedup();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names.len(), sorted.len());
    }
}
