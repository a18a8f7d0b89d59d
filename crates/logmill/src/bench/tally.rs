//! Counts records and their latencies while a load runs, and prints the lines of Kafka's producer tool every five seconds.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::Serialize;

/// How often the interval line is printed.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Digits of a latency that are kept.
const DIGITS: u8 = 3;
/// The longest latency that is told apart, in microseconds: an hour.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// What has been counted.
pub(super) struct Tally {
    counts: Mutex<Counts>,
    is_quiet: bool,
    /// Records that were due before this are warm-up: they count for the interval lines only.
    measured_from: Instant,
}

struct Counts {
    latencies_us: Histogram<u64>,
    records: u64,
    bytes: u64,
    interval: Interval,
}

struct Interval {
    began: Instant,
    records: u64,
    bytes: u64,
    latency_us_sum: u128,
    latency_us_max: u64,
}

/// Latencies in milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Latencies {
    pub(super) average: f64,
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) p9999: f64,
    pub(super) max: f64,
    /// How many records they are of.
    pub(super) records: u64,
}

impl Tally {
    /// Nothing yet. A quiet one prints no interval lines.
    pub(super) fn new(is_quiet: bool, measured_from: Instant) -> Self {
        let counts = Counts {
            latencies_us: Histogram::new_with_max(LATENCY_US_MAX, DIGITS)
                .expect("the bounds are constants that the histogram takes"),
            records: 0,
            bytes: 0,
            interval: Interval::new(),
        };
        Self { counts: Mutex::new(counts), is_quiet, measured_from }
    }

    /// `records` records of `bytes` bytes together, due at `due`, have come to their end at `now`.
    pub(super) fn count(&self, records: u64, bytes: u64, due: Instant, now: Instant) {
        let latency = now.saturating_duration_since(due).as_micros();
        let latency = u64::try_from(latency).unwrap_or(u64::MAX).min(LATENCY_US_MAX);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.records += records;
        counts.bytes += bytes;
        if due >= self.measured_from {
            counts.latencies_us.saturating_record_n(latency, records);
        }
        let interval = &mut counts.interval;
        interval.records += records;
        interval.bytes += bytes;
        interval.latency_us_sum += u128::from(latency) * u128::from(records);
        interval.latency_us_max = interval.latency_us_max.max(latency);
        if now.saturating_duration_since(interval.began) >= REPORT_INTERVAL {
            if !self.is_quiet {
                interval.print(now);
            }
            counts.interval = Interval::new();
        }
    }

    /// Records and bytes so far.
    pub(super) fn totals(&self) -> (u64, u64) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        (counts.records, counts.bytes)
    }

    /// The latencies so far.
    pub(super) fn latencies(&self) -> Latencies {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = &counts.latencies_us;
        let ms = |us: u64| us as f64 / 1e3;
        let at = |quantile| ms(histogram.value_at_quantile(quantile));
        Latencies {
            average: histogram.mean() / 1e3,
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: ms(histogram.max()),
            records: histogram.len(),
        }
    }
}

impl Interval {
    fn new() -> Self {
        Self { began: Instant::now(), records: 0, bytes: 0, latency_us_sum: 0, latency_us_max: 0 }
    }

    fn print(&self, now: Instant) {
        let seconds = now.saturating_duration_since(self.began).as_secs_f64();
        println!(
            "{} records sent, {:.1} records/sec ({:.2} MB/sec), {:.1} ms avg latency, {:.1} ms max latency.",
            self.records,
            self.records as f64 / seconds,
            self.bytes as f64 / seconds / f64::from(1 << 20),
            self.latency_us_sum as f64 / 1e3 / self.records.max(1) as f64,
            self.latency_us_max as f64 / 1e3,
        );
    }
}

impl Latencies {
    /// One line, in milliseconds.
    pub(super) fn line(&self) -> String {
        format!(
            "p50 {:.3}  p95 {:.3}  p99 {:.3}  p99.9 {:.3}  p99.99 {:.3}  max {:.3} ms ({} records)",
            self.p50, self.p95, self.p99, self.p999, self.p9999, self.max, self.records
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_weighs_as_much_as_its_records_and_warm_up_nothing() {
        let began = Instant::now();
        let tally = Tally::new(true, began);
        let ms = Duration::from_millis;
        tally.count(99, 990, began, began + ms(1));
        tally.count(1, 10, began, began + ms(100));
        tally.count(50, 500, began - ms(1), began + ms(900));
        let latencies = tally.latencies();
        assert_eq!(tally.totals(), (150, 1500));
        assert_eq!(latencies.records, 100);
        assert!((latencies.p99 - 1.0).abs() < 0.01, "{latencies:?}");
        assert!((latencies.max - 100.0).abs() < 0.2, "{latencies:?}");
    }
}
