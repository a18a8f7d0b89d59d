//! Sends and reads back a few thousand records in every codec: `cargo run -p client --example round_trip -- localhost:9092`.

use std::{error::Error, time::Duration};

use client::{
    Acks, Cluster, ClusterOptions, Consumer, ConsumerOptions, NewTopic, OffsetSpec, Outgoing,
    Producer, ProducerOptions,
};
use model::{PartitionId, TimestampMs, TopicName, TopicPartition};
use records::Codec;

const RECORDS: i64 = 20_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let bootstrap = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let cluster = Cluster::connect(&bootstrap, ClusterOptions::default()).await?;
    let mut options = vec![ProducerOptions {
        acks: Acks::Leader,
        idempotent: false,
        linger: Duration::ZERO,
        // Without idempotence a retry may overtake what follows it.
        requests_in_flight_max: 1,
        ..ProducerOptions::default()
    }];
    options.extend(Codec::ALL.map(|codec| ProducerOptions { codec, ..ProducerOptions::default() }));
    for options in options {
        let what = format!("{} acks={:?}", options.codec.name(), options.acks);
        round_trip(&cluster, options).await.map_err(|error| format!("{what}: {error}"))?;
        println!("{what}: {RECORDS} records came back");
    }
    Ok(())
}

async fn round_trip(cluster: &Cluster, options: ProducerOptions) -> Result<(), Box<dyn Error>> {
    let began = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let topic = TopicName::parse(&format!("round-trip-{began}"))?;
    cluster.create_topic(&NewTopic::new(topic.clone(), 3)).await?;
    let producer = Producer::new(cluster.clone(), options).await?;
    let mut last = Vec::new();
    for number in 0..RECORDS {
        let value = number.to_be_bytes();
        let record = Outgoing::new(TimestampMs(1_700_000_000_000 + number)).value(&value);
        let headers: [(&str, Option<&[u8]>); 1] = [("n", Some(&value))];
        let key = (number % 7).to_string();
        let delivery = match number % 3 {
            0 => producer.send(&topic, None, record).await?,
            1 => producer.send(&topic, None, record.key(key.as_bytes())).await?,
            _ => producer.send(&topic, Some(PartitionId(2)), record.headers(&headers)).await?,
        };
        last.push(delivery);
    }
    producer.flush().await;
    for delivery in last {
        let delivered = delivery.await?;
        assert!(delivered.offset.0 >= 0, "a broker says where");
    }

    let mut consumer = Consumer::new(cluster.clone(), ConsumerOptions::default());
    consumer.assign_topic(&topic, OffsetSpec::Earliest).await?;
    let mut seen = vec![0_u8; usize::try_from(RECORDS)?];
    let mut newest = std::collections::HashMap::<TopicPartition, i64>::new();
    let (mut count, mut scratch) = (0, Vec::new());
    while count < RECORDS {
        let fetched = consumer.poll(Duration::from_secs(10)).await?;
        assert!(!fetched.is_empty(), "{count} of {RECORDS} came back");
        for part in fetched {
            part.visit(&mut scratch, |record| {
                let number = record.value.and_then(|value| value.try_into().ok());
                let number = number.map_or(-1, i64::from_be_bytes);
                seen[usize::try_from(number).expect("a number that was sent")] += 1;
                assert_eq!(record.timestamp.0, 1_700_000_000_000 + number);
                assert_eq!(record.headers.len(), usize::from(number % 3 == 2));
                if number % 3 == 2 {
                    let before = newest.insert(part.partition.clone(), number);
                    assert!(before < Some(number), "{number} after {before:?}");
                }
                count += 1;
            })?;
        }
    }
    assert!(seen.iter().all(|&times| times == 1), "each exactly once");
    let partition = TopicPartition::new(topic.clone(), PartitionId(0));
    let early = cluster.offset(&partition, OffsetSpec::At(TimestampMs(0))).await?;
    assert_eq!(early, Some(model::Offset::ZERO));
    let never = cluster.offset(&partition, OffsetSpec::At(TimestampMs(i64::MAX))).await?;
    assert_eq!(never, None);
    cluster.delete_topic(&topic).await?;
    Ok(())
}
