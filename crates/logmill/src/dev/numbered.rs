//! Numbered records for `dev --chaos`: produced without end by an idempotent producer, and checked against what was acknowledged.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use client::{
    ClientError, Cluster, ClusterOptions, Consumer, ConsumerOptions, Delivered, Delivery, NewTopic,
    OffsetSpec, Outgoing, Producer, ProducerOptions,
};
use model::{Offset, PartitionId, TimestampMs, TopicName, TopicPartition};
use tokio::{runtime::Runtime, sync::mpsc, time};

/// The load while it runs, on a thread of its own.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    thread: JoinHandle<Result<Vec<Delivered>, ClientError>>,
}

impl Load {
    /// Makes the topic and begins.
    ///
    /// # Errors
    /// The cluster refuses the topic.
    pub(super) fn start(bootstrap: &str, topic: &TopicName) -> Result<Self, ClientError> {
        let cluster_is = runtime()?.block_on(async {
            let cluster = Cluster::connect(bootstrap, ClusterOptions::default()).await?;
            cluster.create_topic(&NewTopic::new(topic.clone(), PARTITIONS)).await
        });
        cluster_is?;
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, count) = (stop.clone(), acknowledged.clone());
        let (bootstrap, topic) = (bootstrap.to_owned(), topic.clone());
        let thread = thread::spawn(move || {
            runtime()?.block_on(async {
                let cluster = Cluster::connect(&bootstrap, ClusterOptions::default()).await?;
                let producer = Producer::new(cluster, ProducerOptions::default()).await?;
                let (deliveries, queue) = mpsc::channel(IN_FLIGHT_MAX);
                let settled = tokio::spawn(settle(queue, count));
                let sent = send(&producer, &topic, &stopped, deliveries).await;
                let settled = settled.await.map_err(|error| told(&error))?;
                sent.and(settled)
            })
        });
        Ok(Self { stop, acknowledged, thread })
    }

    /// How many records are acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Whether it has ended by itself: with an error.
    pub(super) fn has_failed(&self) -> bool {
        self.thread.is_finished()
    }

    /// Sends no more, waits for every answer: where each number was acknowledged.
    ///
    /// # Errors
    /// The first that the producer was told of.
    pub(super) fn end(self) -> Result<Vec<Delivered>, ClientError> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap_or_else(|_| Err(told(&"the load has panicked")))
    }
}

/// Reads everything and compares it with what was acknowledged: each number once, there, and in the order of sending.
/// Answers what is wrong.
pub(super) fn check(
    bootstrap: &str,
    topic: &TopicName,
    places: &[Delivered],
) -> Result<Vec<String>, ClientError> {
    let found = runtime()?.block_on(read(bootstrap, topic))?;
    Ok(problems(&found, places))
}

type Found = Vec<(PartitionId, Offset, u64)>;

fn problems(found: &Found, places: &[Delivered]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut at = HashMap::new();
    let mut newest = HashMap::new();
    for &(partition, offset, number) in found {
        if let Some((other, before)) = at.insert(number, (partition, offset)) {
            problems.push(format!(
                "doubled: {number} at {}@{before} and {}@{offset}",
                other.0, partition.0
            ));
        }
        let before = newest.insert(partition, number);
        if before.is_some_and(|before| before > number) {
            problems.push(format!("reordered: {number} at {}@{offset}", partition.0));
        }
    }
    for (number, place) in (0_u64..).zip(places) {
        match at.get(&number) {
            None => problems.push(format!(
                "lost: {number}, acknowledged at {}@{}",
                place.partition.0, place.offset
            )),
            Some(&(partition, offset)) => {
                let is_told = place.offset != Offset::NONE;
                if is_told && (partition, offset) != (place.partition, place.offset) {
                    problems.push(format!("moved: {number} to {}@{offset}", partition.0));
                }
            }
        }
    }
    problems
}

