//! What a fetch looks at, on the partitions of a lone node: what has moved, and nothing else.

use std::path::Path;

use metadata::{Delta, Fact, Image, StateFact, options::ServerOptions};
use model::{
    BrokerId, ErrorCode, Isolation, LeaderEpoch, Offset, PartitionEpoch, PartitionId, TimestampMs,
    TopicId, TopicName,
};
use records::{BatchBuilder, Codec};
use replication::{Acks, FetchRequest as Read, Partition, ReplicaSet};
use storage::{DataDirectory, Origin};
use wire::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use world::sim::{SimClock, SimDisk};

use super::*;

const COUNT: i32 = 4;
const NOTHING: [i32; 0] = [];
const READER: Reader = Reader::Consumer(Isolation::ReadUncommitted);

struct Node {
    replicas: Arc<ReplicaSet>,
    topic: TopicId,
}

impl Node {
    fn new() -> Self {
        let me = BrokerId(1);
        let disk = Arc::new(SimDisk::new());
        let directory = DataDirectory::open(disk, Path::new("/data"), "c", me).unwrap();
        let clock = Arc::new(SimClock::new(TimestampMs(1_000_000)));
        let replicas = ReplicaSet::new(Arc::new(directory), clock, ServerOptions::new(me));
        let topic = TopicId::parse("AAAAAAAAAAAAAAAAAAAAAg").unwrap();
        let state = StateFact {
            replicas: vec![me],
            isr: vec![me],
            leader: me,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            adding: Vec::new(),
            removing: Vec::new(),
            elr: Vec::new(),
            last_leader: metadata::NO_LEADER,
        };
        let facts = [
            Fact::Topic { name: TopicName::parse("t").unwrap(), id: topic },
            Fact::Partitions { topic, first: PartitionId(0), count: COUNT, state },
        ];
        let mut image = Image::default();
        facts.iter().for_each(|fact| image.apply(fact));
        replicas.apply(&image, &Delta::everything());
        Self { replicas, topic }
    }

    fn partition(&self, index: i32) -> Arc<Partition> {
        self.replicas.find_by_id(self.topic, PartitionId(index)).unwrap()
    }

    fn append(&self, index: i32) {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.append(TimestampMs(1_000_000), None, Some(b"x"), &[]);
        self.partition(index).append(builder.finish(), Acks::All, Origin::Client).unwrap();
    }

    /// A request of version 13 that names partitions with their offsets, and forgets others.
    fn asked(&self, named: &[(i32, i64)], forgotten: &[i32]) -> FetchRequest {
        let partition = |(index, from): &(i32, i64)| {
            FetchPartition::default()
                .with_partition(*index)
                .with_fetch_offset(*from)
                .with_partition_max_bytes(1 << 20)
        };
        let topic = FetchTopic::default().with_topic_id(self.topic.0);
        let topic = topic.with_partitions(named.iter().map(partition).collect());
        let forget = ForgottenTopic::default().with_topic_id(self.topic.0);
        let forget = forget.with_partitions(forgotten.to_vec());
        FetchRequest::default().with_topics(vec![topic]).with_forgotten_topics_data(vec![forget])
    }

    fn all(&self) -> Targets {
        let named: Vec<(i32, i64)> = (0..COUNT).map(|index| (index, 0)).collect();
        Targets::named(&self.asked(&named, &[]), 13)
    }

    fn read(&self, targets: &mut Targets) -> Vec<(Slot, Outcome)> {
        targets.read(READER, |target| {
            let partition = self.partition(target.key.index().0);
            target.set_found(Arc::clone(&partition));
            READER.read(&partition, request(target.from), target.log_start)
        })
    }

    /// One fetch, answered; which partitions it looked at.
    fn fetch(&self, targets: &mut Targets) -> Vec<i32> {
        let read = self.read(targets);
        let looked_at = indexes(targets, &read);
        answer(targets, &read);
        looked_at
    }
}

