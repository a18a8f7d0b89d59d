//! How followers reach their leaders: Fetch over a socket, one connection per leader.
//!
//! Told: what a fetcher asks. Answers: what the leader said, the records as slices of the frame that they came in. Each link has a runtime of its
//! own and lives on its fetcher's thread; it dials where the image says the leader is, again whenever that fails.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use client::{Connection, ConnectionOptions};
use metadata::{Image, Publisher};
use model::{BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionId, TopicId};
use replication::{
    Ask, LeaderSays, Waiter,
    fetcher::{FetchAsk, FetchGot, GotPartition, LeaderLink, Leaders, LinkFault, PartitionKey},
};
use tokio::{runtime::Runtime, time::sleep};
use wire::{
    Api,
    messages::{
        FetchRequest, FetchResponse,
        fetch_request::{FetchPartition, FetchTopic, ForgottenTopic, ReplicaState},
        fetch_response::PartitionData,
    },
};

/// Leaders behind sockets, found by the image.
pub struct SocketLeaders {
    node: BrokerId,
    publisher: Arc<Publisher>,
}

/// The first version in which a replica says in which life it is.
const VERSION_MIN: i16 = 15;
/// How long an answer may take beyond the wait that was asked for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an interrupted request may still be answered: a leader that has records answers at once.
const LINGER: Duration = Duration::from_millis(10);

struct Link {
    node: BrokerId,
    leader: BrokerId,
    publisher: Arc<Publisher>,
    runtime: Option<Runtime>,
    /// With the address that it was dialled at.
    connection: Option<(String, Connection)>,
}

impl SocketLeaders {
    /// Those that `publisher`'s image knows, for `node`.
    #[must_use]
    pub fn new(node: BrokerId, publisher: Arc<Publisher>) -> Self {
        Self { node, publisher }
    }
}

impl Leaders for SocketLeaders {
    fn link(&self, leader: BrokerId) -> Box<dyn LeaderLink> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok();
        let publisher = Arc::clone(&self.publisher);
        Box::new(Link { node: self.node, leader, publisher, runtime, connection: None })
    }
}

impl LeaderLink for Link {
    fn fetch(&mut self, ask: &FetchAsk, interrupt: &Arc<Waiter>) -> Result<FetchGot, LinkFault> {
        let Some(runtime) = self.runtime.take() else {
            return Err(LinkFault::Failed("there is no runtime to fetch on".to_owned()));
        };
        let is_reused = self.connection.is_some();
        let mut done = runtime.block_on(self.exchange(ask, interrupt));
        if is_reused && matches!(done, Err(LinkFault::Failed(_))) {
            // Nobody has watched it since it was used last: it may be one to the leader's life before.
            self.connection = None;
            done = runtime.block_on(self.exchange(ask, interrupt));
        }
        if done.is_err() {
            // An answer that comes late would be taken for the next one's.
            self.connection = None;
        }
        self.runtime = Some(runtime);
        done
    }
}

impl Link {
    async fn exchange(
        &mut self,
        ask: &FetchAsk,
        interrupt: &Arc<Waiter>,
    ) -> Result<FetchGot, LinkFault> {
        let connection = self.connection().await?;
        let version = connection.version(Api::Fetch).map_err(failed)?;
        if version < VERSION_MIN {
            return Err(LinkFault::Failed(format!("it serves Fetch up to {version} only")));
        }
        let request = fetch_request(self.node, &self.publisher.current(), ask)?;
        let frame = connection.frame(Api::Fetch, version, &request).map_err(failed)?;
        let answer = connection.begin(frame).await.map_err(failed)?;
        let interrupted = async {
            interrupt.woken().await;
            sleep(LINGER).await;
        };
        let frame = tokio::select! {
            biased;
            frame = answer.frame(ask.options.wait_max + PATIENCE, Api::Fetch) => frame.map_err(failed)?,
            () = interrupted => return Err(LinkFault::Interrupted),
        };
        let (_, got): (i32, FetchResponse) = wire::decode_response(Api::Fetch, version, frame)
            .map_err(|error| LinkFault::Failed(error.to_string()))?;
        Ok(fetch_answer(got))
    }

    /// The connection to where the leader is now.
    async fn connection(&mut self) -> Result<Connection, LinkFault> {
        let image = self.publisher.current();
        let Some(leader) = image.broker(self.leader) else {
            return Err(LinkFault::Failed("it is not registered".to_owned()));
        };
        let address = format!("{}:{}", leader.host, leader.port);
        if let Some((dialled, connection)) = &self.connection
            && *dialled == address
            && !connection.is_closed()
        {
            return Ok(connection.clone());
        }
        let client_id = format!("broker-{}-fetcher", self.node);
        let options = ConnectionOptions { client_id, ..ConnectionOptions::default() };
        let connection = Connection::connect(&address, options).await.map_err(failed)?;
        self.connection = Some((address, connection.clone()));
        Ok(connection)
    }
}

