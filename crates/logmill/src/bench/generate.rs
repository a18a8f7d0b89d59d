//! `logmill bench generate`: JSON click events to compute on.
//!
//! Users and pages are drawn by Zipf's law; the row time runs evenly over the span, each event up to two seconds out of order. At the end
//! comes one event per partition ten minutes later, so that every window closes.

use std::{
    fmt::Write,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use clap::Args;
use client::{Outgoing, Producer, ProducerOptions};
use model::{PartitionId, TimestampMs};

use super::{BenchError, report::Report, target::TargetArgs, zipf::Zipf};

const USERS: u32 = 100_000;
const PAGES: u32 = 1_000;
const CHANNELS: [&str; 5] = ["organic", "email", "search", "social", "affiliate"];
/// 2026-01-01T00:00:00Z.
const FIRST_MS: i64 = 1_767_225_600_000;
/// How far an event may lie behind its place in time.
const DISORDER_MS: i64 = 2_000;
/// How long after the span the closing events lie.
const CLOSING_MS: i64 = 600_000;
const BATCH_BYTES: usize = 256 << 10;
const REQUEST_BYTES_MAX: usize = 1_000_000;

/// What is generated.
#[derive(Args, Clone, Debug)]
pub(super) struct GenerateArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Events in all, without the closing ones.
    #[arg(long, default_value_t = 1_000_000)]
    num_records: u64,
    /// Event time that they cover.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Whether one event per partition closes all windows.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    closing: bool,
    /// The same seed draws the same events.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

pub(super) async fn run(args: GenerateArgs) -> Result<(), BenchError> {
    let cluster = args.target.cluster().await?;
    let layout = args.target.prepare_topic(&cluster).await?;
    let options = ProducerOptions {
        batch_bytes: BATCH_BYTES,
        request_bytes_max: REQUEST_BYTES_MAX,
        ..ProducerOptions::default()
    };
    let producer = Producer::new(cluster, options).await?;
    let topic = &args.target.topic;
    let watch = args.target.watch()?;
    let began = Instant::now();
    let mut clicks = Clicks::new(args.seed);
    let mut bytes = 0;
    let mut last = None;
    let span_ms = args.minutes * 60_000.0;
    for number in 0..args.num_records {
        let place = number as f64 / args.num_records as f64 * span_ms;
        clicks.next(number, FIRST_MS + floor(place), DISORDER_MS);
        let record = Outgoing::new(wall_clock());
        let record = record.key(clicks.key.as_bytes()).value(clicks.value.as_bytes());
        bytes += clicks.value.len() as u64;
        last = Some(producer.send(topic, None, record).await?);
    }
    producer.flush().await;
    let mut count = args.num_records;
    if args.closing {
        let closing_ms = FIRST_MS + floor(span_ms) + CLOSING_MS;
        for number in 0..layout.partition_count() {
            clicks.next(count, closing_ms, 0);
            let record = Outgoing::new(wall_clock());
            let record = record.key(clicks.key.as_bytes()).value(clicks.value.as_bytes());
            last = Some(producer.send(topic, Some(PartitionId(number)), record).await?);
            bytes += clicks.value.len() as u64;
            count += 1;
        }
        producer.flush().await;
    }
    if let Some(delivery) = last {
        delivery.await?;
    }
    let mut report = Report::new("generate", topic.as_str(), (count, bytes), began.elapsed());
    report.broker = watch.map(|watch| watch.stop(count, bytes)).transpose()?;
    let line = format!(
        "{count} events sent, {:.1} records/sec ({:.1} MB/s, {} bytes each)",
        report.records_per_second,
        report.mb_per_second,
        bytes / count.max(1)
    );
    report.print(args.target.output, &line);
    Ok(())
}

/// Draws events.
struct Clicks {
    chance: fastrand::Rng,
    users: Zipf,
    pages: Zipf,
    key: String,
    value: String,
}

impl Clicks {
    fn new(seed: u64) -> Self {
        Self {
            chance: fastrand::Rng::with_seed(seed),
            users: Zipf::new(1.1, 10.0, USERS),
            pages: Zipf::new(1.1, 5.0, PAGES),
            key: String::new(),
            value: String::new(),
        }
    }

    /// Makes event `number`, of `time_ms` or up to `disorder_ms` before.
    fn next(&mut self, number: u64, time_ms: i64, disorder_ms: i64) {
        let user = self.users.draw(&mut self.chance);
        let page = self.pages.draw(&mut self.chance);
        let late = if disorder_ms > 0 { self.chance.i64(0..disorder_ms) } else { 0 };
        let (units, cents) = (self.chance.u32(0..500), self.chance.u32(0..100));
        let channel = self.chance.choice(CHANNELS).unwrap_or("organic");
        self.key.clear();
        self.value.clear();
        // Writing to a String cannot fail.
        let _ = write!(self.key, "{user}");
        let _ = write!(
            self.value,
            r#"{{"event_id":{number},"user_id":{user},"url":"https://shop.example/p/{page}","ts":{},"amount":{units}.{cents:02},"channel":"{channel}","ua":"Mozilla/5.0 (X11; Linux x86_64) rrrrrrrrrrrrrrrrrrrr"}}"#,
            time_ms - late,
        );
    }
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds of a span of minutes")]
fn floor(ms: f64) -> i64 {
    ms as i64
}

fn wall_clock() -> TimestampMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json_and_the_same_for_the_same_seed() {
        let (mut one, mut other) = (Clicks::new(7), Clicks::new(7));
        for number in 0..1000 {
            one.next(number, FIRST_MS, DISORDER_MS);
            other.next(number, FIRST_MS, DISORDER_MS);
            assert_eq!((&one.key, &one.value), (&other.key, &other.value));
            let event: serde_json::Value = serde_json::from_str(&one.value).unwrap();
            assert_eq!(event["event_id"], number);
            assert_eq!(event["user_id"].to_string(), one.key);
            let time = event["ts"].as_i64().unwrap();
            assert!((FIRST_MS - DISORDER_MS < time) && time <= FIRST_MS);
            assert!((160..200).contains(&one.value.len()), "{}", one.value);
        }
    }
}
