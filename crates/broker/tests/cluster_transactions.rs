//! Transactions over two brokers: the coordinator on one, partitions led by both. A reader of committed records sees all of a transaction or
//! nothing, on both, also when leaders change in its middle.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod members;
mod support;

use std::collections::BTreeSet;

use bytes::Bytes;
use members::{Members, topic_id};
use model::{ProducerEpoch, ProducerId, TimestampMs, TopicId};
use records::{BatchBuilder, Batches, Codec, control};
use support::{Peer, fetch, produce};
use wire::{
    Api,
    messages::{
        self as m, GroupId, StrBytes, TopicName, TransactionalId,
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
        text,
        txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic},
    },
};

const ID: &str = "tx";
/// What clients try again: loading, not available, not leader, not coordinator, not enough replicas, CONCURRENT_TRANSACTIONS.
const RETRIABLE: [i16; 6] = [14, 15, 6, 16, 19, 51];

type Producer = (m::ProducerId, i16);

/// Two brokers; the first coordinates transactions, the second groups; `t-0` and `t-1` are led by one each.
struct Cluster {
    members: Members,
    peers: Vec<Peer>,
    /// Who coordinates transactions.
    coordinator: i32,
    /// Who leads `t-0` and `t-1`.
    leaders: [i32; 2],
    epoch: i32,
    producer: Producer,
    sequences: [i32; 2],
}

fn state_topic() -> TopicId {
    TopicId::parse("AAAAAAAAAAAAAAAAAAAAAw").unwrap()
}

fn id() -> TransactionalId {
    TransactionalId(text(ID))
}

fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

impl Cluster {
    async fn start() -> Self {
        let mut members = Members::start(2).await;
        members.create_led(("__transaction_state", state_topic()), &[1], &[]);
        let offsets = TopicId::parse("AAAAAAAAAAAAAAAAAAAABA").unwrap();
        members.create_led(("__consumer_offsets", offsets), &[2; 7], &[]);
        members.create_led(("t", topic_id()), &[1, 2], &[]);
        let mut peers = Vec::new();
        for id in [1, 2] {
            let stream = tokio::net::TcpStream::connect(members.member(id).address).await.unwrap();
            peers.push(Peer::new(stream));
        }
        let (producer, sequences) = ((m::ProducerId(-1), -1), [0, 0]);
        let (coordinator, leaders, epoch) = (1, [1, 2], 0);
        let mut this = Self { members, peers, coordinator, leaders, epoch, producer, sequences };
        this.init().await;
        this
    }

    fn peer(&mut self, broker: i32) -> &mut Peer {
        &mut self.peers[usize::try_from(broker - 1).unwrap()]
    }

    async fn init(&mut self) {
        let asked = m::InitProducerIdRequest::default()
            .with_transactional_id(Some(id()))
            .with_transaction_timeout_ms(60_000);
        let other = 3 - self.coordinator;
        let refused: m::InitProducerIdResponse =
            self.peer(other).ask(Api::InitProducerId, 5, &asked).await;
        assert_eq!(refused.error_code, 16, "NOT_COORDINATOR");
        self.producer = loop {
            let answer: m::InitProducerIdResponse =
                self.peer(self.coordinator).ask(Api::InitProducerId, 5, &asked).await;
            if !RETRIABLE.contains(&answer.error_code) {
                assert_eq!(answer.error_code, 0);
                break (answer.producer_id, answer.producer_epoch);
            }
            tokio::task::yield_now().await;
        };
    }

    /// Writes `value` in the transaction, as often as it takes.
    async fn send(&mut self, partition: usize, value: &str) {
        let mut builder = BatchBuilder::new(Codec::None);
        let ((id_, epoch), sequence) = (self.producer, self.sequences[partition]);
        builder.producer(ProducerId(id_.0), ProducerEpoch(epoch), sequence).transactional(true);
        builder.append(TimestampMs(1_000), None, Some(value.as_bytes()), &[]);
        let batch: Bytes = builder.finish().freeze();
        let leader = self.leaders[partition];
        loop {
            let number = i32::try_from(partition).unwrap();
            let request = produce("t", number, -1, batch.clone()).with_transactional_id(Some(id()));
            let answer: m::ProduceResponse =
                self.peer(leader).ask(Api::Produce, 12, &request).await;
            let code = answer.responses[0].partition_responses[0].error_code;
            if !RETRIABLE.contains(&code) {
                assert_eq!(code, 0);
                break;
            }
            tokio::task::yield_now().await;
        }
        self.sequences[partition] += 1;
    }

