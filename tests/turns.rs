//! A job on a simulated disk that stops at every step: the records that come out are those of a job that was never
//! disturbed. Everything below the sockets is the node's own: storage, quorum, partitions, jobs.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use broker::{BrokerOptions, LocalLog, LocalParts, LocalTopics, ProducerIds, publish};
use controller::{
    Controller, ControllerOptions, NoPeers, QuorumOptions, QuorumStorage, Registration, World,
};
use coordinator::{Coordinator, GroupOptions};
use flow::{
    plan::Plan,
    topics::{Topics, partition_of},
    turn::{Halt, Pace, Task, TaskIdentity},
};
use metadata::{Publisher, options::ServerOptions};
use model::{BrokerId, Isolation, Offset, PartitionId, TimestampMs, TopicName, TopicPartition};
use records::{Batch, BatchBuilder, Codec};
use replication::ReplicaSet;
use sql::{Catalog, Settings, StatementKind, Table};
use storage::DataDirectory;
use world::{
    Chance, Clock, Disk,
    sim::{SimClock, SimDisk},
};

const INPUT: &str = "clicks";
const OUTPUT: &str = "views";
const JOURNAL: &str = "__logmill-job-1";
const DATA: &str = "/data";
const NODE: BrokerId = BrokerId(1);
/// No two lives of a broker are the same.
static LIVES: AtomicU64 = AtomicU64::new(0);
const ROUNDS: i64 = 8;

const SCRIPT: &str = "
CREATE TABLE clicks (page STRING, amount DOUBLE, t TIMESTAMP(3), WATERMARK FOR t AS t - INTERVAL '1' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 'clicks', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
CREATE TABLE views (window_start TIMESTAMP(3), page STRING, n BIGINT, total DOUBLE, PRIMARY KEY (window_start, page) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'views', 'key.format' = 'json', 'value.format' = 'json');
INSERT INTO views SELECT window_start, page, COUNT(*), SUM(amount)
  FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(t), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, page;
";

struct Tables(Vec<Arc<Table>>);

impl Catalog for Tables {
    fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.0.iter().find(|table| table.name == name).cloned()
    }

    fn tables(&self) -> Vec<Arc<Table>> {
        self.0.clone()
    }
}

fn plan() -> Arc<Plan> {
    let mut tables = Tables(Vec::new());
    for statement in sql::parse_script(SCRIPT).unwrap() {
        if let StatementKind::CreateTable { definition, .. } = &statement.kind {
            let table = Table::from_create(definition, &statement.text).unwrap();
            tables.0.push(Arc::new(table));
        } else {
            let bound = sql::bind_insert(&statement, &tables, &Settings::default()).unwrap();
            return Arc::new(bound.plan);
        }
    }
    panic!("no INSERT");
}

/// A node without sockets.
struct Node {
    topics: Arc<LocalTopics>,
    controller: Controller,
    coordinator: Coordinator,
}