async fn send(
    producer: &Producer,
    topic: &TopicName,
    stopped: &AtomicBool,
    deliveries: mpsc::Sender<Delivery>,
) -> Result<Vec<Delivered>, ClientError> {
    let mut number = 0_u64;
    let mut pace = time::interval(PACE);
    while !stopped.load(Ordering::Acquire) {
        pace.tick().await;
        for _ in 0..RECORDS_PER_PACE {
            let value = number.to_be_bytes();
            let partition = PartitionId(i32::try_from(number % 3).unwrap_or(0));
            let record = Outgoing::new(TimestampMs(0)).value(&value);
            let delivery = producer.send(topic, Some(partition), record).await?;
            number += 1;
            // Closed when a delivery has failed: that error is the one to tell.
            if deliveries.send(delivery).await.is_err() {
                return Ok(Vec::new());
            }
        }
    }
    Ok(Vec::new())
}

async fn settle(
    mut queue: mpsc::Receiver<Delivery>,
    count: Arc<AtomicU64>,
) -> Result<Vec<Delivered>, ClientError> {
    let mut places = Vec::new();
    while let Some(delivery) = queue.recv().await {
        places.push(delivery.await?);
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(places)
}

async fn read(bootstrap: &str, topic: &TopicName) -> Result<Found, ClientError> {
    let cluster = Cluster::connect(bootstrap, ClusterOptions::default()).await?;
    let mut consumer = Consumer::new(cluster.clone(), ConsumerOptions::default());
    consumer.assign_topic(topic, OffsetSpec::Earliest).await?;
    let mut ends = Vec::new();
    for number in 0..PARTITIONS {
        let partition = TopicPartition::new(topic.clone(), PartitionId(number));
        let end = cluster.offset(&partition, OffsetSpec::Latest).await?.unwrap_or(Offset::ZERO);
        ends.push((partition, end));
    }
    let (mut found, mut scratch) = (Vec::new(), Vec::new());
    while ends.iter().any(|(partition, end)| consumer.position(partition) < Some(*end)) {
        for fetched in consumer.poll(READ_WAIT).await? {
            let partition = fetched.partition.partition;
            let seen = fetched.visit(&mut scratch, |record| {
                let value = record.value.and_then(|value| value.try_into().ok());
                let number = value.map_or(u64::MAX, u64::from_be_bytes);
                found.push((partition, record.offset, number));
            });
            seen.map_err(|error| told(&error))?;
        }
    }
    Ok(found)
}

fn runtime() -> Result<Runtime, ClientError> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().build().map_err(|error| told(&error))
}

fn told(error: &impl std::fmt::Display) -> ClientError {
    ClientError::Invalid(error.to_string())
}

const PARTITIONS: i32 = 3;
/// A thousand records a second: enough that something is in flight at every kill.
const PACE: Duration = Duration::from_millis(10);
const RECORDS_PER_PACE: u32 = 10;
const IN_FLIGHT_MAX: usize = 20_000;
const READ_WAIT: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: i64) -> Delivered {
        Delivered { partition: PartitionId(0), offset: Offset(offset) }
    }

    fn found(numbers: &[u64]) -> Found {
        let place = |(offset, number): (i64, &u64)| (PartitionId(0), Offset(offset), *number);
        (0..).zip(numbers).map(place).collect()
    }

    #[test]
    fn what_is_lost_doubled_reordered_or_moved_is_told() {
        let places = [place(0), place(1), place(2)];
        let told = |numbers: &[u64]| problems(&found(numbers), &places).join("; ");
        assert_eq!(told(&[0, 1, 2]), "");
        assert!(told(&[0, 1]).contains("lost: 2"));
        assert!(told(&[0, 1, 2, 2]).contains("doubled: 2"));
        assert!(told(&[0, 2, 1]).contains("reordered: 1"));
        assert!(told(&[0, 2, 1]).contains("moved: 1"));
    }
}
