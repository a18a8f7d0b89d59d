//! The demo's producer and its eyes: events go out over the network, the job is asked where it is over HTTP.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use client::{
    Cluster, ClusterOptions, Consumer, ConsumerOptions, NewTopic, OffsetSpec, Outgoing, Producer,
    ProducerOptions,
};
use jobs::Answer;
use model::{PartitionId, TimestampMs, TopicName};
use serde_json::Value;

use super::{
    DemoArgs, INPUT, LOOK_EVERY, OUTPUT,
    clicks::{Click, Clicks, Views},
    screen::Screen,
};
use crate::{boot::Node, console::Remote};

const PARTITIONS: i32 = 4;
/// Windows of event time that the stream spans.
const WINDOWS: i64 = 12;
/// One event of this many is sent too late.
const LATE_OF: u64 = 5_000;
/// Events between two looks at the clock.
const SLICE: u64 = 500;
/// How long the job may take for what is left when everything has been sent.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// What was sent, and where the job was at the end.
pub(crate) struct Fed {
    pub(crate) sent: u64,
    pub(crate) late: u64,
    pub(crate) broken: u64,
    pub(crate) seconds: f64,
    pub(crate) truth: Views,
    /// What the node says of the job.
    pub(crate) status: Value,
}

/// Creates the input topic over the network and submits `sql` over HTTP. Answers the job's id.
///
/// # Errors
/// What was refused.
pub(crate) fn submit(node: &Node, sql: &str) -> Result<String, String> {
    node.block_on(async {
        let cluster = connect(node).await?;
        let topic = NewTopic::new(name(INPUT)?, PARTITIONS);
        cluster.create_topic(&topic).await.map_err(|error| error.to_string())
    })?;
    let (mut job, mut failed) = (None, None);
    Remote::new(&node.http()).execute("", sql, |answer| {
        match answer {
            Answer::Job { id, .. } => job = Some(id),
            Answer::Error { rendered, .. } => failed = Some(rendered),
            _ => {}
        }
        true
    })?;
    match (job, failed) {
        (Some(job), None) => Ok(job),
        (_, failed) => Err(failed.unwrap_or_else(|| "the SQL made no job".to_owned())),
    }
}

/// Sends the stream and watches the job until it has read all of it.
///
/// # Errors
/// When the node cannot be spoken to, or the job fails or hangs.
pub(crate) async fn run(
    args: &DemoArgs,
    node: &Node,
    job: &str,
    screen: &mut Screen,
) -> Result<Fed, String> {
    let mut feed = Feed::open(args, node, job).await?;
    let begun = Instant::now();
    let mut looked = Instant::now();
    for number in 0..args.events {
        let click = feed.clicks.next();
        feed.send(&click, None).await?;
        if number % SLICE == 0 {
            let is_over = args.seconds.is_some_and(|seconds| begun.elapsed().as_secs() >= seconds);
            if is_over {
                break;
            }
            hold_back(args.rate, number, begun).await;
        }
        if looked.elapsed() >= LOOK_EVERY {
            feed.look(screen).await?;
            feed.send_late(number / LATE_OF).await?;
            looked = Instant::now();
        }
    }
    feed.finish(screen, begun).await
}

/// The producer, the eyes, and the stream between them.
struct Feed {
    producer: Producer,
    consumer: Consumer,
    remote: Remote,
    job: String,
    topic: TopicName,
    clicks: Clicks,
    sent: u64,
    status: Value,
}

impl Feed {
    async fn open(args: &DemoArgs, node: &Node, job: &str) -> Result<Self, String> {
        // Connections of their own: a fetch that waits for records holds up what comes behind it.
        let mut consumer = Consumer::new(connect(node).await?, ConsumerOptions::default());
        let output = name(OUTPUT)?;
        let earliest = consumer.assign_topic(&output, OffsetSpec::Earliest).await;
        earliest.map_err(|error| error.to_string())?;
        let producer = Producer::new(connect(node).await?, ProducerOptions::default()).await;
        Ok(Self {
            producer: producer.map_err(|error| error.to_string())?,
            consumer,
            remote: Remote::new(&node.http()),
            job: job.to_owned(),
            topic: name(INPUT)?,
            clicks: Clicks::new(args.seed, args.events, WINDOWS),
            sent: 0,
            status: Value::Null,
        })
    }

    async fn send(&mut self, click: &Click, partition: Option<PartitionId>) -> Result<(), String> {
        let record = Outgoing::new(now()).key(click.key.as_bytes()).value(click.value.as_bytes());
        let sent = self.producer.send(&self.topic, partition, record).await;
        // Whether it was delivered shows at the end: the job must have read as many as were sent.
        drop(sent.map_err(|error| error.to_string())?);
        self.sent += 1;
        Ok(())
    }