impl Node {
    /// Boots from what is on the disk; none when the disk stopped meanwhile.
    fn boot(disk: &SimDisk, clock: &SimClock) -> Option<Self> {
        let clock: Arc<dyn Clock> = Arc::new(clock.clone());
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let id = "AAAAAAAAAAAAAAAAAAAAAQ";
        let directory = DataDirectory::open(disk.clone(), Path::new(DATA), id, NODE).ok()?;
        let directory = Arc::new(directory);
        let server = ServerOptions::new(NODE);
        let replicas = ReplicaSet::new(directory.clone(), clock.clone(), server.clone());
        let publisher = Arc::new(Publisher::new());
        let quorum = QuorumStorage::open(&directory, disk, clock.clone()).ok()?.written_in_place();
        let controller = Controller::start(
            quorum,
            Arc::new(NoPeers),
            publisher.clone(),
            World { clock: clock.clone(), chance: Chance::from_seed(1) },
            ControllerOptions {
                cluster_id: id.to_owned(),
                server: server.clone(),
                quorum: QuorumOptions::alone(NODE, &server),
            },
        )
        .ok()?;
        let log = Arc::new(LocalLog::new(replicas.clone()));
        let groups = GroupOptions::default();
        let no_topics = Arc::new(|_: &str| None);
        let coordinator = Coordinator::start(log, clock.clone(), 7, groups, no_topics).unwrap();
        let registration = Registration {
            id: NODE,
            cluster_id: id.to_owned(),
            incarnation: u128::from(LIVES.fetch_add(1, Ordering::SeqCst)),
            host: "localhost".to_owned(),
            port: 9092,
            rack: None,
            lineage: 1,
        };
        let registered = controller.join(registration, &publisher);
        let options = BrokerOptions::new(Arc::new(server), id, "localhost", 9092);
        let parts = LocalParts {
            replicas: replicas.clone(),
            controller: controller.clone(),
            coordinator: coordinator.clone(),
            producer_ids: ProducerIds::new(controller.clone()),
            publisher: publisher.clone(),
            clock,
            options: Arc::new(options),
        };
        let topics = Arc::new(LocalTopics::new(parts));
        let node = Self { topics, controller, coordinator: coordinator.clone() };
        if !matches!(registered, Some(Ok(_))) {
            node.end();
            return None;
        }
        publish::subscribe(&publisher, replicas, (coordinator, None), NODE);
        Some(node)
    }

    /// Ends the node's threads. The disk may be at a stop: then nothing of this reaches it.
    fn end(self) {
        self.coordinator.stop();
        self.controller.close();
    }

    fn begin(&self, plan: &Arc<Plan>) -> Result<Task, Halt> {
        let journal = TopicPartition::new(TopicName::parse(JOURNAL).unwrap(), PartitionId(0));
        let identity = TaskIdentity { journal, group: "g".to_owned() };
        let pace = Pace { snapshot_every_ms: 25, progress_every_ms: 5, ..Pace::default() };
        Task::begin(self.topics.clone(), plan.clone(), identity, pace)
    }
}

/// A disk with a node's topics on it, and time.
struct Ground {
    disk: SimDisk,
    clock: SimClock,
}

impl Ground {
    fn new() -> Self {
        let ground = Self { disk: SimDisk::new(), clock: SimClock::new(TimestampMs(1_000_000)) };
        ground.disk.create_directories(Path::new(DATA)).unwrap();
        ground.disk.sync_directory(Path::new("/")).unwrap();
        let node = Node::boot(&ground.disk, &ground.clock).unwrap();
        for (topic, partitions) in [(INPUT, 2), (OUTPUT, 2), (JOURNAL, 1)] {
            node.topics.create(&TopicName::parse(topic).unwrap(), partitions, &[]).unwrap();
        }
        node.end();
        ground
    }

    /// Round `round` of input, safe on the disk; time moves on, so that windows close.
    fn produce(&self, node: &Node, round: i64) {
        for partition in 0..2 {
            let mut builder = BatchBuilder::new(Codec::None);
            for number in 0..5 {
                let seconds = round * 7 + number;
                let page = (number + i64::from(partition)) % 3;
                let value = format!(
                    r#"{{"page":"/p{page}","amount":0.{},"t":"2026-01-01 00:{:02}:{:02}.5"}}"#,
                    number + 1,
                    seconds / 60,
                    seconds % 60
                );
                builder.append(self.clock.wall(), None, Some(value.as_bytes()), &[]);
            }
            let input = partition_of(&TopicName::parse(INPUT).unwrap(), partition);
            node.topics.append(&input, builder.finish()).unwrap();
            node.topics.sync(&input).unwrap();
        }
    }

    fn drain(&self, task: &mut Task) -> Result<(), Halt> {
        while task.turn()? {
            self.clock.advance(Duration::from_millis(4));
        }
        Ok(())
    }
}

