//! Produce, Fetch and what is asked of offsets, as a client sees them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bytes::{BufMut, Bytes, BytesMut};
use model::{ProducerEpoch, ProducerId};
use records::{BatchBuilder, Codec};
use support::{Node, batch, fetch, now, produce, values};
use tokio::io::AsyncWriteExt;
use wire::{
    Api,
    messages::{
        DeleteRecordsRequest, DeleteRecordsResponse, FetchResponse, InitProducerIdRequest,
        InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
        MetadataResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
        ProduceResponse, TopicName, TransactionalId,
        delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
        text,
    },
};

async fn topic_id(peer: &mut support::Peer) -> uuid::Uuid {
    let answer: MetadataResponse =
        peer.ask(Api::Metadata, 12, &MetadataRequest::default().with_topics(None)).await;
    answer.topics[0].topic_id
}

#[tokio::test]
async fn what_is_produced_in_any_version_is_fetched_in_any_version() {
    let (node, mut peer) = Node::with_topic(1).await;
    let id = topic_id(&mut peer).await;
    let mut expected = Vec::new();
    for version in 3..=13 {
        let value = format!("v{version}");
        let mut request = produce("t", 0, -1, batch(&[&value, "more"]));
        if version >= 13 {
            request.topic_data[0].name = TopicName::default();
            request.topic_data[0].topic_id = id;
        }
        let answer: ProduceResponse = peer.ask(Api::Produce, version, &request).await;
        let part = &answer.responses[0].partition_responses[0];
        assert_eq!(part.error_code, 0, "{:?}", part.error_message);
        assert_eq!(part.base_offset, expected.len() as i64);
        assert_eq!(part.log_append_time_ms, -1);
        for value in [value.as_str(), "more"] {
            expected.push((expected.len() as i64, value.to_owned()));
        }
    }
    for version in 4..=18 {
        let mut request = fetch("t", 0, 0);
        if version >= 13 {
            request.topics[0].topic = TopicName::default();
            request.topics[0].topic_id = id;
        }
        let answer: FetchResponse = peer.ask(Api::Fetch, version, &request).await;
        let part = &answer.responses[0].partitions[0];
        assert_eq!(part.error_code, 0);
        assert_eq!(part.high_watermark, expected.len() as i64);
        assert_eq!(values(part.records.as_ref().unwrap()), expected, "v{version}");
    }
    node.stop().await;
}

#[tokio::test]
async fn each_fault_of_a_produce_has_kafkas_error() {
    let (node, mut peer) = Node::with_topic(1).await;
    let good = batch(&["a"]);
    let mut corrupt = good.to_vec();
    *corrupt.last_mut().unwrap() ^= 1;
    let twice = [good.clone(), good.clone()].concat();
    let mut old = good.to_vec();
    old[16] = 1;
    let cases: Vec<(&str, i32, i16, Bytes, i16)> = vec![
        ("t", 0, 7, good.clone(), 21),
        ("nope", 0, 1, good.clone(), 3),
        ("t", 1, 1, good.clone(), 3),
        ("t", -1, 1, good.clone(), 3),
        ("__consumer_offsets", 0, 1, good.clone(), 3),
        ("t", 0, 1, corrupt.into(), 2),
        ("t", 0, 1, twice.into(), 87),
        ("t", 0, 1, old.into(), 87),
        ("t", 0, 1, good.slice(..40), 2),
        ("t", 0, 1, Bytes::new(), 2),
        ("t", 0, 1, batch(&["x".repeat(2 << 20).as_str()]), 10),
    ];
    for (topic, partition, acks, bytes, error) in cases {
        let request = produce(topic, partition, acks, bytes);
        let answer: ProduceResponse = peer.ask(Api::Produce, 9, &request).await;
        let part = &answer.responses[0].partition_responses[0];
        let shown = (topic, partition, acks, part.error_message.as_ref());
        assert_eq!(part.error_code, error, "{shown:?}");
        assert_eq!((part.base_offset, part.index), (-1, partition));
    }
    let mut unknown = produce("", 0, 1, good);
    unknown.topic_data[0].topic_id = uuid::Uuid::from_u128(77);
    let answer: ProduceResponse = peer.ask(Api::Produce, 13, &unknown).await;
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 100);
    assert_eq!(answer.responses[0].topic_id, uuid::Uuid::from_u128(77));
    assert_eq!(peer.fetch(0).await.high_watermark, 0, "nothing was appended");
    node.stop().await;
}