    /// Sends late events until there have been `quota`, as far as there are closed windows.
    async fn send_late(&mut self, quota: u64) -> Result<(), String> {
        let Some(watermark) = self.status["status"]["watermark_ms"].as_i64() else { return Ok(()) };
        while self.clicks.late < quota {
            let Some(click) = self.clicks.next_late(watermark) else { break };
            self.send(&click, None).await?;
        }
        Ok(())
    }

    /// Asks the node where the job is, reads what results there are, shows both.
    async fn look(&mut self, screen: &mut Screen) -> Result<(), String> {
        let (remote, job) = (self.remote.clone(), self.job.clone());
        let asked = tokio::task::spawn_blocking(move || remote.job(&job)).await;
        self.status = asked.map_err(|error| error.to_string())??;
        if let Some(reason) = self.status["reason"].as_str() {
            return Err(format!("the job failed: {reason}"));
        }
        let polled = self.consumer.poll(Duration::from_millis(1)).await;
        let mut scratch = Vec::new();
        for fetched in polled.map_err(|error| error.to_string())? {
            let shown = fetched.visit(&mut scratch, |record| {
                screen.observe_result(&String::from_utf8_lossy(record.value.unwrap_or_default()));
            });
            shown.map_err(|error| error.to_string())?;
        }
        screen.show(self.sent, &self.status);
        Ok(())
    }

    /// Sends the last late events and what closes the last windows, and waits until the job has read all.
    async fn finish(mut self, screen: &mut Screen, begun: Instant) -> Result<Fed, String> {
        self.producer.flush().await;
        let quota = (self.sent / LATE_OF).max(1);
        while self.clicks.late < quota {
            self.wait_for(begun, "closed a window", screen).await?;
            self.send_late(quota).await?;
        }
        for partition in 0..PARTITIONS {
            let click = self.clicks.closing();
            self.send(&click, Some(PartitionId(partition))).await?;
        }
        self.producer.flush().await;
        let seconds = begun.elapsed().as_secs_f64();
        while self.status["status"]["offsets_consumed"].as_u64() != Some(self.sent) {
            self.wait_for(begun, "read everything that was sent", screen).await?;
        }
        screen.show_now(self.sent, &self.status);
        Ok(Fed {
            sent: self.sent,
            late: self.clicks.late,
            broken: self.clicks.broken,
            seconds,
            truth: self.clicks.truth().clone(),
            status: self.status["status"].clone(),
        })
    }

    async fn wait_for(
        &mut self,
        begun: Instant,
        what: &str,
        screen: &mut Screen,
    ) -> Result<(), String> {
        if begun.elapsed() > SETTLE_MAX + Duration::from_secs(self.sent / 10_000) {
            return Err(format!("the job has not {what} in time; it says {}", self.status));
        }
        tokio::time::sleep(LOOK_EVERY / 4).await;
        self.look(screen).await
    }
}

/// Every value of `topic`, read as a client reads it.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn read_all(node: &Node, topic: &str) -> Result<Vec<String>, String> {
    let text = |error: client::ClientError| error.to_string();
    let cluster = connect(node).await?;
    let topic = name(topic)?;
    let mut ends = Vec::new();
    for &partition in cluster.topic(&topic).await.map_err(text)?.partitions.keys() {
        let partition = model::TopicPartition::new(topic.clone(), partition);
        let end = cluster.offset(&partition, OffsetSpec::Latest).await.map_err(text)?;
        ends.push((partition, end.unwrap_or_default()));
    }
    let mut consumer = Consumer::new(cluster, ConsumerOptions::default());
    consumer.assign_topic(&topic, OffsetSpec::Earliest).await.map_err(text)?;
    let (mut rows, mut scratch) = (Vec::new(), Vec::new());
    let is_read = |consumer: &Consumer| {
        ends.iter().all(|(partition, end)| consumer.position(partition) >= Some(*end))
    };
    loop {
        let is_last = is_read(&consumer);
        for fetched in consumer.poll(Duration::from_millis(20)).await.map_err(text)? {
            let read = fetched.visit(&mut scratch, |record| {
                let value = record.value.unwrap_or_default();
                rows.push(String::from_utf8_lossy(value).into_owned());
            });
            read.map_err(|error| error.to_string())?;
        }
        if is_last {
            return Ok(rows);
        }
    }
}

async fn connect(node: &Node) -> Result<Cluster, String> {
    let connected = Cluster::connect(&node.kafka(), ClusterOptions::default()).await;
    connected.map_err(|error| error.to_string())
}

async fn hold_back(rate: u64, number: u64, begun: Instant) {
    if rate == 0 {
        return;
    }
    let due = Duration::from_secs_f64(number as f64 / rate as f64);
    let early = due.saturating_sub(begun.elapsed());
    if !early.is_zero() {
        tokio::time::sleep(early).await;
    }
}

fn name(topic: &str) -> Result<TopicName, String> {
    TopicName::parse(topic).map_err(|error| error.to_string())
}

fn now() -> TimestampMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
