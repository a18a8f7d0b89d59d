//! Transactions over the socket: both protocols, what readers see, what is refused, and the tools' questions.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use model::{ProducerEpoch, ProducerId, TimestampMs};
use records::{BatchBuilder, Codec};
use support::{Node, Peer, fetch, produce};
use wire::{
    Api,
    messages::{
        self as m, GroupId, StrBytes, TopicName, TransactionalId,
        add_partitions_to_txn_request::AddPartitionsToTxnTopic,
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
        text,
        txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic},
    },
};

const ID: &str = "tx";
const CONCURRENT: i16 = 51;

fn id() -> TransactionalId {
    TransactionalId(text(ID))
}

fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

type Producer = (m::ProducerId, i16);

/// A node with topic `t`, a peer, and the producer of a transactional id.
async fn begin(settings: &[(&str, &str)]) -> (Node, Peer, Producer) {
    let node = Node::start_with(settings).await;
    let mut peer = node.connect().await;
    peer.create_topic("t", 2).await;
    let find =
        m::FindCoordinatorRequest::default().with_key_type(1).with_coordinator_keys(vec![text(ID)]);
    let found: m::FindCoordinatorResponse = peer.ask(Api::FindCoordinator, 4, &find).await;
    assert_eq!(found.coordinators[0].error_code, 0);
    let producer = init(&mut peer).await;
    (node, peer, producer)
}

async fn init(peer: &mut Peer) -> Producer {
    loop {
        let asked = m::InitProducerIdRequest::default()
            .with_transactional_id(Some(id()))
            .with_transaction_timeout_ms(60_000);
        let answer: m::InitProducerIdResponse = peer.ask(Api::InitProducerId, 5, &asked).await;
        // The coordinator loads its partition, or ends the last transaction: clients ask again.
        if !matches!(answer.error_code, 14 | 15 | CONCURRENT) {
            assert_eq!(answer.error_code, 0);
            return (answer.producer_id, answer.producer_epoch);
        }
        tokio::task::yield_now().await;
    }
}

fn batch((id, epoch): Producer, sequence: i32, value: &str) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.producer(ProducerId(id.0), ProducerEpoch(epoch), sequence).transactional(true);
    builder.append(TimestampMs(1_000), None, Some(value.as_bytes()), &[]);
    builder.finish().freeze()
}

async fn send(peer: &mut Peer, version: i16, records: Bytes) -> i16 {
    let request = produce("t", 0, -1, records).with_transactional_id(Some(id()));
    let answer: m::ProduceResponse = peer.ask(Api::Produce, version, &request).await;
    answer.responses[0].partition_responses[0].error_code
}

async fn add(peer: &mut Peer, producer: Producer) -> i16 {
    let topic = AddPartitionsToTxnTopic::default().with_name(name("t")).with_partitions(vec![0]);
    let asked = m::AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(id())
        .with_v3_and_below_producer_id(producer.0)
        .with_v3_and_below_producer_epoch(producer.1)
        .with_v3_and_below_topics(vec![topic]);
    let answer: m::AddPartitionsToTxnResponse = peer.ask(Api::AddPartitionsToTxn, 3, &asked).await;
    answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
}

async fn end(peer: &mut Peer, version: i16, producer: Producer, commit: bool) -> (i16, Producer) {
    let asked = m::EndTxnRequest::default()
        .with_transactional_id(id())
        .with_producer_id(producer.0)
        .with_producer_epoch(producer.1)
        .with_committed(commit);
    let answer: m::EndTxnResponse = peer.ask(Api::EndTxn, version, &asked).await;
    (answer.error_code, (answer.producer_id, answer.producer_epoch))
}

/// Waits until the markers are written.
async fn settled(peer: &mut Peer) -> String {
    loop {
        let asked = m::DescribeTransactionsRequest::default().with_transactional_ids(vec![id()]);
        let answer: m::DescribeTransactionsResponse =
            peer.ask(Api::DescribeTransactions, 0, &asked).await;
        let state = answer.transaction_states[0].transaction_state.to_string();
        if !state.starts_with("Prepare") {
            return state;
        }
        tokio::task::yield_now().await;
    }
}

/// The last stable offset and the aborted transactions that a reader of committed records is told.
async fn stable(peer: &mut Peer) -> (i64, Vec<i64>) {
    let mut request = fetch("t", 0, 0);
    request.isolation_level = 1;
    let answer: m::FetchResponse = peer.ask(Api::Fetch, 12, &request).await;
    let part = &answer.responses[0].partitions[0];
    let aborted = part.aborted_transactions.iter().flatten().map(|one| one.first_offset);
    (part.last_stable_offset, aborted.collect())
}