    /// Sends the offset of group `g` along.
    async fn commit_offset(&mut self, offset: i64) {
        let partition = TxnOffsetCommitRequestPartition::default().with_committed_offset(offset);
        let topic = TxnOffsetCommitRequestTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![partition]);
        let asked = m::TxnOffsetCommitRequest::default()
            .with_transactional_id(id())
            .with_group_id(GroupId(text("g")))
            .with_producer_id(self.producer.0)
            .with_producer_epoch(self.producer.1)
            .with_topics(vec![topic]);
        loop {
            let answer: m::TxnOffsetCommitResponse =
                self.peer(2).ask(Api::TxnOffsetCommit, 5, &asked).await;
            let code = answer.topics[0].partitions[0].error_code;
            if !RETRIABLE.contains(&code) {
                assert_eq!(code, 0);
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The offset of group `g` that is stable.
    async fn offset(&mut self) -> i64 {
        let topic = OffsetFetchRequestTopics::default()
            .with_name(name("t"))
            .with_partition_indexes(vec![0]);
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(text("g")))
            .with_topics(Some(vec![topic]));
        let asked =
            m::OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(true);
        let answer: m::OffsetFetchResponse = self.peer(2).ask(Api::OffsetFetch, 8, &asked).await;
        let partition = &answer.groups[0].topics[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        partition.committed_offset
    }

    /// Says how the transaction ends; its markers may be under way when this returns.
    async fn end(&mut self, commit: bool) {
        let asked = m::EndTxnRequest::default()
            .with_transactional_id(id())
            .with_producer_id(self.producer.0)
            .with_producer_epoch(self.producer.1)
            .with_committed(commit);
        loop {
            let answer: m::EndTxnResponse =
                self.peer(self.coordinator).ask(Api::EndTxn, 5, &asked).await;
            if !RETRIABLE.contains(&answer.error_code) {
                assert_eq!(answer.error_code, 0);
                self.producer = (answer.producer_id, answer.producer_epoch);
                self.sequences = [0, 0];
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn state(&mut self) -> String {
        let asked = m::DescribeTransactionsRequest::default().with_transactional_ids(vec![id()]);
        let answer: m::DescribeTransactionsResponse =
            self.peer(self.coordinator).ask(Api::DescribeTransactions, 0, &asked).await;
        answer.transaction_states[0].transaction_state.to_string()
    }

    /// Waits until all markers are written.
    async fn settled(&mut self, expected: &str) {
        loop {
            let state = self.state().await;
            if state.starts_with("Complete") {
                assert_eq!(state, expected);
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The values that a reader of committed records sees in each partition.
    async fn committed(&mut self) -> [Vec<String>; 2] {
        let mut seen = [Vec::new(), Vec::new()];
        for (partition, seen) in (0..).zip(&mut seen) {
            let leader = self.leaders[usize::try_from(partition).unwrap()];
            // An answer may hold less than there is.
            let (mut from, mut stable) = (0, 1);
            while from < stable {
                let mut request = fetch("t", partition, from);
                request.isolation_level = 1;
                let answer: m::FetchResponse =
                    self.peer(leader).ask(Api::Fetch, 12, &request).await;
                let part = &answer.responses[0].partitions[0];
                stable = part.last_stable_offset;
                from = keep(part, seen).unwrap_or(stable);
            }
        }
        seen
    }

    fn lead(&mut self, partition: usize, leader: i32) {
        self.epoch += 1;
        self.leaders[partition] = leader;
        let number = i32::try_from(partition).unwrap();
        self.members.lead_in((topic_id(), number), leader, self.epoch);
    }

    fn coordinate(&mut self, broker: i32) {
        self.epoch += 1;
        self.coordinator = broker;
        self.members.lead_in((state_topic(), 0), broker, self.epoch);
    }
}

/// Adds what a client keeps of an answer: no markers, and nothing of what was aborted. Answers where it ends, if it holds anything.
fn keep(part: &m::fetch_response::PartitionData, kept: &mut Vec<String>) -> Option<i64> {
    assert_eq!(part.error_code, 0);
    let (mut next, mut aborting) = (None, BTreeSet::new());
    let mut aborted: Vec<_> = part.aborted_transactions.clone().unwrap_or_default();
    for batch in Batches::new(part.records.as_deref().unwrap_or_default()) {
        let batch = batch.unwrap();
        let mut scratch = Vec::new();
        aborted.retain(|one| {
            let is_here = one.first_offset <= batch.base_offset().0;
            is_here.then(|| aborting.insert(one.producer_id.0));
            !is_here
        });
        for record in batch.records(&mut scratch).unwrap() {
            let record = record.unwrap();
            next = Some(record.offset.0 + 1);
            if batch.is_control() {
                assert!(control::parse(&record).is_some());
                aborting.remove(&batch.producer_id().0);
            } else if !aborting.contains(&batch.producer_id().0) {
                kept.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
            }
        }
    }
    next
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_over_two_brokers_is_seen_whole_or_not_at_all() {
    let mut cluster = Cluster::start().await;
    let find =
        m::FindCoordinatorRequest::default().with_key_type(1).with_coordinator_keys(vec![text(ID)]);
    for broker in [1, 2] {
        let found: m::FindCoordinatorResponse =
            cluster.peer(broker).ask(Api::FindCoordinator, 4, &find).await;
        assert_eq!((found.coordinators[0].error_code, found.coordinators[0].node_id.0), (0, 1));
    }
    let mut expected: Vec<String> = Vec::new();
    let mut offset = -1;
    for round in 0..6 {
        let is_commit = round % 2 == 0;
        let value = format!("{round}");
        cluster.send(0, &value).await;
        cluster.send(1, &value).await;
        cluster.commit_offset(round).await;
        assert_eq!(cluster.committed().await, [expected.clone(), expected.clone()]);
        cluster.end(is_commit).await;
        cluster.settled(if is_commit { "CompleteCommit" } else { "CompleteAbort" }).await;
        if is_commit {
            expected.push(value);
            offset = round;
        }
        assert_eq!(cluster.committed().await, [expected.clone(), expected.clone()]);
        assert_eq!(cluster.offset().await, offset);
    }
    cluster.members.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn markers_follow_a_leader_that_changes_in_the_middle() {
    let mut cluster = Cluster::start().await;
    let mut expected: Vec<String> = Vec::new();
    for (round, is_commit) in [(0, true), (1, false), (2, true)] {
        let value = format!("{round}");
        cluster.send(0, &value).await;
        cluster.send(1, &value).await;
        let back = cluster.leaders[1];
        // Nobody leads the second partition when the transaction ends: its marker waits for a leader.
        cluster.lead(1, -1);
        cluster.end(is_commit).await;
        assert!(cluster.state().await.starts_with("Prepare"));
        cluster.lead(1, 3 - back);
        cluster.settled(if is_commit { "CompleteCommit" } else { "CompleteAbort" }).await;
        if is_commit {
            expected.push(value);
        }
        assert_eq!(cluster.committed().await, [expected.clone(), expected.clone()]);
    }
    cluster.members.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_coordinator_ends_what_the_first_has_begun() {
    let mut cluster = Cluster::start().await;
    let mut expected: Vec<String> = Vec::new();
    for (round, is_commit) in [(0, true), (1, false), (2, true), (3, true)] {
        let value = format!("{round}");
        cluster.send(0, &value).await;
        cluster.coordinate(3 - cluster.coordinator);
        // The new coordinator is asked for the second partition, and asked to end what it did not begin.
        cluster.send(1, &value).await;
        if round == 2 {
            cluster.lead(0, 3 - cluster.leaders[0]);
        }
        cluster.end(is_commit).await;
        if round == 3 {
            // Prepared by one, its markers are ordered again by the next.
            cluster.coordinate(3 - cluster.coordinator);
        }
        cluster.settled(if is_commit { "CompleteCommit" } else { "CompleteAbort" }).await;
        if is_commit {
            expected.push(value);
        }
        assert_eq!(cluster.committed().await, [expected.clone(), expected.clone()]);
    }
    cluster.members.stop().await;
}
