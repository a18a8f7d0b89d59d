//! `logmill bench latency`: an open loop, and a reader that sees what comes out of it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use clap::Args;
use client::{Cluster, Connection, OffsetSpec};
use model::{BrokerId, ErrorCode, Isolation, Offset, PartitionId, TopicName, TopicPartition};
use records::Batches;
use wire::{
    Api, decode_response,
    messages::{
        FetchRequest, FetchResponse,
        fetch_request::{FetchPartition, FetchTopic},
        text,
    },
};

use super::{
    BenchError,
    consume::Level,
    produce::{by_leader, connect, drive},
    report::Report,
    shape::ShapeArgs,
    socket::Socket,
    stamped,
    tally::Tally,
    target::{Output, TargetArgs},
};

/// The last version of Fetch that names topics; later ones ask by id.
const FETCH_VERSION_BY_NAME: i16 = 12;
/// How long the broker may hold a fetch.
const FETCH_WAIT: Duration = Duration::from_millis(500);
/// How long after the last record the reader waits for the next.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// From now to the first record: time to start threads in.
const LEAD: Duration = Duration::from_millis(50);
const PARTITION_BYTES_MAX: i32 = 10 << 20;
const FETCH_BYTES_MAX: i32 = 50 << 20;

/// How latency is measured.
#[derive(Args, Clone, Debug)]
pub(super) struct LatencyArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    shape: ShapeArgs,
    /// Records a second.
    #[arg(long, default_value_t = 10_000.0)]
    rate: f64,
    /// How long records are sent.
    #[arg(long, default_value_t = 12.0)]
    seconds: f64,
    /// How much of the beginning is left out of the figures.
    #[arg(long, default_value_t = 3.0)]
    warmup_seconds: f64,
    /// The topic that is read back, where a job stands between; otherwise the one that is written.
    #[arg(long)]
    from: Option<TopicName>,
    /// What the reader may see.
    #[arg(long, value_enum, default_value_t = Level::ReadUncommitted)]
    isolation: Level,
    /// Do not read back: acknowledgements only.
    #[arg(long)]
    no_reader: bool,
}

pub(super) async fn run(args: LatencyArgs) -> Result<(), BenchError> {
    let shape = Arc::new(args.shape.shape()?);
    let records = whole(args.rate * args.seconds)?;
    let cluster = args.target.cluster().await?;
    let layout = args.target.prepare_topic(&cluster).await?;
    let led = by_leader(&args.target, &layout)?;
    let began = Instant::now() + LEAD;
    let measured_from = began + Duration::from_secs_f64(args.warmup_seconds);
    let acks = Arc::new(Tally::new(args.target.output == Output::Json, measured_from));
    let ends = Arc::new(Tally::new(true, measured_from));
    let readers = if args.no_reader {
        Vec::new()
    } else {
        start_readers(&cluster, &args, (records, began), &ends).await?
    };
    let workers = connect(&cluster, &led, &shape, &acks).await?;
    let watch = args.target.watch()?;
    let rate = args.rate;
    tokio::task::spawn_blocking(move || drive(workers, records, Some(rate), began)).await??;
    let took = began.elapsed();
    let read_back = tokio::task::spawn_blocking(move || join(readers)).await?;
    let totals @ (count, bytes) = acks.totals();
    let mut report = Report::new("latency", args.target.topic.as_str(), totals, took);
    report.broker = watch.map(|watch| watch.stop(count, bytes)).transpose()?;
    report.ack_ms = Some(acks.latencies());
    report.end_to_end_ms = (!args.no_reader).then(|| ends.latencies());
    report.print(args.target.output, &report.producer_line());
    read_back
}

/// One reader per broker that leads some of the partitions that are read back, each beginning at the end of what is there now.
async fn start_readers(
    cluster: &Cluster,
    args: &LatencyArgs,
    (records, began): (u64, Instant),
    ends: &Arc<Tally>,
) -> Result<Vec<JoinHandle<Result<(), BenchError>>>, BenchError> {
    let topic = args.from.as_ref().unwrap_or(&args.target.topic);
    let mut led: BTreeMap<BrokerId, BTreeMap<PartitionId, Offset>> = BTreeMap::new();
    for (&number, partition) in &cluster.topic_now(topic).await?.partitions {
        let end = TopicPartition::new(topic.clone(), number);
        let end = cluster.offset(&end, OffsetSpec::Latest).await?.unwrap_or(Offset::ZERO);
        let leader = partition.leader.ok_or_else(|| format!("partition {number} has no leader"))?;
        led.entry(leader).or_default().insert(number, end);
    }
    let mut readers = Vec::new();
    for (leader, positions) in led {
        let connection = cluster.broker(leader).await?;
        let mut reader = Reader {
            socket: Socket::connect(connection.address())?,
            version: connection.version_at_most(Api::Fetch, FETCH_VERSION_BY_NAME)?,
            connection,
            topic: topic.clone(),
            positions,
            isolation: args.isolation.isolation(),
            began,
            ends: Arc::clone(ends),
        };
        readers.push(thread::spawn(move || reader.run(records)));
    }
    Ok(readers)
}