#[tokio::test]
async fn the_classic_flow_commits_and_aborts() {
    let (node, mut peer, producer) = begin(&[]).await;
    let peer = &mut peer;
    assert_eq!(send(peer, 11, batch(producer, 0, "early")).await, 120, "not in the transaction");
    assert_eq!(send(peer, 9, batch(producer, 0, "early")).await, 48, "as older clients know it");
    assert_eq!(add(peer, producer).await, 0);
    assert_eq!(send(peer, 11, batch(producer, 0, "kept")).await, 0);
    assert_eq!(stable(peer).await, (0, vec![]));
    assert_eq!(end(peer, 4, producer, true).await.0, 0);
    assert_eq!(settled(peer).await, "CompleteCommit");
    assert_eq!(stable(peer).await, (2, vec![]));
    // A batch that comes late begins no transaction that nobody will end.
    assert_eq!(send(peer, 11, batch(producer, 1, "late")).await, 120);
    assert_eq!(add(peer, producer).await, 0);
    assert_eq!(send(peer, 11, batch(producer, 1, "gone")).await, 0);
    assert_eq!(end(peer, 4, producer, false).await.0, 0);
    assert_eq!(settled(peer).await, "CompleteAbort");
    assert_eq!(stable(peer).await, (4, vec![2]));
    let next = init(peer).await;
    assert_eq!(next.1, producer.1 + 1);
    assert_eq!(add(peer, producer).await, 90, "PRODUCER_FENCED");
    assert_eq!(end(peer, 1, producer, true).await.0, 47, "as older clients know it");
    node.stop().await;
}

#[tokio::test]
async fn the_second_version_adds_by_writing_and_takes_an_epoch_for_each_end() {
    let (node, mut peer, mut producer) = begin(&[]).await;
    let peer = &mut peer;
    for round in 0..20 {
        loop {
            let code = send(peer, 12, batch(producer, 0, "x")).await;
            if code != CONCURRENT {
                assert_eq!(code, 0);
                break;
            }
        }
        let (code, next) = end(peer, 5, producer, round % 2 == 0).await;
        assert_eq!((code, next), (0, (producer.0, producer.1 + 1)));
        producer = next;
    }
    settled(peer).await;
    let (last_stable, aborted) = stable(peer).await;
    assert_eq!((last_stable, aborted.len()), (40, 10));
    let old = (producer.0, producer.1 - 1);
    assert_eq!(send(peer, 12, batch(old, 1, "late")).await, 47, "INVALID_PRODUCER_EPOCH");
    node.stop().await;
}

#[tokio::test]
async fn a_new_producer_aborts_what_the_old_one_has_open() {
    let (node, mut peer, old) = begin(&[]).await;
    let peer = &mut peer;
    assert_eq!(send(peer, 12, batch(old, 0, "open")).await, 0);
    let new = init(peer).await;
    assert!(new.1 > old.1);
    assert_eq!(stable(peer).await, (2, vec![0]));
    assert_eq!(send(peer, 12, batch(old, 1, "zombie")).await, 47);
    node.stop().await;
}

#[tokio::test]
async fn offsets_become_true_with_their_transaction() {
    let (node, mut peer, producer) = begin(&[]).await;
    let peer = &mut peer;
    let find = m::FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g")]);
    let _: m::FindCoordinatorResponse = peer.ask(Api::FindCoordinator, 4, &find).await;
    let commit = |offset, producer: Producer| {
        let partition = TxnOffsetCommitRequestPartition::default().with_committed_offset(offset);
        let topic = TxnOffsetCommitRequestTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![partition]);
        m::TxnOffsetCommitRequest::default()
            .with_transactional_id(id())
            .with_group_id(GroupId(text("g")))
            .with_producer_id(producer.0)
            .with_producer_epoch(producer.1)
            .with_topics(vec![topic])
    };
    let topic =
        OffsetFetchRequestTopics::default().with_name(name("t")).with_partition_indexes(vec![0]);
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text("g")))
        .with_topics(Some(vec![topic]));
    let fetch = m::OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(true);
    let mut at = producer;
    for (offset, is_commit, seen) in [(7, true, 7), (9, false, 7)] {
        loop {
            let answer: m::TxnOffsetCommitResponse =
                peer.ask(Api::TxnOffsetCommit, 5, &commit(offset, at)).await;
            let code = answer.topics[0].partitions[0].error_code;
            if !matches!(code, 14 | CONCURRENT) {
                assert_eq!(code, 0);
                break;
            }
        }
        let answer: m::OffsetFetchResponse = peer.ask(Api::OffsetFetch, 8, &fetch).await;
        let partition = &answer.groups[0].topics[0].partitions[0];
        assert_eq!(partition.error_code, 88, "UNSTABLE_OFFSET_COMMIT");
        at = end(peer, 5, at, is_commit).await.1;
        settled(peer).await;
        let answer: m::OffsetFetchResponse = peer.ask(Api::OffsetFetch, 8, &fetch).await;
        let partition = &answer.groups[0].topics[0].partitions[0];
        assert_eq!((partition.error_code, partition.committed_offset), (0, seen));
    }
    let stale: m::TxnOffsetCommitResponse =
        peer.ask(Api::TxnOffsetCommit, 5, &commit(11, producer)).await;
    assert_eq!(stale.topics[0].partitions[0].error_code, 47);
    node.stop().await;
}

