//! What a measurement prints at its end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::{
    process::{Usage, cpu_seconds},
    tally::Latencies,
    target::Output,
};

const MIB: f64 = 1_048_576.0;

/// A finished run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) kind: &'static str,
    pub(super) topic: String,
    pub(super) records: u64,
    /// Keys and values.
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    pub(super) records_per_second: f64,
    /// 10^6 bytes a second. The lines of Kafka's tools count 2^20.
    pub(super) mb_per_second: f64,
    /// From the instant a record was due to its acknowledgement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ack_ms: Option<Latencies>,
    /// From the instant a record was due to the instant its reader had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_to_end_ms: Option<Latencies>,
    /// CPU time of this process since it began.
    pub(super) own_cpu_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) broker: Option<Usage>,
    /// When it began, for the consumer's line.
    #[serde(skip)]
    pub(super) began: SystemTime,
}

impl Report {
    /// One without latencies.
    pub(super) fn new(
        kind: &'static str,
        topic: &str,
        (records, bytes): (u64, u64),
        took: Duration,
    ) -> Self {
        let seconds = took.as_secs_f64().max(1e-9);
        Self {
            kind,
            topic: topic.to_owned(),
            records,
            bytes,
            seconds,
            records_per_second: records as f64 / seconds,
            mb_per_second: bytes as f64 / seconds / 1e6,
            ack_ms: None,
            end_to_end_ms: None,
            own_cpu_seconds: cpu_seconds(0).unwrap_or(0.0),
            broker: None,
            began: SystemTime::now() - took,
        }
    }

    /// Prints it, `line` first where it is for people.
    pub(super) fn print(&self, output: Output, line: &str) {
        match output {
            Output::Json => {
                println!("{}", serde_json::to_string(self).expect("a report is plain data"));
            }
            Output::Text => {
                println!("{line}");
                self.print_details();
            }
        }
    }

    fn print_details(&self) {
        if let Some(ack) = &self.ack_ms {
            println!("ack: {}", ack.line());
        }
        if let Some(end_to_end) = &self.end_to_end_ms {
            println!("end to end: {}", end_to_end.line());
        }
        println!("this client: {:.2} CPU seconds", self.own_cpu_seconds);
        if let Some(broker) = &self.broker {
            println!(
                "broker: {:.2} CPU seconds, {:.3} s/GB, {:.3} s per million records, peak RSS {:.1} MiB (ever {:.1} MiB)",
                broker.cpu_seconds,
                broker.cpu_seconds_per_gb,
                broker.cpu_seconds_per_million,
                broker.rss_peak_mib,
                broker.rss_peak_ever_mib,
            );
        }
    }

    /// The last line of Kafka's ProducerPerformance.
    pub(super) fn producer_line(&self) -> String {
        let ack = self.ack_ms.clone().unwrap_or_default();
        format!(
            "{} records sent, {:.6} records/sec ({:.2} MB/sec), {:.2} ms avg latency, {:.2} ms max latency, {:.0} ms 50th, {:.0} ms 95th, {:.0} ms 99th, {:.0} ms 99.9th.",
            self.records,
            self.records_per_second,
            self.bytes as f64 / self.seconds / MIB,
            ack.average,
            ack.max,
            ack.p50.floor(),
            ack.p95.floor(),
            ack.p99.floor(),
            ack.p999.floor(),
        )
    }

    /// The two lines of Kafka's ConsumerPerformance. There is no group, so there is no rebalance: the time until records are asked for
    /// stands in its place.
    pub(super) fn consumer_lines(&self, preparing: Duration) -> String {
        let mib = self.bytes as f64 / MIB;
        let fetching = (self.seconds - preparing.as_secs_f64()).max(1e-9);
        let ended = self.began + Duration::from_secs_f64(self.seconds);
        let (began, ended) = (utc_time(self.began), utc_time(ended));
        format!(
            "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n{began}, {ended}, {mib:.4}, {:.4}, {}, {:.4}, {}, {:.0}, {:.4}, {:.4}",
            mib / self.seconds,
            self.records,
            self.records as f64 / self.seconds,
            preparing.as_millis(),
            fetching * 1e3,
            mib / fetching,
            self.records as f64 / fetching,
        )
    }
}

/// `yyyy-MM-dd HH:mm:ss:SSS`, in UTC.
fn utc_time(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}:{:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        since.subsec_millis()
    )
}

/// The date `days` after 1970-01-01: years begin in March, so that the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00:000"),
            (951_782_399, "2000-02-28 23:59:59:000"),
            (951_782_400, "2000-02-29 00:00:00:000"),
            (1_798_761_599, "2026-12-31 23:59:59:000"),
        ] {
            assert_eq!(utc_time(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn the_lines_are_worded_as_kafkas_tools_word_them() {
        let mut report = Report::new("produce", "t", (1000, 1 << 20), Duration::from_secs(2));
        report.ack_ms =
            Some(Latencies { average: 1.234, max: 9.9, p50: 1.9, ..Default::default() });
        let line = "1000 records sent, 500.000000 records/sec (0.50 MB/sec), 1.23 ms avg latency, 9.90 ms max latency, 1 ms 50th, 0 ms 95th, 0 ms 99th, 0 ms 99.9th.";
        assert_eq!(report.producer_line(), line);
        report.began = UNIX_EPOCH;
        let lines = report.consumer_lines(Duration::from_secs(1));
        let row = "1970-01-01 00:00:00:000, 1970-01-01 00:00:02:000, 1.0000, 0.5000, 1000, 500.0000, 1000, 1000, 1.0000, 1000.0000";
        assert_eq!(lines.lines().nth(1), Some(row));
    }
}