/// Key and value of every record of the result topic that is no control record, per partition.
fn results(node: &Node) -> Vec<Vec<(String, String)>> {
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    let read = |partition| {
        let partition = partition_of(&TopicName::parse(OUTPUT).unwrap(), partition);
        let (mut records, mut position) = (Vec::new(), Offset::ZERO);
        loop {
            let isolation = Isolation::ReadUncommitted;
            let read = node.topics.read(&partition, position, 1 << 20, isolation).unwrap();
            if read.next <= position {
                return records;
            }
            let mut rest = read.bytes.as_ref();
            while let Ok(batch) = Batch::parse(rest) {
                rest = &rest[batch.size_bytes()..];
                if !batch.is_control() {
                    for record in batch.records(&mut Vec::new()).unwrap() {
                        let record = record.unwrap();
                        records.push((text(record.key), text(record.value)));
                    }
                }
            }
            position = read.next;
        }
    };
    (0..2).map(read).collect()
}

/// What a job gives that is stopped after `stop` steps of the disk (of its own, not the input's), and how many steps it
/// took in all.
fn life(
    plan: &Arc<Plan>,
    stop: Option<u64>,
    power: Option<u64>,
) -> (Vec<Vec<(String, String)>>, u64) {
    let ground = Ground::new();
    let (mut node, mut task) = (Node::boot(&ground.disk, &ground.clock), None);
    let (mut left, mut steps) = (stop, 0);
    for round in 0..ROUNDS {
        ground.produce(node.as_ref().unwrap(), round);
        loop {
            if let Some(left) = left {
                ground.disk.stop_after(left);
            }
            let before = ground.disk.steps();
            let booted = node.take().or_else(|| Node::boot(&ground.disk, &ground.clock));
            let ran = booted.as_ref().map(|node| {
                let begun = task.take().map_or_else(|| node.begin(plan), Ok);
                begun.and_then(|mut task| ground.drain(&mut task).map(|()| task))
            });
            let took = ground.disk.steps() - before;
            steps += took;
            match ran {
                // The stop may have hit a thread in the background: then the node is dead, though the job got through.
                Some(Ok(ran)) if !ground.disk.has_stopped() => {
                    left = left.map(|left| left.saturating_sub(took));
                    ground.disk.heal();
                    (node, task) = (booted, Some(ran));
                    break;
                }
                Some(Err(halt)) if !ground.disk.has_stopped() => {
                    panic!("stop after {stop:?}: {halt}")
                }
                _ => {
                    assert!(
                        ground.disk.has_stopped(),
                        "stop after {stop:?}: the node did not boot"
                    );
                    drop(task.take());
                    if let Some(node) = booted {
                        node.end();
                    }
                    match power {
                        Some(seed) => ground.disk.power_cut(&mut Chance::from_seed(seed)),
                        None => ground.disk.crash_process(),
                    }
                    left = None;
                }
            }
        }
    }
    drop(task);
    let node = node.unwrap();
    let found = results(&node);
    node.end();
    (found, steps)
}

#[test]
fn a_stop_at_any_step_of_the_disk_changes_nothing() {
    let plan = plan();
    let (expected, steps) = life(&plan, None, None);
    assert!(expected.concat().len() >= 4, "{expected:?}");
    assert!(steps > 30, "{steps} steps");
    for stop in 0..steps + 10 {
        let (found, _) = life(&plan, Some(stop), None);
        assert_eq!(found, expected, "stopped after {stop} of {steps} steps");
    }
}

#[test]
fn a_power_cut_at_any_step_of_the_disk_changes_nothing() {
    let plan = plan();
    let (expected, steps) = life(&plan, None, None);
    for stop in 0..steps + 10 {
        for seed in 0..3 {
            let (found, _) = life(&plan, Some(stop), Some(seed));
            assert_eq!(found, expected, "power cut after {stop} of {steps} steps, seed {seed}");
        }
    }
}