fn join(readers: Vec<JoinHandle<Result<(), BenchError>>>) -> Result<(), BenchError> {
    // All of them end before the first failure is told.
    let ended: Vec<_> = readers.into_iter().map(JoinHandle::join).collect();
    ended.into_iter().try_for_each(|end| end.unwrap_or_else(|_| Err("a reader panicked".into())))
}

/// Reads what one broker leads, and notes when each record comes.
struct Reader {
    socket: Socket,
    connection: Connection,
    version: i16,
    topic: TopicName,
    positions: BTreeMap<PartitionId, Offset>,
    isolation: Isolation,
    began: Instant,
    ends: Arc<Tally>,
}

impl Reader {
    /// Reads until all readers together have seen `records` records.
    fn run(&mut self, records: u64) -> Result<(), BenchError> {
        self.ask()?;
        let mut heard = Instant::now();
        while self.ends.totals().0 < records {
            let Some(frame) = self.socket.receive(FETCH_WAIT)? else {
                if heard.elapsed() > SILENCE_MAX {
                    let came = self.ends.totals().0;
                    return Err(format!("only {came} of {records} records came back").into());
                }
                continue;
            };
            let now = Instant::now();
            let (_, answer): (i32, FetchResponse) =
                decode_response(Api::Fetch, self.version, frame)?;
            let moved = self.move_on(&answer)?;
            // The next fetch is on its way before this one's records are looked at.
            self.ask()?;
            if moved {
                heard = now;
                self.note(&answer, now)?;
            } else if heard.elapsed() > SILENCE_MAX {
                let came = self.ends.totals().0;
                return Err(format!("only {came} of {records} records came back").into());
            }
        }
        Ok(())
    }

    fn ask(&mut self) -> Result<(), BenchError> {
        let row = |(number, offset): (&PartitionId, &Offset)| {
            FetchPartition::default()
                .with_partition(number.0)
                .with_fetch_offset(offset.0)
                .with_partition_max_bytes(PARTITION_BYTES_MAX)
        };
        let topic = FetchTopic::default()
            .with_topic(wire::messages::TopicName(text(self.topic.as_str())))
            .with_partitions(self.positions.iter().map(row).collect());
        let mut request = FetchRequest::default()
            .with_replica_id(wire::messages::BrokerId(-1))
            .with_max_wait_ms(i32::try_from(FETCH_WAIT.as_millis())?)
            .with_min_bytes(1)
            .with_max_bytes(FETCH_BYTES_MAX)
            .with_isolation_level(i8::from(self.isolation == Isolation::ReadCommitted))
            .with_topics(vec![topic]);
        if self.version >= 7 {
            request.session_epoch = -1;
        }
        let mut frame = self.connection.frame(Api::Fetch, self.version, &request)?;
        Ok(self.socket.send(&mut frame)?)
    }

    /// Moves the positions past what `answer` brings; whether it brings anything.
    fn move_on(&mut self, answer: &FetchResponse) -> Result<bool, BenchError> {
        let mut moved = false;
        for data in answer.responses.iter().flat_map(|topic| &topic.partitions) {
            let code =
                ErrorCode::from_code(data.error_code).unwrap_or(ErrorCode::UnknownServerError);
            if !code.is_none() {
                return Err(format!("fetch from partition {}: {code}", data.partition_index).into());
            }
            let bytes = data.records.as_deref().unwrap_or_default();
            for batch in Batches::new(bytes) {
                let next = batch?.next_offset();
                self.positions.insert(PartitionId(data.partition_index), next);
                moved = true;
            }
        }
        Ok(moved)
    }

    fn note(&self, answer: &FetchResponse, now: Instant) -> Result<(), BenchError> {
        let mut scratch = Vec::new();
        let data = answer.responses.iter().flat_map(|topic| &topic.partitions);
        for bytes in data.filter_map(|data| data.records.as_deref()) {
            for batch in Batches::new(bytes) {
                let batch = batch?;
                if batch.is_control() {
                    continue;
                }
                for record in batch.records(&mut scratch)? {
                    let value = record?.value.unwrap_or_default();
                    let due = stamped::due(value).ok_or("a record that is not ours")?;
                    let due = self.began + due;
                    self.ends.count(1, value.len() as u64, due, now);
                }
            }
        }
        Ok(())
    }
}

/// `count` as a number of records.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
fn whole(count: f64) -> Result<u64, BenchError> {
    if (1.0..1e15).contains(&count) {
        Ok(count as u64)
    } else {
        Err("rate and seconds must make at least one record".into())
    }
}
