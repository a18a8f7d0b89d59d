//! Two brokers over sockets: what the leader acknowledges is in the follower's log, byte for byte, and outlives the leader's reign.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod members;
mod support;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use members::Members;
use model::{ProducerEpoch, ProducerId, TimestampMs};
use records::{BatchBuilder, Codec};
use support::Peer;
use wire::{Api, messages as m};

async fn peer(members: &Members, id: i32) -> Peer {
    Peer::new(tokio::net::TcpStream::connect(members.member(id).address).await.unwrap())
}

fn batch(sequence: i32, values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.producer(ProducerId(7), ProducerEpoch(0), sequence);
    for value in values {
        builder.append(TimestampMs(1_000_000), None, Some(value.as_bytes()), &[]);
    }
    builder.finish().freeze()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_record_is_in_the_followers_log_and_outlives_the_reign() {
    let mut members = Members::start(2).await;
    members.create(1, &[("min.insync.replicas", "2")]);
    let mut peer_one = peer(&members, 1).await;
    for number in 0..5 {
        let answer = peer_one.produce(batch(2 * number, &["a", "b"])).await;
        assert_eq!((answer.error_code, answer.base_offset), (0, i64::from(2 * number)));
    }
    // Acknowledged is replicated: the follower has it all, whatever it knows of the watermark.
    assert_eq!(members.member(2).partition().offsets().log_end, model::Offset(10));
    members.member(2).knows(10).await;
    assert_eq!(members.member(1).bytes(), members.member(2).bytes());

    members.lead(2, 1);
    let refused = peer_one.produce(batch(10, &["c"])).await;
    assert_eq!(refused.error_code, 6, "NOT_LEADER_OR_FOLLOWER");
    let mut peer_two = peer(&members, 2).await;
    // The producer's last batch again, as if its answer had been lost: the new leader knows it.
    let answer = peer_two.produce(batch(8, &["a", "b"])).await;
    assert_eq!((answer.error_code, answer.base_offset), (0, 8));
    let answer = peer_two.produce(batch(10, &["c"])).await;
    assert_eq!((answer.error_code, answer.base_offset), (0, 10));
    members.member(1).knows(11).await;
    assert_eq!(members.member(1).bytes(), members.member(2).bytes());
    members.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_leader_gives_all_batches_from_the_first_on_once_it_knows_them_to_be_replicated() {
    let mut members = Members::start(2).await;
    members.create(1, &[("min.insync.replicas", "2")]);
    let mut expected = Vec::new();
    for reign in 0..6 {
        let leader = 1 + reign % 2;
        if reign > 0 {
            members.lead(leader, reign);
        }
        let mut peer = peer(&members, leader).await;
        // What the last leader knew of its high watermark, the new one may not: it waits for its followers, and so does who asks for all.
        let bytes_min = expected.len() * SINGLE_BYTES;
        let asked = support::fetch("t", 0, 0)
            .with_max_wait_ms(30_000)
            .with_min_bytes(i32::try_from(bytes_min).unwrap());
        let answer: wire::messages::FetchResponse = peer.ask(wire::Api::Fetch, 12, &asked).await;
        let part = &answer.responses[0].partitions[0];
        let records = part.records.clone().unwrap_or_default();
        assert_eq!(support::values(&records), expected, "reign {reign}");
        for _ in 0..3 {
            let next = i32::try_from(expected.len()).unwrap();
            let value = next.to_string();
            assert_eq!(peer.produce(batch(next, &[&value])).await.error_code, 0);
            expected.push((i64::from(next), value));
        }
        let read = peer.fetch(0).await.records.unwrap();
        assert_eq!(support::values(&read), expected, "what is acknowledged is read in one piece");
    }
    members.stop().await;
}

/// DeleteRecords of everything on `t-0`: the error and the low watermark.
async fn delete_all(peer: &mut Peer, timeout_ms: i32) -> (i16, i64) {
    let partition = m::delete_records_request::DeleteRecordsPartition::default().with_offset(-1);
    let topic = m::delete_records_request::DeleteRecordsTopic::default()
        .with_name(m::TopicName(m::text("t")))
        .with_partitions(vec![partition]);
    let asked =
        m::DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(timeout_ms);
    let answer: m::DeleteRecordsResponse = peer.ask(Api::DeleteRecords, 2, &asked).await;
    let part = &answer.topics[0].partitions[0];
    (part.error_code, part.low_watermark)
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_records_are_gone_from_all_that_are_alive_before_it_is_answered() {
    let mut members = Members::start(2).await;
    members.create(1, &[]);
    let mut leader = peer(&members, 1).await;
    assert_eq!(leader.produce(batch(0, &["a", "b"])).await.error_code, 0);
    assert_eq!(delete_all(&mut leader, 60_000).await, (0, 2));
    assert_eq!(members.member(2).partition().offsets().log_start, model::Offset(2));
    assert_eq!(delete_all(&mut leader, 60_000).await, (0, 2), "there is nothing to wait for");

    // A follower that fetches no more is waited for as long as the request allows; what is deleted stays so.
    assert_eq!(leader.produce(batch(2, &["c"])).await.error_code, 0);
    members.stop_fetching(2).await;
    assert_eq!(delete_all(&mut leader, 50).await, (7, 2), "REQUEST_TIMED_OUT");
    assert_eq!(members.member(1).partition().offsets().log_start, model::Offset(3));
    // One that is fenced is not.
    let waiting = tokio::spawn(async move { delete_all(&mut leader, 60_000).await });
    members.fence(2);
    assert_eq!(waiting.await.unwrap(), (0, 3));
    members.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn producers_are_described_by_followers_too() {
    let mut members = Members::start(2).await;
    members.create(1, &[("min.insync.replicas", "2")]);
    let mut leader = peer(&members, 1).await;
    assert_eq!(leader.produce(batch(0, &["a", "b"])).await.error_code, 0);
    for id in [1, 2] {
        let topic = m::describe_producers_request::TopicRequest::default()
            .with_name(m::TopicName(m::text("t")))
            .with_partition_indexes(vec![0, 7]);
        let asked = m::DescribeProducersRequest::default().with_topics(vec![topic]);
        let mut peer = peer(&members, id).await;
        let answer: m::DescribeProducersResponse =
            peer.ask(Api::DescribeProducers, 0, &asked).await;
        let [here, absent] = &answer.topics[0].partitions[..] else { panic!("{answer:?}") };
        assert_eq!((here.error_code, absent.error_code), (0, 3));
        let known = &here.active_producers[0];
        assert_eq!((known.producer_id.0, known.last_sequence), (7, 1), "broker {id}");
    }
    members.stop().await;
}

/// A batch of one record with a short value.
const SINGLE_BYTES: usize = 61 + 8;

/// librdkafka, for instance, asks once, at once, and then not for up to a second: who died is no use to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_because_a_leader_died_is_told_who_leads_next() {
    // The time for which a loss counts never passes.
    let mut members = Members::start_with(2, Arc::new(world::sim::SimClock::default())).await;
    members.create(1, &[]);
    assert_eq!(peer(&members, 1).await.produce(batch(0, &["a"])).await.error_code, 0);
    members.stop_serving(1).await;
    let losses = Arc::clone(members.member(2).replicas.losses());
    while losses.recent(world::Instant::default()).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    let mut survivor = peer(&members, 2).await;
    let nothing = m::MetadataRequest::default().with_topics(Some(Vec::new()));
    let brokers: m::MetadataResponse = survivor.ask(Api::Metadata, 12, &nothing).await;
    assert_eq!(brokers.brokers.len(), 2, "who does not ask for what it led need not wait");
    let asking = tokio::spawn(async move {
        let all = m::MetadataRequest::default().with_topics(None);
        survivor.ask::<m::MetadataResponse>(Api::Metadata, 12, &all).await
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!asking.is_finished(), "it waits for the image");
    members.lead(2, 1);
    members.fence(1);
    let told = asking.await.unwrap();
    assert_eq!(told.topics[0].partitions[0].leader_id.0, 2);
    members.stop().await;
}