/// What `kafka-transactions describe-producers` and `abort` do: find who holds the partition up, and end that by hand.
#[tokio::test]
async fn an_operator_ends_a_transaction_by_a_marker() {
    let settings = [("transaction.partition.verification.enable", "false")];
    let (node, mut peer, producer) = begin(&settings).await;
    let peer = &mut peer;
    assert_eq!(send(peer, 11, batch(producer, 0, "hangs")).await, 0, "nobody verifies");
    let topic = m::describe_producers_request::TopicRequest::default()
        .with_name(name("t"))
        .with_partition_indexes(vec![0, 9]);
    let asked = m::DescribeProducersRequest::default().with_topics(vec![topic]);
    let answer: m::DescribeProducersResponse = peer.ask(Api::DescribeProducers, 0, &asked).await;
    let parts = &answer.topics[0].partitions;
    assert_eq!((parts[0].error_code, parts[1].error_code), (0, 3));
    let found = &parts[0].active_producers[0];
    assert_eq!((found.producer_id, found.current_txn_start_offset), (producer.0, 0));
    let topic = m::write_txn_markers_request::WritableTxnMarkerTopic::default()
        .with_name(name("t"))
        .with_partition_indexes(vec![0, 9]);
    let marker = m::write_txn_markers_request::WritableTxnMarker::default()
        .with_producer_id(producer.0)
        .with_producer_epoch(i16::try_from(found.producer_epoch).unwrap())
        .with_coordinator_epoch(found.coordinator_epoch.max(0))
        .with_topics(vec![topic]);
    let asked = m::WriteTxnMarkersRequest::default().with_markers(vec![marker]);
    let answer: m::WriteTxnMarkersResponse = peer.ask(Api::WriteTxnMarkers, 1, &asked).await;
    let codes: Vec<i16> =
        answer.markers[0].topics[0].partitions.iter().map(|part| part.error_code).collect();
    assert_eq!(codes, [0, 3]);
    assert_eq!(stable(peer).await, (2, vec![0]));
    node.stop().await;
}

#[tokio::test]
async fn transactions_are_listed_and_filtered() {
    let (node, mut peer, producer) = begin(&[]).await;
    let peer = &mut peer;
    assert_eq!(add(peer, producer).await, 0);
    let list = |states: &[&str], pattern: Option<&str>| {
        m::ListTransactionsRequest::default()
            .with_state_filters(states.iter().map(|state| text(state)).collect())
            .with_transactional_id_pattern(pattern.map(text))
            .with_duration_filter(-1)
    };
    #[rustfmt::skip]
    let table = [
        (list(&[], None),                      0, 1, 0),
        (list(&["Ongoing"], Some("t.*")),      0, 1, 0),
        (list(&["Ongoing"], Some("t")),        0, 0, 0),
        (list(&["Empty"], None),               0, 0, 0),
        (list(&["Odd"], None),                 0, 0, 1),
        (list(&["Odd", "Ongoing"], None),      0, 1, 1),
        (list(&[], Some("(")),                 128, 0, 0),
    ];
    for (asked, code, listed, unknown) in table {
        let answer = loop {
            let answer: m::ListTransactionsResponse =
                peer.ask(Api::ListTransactions, 2, &asked).await;
            if answer.error_code != 14 {
                break answer; // every partition is loaded
            }
        };
        let (seen, odd) = (answer.transaction_states.len(), answer.unknown_state_filters.len());
        assert_eq!((answer.error_code, seen, odd), (code, listed, unknown), "{asked:?}");
    }
    node.stop().await;
}

#[tokio::test]
async fn a_transaction_that_takes_too_long_is_aborted() {
    let (node, mut peer, _) = begin(&[]).await;
    let peer = &mut peer;
    let asked = m::InitProducerIdRequest::default()
        .with_transactional_id(Some(id()))
        .with_transaction_timeout_ms(50);
    let answer: m::InitProducerIdResponse = peer.ask(Api::InitProducerId, 5, &asked).await;
    let producer = (answer.producer_id, answer.producer_epoch);
    assert_eq!(send(peer, 12, batch(producer, 0, "slow")).await, 0);
    while stable(peer).await.0 == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await; // no edge to wait for from outside
    }
    assert_eq!(settled(peer).await, "CompleteAbort");
    assert_eq!(end(peer, 5, producer, true).await.0, 48, "INVALID_TXN_STATE: it was aborted");
    node.stop().await;
}