/// What `node` sends when it asks.
///
/// # Errors
/// `image` does not know the node yet.
pub fn fetch_request(
    node: BrokerId,
    image: &Image,
    ask: &FetchAsk,
) -> Result<FetchRequest, LinkFault> {
    let Some(me) = image.broker(node) else {
        return Err(LinkFault::Failed("this node is not registered yet".to_owned()));
    };
    let state =
        ReplicaState::default().with_replica_id(node.0.into()).with_replica_epoch(me.epoch.0);
    let number = |size: usize| i32::try_from(size).unwrap_or(i32::MAX);
    let options = &ask.options;
    Ok(FetchRequest::default()
        .with_replica_state(state)
        .with_max_wait_ms(i32::try_from(options.wait_max.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(number(options.bytes_min))
        .with_max_bytes(number(options.bytes_max))
        .with_session_id(ask.session_id)
        .with_session_epoch(ask.session_epoch)
        .with_topics(topics(&ask.partitions, number(options.partition_bytes_max)))
        .with_forgotten_topics_data(forgotten(&ask.forgotten)))
}

/// By topic; partitions of one topic lie side by side.
fn topics(asked: &[(PartitionKey, Ask)], bytes_max: i32) -> Vec<FetchTopic> {
    let of_topics = asked.chunk_by(|(a, _), (b, _)| a.topic == b.topic);
    let topics = of_topics.filter_map(|of_topic| {
        let (first, _) = of_topic.first()?;
        let partitions = of_topic.iter().map(|(key, ask)| {
            FetchPartition::default()
                .with_partition(key.partition.0)
                .with_current_leader_epoch(ask.epoch.0)
                .with_fetch_offset(ask.from.0)
                .with_last_fetched_epoch(ask.last_epoch.unwrap_or(LeaderEpoch::NONE).0)
                .with_log_start_offset(ask.log_start.0)
                .with_partition_max_bytes(bytes_max)
        });
        let topic = FetchTopic::default().with_topic_id(first.topic.0);
        Some(topic.with_partitions(partitions.collect()))
    });
    topics.collect()
}

fn forgotten(keys: &[PartitionKey]) -> Vec<ForgottenTopic> {
    let of_topics = keys.chunk_by(|a, b| a.topic == b.topic);
    let topics = of_topics.filter_map(|of_topic| {
        let topic = ForgottenTopic::default().with_topic_id(of_topic.first()?.topic.0);
        Some(topic.with_partitions(of_topic.iter().map(|key| key.partition.0).collect()))
    });
    topics.collect()
}

/// What a leader has said.
#[must_use]
pub fn fetch_answer(got: FetchResponse) -> FetchGot {
    let error = error_code(got.error_code);
    let partitions = got.responses.into_iter().flat_map(|topic| {
        let id = TopicId(topic.topic_id);
        topic.partitions.into_iter().map(move |mut part| {
            let key = PartitionKey { topic: id, partition: PartitionId(part.partition_index) };
            let records = part.records.take().unwrap_or_default();
            let said = said(&part);
            GotPartition { key, said, records: if is_read(said) { records } else { Bytes::new() } }
        })
    });
    FetchGot { error, session_id: got.session_id, partitions: partitions.collect() }
}

fn said(part: &PartitionData) -> LeaderSays {
    let diverging = &part.diverging_epoch;
    match error_code(part.error_code) {
        ErrorCode::None if diverging.epoch >= 0 => {
            LeaderSays::Diverging(LeaderEpoch(diverging.epoch), Offset(diverging.end_offset))
        }
        ErrorCode::None => LeaderSays::Records {
            high_watermark: Offset(part.high_watermark),
            log_start: Offset(part.log_start_offset),
        },
        ErrorCode::OffsetOutOfRange => {
            LeaderSays::OutOfRange { log_start: Offset(part.log_start_offset) }
        }
        error => LeaderSays::Refused(error),
    }
}

fn is_read(said: LeaderSays) -> bool {
    matches!(said, LeaderSays::Records { .. })
}

fn error_code(number: i16) -> ErrorCode {
    ErrorCode::from_code(number).unwrap_or(ErrorCode::UnknownServerError)
}

fn failed(error: client::ClientError) -> LinkFault {
    LinkFault::Failed(error.to_string())
}
