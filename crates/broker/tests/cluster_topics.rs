//! A job's calls to what another broker leads: each goes over a socket and says what the same call in place would.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::{path::Path, sync::Arc, time::Duration};

use broker::{BrokerOptions, ClusterTopics, LocalParts, SocketBrokers};
use bytes::BytesMut;
use flow::topics::{Producer, Topics, partition_of};
use metadata::options::ServerOptions;
use model::{
    BrokerId, ErrorCode, Isolation, LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs,
    TopicName, TopicPartition,
};
use records::{Batch, BatchBuilder, Codec};
use replication::ReplicaSet;
use storage::DataDirectory;
use support::{CLUSTER, Node};
use world::real::{OsDisk, SystemClock};

const PRODUCER: ProducerId = ProducerId(900);

/// The topics of `node`'s cluster as a second broker sees them, which has no partition of its own.
fn seen_from_elsewhere(node: &Node, folder: &Path) -> ClusterTopics {
    let id = BrokerId(2);
    let mut server = ServerOptions::new(id);
    server.set("log.dirs", folder.to_str().unwrap()).unwrap();
    let clock = Arc::new(SystemClock::new());
    let directory = DataDirectory::open(Arc::new(OsDisk), folder, CLUSTER, id).unwrap();
    let parts = LocalParts {
        replicas: ReplicaSet::new(Arc::new(directory), clock.clone(), server.clone()),
        controller: node.controller.clone(),
        coordinator: node.coordinator.clone(),
        producer_ids: node.transactions.producer_ids.clone(),
        publisher: node.publisher.clone(),
        clock,
        options: Arc::new(BrokerOptions::new(Arc::new(server), CLUSTER, "127.0.0.1", 1)),
    };
    ClusterTopics::new(parts, Arc::new(SocketBrokers::start(node.publisher.clone()).unwrap()))
}

/// Runs `body` with the topics as seen from elsewhere, and as seen in place.
async fn with_topics(body: impl FnOnce(&dyn Topics, &dyn Topics, TopicPartition) + Send + 'static) {
    let (node, _peer) = Node::with_topic(1).await;
    let folder = tempfile::tempdir().unwrap();
    let (elsewhere, here) = (seen_from_elsewhere(&node, folder.path()), node.topics.clone());
    let t = partition_of(&TopicName::parse("t").unwrap(), 0);
    tokio::task::spawn_blocking(move || body(&elsewhere, here.as_ref(), t)).await.unwrap();
    node.stop().await;
}

fn batch(epoch: i16, sequence: i32, at: i64) -> BytesMut {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.producer(PRODUCER, ProducerEpoch(epoch), sequence);
    builder.append(TimestampMs(at), None, Some(b"value"), &[]);
    builder.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_appended_elsewhere_is_read_from_elsewhere() {
    with_topics(|elsewhere, here, t| {
        assert!(!elsewhere.leadership(&t).unwrap().is_here);
        assert_eq!(elsewhere.append(&t, batch(0, 0, 1_000)), Ok(Offset(0)));
        assert_eq!(elsewhere.append(&t, batch(0, 1, 2_000)), Ok(Offset(1)));
        // Its answer was lost, say: the leader knows it again.
        assert_eq!(elsewhere.append(&t, batch(0, 1, 2_000)), Ok(Offset(1)));
        let isolation = Isolation::ReadCommitted;
        let read = elsewhere.read(&t, Offset(1), 1 << 20, isolation).unwrap();
        let in_place = here.read(&t, Offset(1), 1 << 20, isolation).unwrap();
        assert_eq!((read.next, read.readable_end), (Offset(2), Offset(2)));
        assert_eq!((&read.bytes, read.leader_epoch), (&in_place.bytes, in_place.leader_epoch));
        assert_eq!(Batch::parse(&read.bytes).unwrap().base_offset(), Offset(1));
        let end = elsewhere.read(&t, Offset(2), 1 << 20, isolation).unwrap();
        assert_eq!((end.next, end.bytes.len()), (Offset(2), 0));
        let beyond = elsewhere.read(&t, Offset(3), 1 << 20, isolation).map(|read| read.next);
        assert_eq!(beyond, Err(ErrorCode::OffsetOutOfRange));
        assert!(elsewhere.wait(&[(t, Offset(1))], Duration::from_secs(60)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_elsewhere_says_what_it_says_in_place() {
    with_topics(|elsewhere, here, t| {
        for at in 0..3 {
            here.append(&t, batch(0, at, 1_000 * i64::from(at))).unwrap();
        }
        assert_eq!(elsewhere.ends(&t), here.ends(&t));
        for time in [0, 1_500, 2_000, 9_000] {
            let time = TimestampMs(time);
            assert_eq!(elsewhere.offset_for_time(&t, time), here.offset_for_time(&t, time));
        }
        for epoch in [LeaderEpoch(0), here.leadership(&t).unwrap().epoch] {
            assert_eq!(elsewhere.end_of_epoch(&t, epoch), here.end_of_epoch(&t, epoch));
        }
        let gone = partition_of(&TopicName::parse("gone").unwrap(), 0);
        assert_eq!(elsewhere.ends(&gone), Err(ErrorCode::UnknownTopicOrPartition));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_reign_is_fenced_off_what_is_led_elsewhere() {
    with_topics(|elsewhere, here, t| {
        elsewhere.append(&t, batch(0, 0, 0)).unwrap();
        let reign = Producer { id: PRODUCER, epoch: ProducerEpoch(1) };
        let end = elsewhere.fence(&t, reign).unwrap();
        assert_eq!(end, Offset(2));
        for old in [elsewhere, here] {
            assert_eq!(old.append(&t, batch(0, 1, 0)), Err(ErrorCode::InvalidProducerEpoch));
        }
        // Once more, as after an answer that was lost.
        assert_eq!(elsewhere.fence(&t, reign), Ok(Offset(3)));
        assert_eq!(elsewhere.append(&t, batch(1, 0, 0)), Ok(Offset(3)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_led_elsewhere_is_not_written() {
    with_topics(|elsewhere, here, t| {
        let refused = elsewhere.append_here(&t, batch(0, 0, 0));
        assert_eq!(refused, Err(ErrorCode::NotLeaderOrFollower));
        assert_eq!(elsewhere.trim(&t, Offset(0)), Err(ErrorCode::NotLeaderOrFollower));
        assert_eq!(elsewhere.sync(&t), Ok(()));
        assert_eq!(here.ends(&t).unwrap().log_end, Offset(0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_kept_by_a_coordinator_elsewhere() {
    with_topics(|elsewhere, here, t| {
        assert_eq!(elsewhere.committed("g", &t), Ok(None));
        // The first commits make the topic, and are let go; none is waited for.
        let mut found = Ok(None);
        while found == Ok(None) {
            elsewhere.commit("g", &[(t.clone(), Offset(7))]);
            found = elsewhere.committed("g", &t);
        }
        assert_eq!(found, Ok(Some(Offset(7))));
        assert_eq!(here.committed("g", &t), Ok(Some(Offset(7))));
    })
    .await;
}
