//! Promises of producer, consumer and connection, against a broker that misbehaves on cue.

use std::{future::Future, time::Duration};

use model::{
    ErrorCode, Isolation, Offset, PartitionId, ProducerEpoch, ProducerId, TimestampMs,
    TopicPartition,
};
use records::{BatchBuilder, Codec, control};

use crate::{
    Acks, ClientError, Cluster, ClusterOptions, ConnectionOptions, Consumer, ConsumerOptions,
    Delivery, Fetched, OffsetSpec, Outgoing, Producer, ProducerOptions,
    test_broker::{
        Fault::{self, CloseAfter, CloseBefore, Refuse},
        TestBroker, topic,
    },
};

fn run(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        tokio::time::timeout(Duration::from_secs(60), test).await.expect("the test ends");
    });
}

fn options() -> ClusterOptions {
    ClusterOptions { backoff: Duration::from_millis(1), ..ClusterOptions::default() }
}

async fn cluster(broker: &TestBroker) -> Cluster {
    Cluster::connect(&broker.address, options()).await.unwrap()
}

/// One record a batch, so that many are in flight.
fn small_batches() -> ProducerOptions {
    ProducerOptions { batch_bytes: 1, linger: Duration::ZERO, ..ProducerOptions::default() }
}

async fn send(producer: &Producer, number: u32) -> Delivery {
    let value = number.to_be_bytes();
    let record = Outgoing::new(TimestampMs(0)).value(&value);
    producer.send(&topic(), Some(PartitionId(0)), record).await.unwrap()
}

fn numbers(broker: &TestBroker) -> Vec<u32> {
    broker.values().into_iter().map(|value| u32::from_be_bytes(value.try_into().unwrap())).collect()
}

#[test]
fn what_is_retried_is_neither_lost_nor_doubled_nor_reordered() {
    let hiccups = [
        Fault::None,
        Refuse(ErrorCode::NotLeaderOrFollower),
        Refuse(ErrorCode::UnknownTopicOrPartition),
        Refuse(ErrorCode::NotEnoughReplicas),
        CloseBefore,
        CloseAfter,
    ];
    // Every pair of hiccups, at every place of the first requests: also the very first.
    for one in hiccups {
        for other in hiccups {
            run(async move {
                let broker = TestBroker::start().await;
                broker.state().faults.extend([one, other, Fault::None, other, one, one, other]);
                let producer =
                    Producer::new(cluster(&broker).await, small_batches()).await.unwrap();
                let mut deliveries = Vec::new();
                for number in 0..50 {
                    deliveries.push(send(&producer, number).await);
                }
                for delivery in deliveries {
                    delivery.await.unwrap();
                }
                assert_eq!(numbers(&broker), (0..50).collect::<Vec<_>>(), "{one:?} {other:?}");
            });
        }
    }
}

#[test]
fn a_refusal_for_good_fails_its_batch_alone() {
    run(async {
        let broker = TestBroker::start().await;
        let producer = Producer::new(cluster(&broker).await, small_batches()).await.unwrap();
        send(&producer, 0).await.await.unwrap();
        broker.state().faults.push_back(Refuse(ErrorCode::MessageTooLarge));
        let mut deliveries = Vec::new();
        for number in 1..20 {
            deliveries.push(send(&producer, number).await);
        }
        let mut outcomes = Vec::new();
        for delivery in deliveries {
            outcomes.push(delivery.await.map_err(|error| error.code()).map(drop));
        }
        assert_eq!(outcomes[0], Err(Some(ErrorCode::MessageTooLarge)));
        assert!(outcomes[1..].iter().all(Result::is_ok), "{outcomes:?}");
        // A hole in the sequence needs a new identity, under which the rest comes in order.
        assert_eq!(numbers(&broker), [0].into_iter().chain(2..20).collect::<Vec<_>>());
    });
}

#[test]
fn what_cannot_be_delivered_fails_when_its_time_is_up() {
    run(async {
        let broker = TestBroker::start().await;
        let faults = std::iter::repeat_n(Refuse(ErrorCode::NotEnoughReplicas), 100_000);
        broker.state().faults.extend(faults);
        let options =
            ProducerOptions { delivery_timeout: Duration::from_millis(50), ..small_batches() };
        let producer = Producer::new(cluster(&broker).await, options).await.unwrap();
        let outcome = send(&producer, 0).await.await;
        assert!(outcome.is_err(), "{outcome:?}");
        // The buffer is free again, and so is the way.
        broker.state().faults.clear();
        send(&producer, 1).await.await.unwrap();
        assert_eq!(numbers(&broker), [1]);
    });
}

#[test]
fn records_share_batches_and_know_their_offsets() {
    run(async {
        let broker = TestBroker::start().await;
        let linger = Duration::from_secs(60);
        let options = ProducerOptions { linger, codec: Codec::Lz4, ..ProducerOptions::default() };
        let producer = Producer::new(cluster(&broker).await, options).await.unwrap();
        let mut deliveries = Vec::new();
        for number in 0..10 {
            deliveries.push(send(&producer, number).await);
        }
        producer.flush().await;
        for (delivery, offset) in deliveries.into_iter().zip(0..) {
            assert_eq!(delivery.await.unwrap().offset, Offset(offset));
        }
        assert_eq!(broker.state().batch_count(), 1);
    });
}

