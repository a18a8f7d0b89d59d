//! The topics of a node, as a job on it sees them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use flow::topics::{Topics, partition_of};
use model::{ErrorCode, Isolation, Offset, TopicName};
use support::{Node, batch, values};

fn name(text: &str) -> TopicName {
    TopicName::parse(text).unwrap()
}

/// Runs `work` on a thread of its own, as jobs do: the calls block.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn what_a_job_appends_it_reads_and_clients_too() {
    let (node, mut peer) = Node::with_topic(1).await;
    let topics = Arc::clone(&node.topics);
    on_thread(move || {
        let partition = partition_of(&name("t"), 0);
        for offset in [0, 2] {
            let appended = topics.append(&partition, BytesMut::from(&batch(&["a", "b"])[..]));
            assert_eq!(appended, Ok(Offset(offset)));
        }
        topics.sync(&partition).unwrap();
        let ends = topics.ends(&partition).unwrap();
        assert_eq!(
            (ends.log_start, ends.readable_end, ends.log_end),
            (Offset(0), Offset(4), Offset(4))
        );
        let read = topics.read(&partition, Offset(1), 1, Isolation::ReadCommitted).unwrap();
        assert_eq!((values(&read.bytes).len(), read.next), (2, Offset(2)), "whole batches");
        topics.trim(&partition, Offset(3)).unwrap();
        assert_eq!(topics.ends(&partition).unwrap().log_start, Offset(3));
        let missing = partition_of(&name("nope"), 0);
        assert_eq!(topics.ends(&missing), Err(ErrorCode::UnknownTopicOrPartition));
    })
    .await;
    assert_eq!(values(&peer.fetch(3).await.records.unwrap()).len(), 2);
    node.stop().await;
}

#[tokio::test]
async fn a_job_is_woken_by_what_clients_produce() {
    let (node, mut peer) = Node::with_topic(1).await;
    let topics = Arc::clone(&node.topics);
    let end = [(partition_of(&name("t"), 0), Offset(0))];
    let (impatient, patient) = (end.clone(), end);
    let jobs = Arc::clone(&topics);
    assert!(!on_thread(move || jobs.wait(&impatient, Duration::from_millis(1))).await);
    let waiting = on_thread(move || topics.wait(&patient, Duration::from_secs(30)));
    let woken = tokio::spawn(waiting);
    peer.produce(batch(&["news"])).await;
    assert!(woken.await.unwrap());
    node.stop().await;
}

#[tokio::test]
async fn a_job_makes_topics_and_commits_its_positions() {
    let node = Node::start().await;
    let topics = Arc::clone(&node.topics);
    on_thread(move || {
        let made = topics.create(&name("made"), 3, &[("cleanup.policy", "compact")]).unwrap();
        assert_eq!(made.partitions, 3);
        let again = topics.create(&name("made"), 9, &[]).unwrap();
        assert_eq!(again, made, "it is there");
        let (first, second) = (topics.new_producer_id(), topics.new_producer_id());
        assert_ne!(first.unwrap(), second.unwrap());

        let partition = partition_of(&name("made"), 2);
        // The first commit makes the offsets topic; one after that is kept.
        while topics.committed("job", &partition) != Ok(Some(Offset(5))) {
            topics.commit("job", &[(partition.clone(), Offset(5))]);
        }
    })
    .await;
    node.stop().await;
}