#[tokio::test]
async fn without_acks_there_is_no_answer_and_a_failure_ends_the_connection() {
    let (node, mut peer) = Node::with_topic(1).await;
    peer.send(Api::Produce, 9, &produce("t", 0, 0, batch(&["a"]))).await;
    assert_eq!(values(&peer.fetch(0).await.records.unwrap()), [(0, "a".to_owned())]);
    peer.send(Api::Produce, 9, &produce("nope", 0, 0, batch(&["a"]))).await;
    assert_eq!(peer.frame().await, None);
    node.stop().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_reads_see_the_writes_before_them() {
    let (node, mut peer) = Node::with_topic(1).await;
    let mut stream = BytesMut::new();
    for round in 0..50 {
        for version in [3, 9] {
            let value = format!("{round}");
            let request = produce("t", 0, -1, batch(&[&value]));
            stream.put(peer.encode(Api::Produce, version, &request));
        }
        stream.put(peer.encode(Api::Fetch, 12, &fetch("t", 0, 2 * round + 1)));
    }
    peer.stream.write_all(&stream).await.unwrap();
    let mut last = 1;
    for round in 0..50 {
        for version in [3, 9] {
            let (correlation, answer): (_, ProduceResponse) =
                peer.answer(Api::Produce, version).await;
            assert_eq!(correlation, last + 1);
            last = correlation;
            let offset = answer.responses[0].partition_responses[0].base_offset;
            assert_eq!(offset, 2 * round + i64::from(version == 9));
        }
        let (correlation, answer): (_, FetchResponse) = peer.answer(Api::Fetch, 12).await;
        assert_eq!(correlation, last + 1);
        last = correlation;
        let part = &answer.responses[0].partitions[0];
        assert_eq!(values(part.records.as_ref().unwrap()), [(2 * round + 1, round.to_string())]);
    }
    node.stop().await;
}

#[tokio::test]
async fn a_retried_batch_of_an_idempotent_producer_is_appended_once() {
    let (node, mut peer) = Node::with_topic(1).await;
    let asked = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(1000);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer: InitProducerIdResponse = peer.ask(Api::InitProducerId, 4, &asked).await;
        assert_eq!((answer.error_code, answer.producer_epoch), (0, 0));
        ids.push(answer.producer_id.0);
    }
    assert_ne!(ids[0], ids[1]);
    let batch = |sequence| {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.producer(ProducerId(ids[0]), ProducerEpoch(0), sequence);
        builder.append(now(), None, Some(b"x"), &[]);
        builder.finish().freeze()
    };
    assert_eq!(peer.produce(batch(0)).await.base_offset, 0);
    assert_eq!(peer.produce(batch(1)).await.base_offset, 1);
    let again = peer.produce(batch(0)).await;
    assert_eq!((again.error_code, again.base_offset), (0, 0));
    assert_eq!(peer.produce(batch(5)).await.error_code, 45);
    assert_eq!(peer.fetch(0).await.high_watermark, 2);

    let transactional = asked.with_transactional_id(Some(TransactionalId(text("tx"))));
    let refused: InitProducerIdResponse = peer.ask(Api::InitProducerId, 4, &transactional).await;
    assert_eq!((refused.error_code, refused.producer_id.0), (16, -1), "nobody coordinates it yet");
    node.stop().await;
}