#[test]
fn a_dropped_producer_still_sends_what_it_took() {
    run(async {
        let broker = TestBroker::start().await;
        let linger = Duration::from_secs(60);
        let options = ProducerOptions { linger, ..ProducerOptions::default() };
        let producer = Producer::new(cluster(&broker).await, options).await.unwrap();
        let delivery = send(&producer, 7).await;
        drop(producer);
        delivery.await.unwrap();
        assert_eq!(numbers(&broker), [7]);
    });
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    run(async {
        let broker = TestBroker::start().await;
        let cluster = cluster(&broker).await;
        for options in [
            ProducerOptions { acks: Acks::Leader, ..ProducerOptions::default() },
            ProducerOptions { requests_in_flight_max: 6, ..ProducerOptions::default() },
            ProducerOptions { requests_in_flight_max: 0, ..ProducerOptions::default() },
        ] {
            let refused = Producer::new(cluster.clone(), options).await.err();
            assert!(matches!(refused, Some(ClientError::Invalid(_))), "{refused:?}");
        }
    });
}

#[test]
fn a_silent_broker_is_given_up() {
    run(async {
        let broker = TestBroker::start().await;
        let connection =
            ConnectionOptions { request_timeout: Duration::from_millis(50), ..Default::default() };
        let options = ClusterOptions { connection, retry_timeout: Duration::ZERO, ..options() };
        let cluster = Cluster::connect(&broker.address, options).await.unwrap();
        broker.state().is_silent = true;
        let connection = cluster.any().await.unwrap();
        let refused = cluster.init_producer_id().await.unwrap_err();
        assert!(matches!(refused, ClientError::TimedOut { .. }), "{refused}");
        // Answers come in order, so nothing can be asked on it any more.
        while !connection.is_closed() {
            tokio::task::yield_now().await;
        }
    });
}

async fn read(consumer: &mut Consumer, count: usize) -> Vec<u32> {
    let mut seen = Vec::new();
    let mut scratch = Vec::new();
    while seen.len() < count {
        for part in consumer.poll(Duration::from_secs(10)).await.unwrap() {
            let see = |record: records::Record<'_>| {
                seen.push(u32::from_be_bytes(record.value.unwrap().try_into().unwrap()));
            };
            part.visit(&mut scratch, see).unwrap();
        }
    }
    seen
}

#[test]
fn a_consumer_reads_on_from_where_it_is_put() {
    run(async {
        let broker = TestBroker::start().await;
        let cluster = cluster(&broker).await;
        let producer = Producer::new(cluster.clone(), small_batches()).await.unwrap();
        for number in 0..20 {
            send(&producer, number).await.await.unwrap();
        }
        let mut consumer = Consumer::new(cluster, ConsumerOptions::default());
        consumer.assign_topic(&topic(), OffsetSpec::Earliest).await.unwrap();
        assert_eq!(read(&mut consumer, 20).await, (0..20).collect::<Vec<_>>());
        // What is under way for the old place must not count for the new one.
        let partition = TopicPartition::new(topic(), PartitionId(0));
        for place in [5, 0, 13] {
            consumer.assign(partition.clone(), Offset(i64::from(place)));
            let rest: Vec<_> = (place..20).collect();
            assert_eq!(read(&mut consumer, rest.len()).await, rest);
        }
    });
}

#[test]
fn an_offset_out_of_range_is_reset_only_if_that_is_asked_for() {
    run(async {
        let broker = TestBroker::start().await;
        let cluster = cluster(&broker).await;
        let producer = Producer::new(cluster.clone(), small_batches()).await.unwrap();
        for number in 0..10 {
            send(&producer, number).await.await.unwrap();
        }
        broker.state().log_start = 4;
        let partition = TopicPartition::new(topic(), PartitionId(0));
        let mut strict = Consumer::new(cluster.clone(), ConsumerOptions::default());
        strict.assign(partition.clone(), Offset::ZERO);
        let refused = strict.poll(Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::OffsetOutOfRange));
        let reset = Some(OffsetSpec::Earliest);
        let mut lenient = Consumer::new(cluster, ConsumerOptions { reset, ..Default::default() });
        lenient.assign(partition, Offset::ZERO);
        assert_eq!(read(&mut lenient, 6).await, [4, 5, 6, 7, 8, 9]);
    });
}

#[test]
fn undone_transactions_and_markers_are_not_shown() {
    let mut bytes = Vec::new();
    let mut next = 0_i64;
    let mut put = |mut batch: bytes::BytesMut| {
        records::stamp::offset_and_epoch(&mut batch, Offset(next), model::LeaderEpoch(0));
        next += 1;
        bytes.extend_from_slice(&batch);
    };
    let record = |producer: i64, value: &'static [u8]| {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.producer(ProducerId(producer), ProducerEpoch(0), 0).transactional(producer >= 0);
        builder.append(TimestampMs(0), None, Some(value), &[]);
        builder.finish()
    };
    let end = |marker, producer| {
        control::marker(marker, 0, ProducerId(producer), ProducerEpoch(0), TimestampMs(0))
    };
    put(record(-1, b"plain"));
    put(record(1, b"undone"));
    put(record(2, b"done"));
    put(end(control::Marker::Abort, 1));
    put(end(control::Marker::Commit, 2));
    put(record(1, b"done later"));
    put(end(control::Marker::Commit, 1));
    let fetched = |aborted| Fetched {
        partition: TopicPartition::new(topic(), PartitionId(0)),
        from: Offset::ZERO,
        next: Offset(7),
        high_watermark: Offset(7),
        bytes: bytes.clone().into(),
        aborted,
    };
    let shown = |fetched: Fetched| {
        let mut values = Vec::new();
        let see = |record: records::Record<'_>| {
            values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
        };
        fetched.visit(&mut Vec::new(), see).unwrap();
        values
    };
    let committed = fetched(vec![(ProducerId(1), Offset(1))]);
    assert_eq!(committed.record_count(), 4);
    assert_eq!(shown(committed), ["plain", "done", "done later"]);
    assert_eq!(shown(fetched(Vec::new())), ["plain", "undone", "done", "done later"]);
    assert_eq!(Isolation::default(), Isolation::ReadUncommitted);
}
