//! A lone node's partitions on a simulated disk: what readers see, who is woken, what survives.

use std::{path::Path, time::Duration};

use bytes::BytesMut;
use metadata::{Delta, Fact, Image, StateFact, options::ServerOptions};
use model::{
    BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, PartitionEpoch, PartitionId, ProducerEpoch,
    ProducerId, TimestampMs, TopicName,
};
use records::{BatchBuilder, Batches, Codec};
use storage::{DataDirectory, Origin};
use world::{
    Clock, Disk,
    sim::{SimClock, SimDisk},
};

use super::*;
use crate::{LeaderSays, ReplicaSet};

/// A node: its disk and clock, and its replicas while it runs.
struct Node {
    disk: SimDisk,
    clock: Arc<SimClock>,
    image: Image,
    replicas: Option<Arc<ReplicaSet>>,
}

impl Node {
    fn new() -> Self {
        let clock = Arc::new(SimClock::new(TimestampMs(1_000_000)));
        let mut node =
            Self { disk: SimDisk::new(), clock, image: Image::default(), replicas: None };
        node.image.set_version(Offset(0));
        node.start();
        node
    }

    fn start(&mut self) {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let directory = DataDirectory::open(disk, Path::new("/data"), "c", BrokerId(1)).unwrap();
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let server = ServerOptions::new(BrokerId(1));
        let replicas = ReplicaSet::new(Arc::new(directory), clock, server);
        replicas.apply(&self.image, &Delta::everything());
        self.replicas = Some(replicas);
        let (id, host) = (BrokerId(1), "localhost".to_owned());
        let epoch = BrokerEpoch(1);
        self.tell(&[Fact::RegisterBroker {
            id,
            incarnation: 1,
            epoch,
            host,
            port: 1,
            rack: None,
            lineage: 0,
            is_fenced: false,
            is_shutting_down: false,
        }]);
    }

    fn replicas(&self) -> &ReplicaSet {
        self.replicas.as_ref().unwrap()
    }

    fn tell(&mut self, facts: &[Fact]) {
        let mut delta = Delta::default();
        for fact in facts {
            delta.note(&self.image, fact);
            self.image.apply(fact);
        }
        self.replicas().apply(&self.image, &delta);
    }

    /// Topic `b`.
    fn create_many(&mut self, count: usize) -> Vec<Arc<Partition>> {
        let (name, topic) = (TopicName::parse("b").unwrap(), topic_id(900));
        let first = PartitionId(0);
        let facts = [
            Fact::Topic { name, id: topic },
            Fact::Partitions { topic, first, count: i32::try_from(count).unwrap(), state: led() },
        ];
        self.tell(&facts);
        let found = (0..).map(|number| self.replicas().find_by_id(topic, PartitionId(number)));
        found.map_while(|found| found).collect()
    }

    fn create(&mut self, number: u128, options: &[(&str, &str)]) -> Arc<Partition> {
        self.create_on((&[1], 1), number, options)
    }

    fn create_on(
        &mut self,
        (replicas, leader): (&[i32], i32),
        number: u128,
        options: &[(&str, &str)],
    ) -> Arc<Partition> {
        let (name, id) = (TopicName::parse("a").unwrap(), topic_id(number));
        let replicas: Vec<BrokerId> = replicas.iter().map(|id| BrokerId(*id)).collect();
        let leader = BrokerId(leader);
        let state = StateFact { isr: replicas.clone(), replicas, leader, ..led() };
        let mut facts = vec![
            Fact::Topic { name, id },
            Fact::Partitions { topic: id, first: PartitionId(0), count: 1, state },
        ];
        facts.extend(options.iter().map(|(name, value)| Fact::TopicOption {
            topic: id,
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        }));
        self.tell(&facts);
        self.partition()
    }

    fn partition(&self) -> Arc<Partition> {
        let name = TopicPartition::new(TopicName::parse("a").unwrap(), PartitionId(0));
        self.replicas().find(&name).unwrap()
    }

    /// As kill -9 and a new start.
    fn crash(&mut self) {
        self.replicas = None;
        self.disk.crash_process();
        self.start();
    }

    fn restart(&mut self) {
        self.replicas().close().unwrap();
        self.replicas = None;
        self.start();
    }
}

/// By broker 1 alone.
fn led() -> StateFact {
    StateFact {
        replicas: vec![BrokerId(1)],
        isr: vec![BrokerId(1)],
        leader: BrokerId(1),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        adding: Vec::new(),
        removing: Vec::new(),
        elr: Vec::new(),
        last_leader: metadata::NO_LEADER,
    }
}

fn topic_id(number: u128) -> TopicId {
    TopicId::parse(&format!("AAAAAAAAAAAAAAAAAA{number:03}A")).unwrap()
}

