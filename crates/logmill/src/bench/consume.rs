//! `logmill bench consume`.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use client::{Consumer, ConsumerOptions, OffsetSpec};
use model::Isolation;

use super::{BenchError, report::Report, target::TargetArgs};

/// How records are consumed.
#[derive(Args, Clone, Debug)]
pub(super) struct ConsumeArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Records in all.
    #[arg(long, default_value_t = 1_000_000)]
    num_records: u64,
    /// Bytes that a partition brings to an answer at most.
    #[arg(long, default_value_t = 1_048_576)]
    fetch_size: i32,
    /// Bytes of an answer at most.
    #[arg(long, default_value_t = 52_428_800)]
    fetch_max_bytes: i32,
    /// What may be seen.
    #[arg(long, value_enum, default_value_t = Level::ReadUncommitted)]
    isolation: Level,
    /// Whether the CRC of every batch is checked, as Kafka's client does.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    check_crcs: bool,
    /// How long to wait for the next record, in milliseconds.
    #[arg(long, default_value_t = 10_000)]
    timeout: u64,
}

/// An isolation level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    /// Everything below the high watermark.
    ReadUncommitted,
    /// Everything below the last stable offset.
    ReadCommitted,
}

impl Level {
    pub(super) const fn isolation(self) -> Isolation {
        match self {
            Self::ReadUncommitted => Isolation::ReadUncommitted,
            Self::ReadCommitted => Isolation::ReadCommitted,
        }
    }
}

pub(super) async fn run(args: ConsumeArgs) -> Result<(), BenchError> {
    let cluster = args.target.cluster().await?;
    let options = ConsumerOptions {
        partition_bytes_max: args.fetch_size,
        fetch_bytes_max: args.fetch_max_bytes,
        isolation: args.isolation.isolation(),
        checks_crc: args.check_crcs,
        ..ConsumerOptions::default()
    };
    let watch = args.target.watch()?;
    let began = Instant::now();
    let mut consumer = Consumer::new(cluster, options);
    consumer.assign_topic(&args.target.topic, OffsetSpec::Earliest).await?;
    let preparing = began.elapsed();
    let (mut records, mut bytes) = (0_u64, 0_u64);
    let mut scratch = Vec::new();
    while records < args.num_records {
        let fetched = consumer.poll(Duration::from_millis(args.timeout)).await?;
        if fetched.is_empty() {
            eprintln!("no record for {} ms: {records} of {} came", args.timeout, args.num_records);
            break;
        }
        for part in fetched {
            part.visit(&mut scratch, |record| {
                records += 1;
                let size = |field: Option<&[u8]>| field.map_or(0, <[u8]>::len);
                bytes += (size(record.key) + size(record.value)) as u64;
            })?;
        }
    }
    let topic = args.target.topic.as_str();
    let mut report = Report::new("consume", topic, (records, bytes), began.elapsed());
    report.broker = watch.map(|watch| watch.stop(records, bytes)).transpose()?;
    report.print(args.target.output, &report.consumer_lines(preparing));
    Ok(())
}