#[tokio::test]
async fn a_waiting_fetch_is_woken_by_the_produce_that_satisfies_it() {
    let (node, mut reader) = Node::with_topic(2).await;
    let mut writer = node.connect().await;
    let mut request = fetch("t", 0, 0).with_max_wait_ms(60_000).with_min_bytes(100);
    let mut other = request.topics[0].partitions[0].clone();
    other.partition = 1;
    request.topics[0].partitions.push(other);
    reader.send(Api::Fetch, 12, &request).await;
    // The first is not enough, both together are.
    for value in ["x", "y"] {
        let request = produce("t", 1, 1, batch(&[value]));
        let _: ProduceResponse = writer.ask(Api::Produce, 9, &request).await;
    }
    let (_, answer): (_, FetchResponse) = reader.answer(Api::Fetch, 12).await;
    let parts = &answer.responses[0].partitions;
    assert_eq!(parts[0].records.as_deref(), Some(&b""[..]));
    assert_eq!(values(parts[1].records.as_ref().unwrap()).len(), 2);
    node.stop().await;
}

#[tokio::test]
async fn an_impatient_fetch_is_answered_empty_and_an_error_at_once() {
    let (node, mut peer) = Node::with_topic(1).await;
    let request = fetch("t", 0, 0).with_max_wait_ms(20);
    let answer: FetchResponse = peer.ask(Api::Fetch, 12, &request).await;
    assert_eq!(answer.responses[0].partitions[0].records.as_deref(), Some(&b""[..]));

    let far = fetch("t", 0, 5).with_max_wait_ms(60_000);
    let answer: FetchResponse = peer.ask(Api::Fetch, 12, &far).await;
    let part = &answer.responses[0].partitions[0];
    assert_eq!((part.error_code, part.high_watermark), (1, -1));
    let answer: FetchResponse = peer.ask(Api::Fetch, 12, &fetch("nope", 0, 0)).await;
    assert_eq!(answer.responses[0].partitions[0].error_code, 3);
    let mut fenced = fetch("t", 0, 0);
    fenced.topics[0].partitions[0].current_leader_epoch = 99;
    let answer: FetchResponse = peer.ask(Api::Fetch, 12, &fenced).await;
    assert_eq!(answer.responses[0].partitions[0].error_code, 75);
    node.stop().await;
}

#[tokio::test]
async fn a_session_answers_only_what_has_changed() {
    let (node, mut peer) = Node::with_topic(3).await;
    let mut full = fetch("t", 0, 0).with_session_epoch(0);
    for partition in 1..3 {
        let mut other = full.topics[0].partitions[0].clone();
        other.partition = partition;
        full.topics[0].partitions.push(other);
    }
    let answer: FetchResponse = peer.ask(Api::Fetch, 12, &full).await;
    assert_eq!(answer.responses[0].partitions.len(), 3);
    let id = answer.session_id;
    assert!(id > 0);
    assert_eq!(node.metrics.fetch_sessions.value(), 1);

    let mut next = fetch("t", 0, 0).with_session_id(id).with_session_epoch(1);
    next.topics.clear();
    let answer: FetchResponse = peer.ask(Api::Fetch, 12, &next).await;
    assert_eq!((answer.session_id, answer.responses.len()), (id, 0));

    let _: ProduceResponse = peer.ask(Api::Produce, 9, &produce("t", 2, 1, batch(&["news"]))).await;
    let next = next.with_session_epoch(2);
    let answer: FetchResponse = peer.ask(Api::Fetch, 12, &next).await;
    let [topic] = &answer.responses[..] else { panic!("one topic") };
    let [part] = &topic.partitions[..] else { panic!("one partition") };
    assert_eq!((part.partition_index, part.high_watermark), (2, 1));

    let answer: FetchResponse = peer.ask(Api::Fetch, 12, &next).await;
    assert_eq!((answer.error_code, answer.session_id), (71, 0));
    let answer: FetchResponse = peer.ask(Api::Fetch, 12, &next.with_session_id(id + 7)).await;
    assert_eq!(answer.error_code, 70);
    node.stop().await;
}

async fn list(peer: &mut support::Peer, version: i16, time: i64) -> (i16, i64, i64) {
    let partition = ListOffsetsPartition::default().with_partition_index(0).with_timestamp(time);
    let topic = ListOffsetsTopic::default()
        .with_name(TopicName(text("t")))
        .with_partitions(vec![partition]);
    let request =
        ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]);
    let answer: ListOffsetsResponse = peer.ask(Api::ListOffsets, version, &request).await;
    let part = &answer.topics[0].partitions[0];
    (part.error_code, part.offset, part.timestamp)
}

