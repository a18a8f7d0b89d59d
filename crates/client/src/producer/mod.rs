//! Sends records: gathers them into batches, several requests ahead of their answers, and tries again without losing their order.
//!
//! ```text
//! send ─▶ queue of a partition: open batch ─▶ ready ─▶ in flight ─▶ delivered
//!                                              ▲          │ answer that may mend itself
//!                                              └──────────┘ (the queue drains first, then sends again from the oldest)
//! ```
//! A driver task moves batches; whoever sends waits only for room in the buffer.

mod delivery;
mod driver;
mod queue;
mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{PartitionId, TimestampMs, TopicName, TopicPartition};
use records::{Codec, partition_for_key};
use tokio::{
    sync::{Notify, Semaphore},
    time,
};

pub use self::delivery::{Delivered, Delivery};
use self::state::State;
use crate::{ClientError, Cluster};

/// What a record takes besides its key, value and headers, at most: lengths, deltas, and its share of a batch header.
const RECORD_OVERHEAD_BYTES: usize = 96;

/// Whose acknowledgement a delivery needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Nobody's: sent is delivered.
    None,
    /// The leader's.
    Leader,
    /// All in-sync replicas'.
    All,
}

impl Acks {
    /// Kafka's number for it.
    #[must_use]
    pub const fn number(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// How a [`Producer`] sends. The defaults are those of Kafka's own client.
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// Whose acknowledgement is waited for.
    pub acks: Acks,
    /// How batches are compressed.
    pub codec: Codec,
    /// A batch that holds this much is sent at once; a larger record has a batch for itself.
    pub batch_bytes: usize,
    /// How long a batch waits for more records.
    pub linger: Duration,
    /// Whether the broker sorts out what is sent twice or out of order; needs [`Acks::All`].
    pub idempotent: bool,
    /// Requests ahead of their answers, per broker; 1 to 5 with idempotence.
    pub requests_in_flight_max: usize,
    /// Bytes of records that are not delivered; past that `send` waits.
    pub buffer_bytes: usize,
    /// The largest request, and so the largest record.
    pub request_bytes_max: usize,
    /// How long after `send` a record is tried.
    pub delivery_timeout: Duration,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            codec: Codec::None,
            batch_bytes: 16 << 10,
            linger: Duration::from_millis(5),
            idempotent: true,
            requests_in_flight_max: 5,
            buffer_bytes: 32 << 20,
            request_bytes_max: 1 << 20,
            delivery_timeout: Duration::from_secs(120),
        }
    }
}

/// A record to send, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    timestamp: TimestampMs,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [(&'a str, Option<&'a [u8]>)],
}

impl<'a> Outgoing<'a> {
    /// One with neither key nor value.
    #[must_use]
    pub const fn new(timestamp: TimestampMs) -> Self {
        Self { timestamp, key: None, value: None, headers: &[] }
    }

    /// With this key.
    #[must_use]
    pub const fn key(mut self, key: &'a [u8]) -> Self {
        self.key = Some(key);
        self
    }

    /// With this value.
    #[must_use]
    pub const fn value(mut self, value: &'a [u8]) -> Self {
        self.value = Some(value);
        self
    }

    /// With these headers.
    #[must_use]
    pub const fn headers(mut self, headers: &'a [(&'a str, Option<&'a [u8]>)]) -> Self {
        self.headers = headers;
        self
    }

    /// More than it takes in a batch.
    fn size_bytes(&self) -> usize {
        let size = |field: Option<&[u8]>| field.map_or(0, <[u8]>::len);
        let headers = self.headers.iter().map(|(name, value)| name.len() + size(*value) + 10);
        RECORD_OVERHEAD_BYTES + size(self.key) + size(self.value) + headers.sum::<usize>()
    }
}

/// Sends records to the partitions of a cluster. Cheap to clone; when the last clone goes, what is buffered is still sent.
#[derive(Clone)]
pub struct Producer(Arc<Owner>);

/// Tells the driver when the last handle is gone.
struct Owner(Arc<Shared>);

/// What handles and driver share.
struct Shared {
    cluster: Cluster,
    options: ProducerOptions,
    state: Mutex<State>,
    room: Semaphore,
    /// There is something for the driver to do.
    work: Notify,
    /// Everything is delivered.
    idle: Notify,
}

impl Producer {
    /// One for `cluster`.
    ///
    /// # Errors
    /// Options that contradict each other, or no producer id for an idempotent one.
    pub async fn new(cluster: Cluster, options: ProducerOptions) -> Result<Self, ClientError> {
        check(&options)?;
        let identity = match options.idempotent {
            true => Some(cluster.init_producer_id().await?),
            false => None,
        };
        let shared = Arc::new(Shared {
            cluster,
            room: Semaphore::new(options.buffer_bytes.min(Semaphore::MAX_PERMITS)),
            state: Mutex::new(State::new(identity)),
            options,
            work: Notify::new(),
            idle: Notify::new(),
        });
        tokio::spawn(driver::run(Arc::clone(&shared)));
        Ok(Self(Arc::new(Owner(shared))))
    }

    /// Takes `record` for `topic`: for `partition`, else the one of its key, else one that fills a batch with its like. Returns when there
    /// is room for it; the [`Delivery`] resolves when the broker has it.
    ///
    /// # Errors
    /// The record is too large, the topic is not there, or there was no room within the delivery timeout.
    pub async fn send(
        &self,
        topic: &TopicName,
        partition: Option<PartitionId>,
        record: Outgoing<'_>,
    ) -> Result<Delivery, ClientError> {
        let shared = &*self.0.0;
        let size = record.size_bytes();
        if size > shared.options.request_bytes_max {
            let max = shared.options.request_bytes_max;
            return Err(ClientError::Invalid(format!("record of {size} bytes is above {max}")));
        }
        let partition = match (partition, record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => {
                partition_for_key(key, shared.cluster.partition_count(topic).await?)
            }
            (None, None) => {
                let count = shared.cluster.partition_count(topic).await?;
                shared.state().sticky_partition(topic, count)
            }
        };
        let room = u32::try_from(size.min(shared.options.buffer_bytes)).unwrap_or(u32::MAX);
        let limit = shared.options.delivery_timeout;
        let late = |_| ClientError::TimedOut { what: "room to send", ms: limit.as_millis() };
        let permit = time::timeout(limit, shared.room.acquire_many(room)).await.map_err(late)?;
        permit.map_err(|_| ClientError::ProducerClosed)?.forget();
        let partition = TopicPartition::new(topic.clone(), partition);
        let (delivery, wakes) = shared.state().append(partition, &record, room, &shared.options);
        if wakes {
            shared.work.notify_one();
        }
        Ok(delivery)
    }

    /// Sends what is gathered without lingering, and waits until all of it is delivered or has failed.
    pub async fn flush(&self) {
        let shared = &*self.0.0;
        loop {
            let idle = shared.idle.notified();
            if shared.state().begin_flush() {
                return;
            }
            shared.work.notify_one();
            idle.await;
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.state().close();
        self.0.work.notify_one();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(options: &ProducerOptions) -> Result<(), ClientError> {
    let requests = options.requests_in_flight_max;
    let wrong = if options.idempotent && options.acks != Acks::All {
        "an idempotent producer needs acks=all"
    } else if options.idempotent && requests > 5 {
        "an idempotent producer has at most 5 requests in flight"
    } else if requests == 0 || options.buffer_bytes == 0 {
        "requests in flight and buffer must not be 0"
    } else {
        return Ok(());
    };
    Err(ClientError::Invalid(wrong.to_owned()))
}