fn batch(values: &[&str]) -> BytesMut {
    let mut builder = BatchBuilder::new(Codec::None);
    for value in values {
        builder.append(TimestampMs(1_000_000), Some(b"key"), Some(value.as_bytes()), &[]);
    }
    builder.finish()
}

fn transactional(value: &str) -> BytesMut {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.producer(ProducerId(5), ProducerEpoch(0), 0).transactional(true);
    builder.append(TimestampMs(1_000_000), Some(b"key"), Some(value.as_bytes()), &[]);
    builder.finish()
}

fn append(partition: &Partition, values: &[&str]) -> Placed {
    partition.append(batch(values), Acks::All, Origin::Client).unwrap()
}

fn request(from: i64) -> FetchRequest {
    FetchRequest {
        from: Offset(from),
        bytes_max: 1 << 20,
        at_least_one: true,
        isolation: Isolation::ReadUncommitted,
        current_leader_epoch: None,
        last_fetched_epoch: None,
    }
}

fn values(fetched: Fetched) -> Vec<String> {
    let bytes = fetched.chunk.into_bytes().unwrap();
    let mut all = Vec::new();
    for batch in Batches::new(&bytes) {
        let mut scratch = Vec::new();
        for record in batch.unwrap().records(&mut scratch).unwrap() {
            all.push(String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap());
        }
    }
    all
}

fn read(partition: &Partition, from: i64) -> Vec<String> {
    values(partition.read(request(from)).unwrap())
}

fn code<T: std::fmt::Debug>(done: Result<T, PartitionError>) -> ErrorCode {
    done.unwrap_err().code()
}

#[test]
fn an_acknowledged_record_survives_a_killed_process() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    assert!(append(&partition, &["x", "y"]).is_replicated());
    drop(partition);
    node.crash();
    let partition = node.partition();
    assert_eq!(read(&partition, 0), ["x", "y"]);
    let offsets = partition.offsets();
    assert_eq!((offsets.high_watermark, offsets.log_end), (Offset(2), Offset(2)));
    assert_eq!(append(&partition, &["z"]).appended.base, Offset(2));
}

#[test]
fn a_record_synced_before_its_answer_survives_a_power_cut() {
    let mut node = Node::new();
    let partition = node.create(1, &[("flush.messages", "1")]);
    append(&partition, &["x"]);
    drop(partition);
    node.replicas = None;
    node.disk.power_cut(&mut world::Chance::from_seed(11));
    node.start();
    assert_eq!(read(&node.partition(), 0), ["x"]);
}

/// Found by simulation: a job read a record before its sync, and the power took it.
#[test]
fn a_record_that_is_not_synced_as_asked_is_seen_by_nobody() {
    let mut node = Node::new();
    let partition = node.create(1, &[("flush.messages", "1")]);
    assert_eq!(append(&partition, &["a"]).high_watermark, Offset(1));
    node.disk.fail_syncs(true);
    assert!(partition.append(batch(&["b"]), Acks::All, Origin::Client).is_err());
    assert_eq!(
        (partition.offsets().high_watermark, partition.offsets().log_end),
        (Offset(1), Offset(2))
    );
}

#[test]
fn a_clean_stop_leaves_nothing_to_recover() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    append(&partition, &["x"]);
    node.replicas().close().unwrap();
    let gone = partition.append(batch(&["y"]), Acks::All, Origin::Client);
    assert_eq!(code(gone), ErrorCode::NotLeaderOrFollower, "what is closed answers nobody");
    drop(partition);
    node.replicas = None;
    node.start();
    assert!(node.replicas().home.directory.was_clean());
    assert_eq!(read(&node.partition(), 0), ["x"]);
}

/// Found by simulation: a disk that failed while a follower's log began anew left it beyond its high watermark, and whoever looked at it next
/// panicked.
#[test]
fn a_disk_that_fails_while_a_followers_log_is_cut_panics_nobody() {
    for steps in 0..8 {
        let mut node = Node::new();
        let partition = node.create_on((&[1, 2], 2), 1, &[]);
        partition.ensure_open().unwrap();
        let now = node.clock.now();
        let Followable::Ask(asked) = partition.to_ask(BrokerId(2), now) else { panic!("it asks") };
        let mut records = batch(&["x", "y"]);
        records::stamp::offset_and_epoch(&mut records, Offset(0), LeaderEpoch(0));
        let said = LeaderSays::Records { high_watermark: Offset(1), log_start: Offset(0) };
        partition.on_leader_answer(&asked, said, &records.freeze());
        assert_eq!(partition.offsets().high_watermark, Offset(1));

        node.disk.stop_after(steps);
        let Followable::Ask(asked) = partition.to_ask(BrokerId(2), now) else { panic!("it asks") };
        let gone = LeaderSays::OutOfRange { log_start: Offset(50) };
        partition.on_leader_answer(&asked, gone, &bytes::Bytes::new());
        partition.offsets().assert_order();
    }
}