#[tokio::test]
async fn offsets_are_listed_by_every_question() {
    let (node, mut peer) = Node::with_topic(1).await;
    assert_eq!(list(&mut peer, 7, -3).await, (0, -1, -1), "empty");
    let times = [1_000, 3_000, 2_000];
    let mut builder = BatchBuilder::new(Codec::None);
    for time in times {
        builder.append(model::TimestampMs(time), None, Some(b"x"), &[]);
    }
    peer.produce(builder.finish().freeze()).await;
    for version in 1..=10 {
        assert_eq!(list(&mut peer, version, -1).await, (0, 3, -1));
        assert_eq!(list(&mut peer, version, -2).await, (0, 0, -1));
        assert_eq!(list(&mut peer, version, 1_001).await, (0, 1, 3_000));
        assert_eq!(list(&mut peer, version, 3_001).await, (0, -1, -1));
    }
    assert_eq!(list(&mut peer, 7, -3).await, (0, 1, 3_000));
    assert_eq!(list(&mut peer, 6, -3).await.0, 35);
    assert_eq!(list(&mut peer, 8, -4).await, (0, 0, -1));
    assert_eq!(list(&mut peer, 9, -5).await, (0, -1, -1));
    assert_eq!(list(&mut peer, 10, -6).await.0, 35);
    node.stop().await;
}

#[tokio::test]
async fn deleted_records_are_gone_for_readers() {
    let (node, mut peer) = Node::with_topic(1).await;
    peer.produce(batch(&["a", "b", "c"])).await;
    let request = |offset| {
        let partition =
            DeleteRecordsPartition::default().with_partition_index(0).with_offset(offset);
        let topic = DeleteRecordsTopic::default()
            .with_name(TopicName(text("t")))
            .with_partitions(vec![partition]);
        DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(1000)
    };
    for (offset, error, low) in [(2, 0, 2), (9, 1, -1), (-1, 0, 3), (-2, 1, -1)] {
        let answer: DeleteRecordsResponse = peer.ask(Api::DeleteRecords, 2, &request(offset)).await;
        let part = &answer.topics[0].partitions[0];
        assert_eq!((part.error_code, part.low_watermark), (error, low), "{offset}");
    }
    assert_eq!(peer.fetch(0).await.error_code, 1);
    assert_eq!(list(&mut peer, 7, -2).await, (0, 3, -1));
    node.stop().await;
}

#[tokio::test]
async fn epochs_end_where_the_log_does() {
    let (node, mut peer) = Node::with_topic(1).await;
    peer.produce(batch(&["a", "b"])).await;
    let partition = OffsetForLeaderPartition::default()
        .with_partition(0)
        .with_current_leader_epoch(-1)
        .with_leader_epoch(0);
    let topic = OffsetForLeaderTopic::default()
        .with_topic(TopicName(text("t")))
        .with_partitions(vec![partition]);
    let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
    for version in 2..=4 {
        let answer: OffsetForLeaderEpochResponse =
            peer.ask(Api::OffsetForLeaderEpoch, version, &request).await;
        let part = &answer.topics[0].partitions[0];
        assert_eq!((part.error_code, part.leader_epoch, part.end_offset), (0, 0, 2));
    }
    node.stop().await;
}

#[tokio::test]
async fn large_answers_arrive_whole_from_the_file() {
    let (node, mut peer) = Node::with_topic(1).await;
    let value = "v".repeat(900_000);
    for _ in 0..40 {
        assert_eq!(peer.produce(batch(&[&value])).await.error_code, 0);
    }
    let mut request = fetch("t", 0, 0);
    request.topics[0].partitions[0].partition_max_bytes = 40 << 20;
    let answer: FetchResponse = peer.ask(Api::Fetch, 12, &request).await;
    let read = values(answer.responses[0].partitions[0].records.as_ref().unwrap());
    assert_eq!(read.len(), 40);
    assert!(read.iter().all(|(_, read)| *read == value));
    node.stop().await;
}