fn request(from: Offset) -> Read {
    Read {
        from,
        bytes_max: 1 << 20,
        at_least_one: true,
        isolation: Isolation::ReadUncommitted,
        current_leader_epoch: None,
        last_fetched_epoch: None,
    }
}

fn indexes(targets: &Targets, read: &[(Slot, Outcome)]) -> Vec<i32> {
    read.iter().map(|(slot, _)| targets.target(*slot).unwrap().key.index().0).collect()
}

fn answer(targets: &mut Targets, read: &[(Slot, Outcome)]) {
    let mut served = Vec::new();
    for (slot, outcome) in read {
        targets.on_told(*slot, outcome);
        if outcome.size_bytes() > 0 {
            served.push(*slot);
        }
    }
    targets.on_answered(&served);
}

#[test]
fn only_what_has_moved_is_looked_at() {
    let node = Node::new();
    let mut targets = node.all();
    assert_eq!(node.fetch(&mut targets), [0, 1, 2, 3]);
    assert_eq!(node.fetch(&mut targets), NOTHING);
    node.append(2);
    node.append(1);
    assert_eq!(node.fetch(&mut targets), [2, 1]);
    // What was served is read again until its reader goes on, after what has not been.
    node.append(3);
    assert_eq!(node.fetch(&mut targets), [2, 1, 3]);
    targets.change(&node.asked(&[(2, 1), (1, 1), (3, 1)], &[]), 13);
    assert_eq!(node.fetch(&mut targets), [2, 1, 3]);
    assert_eq!(node.fetch(&mut targets), NOTHING);
}

#[test]
fn who_is_parked_is_woken_by_each_that_moves_and_by_none_that_is_forgotten() {
    let node = Node::new();
    let mut targets = node.all();
    node.fetch(&mut targets);
    targets.change(&node.asked(&[], &[0, 1]), 13);
    let read = node.read(&mut targets);
    let waiter = Waiter::new();
    targets.park(&read, true, &waiter);
    node.append(0);
    assert!(!waiter.is_woken(), "it is forgotten");
    node.append(3);
    assert!(waiter.is_woken());
    assert_eq!(node.fetch(&mut targets), [3]);
    // The forgotten one's place is taken by another reading of it.
    targets.change(&node.asked(&[(0, 0)], &[3]), 13);
    assert_eq!(targets.len(), 2);
    assert_eq!(node.fetch(&mut targets), [0]);
}

#[test]
fn what_moves_between_the_reading_and_the_parking_wakes() {
    let node = Node::new();
    for is_first in [true, false] {
        let mut targets = node.all();
        if !is_first {
            node.fetch(&mut targets);
            node.fetch(&mut targets);
        }
        let read = node.read(&mut targets);
        node.append(0);
        let waiter = Waiter::new();
        targets.park(&read, !is_first, &waiter);
        assert!(waiter.is_woken());
        assert!(!node.fetch(&mut targets).is_empty());
    }
}

#[test]
fn a_first_request_that_waits_answers_all_in_the_end() {
    let node = Node::new();
    let mut targets = node.all();
    let read = node.read(&mut targets);
    targets.park(&read, false, &Waiter::new());
    node.append(1);
    assert_eq!(node.fetch(&mut targets), [0, 1, 2, 3]);
    assert_eq!(node.fetch(&mut targets), [1]);
}

#[test]
fn an_error_is_told_again_and_another_reader_looks_at_all() {
    let node = Node::new();
    let mut targets = node.all();
    let read = targets.read(READER, |_| Outcome::Refused(ErrorCode::NotLeaderOrFollower));
    answer(&mut targets, &read);
    assert_eq!(node.fetch(&mut targets), [0, 1, 2, 3]);
    assert_eq!(node.fetch(&mut targets), NOTHING);
    let other = Reader::Consumer(Isolation::ReadCommitted);
    assert_eq!(targets.read(other, |_| Outcome::Refused(ErrorCode::None)).len(), 4);
}
