//! `logmill bench produce`.

use std::{collections::BTreeMap, sync::Arc, thread, time::Instant};

use clap::Args;
use client::{Cluster, TopicLayout};
use model::{BrokerId, TopicPartition};

use super::{
    BenchError,
    load::{Pace, Worker},
    report::Report,
    shape::{Shape, ShapeArgs},
    tally::Tally,
    target::{Output, TargetArgs},
};

/// How records are produced.
#[derive(Args, Clone, Debug)]
pub(super) struct ProduceArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    shape: ShapeArgs,
    /// Records in all.
    #[arg(long, default_value_t = 1_000_000)]
    num_records: u64,
    /// Records a second; -1 is as fast as they are taken.
    #[arg(long, default_value_t = -1.0, allow_negative_numbers = true)]
    throughput: f64,
    /// Producers at once, each with its own connection.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    producers: u16,
}

pub(super) async fn run(args: ProduceArgs) -> Result<(), BenchError> {
    let shape = Arc::new(args.shape.shape()?);
    let cluster = args.target.cluster().await?;
    let layout = args.target.prepare_topic(&cluster).await?;
    let led = by_leader(&args.target, &layout)?;
    let tally = Arc::new(Tally::new(args.target.output == Output::Json, Instant::now()));
    let mut workers = Vec::new();
    for _ in 0..args.producers {
        workers.extend(connect(&cluster, &led, &shape, &tally).await?);
    }
    let watch = args.target.watch()?;
    let began = Instant::now();
    let rate = (args.throughput > 0.0).then_some(args.throughput);
    let records = args.num_records;
    tokio::task::spawn_blocking(move || drive(workers, records, rate, began)).await??;
    let totals @ (records, bytes) = tally.totals();
    let mut report = Report::new("produce", args.target.topic.as_str(), totals, began.elapsed());
    report.ack_ms = Some(tally.latencies());
    report.broker = watch.map(|watch| watch.stop(records, bytes)).transpose()?;
    report.print(args.target.output, &report.producer_line());
    Ok(())
}

/// The partitions, by the broker that leads them.
pub(super) fn by_leader(
    target: &TargetArgs,
    layout: &TopicLayout,
) -> Result<BTreeMap<BrokerId, Vec<TopicPartition>>, BenchError> {
    let mut led: BTreeMap<BrokerId, Vec<TopicPartition>> = BTreeMap::new();
    for (&number, partition) in &layout.partitions {
        let leader = partition.leader.ok_or_else(|| format!("partition {number} has no leader"))?;
        led.entry(leader).or_default().push(TopicPartition::new(target.topic.clone(), number));
    }
    Ok(led)
}

/// One producer: a worker for each broker that leads some of the partitions.
pub(super) async fn connect(
    cluster: &Cluster,
    led: &BTreeMap<BrokerId, Vec<TopicPartition>>,
    shape: &Arc<Shape>,
    tally: &Arc<Tally>,
) -> Result<Vec<Worker>, BenchError> {
    let identity = match shape.is_idempotent {
        true => Some(cluster.init_producer_id().await?),
        false => None,
    };
    let mut workers = Vec::new();
    for (&leader, partitions) in led {
        let connection = cluster.broker(leader).await?;
        let (shape, tally) = (Arc::clone(shape), Arc::clone(tally));
        workers.push(Worker::new(connection, partitions.clone(), shape, identity, tally)?);
    }
    Ok(workers)
}

/// Runs every worker on a thread of its own until its share of `records` is answered.
pub(super) fn drive(
    workers: Vec<Worker>,
    records: u64,
    rate: Option<f64>,
    began: Instant,
) -> Result<(), BenchError> {
    let count = workers.len() as u64;
    let threads: Vec<_> = workers
        .into_iter()
        .zip(0..)
        .map(|(mut worker, number): (Worker, u64)| {
            let share = records / count + u64::from(number < records % count);
            thread::spawn(move || match rate {
                None => worker.run_full(share),
                Some(rate) => worker.run_paced(share, Pace { began, rate: rate / count as f64 }),
            })
        })
        .collect();
    let mut outcome = Ok(());
    for thread in threads {
        let ended = thread.join().unwrap_or_else(|_| Err("a producer thread panicked".into()));
        outcome = outcome.and(ended);
    }
    outcome
}
