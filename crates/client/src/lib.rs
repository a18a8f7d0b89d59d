//! A small Kafka client for the command line, the demo and the benchmarks.
//!
//! A [`Cluster`] knows who leads what and keeps one [`Connection`] per broker; a [`Producer`] batches and retries without losing order, a
//! [`Consumer`] reads the partitions that it is given. Works with Apache Kafka and with Logmill alike. Every queue is bounded, every wait has a
//! deadline.
//!
//! ```no_run
//! use client::{Cluster, ClusterOptions, Outgoing, Producer, ProducerOptions};
//! use model::{TimestampMs, TopicName};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::connect("localhost:9092", ClusterOptions::default()).await?;
//! let producer = Producer::new(cluster, ProducerOptions::default()).await?;
//! let topic = TopicName::parse("greetings")?;
//! let record = Outgoing::new(TimestampMs(0)).value(b"hello");
//! let delivered = producer.send(&topic, None, record).await?;
//! println!("at {:?}", delivered.await?);
//! # Ok(())
//! # }
//! ```
//!
//! What this crate is not: it joins no consumer group, knows no transactions and no TLS.

mod admin;
mod cluster;
mod connection;
mod consumer;
mod error;
mod fetched;
mod metadata;
mod producer;
mod retry;

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod test_broker;

pub use admin::{Created, NewTopic, OffsetSpec, ProducerIdentity};
pub use cluster::{Cluster, ClusterOptions};
pub use connection::{Answer, Connection, ConnectionOptions};
pub use consumer::{Consumer, ConsumerOptions};
pub use error::ClientError;
pub use fetched::Fetched;
pub use metadata::{PartitionLeader, TopicLayout};
pub use producer::{Acks, Delivered, Delivery, Outgoing, Producer, ProducerOptions};