#[test]
fn every_restart_begins_a_reign_and_its_first_record_shows_it() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    append(&partition, &["x"]);
    assert_eq!(partition.offsets().leader_epoch, LeaderEpoch(0));
    node.crash();
    node.crash();
    let partition = node.partition();
    assert_eq!(partition.offsets().leader_epoch, LeaderEpoch(2));
    let ends = |epoch: i32| partition.offsets_for_epoch(LeaderEpoch(epoch), None).unwrap();
    assert_eq!(ends(0), Some((LeaderEpoch(0), Offset(1))));
    assert_eq!(ends(1), Some((LeaderEpoch(0), Offset(1))));
    assert_eq!(ends(2), Some((LeaderEpoch(2), Offset(1))));
    assert_eq!(ends(3), None);
    append(&partition, &["y", "z"]);
    assert_eq!(ends(1), Some((LeaderEpoch(0), Offset(1))));
    assert_eq!(ends(2), Some((LeaderEpoch(2), Offset(3))));
}

#[test]
fn who_names_another_reign_is_told() {
    let mut node = Node::new();
    node.create(1, &[]);
    node.crash();
    let partition = node.partition();
    append(&partition, &["x"]);
    let named =
        |epoch: i32| FetchRequest { current_leader_epoch: Some(LeaderEpoch(epoch)), ..request(0) };
    assert_eq!(code(partition.read(named(0))), ErrorCode::FencedLeaderEpoch);
    assert_eq!(code(partition.read(named(2))), ErrorCode::UnknownLeaderEpoch);
    assert_eq!(values(partition.read(named(1)).unwrap()), ["x"]);
    let listed = partition.list_offsets(
        OffsetSpec::Latest,
        Isolation::ReadUncommitted,
        Some(LeaderEpoch(0)),
    );
    assert_eq!(code(listed), ErrorCode::FencedLeaderEpoch);
}

#[test]
fn a_reader_whose_log_departs_from_ours_is_told_where() {
    let mut node = Node::new();
    append(&node.create(1, &[]), &["x"]);
    node.crash();
    let partition = node.partition();
    append(&partition, &["y"]);
    let after = |epoch: i32, from: i64| {
        let last_fetched_epoch = Some(LeaderEpoch(epoch));
        partition.read(FetchRequest { last_fetched_epoch, ..request(from) })
    };
    assert_eq!(after(0, 1).unwrap().diverging, None);
    let fetched = after(0, 2).unwrap();
    assert_eq!(fetched.diverging, Some((LeaderEpoch(0), Offset(1))));
    assert!(fetched.chunk.is_empty());
    assert_eq!(code(after(9, 2)), ErrorCode::OffsetOutOfRange);
}

#[test]
fn offsets_that_are_not_there_are_refused() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    append(&partition, &["x", "y"]);
    partition.delete_records(Offset(1)).unwrap();
    assert_eq!(code(partition.read(request(0))), ErrorCode::OffsetOutOfRange);
    assert_eq!(code(partition.read(request(3))), ErrorCode::OffsetOutOfRange);
    assert!(partition.read(request(2)).unwrap().chunk.is_empty());
}

#[test]
fn an_open_transaction_is_read_by_the_uncommitted_only() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    append(&partition, &["x"]);
    partition.append(transactional("t"), Acks::All, Origin::Client).unwrap();
    let offsets = partition.offsets();
    assert_eq!((offsets.last_stable, offsets.high_watermark), (Offset(1), Offset(2)));
    assert_eq!(read(&partition, 0), ["x", "t"]);
    let committed = FetchRequest { isolation: Isolation::ReadCommitted, ..request(0) };
    let fetched = partition.read(committed).unwrap();
    assert_eq!(fetched.aborted, Some(Vec::new()));
    assert_eq!(values(fetched), ["x"]);
    let waiter = Waiter::new();
    partition.park(&waiter, Offset(1), Isolation::ReadCommitted);
    append(&partition, &["y"]);
    assert!(!waiter.is_woken(), "nothing more is decided");
    let marker = records::control::marker(
        records::control::Marker::Abort,
        0,
        ProducerId(5),
        ProducerEpoch(0),
        TimestampMs(1_000_000),
    );
    partition.append(marker, Acks::All, Origin::Coordinator).unwrap();
    assert!(waiter.is_woken());
    let fetched = partition.read(committed).unwrap();
    let aborted = fetched.aborted.as_ref().unwrap();
    assert_eq!((aborted[0].producer_id, aborted[0].first_offset), (ProducerId(5), Offset(1)));
}

#[test]
fn waiters_are_woken_by_their_edge_and_by_no_other() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    append(&partition, &["x"]);
    let parked = |past: i64| {
        let waiter = Waiter::new();
        partition.park(&waiter, Offset(past), Isolation::ReadUncommitted);
        waiter
    };
    assert!(parked(0).is_woken(), "it is past that already");
    let (next, later) = (parked(1), parked(2));
    let produce = Waiter::new();
    partition.park_produce(&produce, Offset(3));
    append(&partition, &["y"]);
    assert_eq!([next.is_woken(), later.is_woken(), produce.is_woken()], [true, false, false]);
    append(&partition, &["z"]);
    assert_eq!([later.is_woken(), produce.is_woken()], [true, true]);
}

#[test]
fn who_waits_on_a_deleted_topic_is_woken_and_told() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    let waiter = Waiter::new();
    partition.park(&waiter, Offset(0), Isolation::ReadUncommitted);
    node.tell(&[Fact::RemoveTopic { id: topic_id(1) }]);
    assert!(waiter.is_woken());
    assert_eq!(code(partition.read(request(0))), ErrorCode::NotLeaderOrFollower);
    assert!(node.replicas().find(partition.name()).is_none());
}

#[test]
fn a_topic_made_again_is_empty_also_when_it_was_deleted_while_the_node_was_down() {
    let mut node = Node::new();
    append(&node.create(1, &[]), &["x"]);
    node.tell(&[Fact::RemoveTopic { id: topic_id(1) }]);
    let partition = node.create(2, &[]);
    assert_eq!((partition.topic_id(), read(&partition, 0).len()), (topic_id(2), 0));
    append(&partition, &["y"]);

    drop(partition);
    let mut facts = Image::default();
    std::mem::swap(&mut facts, &mut node.image);
    node.image.set_version(Offset(0));
    node.crash(); // the image is empty: both topics are strays
    let partition = node.create(3, &[]);
    assert_eq!(read(&partition, 0).len(), 0);
    assert!(node.replicas().find_by_id(topic_id(3), PartitionId(0)).is_some());
    assert!(node.replicas().find_by_id(topic_id(2), PartitionId(0)).is_none());
}

#[test]
fn a_changed_option_is_in_force_at_once() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    append(&partition, &["x"]);
    let mut set = |name: &str, value: Option<&str>| {
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        node.tell(&[Fact::TopicOption { topic: topic_id(1), name, value }]);
    };
    set("max.message.bytes", Some("10"));
    let refused = partition.append(batch(&["y"]), Acks::All, Origin::Client);
    assert_eq!(code(refused), ErrorCode::MessageTooLarge);
    set("max.message.bytes", None);
    append(&partition, &["y"]);
    set("cleanup.policy", Some("compact"));
    assert_eq!(code(partition.delete_records(Offset(1))), ErrorCode::PolicyViolation);
    assert_eq!(partition.trim(Offset(1)).unwrap(), Offset(1), "its owner may");
}

#[test]
fn too_few_in_sync_replicas_refuse_acks_all_and_nothing_else() {
    let mut node = Node::new();
    let partition = node.create(1, &[("min.insync.replicas", "2")]);
    append(&partition, &["x"]); // of one replica, two cannot be asked
    let state = StateFact {
        replicas: vec![BrokerId(1), BrokerId(2)],
        isr: vec![BrokerId(1)],
        leader: BrokerId(1),
        leader_epoch: LeaderEpoch(1),
        partition_epoch: PartitionEpoch(1),
        adding: Vec::new(),
        removing: Vec::new(),
        elr: Vec::new(),
        last_leader: metadata::NO_LEADER,
    };
    let topic = topic_id(1);
    node.tell(&[Fact::Partitions { topic, first: PartitionId(0), count: 1, state }]);
    let refused = partition.append(batch(&["y"]), Acks::All, Origin::Client);
    assert_eq!(code(refused), ErrorCode::NotEnoughReplicas);
    let placed = partition.append(batch(&["y"]), Acks::Leader, Origin::Client).unwrap();
    assert!(!placed.is_replicated(), "the watermark stands still below min.insync.replicas");
    assert_eq!(read(&partition, 0), ["x"], "nobody reads past it");
    let waiter = Waiter::new();
    partition.park_produce(&waiter, placed.appended.last.plus(1));
    assert!(!waiter.is_woken());
}

#[test]
fn records_are_deleted_up_to_the_watermark_and_stay_deleted() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    append(&partition, &["x", "y", "z"]);
    assert_eq!(code(partition.delete_records(Offset(4))), ErrorCode::OffsetOutOfRange);
    assert_eq!(code(partition.delete_records(Offset(-2))), ErrorCode::OffsetOutOfRange);
    let deleted = |until: i64, low_watermark: i64| Deleted {
        until: Offset(until),
        low_watermark: Offset(low_watermark),
    };
    assert_eq!(partition.delete_records(Offset(2)).unwrap(), deleted(2, 2));
    assert_eq!(partition.delete_records(Offset(1)).unwrap(), deleted(1, 2), "it never goes back");
    drop(partition);
    node.restart();
    assert_eq!(node.partition().offsets().log_start, Offset(2));
    assert_eq!(node.partition().delete_records(Offset::NONE).unwrap(), deleted(3, 3));
}

#[test]
fn offsets_are_listed_as_kafka_lists_them() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    let list = |spec| {
        let listed = partition.list_offsets(spec, Isolation::ReadUncommitted, None).unwrap();
        (listed.offset.0, listed.timestamp.0, listed.leader_epoch.0)
    };
    assert_eq!(list(OffsetSpec::Earliest), (0, -1, 0));
    assert_eq!(list(OffsetSpec::Latest), (0, -1, 0));
    assert_eq!(list(OffsetSpec::MaxTimestamp), (-1, -1, -1));
    append(&partition, &["x", "y"]);
    assert_eq!(list(OffsetSpec::Latest), (2, -1, 0));
    assert_eq!(list(OffsetSpec::MaxTimestamp), (0, 1_000_000, 0));
    assert_eq!(list(OffsetSpec::Time(TimestampMs(5))), (0, 1_000_000, 0));
    assert_eq!(list(OffsetSpec::Time(TimestampMs(1_000_001))), (-1, -1, -1));
    assert_eq!(list(OffsetSpec::LatestTiered), (-1, -1, -1));
    assert!(OffsetSpec::from_wire(-7).is_err());
}

#[test]
fn time_syncs_checkpoints_and_retains() {
    let mut node = Node::new();
    let partition = node.create(1, &[("retention.ms", "1000"), ("flush.ms", "2000")]);
    append(&partition, &["x"]);
    let after = |node: &Node, seconds: u64| {
        node.clock.advance(Duration::from_secs(seconds));
        node.replicas().tick(node.clock.now());
    };
    let recovery_point = || partition.checkpoint().unwrap().1.recovery_point;
    after(&node, 1);
    assert_eq!(recovery_point(), Offset(0));
    after(&node, 1);
    assert_eq!(recovery_point(), Offset(1));
    after(&node, 300);
    assert_eq!(partition.offsets().log_start, Offset(1), "all of it was too old");
    after(&node, 5);
    drop(partition);
    node.crash();
    let offsets = node.partition().offsets();
    assert_eq!((offsets.log_start, offsets.log_end), (Offset(1), Offset(1)));
}

#[test]
fn a_failed_disk_is_said_and_answers_nobody_with_success() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    append(&partition, &["x"]);
    partition.flush().unwrap();
    append(&partition, &["y"]);
    node.disk.fail_syncs(true);
    assert_eq!(code(partition.flush()), ErrorCode::KafkaStorageError);
    node.disk.fail_syncs(false);
    let refused = partition.append(batch(&["z"]), Acks::All, Origin::Client);
    assert_eq!(code(refused), ErrorCode::KafkaStorageError);
    assert!(node.replicas().is_offline());
}

#[test]
fn many_partitions_are_there_at_once_and_open_behind() {
    let mut node = Node::new();
    let id = topic_id(1);
    node.create(1, &[]);
    let state = StateFact {
        replicas: vec![BrokerId(1)],
        isr: vec![BrokerId(1)],
        leader: BrokerId(1),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        adding: Vec::new(),
        removing: Vec::new(),
        elr: Vec::new(),
        last_leader: metadata::NO_LEADER,
    };
    node.tell(&[Fact::Partitions { topic: id, first: PartitionId(1), count: 499, state }]);
    assert_eq!(node.replicas().all().len(), 500);
    let last = node.replicas().find_by_id(id, PartitionId(499)).unwrap();
    append(&last, &["x"]);
    node.crash();
    let last = node.replicas().find_by_id(id, PartitionId(499)).unwrap();
    assert_eq!(read(&last, 0), ["x"]);
    node.replicas().close().unwrap();
}

#[test]
fn readers_and_writers_at_once_see_one_order() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    let writers: Vec<_> = (0..3)
        .map(|_| {
            let partition = Arc::clone(&partition);
            std::thread::spawn(move || {
                for _ in 0..200 {
                    append(&partition, &["x"]);
                }
            })
        })
        .collect();
    let mut seen = Offset(0);
    let mut watermark = Offset(0);
    while seen < Offset(600) {
        let waiter = Waiter::new();
        partition.park(&waiter, seen, Isolation::ReadUncommitted);
        assert!(waiter.wait(Duration::from_secs(60)), "the edge wakes");
        let offsets = partition.offsets();
        offsets.assert_order();
        assert!(offsets.high_watermark >= watermark, "the watermark never goes back");
        watermark = offsets.high_watermark;
        let fetched = partition.read(request(seen.0)).unwrap();
        assert!(fetched.chunk.next <= fetched.offsets.high_watermark);
        assert!(fetched.chunk.next > seen, "woken for something");
        seen = fetched.chunk.next;
    }
    for writer in writers {
        writer.join().unwrap();
    }
}

#[test]
fn who_follows_by_a_dirty_set_misses_nothing_of_many_writers() {
    const PARTITIONS: usize = 5;
    const EACH: i64 = 300;
    let mut node = Node::new();
    let partitions = node.create_many(PARTITIONS);
    let writers = (0..3).map(|writer| {
        let partitions = partitions.clone();
        std::thread::spawn(move || {
            for number in 0..EACH {
                for turn in 0..PARTITIONS {
                    append(&partitions[(turn + writer) % PARTITIONS], &["x"]);
                }
                if number % 50 == 0 {
                    std::thread::yield_now();
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let set = DirtySet::new();
    let interest = Interest::Consumer(Isolation::ReadUncommitted);
    let mut seen = vec![Offset(0); PARTITIONS];
    for (slot, partition) in (0..).zip(&partitions) {
        partition.subscribe((&set, Slot(slot)), interest, &Offsets::default());
    }
    while seen.iter().any(|seen| *seen < Offset(3 * EACH)) {
        let waiter = Waiter::new();
        for slot in set.take() {
            let (partition, seen) = (&partitions[slot.0 as usize], &mut seen[slot.0 as usize]);
            let fetched = partition.read(request(seen.0)).unwrap();
            assert!(fetched.chunk.next >= *seen, "what is read is not unread");
            *seen = fetched.chunk.next;
            assert_eq!(*seen, fetched.offsets.high_watermark, "all there was at the reading");
        }
        if seen.iter().any(|seen| *seen < Offset(3 * EACH)) {
            set.park(&waiter);
            assert!(waiter.wait(Duration::from_secs(60)), "what is appended wakes: {seen:?}");
        }
    }
    for writer in writers {
        writer.join().unwrap();
    }
}

#[test]
fn who_follows_by_a_dirty_set_hears_of_what_moved_since_it_read_and_of_the_end() {
    let mut node = Node::new();
    let partition = node.create(1, &[]);
    let set = DirtySet::new();
    let interest = Interest::Replica;
    let read = partition.read(request(0)).unwrap();
    append(&partition, &["x"]);
    partition.subscribe((&set, Slot(4)), interest, &read.offsets);
    assert_eq!(set.take(), [Slot(4)], "it moved between the reading and the subscription");
    partition.subscribe((&set, Slot(4)), interest, &partition.offsets());
    assert_eq!(set.take(), []);
    partition.trim(Offset(1)).unwrap();
    assert_eq!(set.take(), [Slot(4)], "where the log starts is told");
    let waiter = Waiter::new();
    set.park(&waiter);
    node.tell(&[Fact::RemoveTopic { id: topic_id(1) }]);
    assert!(waiter.is_woken());
    assert_eq!(set.take(), [Slot(4)]);
}

#[test]
fn a_follower_is_looked_at_again_when_an_older_request_of_its_own_takes_it_back() {
    let mut node = Node::new();
    node.create(1, &[]);
    let all: Vec<BrokerId> = [1, 2, 3].map(BrokerId).to_vec();
    let state = StateFact {
        replicas: all.clone(),
        isr: all,
        leader: BrokerId(1),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        adding: Vec::new(),
        removing: Vec::new(),
        elr: Vec::new(),
        last_leader: metadata::NO_LEADER,
    };
    node.tell(&[Fact::Partitions { topic: topic_id(1), first: PartitionId(1), count: 1, state }]);
    let partition = node.replicas().find_by_id(topic_id(1), PartitionId(1)).unwrap();
    let fetch = |replica: i32, from: i64| {
        let (replica, broker_epoch) = (BrokerId(replica), BrokerEpoch(1));
        fetched(&partition, (replica, broker_epoch), (from, 0))
    };
    append(&partition, &["x"]);
    let (set, waiter) = (DirtySet::new(), Waiter::new());
    let read = fetch(2, 1);
    partition.subscribe((&set, Slot(0)), Interest::Replica, &read.offsets);
    set.park(&waiter);
    // It was under way when the follower, told of other partitions, sent another; with it the leader thinks that 2 lacks the record.
    fetch(2, 0);
    assert_eq!(fetch(3, 1).offsets.high_watermark, Offset(0));
    assert!(waiter.is_woken());
    assert_eq!(set.take(), [Slot(0)]);
    assert_eq!(fetch(2, 1).offsets.high_watermark, Offset(1));
}

/// Found by the simulation: a leader that heard late of its reign, when another had followed and had acknowledged records, called the next batch out of order.
#[test]
fn a_leader_whom_nobody_follows_yet_calls_no_batch_out_of_order() {
    let mut node = Node::new();
    node.create(1, &[]);
    let (all, partition_epoch) = (ids(&[1, 2]), PartitionEpoch(1));
    let state = StateFact { replicas: all.clone(), isr: all, partition_epoch, ..led() };
    node.tell(&[Fact::Partitions { topic: topic_id(1), first: PartitionId(1), count: 1, state }]);
    let partition = node.replicas().find_by_id(topic_id(1), PartitionId(1)).unwrap();
    let produce = |sequence| {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.producer(ProducerId(7), ProducerEpoch(0), sequence);
        builder.append(TimestampMs(1_000), None, Some(b"x"), &[]);
        partition.append(builder.finish(), Acks::Leader, Origin::Client)
    };
    assert_eq!(produce(0).unwrap().appended.base, Offset(0));
    assert_eq!(code(produce(17)), ErrorCode::NotLeaderOrFollower);
    fetched(&partition, (BrokerId(2), BrokerEpoch(1)), (1, 0));
    assert_eq!(code(produce(17)), ErrorCode::OutOfOrderSequenceNumber);
}

fn fetched(
    partition: &Partition,
    (replica, broker_epoch): (BrokerId, BrokerEpoch),
    (from, log_start): (i64, i64),
) -> Fetched {
    let (read, log_start) = (request(from), Offset(log_start));
    let fetch = ReplicaFetch { replica, broker_epoch, is_eligible: true, log_start, read };
    partition.read_for_replica(fetch).unwrap()
}

/// What leaders of this node propose.
#[derive(Default)]
struct Proposed(Mutex<Vec<Vec<BrokerId>>>);

impl crate::IsrProposals for Proposed {
    fn propose(&self, proposal: crate::IsrProposal, _: crate::IsrAnswer) {
        self.0.lock().push(proposal.isr.iter().map(|(id, _)| *id).collect());
    }
}

impl Proposed {
    fn take(&self) -> Vec<Vec<i32>> {
        let taken = mem::take(&mut *self.0.lock());
        taken.iter().map(|isr| isr.iter().map(|id| id.0).collect()).collect()
    }
}

fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

/// Found by review: the leader learned its followers when its reign began. Whom a reassignment added never joined the ISR, and it never ended.
#[test]
fn replicas_that_are_added_within_a_reign_join_and_are_waited_for() {
    let mut node = Node::new();
    let partition = node.create(1, &[("min.insync.replicas", "2")]);
    let proposed = Arc::new(Proposed::default());
    node.replicas().propose_to(Arc::clone(&proposed) as _);
    append(&partition, &["x"]);
    let mut tell = |replicas: &[i32], adding: &[i32], isr: &[i32], epoch: i32| {
        let (replicas, adding, isr) = (ids(replicas), ids(adding), ids(isr));
        let partition_epoch = PartitionEpoch(epoch);
        let state = StateFact { replicas, adding, isr, partition_epoch, ..led() };
        let (topic, first) = (topic_id(1), PartitionId(0));
        node.tell(&[Fact::Partitions { topic, first, count: 1, state }]);
    };
    tell(&[2, 3, 1], &[2, 3], &[1], 1);
    // There are as many now as min.insync.replicas asks for.
    let refused = partition.append(batch(&["y"]), Acks::All, Origin::Client);
    assert_eq!(code(refused), ErrorCode::NotEnoughReplicas);
    let life = BrokerEpoch(1);
    assert_eq!(values(fetched(&partition, (BrokerId(2), life), (0, 0))), ["x"]);
    assert_eq!(proposed.take(), Vec::<Vec<i32>>::new());
    fetched(&partition, (BrokerId(2), life), (1, 0));
    assert_eq!(proposed.take(), [[1, 2]]);
    tell(&[2, 3, 1], &[2, 3], &[2, 1], 2);
    let placed = partition.append(batch(&["y"]), Acks::All, Origin::Client).unwrap();
    let waiter = Waiter::new();
    partition.park_produce(&waiter, Offset(2));
    assert!(!placed.is_replicated() && !waiter.is_woken());
    fetched(&partition, (BrokerId(3), life), (2, 0));
    assert_eq!(proposed.take(), [[2, 1, 3]]);
    // 2 is taken away before it has the record: those who stay have it, and who waits is told.
    tell(&[3, 1], &[], &[3, 1], 3);
    assert!(waiter.is_woken());
    assert!(partition.is_replicated(placed.reign, Offset(2)).unwrap());
    let late = ReplicaFetch {
        replica: BrokerId(2),
        broker_epoch: life,
        is_eligible: true,
        log_start: Offset::ZERO,
        read: FetchRequest { current_leader_epoch: Some(LeaderEpoch(0)), ..request(2) },
    };
    assert_eq!(code(partition.read_for_replica(late)), ErrorCode::UnknownLeaderEpoch);
}

#[test]
fn who_deletes_records_waits_for_all_replicas_that_are_alive() {
    let mut node = Node::new();
    let register = |id: i32, is_fenced| Fact::RegisterBroker {
        id: BrokerId(id),
        incarnation: 1,
        epoch: BrokerEpoch(1),
        host: "localhost".to_owned(),
        port: 1,
        rack: None,
        lineage: 0,
        is_fenced,
        is_shutting_down: false,
    };
    node.tell(&[register(2, false), register(3, false)]);
    let partition = node.create_on((&[1, 2, 3], 1), 1, &[]);
    let life = BrokerEpoch(1);
    append_all(&partition, &["x", "y"]);
    for follower in [2, 3] {
        fetched(&partition, (BrokerId(follower), life), (2, 0));
    }
    let parked = |until: i64| {
        let waiter = Waiter::new();
        partition.park_deletion(&waiter, Offset(until));
        waiter
    };
    let low = || partition.low_watermark().unwrap().0;
    let deleted = partition.delete_records(Offset::NONE).unwrap();
    assert_eq!(deleted, Deleted { until: Offset(2), low_watermark: Offset(0) });
    assert!(parked(0).is_woken(), "it is so already");
    let waiter = parked(2);
    fetched(&partition, (BrokerId(2), life), (2, 2));
    assert_eq!((low(), waiter.is_woken()), (0, false), "3 has it still");
    fetched(&partition, (BrokerId(3), life), (2, 1));
    assert_eq!((low(), waiter.is_woken()), (1, false), "3 has a part of it still");
    // Nobody waits for who is dead.
    node.tell(&[register(3, true)]);
    assert_eq!((low(), waiter.is_woken()), (2, true));
    node.tell(&[register(3, false)]);
    let waiter = parked(2);
    assert!(!waiter.is_woken());
    fetched(&partition, (BrokerId(3), life), (2, 2));
    assert!(waiter.is_woken());
    let waiter = parked(3);
    node.tell(&[Fact::RemoveTopic { id: topic_id(1) }]);
    assert!(waiter.is_woken(), "nobody here can know any more");
    assert_eq!(code(partition.low_watermark()), ErrorCode::NotLeaderOrFollower);
}

fn append_all(partition: &Partition, values: &[&str]) {
    for value in values {
        partition.append(batch(&[value]), Acks::Leader, Origin::Client).unwrap();
    }
}

#[test]
fn a_follower_tells_of_the_producers_that_it_knows() {
    let mut node = Node::new();
    let partition = node.create_on((&[1, 2], 2), 1, &[]);
    assert_eq!(partition.producers().unwrap(), []);
    let Followable::Ask(asked) = partition.to_ask(BrokerId(2), node.clock.now()) else {
        panic!("it asks")
    };
    let mut records = transactional("t");
    records::stamp::offset_and_epoch(&mut records, Offset(0), LeaderEpoch(0));
    let said = LeaderSays::Records { high_watermark: Offset(1), log_start: Offset(0) };
    partition.on_leader_answer(&asked, said, &records.freeze());
    let known = partition.producers().unwrap();
    assert_eq!((known.len(), known[0].transaction_start), (1, Some(Offset(0))));
    node.tell(&[Fact::RemoveTopic { id: topic_id(1) }]);
    assert_eq!(code(partition.producers()), ErrorCode::NotLeaderOrFollower);
}

/// Appends, lets time pass, closes, until the disk stops; answers what was acknowledged.
fn live(node: &Node, flush: bool) -> Vec<String> {
    let partition = node.partition();
    let mut acknowledged = Vec::new();
    for number in 0..6 {
        let value = number.to_string();
        match partition.append(batch(&[&value]), Acks::All, Origin::Client) {
            Ok(placed) => {
                assert!(placed.is_replicated());
                acknowledged.push(value);
            }
            Err(_) => break,
        }
        if number % 2 == 1 {
            node.clock.advance(Duration::from_secs(40));
            node.replicas().tick(node.clock.now());
        }
    }
    let closed = node.replicas().close();
    assert!(closed.is_ok() || flush || node.disk.has_stopped());
    acknowledged
}

#[test]
fn a_stop_at_any_step_of_the_disk_loses_nothing_acknowledged() {
    for power_goes in [false, true] {
        // With the power go records that were not synced; so they are, before the answer.
        let options: &[(&str, &str)] = if power_goes { &[("flush.messages", "1")] } else { &[] };
        let mut whole = Node::new();
        whole.create(1, options);
        let before = whole.disk.steps();
        live(&whole, power_goes);
        let steps = whole.disk.steps() - before;
        assert!(steps > 20, "there is something to stop in");
        for step in 0..steps {
            let mut node = Node::new();
            drop(node.create(1, options));
            node.disk.sync_directory(Path::new("/")).unwrap();
            node.disk.stop_after(step);
            let acknowledged = live(&node, power_goes);
            node.replicas = None;
            if power_goes {
                node.disk.power_cut(&mut world::Chance::from_seed(step));
            } else {
                node.disk.crash_process();
            }
            node.disk.heal();
            node.start();
            let partition = node.partition();
            let found = read(&partition, 0);
            assert!(
                found.starts_with(&acknowledged) && found.len() <= acknowledged.len() + 1,
                "stopped at step {step}, power goes: {power_goes}: {acknowledged:?}, {found:?}"
            );
            append(&partition, &["next"]);
        }
    }
}
