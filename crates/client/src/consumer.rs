//! Reads the partitions that it is given, from the offsets that it is given.
//!
//! One fetch per leader is always under way while the last one's records are with the caller; so the network is never idle and
//! what is held is bounded: one answer per leader, each at most `fetch_bytes_max` (or one larger batch).

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use model::{
    BrokerId, ErrorCode, Isolation, LeaderEpoch, Offset, ProducerId, TopicName, TopicPartition,
};
use records::Batches;
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};
use wire::{
    Api,
    messages::{
        FetchRequest, FetchResponse,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
    },
};

use crate::{
    ClientError, Cluster, Connection, Fetched, OffsetSpec,
    admin::{millis, named},
    error::{error_code, is_retriable},
};

/// The last version of Fetch that names topics; later ones ask by id.
const FETCH_VERSION_BY_NAME: i16 = 12;

/// How a [`Consumer`] reads.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// An answer waits for this much, or for `max_wait`.
    pub fetch_bytes_min: i32,
    /// The most that one answer brings, but for one larger batch.
    pub fetch_bytes_max: i32,
    /// The most that one partition brings to an answer, but for one larger batch.
    pub partition_bytes_max: i32,
    /// How long an answer may wait for `fetch_bytes_min`.
    pub max_wait: Duration,
    /// What may be seen.
    pub isolation: Isolation,
    /// Where to go on when an offset is out of range; none: an error.
    pub reset: Option<OffsetSpec>,
    /// Whether the CRC of every batch is checked.
    pub checks_crc: bool,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            fetch_bytes_min: 1,
            fetch_bytes_max: 50 << 20,
            partition_bytes_max: 1 << 20,
            max_wait: Duration::from_millis(500),
            isolation: Isolation::ReadUncommitted,
            reset: None,
            checks_crc: true,
        }
    }
}

/// A reader of given partitions; no member of a group.
///
/// Invariant: a broker is in `asked` exactly while a task in `fetches` awaits its answer.
pub struct Consumer {
    cluster: Cluster,
    options: ConsumerOptions,
    positions: BTreeMap<TopicPartition, Position>,
    asked: HashSet<BrokerId>,
    fetches: JoinSet<Brought>,
    ready: VecDeque<Fetched>,
    /// Turns with every fetch, so that no partition is always last.
    turn: usize,
}

/// A leader's answer, with what it was asked for.
struct Brought {
    leader: BrokerId,
    asked: Vec<Asked>,
    answer: Result<FetchResponse, ClientError>,
}

type Asked = (TopicPartition, Offset, LeaderEpoch);

#[derive(Clone, Copy, Debug)]
struct Position {
    offset: Offset,
    /// Not asked for before this, after an error.
    not_before: Option<Instant>,
}

impl Consumer {
    /// One that reads nothing yet.
    #[must_use]
    pub fn new(cluster: Cluster, options: ConsumerOptions) -> Self {
        Self {
            cluster,
            options,
            positions: BTreeMap::new(),
            asked: HashSet::new(),
            fetches: JoinSet::new(),
            ready: VecDeque::new(),
            turn: 0,
        }
    }

    /// Reads `partition` from `offset` on; from there again, if it is read already.
    pub fn assign(&mut self, partition: TopicPartition, offset: Offset) {
        self.ready.retain(|fetched| fetched.partition != partition);
        self.positions.insert(partition, Position { offset, not_before: None });
    }

    /// Reads every partition of `topic`, from where `spec` says.
    ///
    /// # Errors
    /// The topic is not there or its offsets cannot be asked for.
    pub async fn assign_topic(
        &mut self,
        topic: &TopicName,
        spec: OffsetSpec,
    ) -> Result<(), ClientError> {
        for &number in self.cluster.topic(topic).await?.partitions.keys() {
            let partition = TopicPartition::new(topic.clone(), number);
            let offset = match self.cluster.offset(&partition, spec).await? {
                Some(offset) => Some(offset),
                None => self.cluster.offset(&partition, OffsetSpec::Latest).await?,
            };
            self.assign(partition, offset.unwrap_or(Offset::ZERO));
        }
        Ok(())
    }

    /// Reads `partition` no more.
    pub fn unassign(&mut self, partition: &TopicPartition) {
        self.ready.retain(|fetched| fetched.partition != *partition);
        self.positions.remove(partition);
    }

    /// The offset after the last record that was handed out or is ready to be.
    #[must_use]
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        self.positions.get(partition).map(|position| position.offset)
    }

    /// What has come, waiting for something at most `wait`; empty when nothing came.
    ///
    /// # Errors
    /// An answer that retrying does not mend. The partition at fault stays assigned.
    pub async fn poll(&mut self, wait: Duration) -> Result<Vec<Fetched>, ClientError> {
        let deadline = Instant::now() + wait;
        loop {
            self.ask().await?;
            if !self.ready.is_empty() {
                return Ok(self.ready.drain(..).collect());
            }
            let wake = deadline.min(self.next_retry().unwrap_or(deadline));
            let next = if self.fetches.is_empty() {
                time::sleep_until(wake).await;
                None
            } else {
                time::timeout_at(wake, self.fetches.join_next()).await.ok().flatten()
            };
            if let Some(Ok(brought)) = next {
                self.asked.remove(&brought.leader);
                self.absorb(brought).await?;
            } else if Instant::now() >= deadline {
                return Ok(Vec::new());
            }
        }
    }

    fn next_retry(&self) -> Option<Instant> {
        self.positions.values().filter_map(|position| position.not_before).min()
    }

    /// Sends a fetch to every leader that has none under way.
    async fn ask(&mut self) -> Result<(), ClientError> {
        let now = Instant::now();
        let mut by_leader: BTreeMap<BrokerId, Vec<Asked>> = BTreeMap::new();
        let mut leaderless = Vec::new();
        for (partition, position) in &mut self.positions {
            if position.not_before.is_some_and(|instant| instant > now) {
                continue;
            }
            position.not_before = None;
            match self.cluster.known_leader(partition) {
                Some((leader, _)) if self.asked.contains(&leader) => {}
                Some((leader, epoch)) => {
                    let row = (partition.clone(), position.offset, epoch);
                    by_leader.entry(leader).or_default().push(row);
                }
                None => leaderless.push(partition.clone()),
            }
        }
        for (leader, mut rows) in by_leader {
            let count = rows.len();
            rows.rotate_left(self.turn % count);
            match self.cluster.broker(leader).await {
                Ok(connection) => self.send(leader, connection, rows)?,
                Err(_) => leaderless.extend(rows.into_iter().map(|(partition, ..)| partition)),
            }
        }
        self.turn = self.turn.wrapping_add(1);
        if leaderless.is_empty() {
            return Ok(());
        }
        self.find_leaders(&leaderless).await
    }

    fn send(
        &mut self,
        leader: BrokerId,
        connection: Connection,
        asked: Vec<Asked>,
    ) -> Result<(), ClientError> {
        let version = connection.version_at_most(Api::Fetch, FETCH_VERSION_BY_NAME)?;
        let request = self.request(version, &asked);
        self.asked.insert(leader);
        self.fetches.spawn(async move {
            let answer = connection.ask(Api::Fetch, version, &request).await;
            Brought { leader, asked, answer }
        });
        Ok(())
    }

    fn request(&self, version: i16, rows: &[Asked]) -> FetchRequest {
        let options = &self.options;
        let mut topics: Vec<FetchTopic> = Vec::new();
        for (partition, offset, epoch) in rows {
            let mut row = FetchPartition::default()
                .with_partition(partition.partition.0)
                .with_fetch_offset(offset.0)
                .with_partition_max_bytes(options.partition_bytes_max);
            if version >= 9 {
                row.current_leader_epoch = epoch.0;
            }
            match topics.last_mut() {
                Some(topic) if topic.topic.as_str() == partition.topic.as_str() => {
                    topic.partitions.push(row);
                }
                _ => topics.push(
                    FetchTopic::default()
                        .with_topic(named(&partition.topic))
                        .with_partitions(vec![row]),
                ),
            }
        }
        let mut request = FetchRequest::default()
            .with_replica_id(wire::messages::BrokerId(-1))
            .with_max_wait_ms(millis(options.max_wait))
            .with_min_bytes(options.fetch_bytes_min)
            .with_max_bytes(options.fetch_bytes_max)
            .with_isolation_level(i8::from(options.isolation == Isolation::ReadCommitted))
            .with_topics(topics);
        if version >= 7 {
            request.session_epoch = -1;
        }
        request
    }

    /// Takes in a leader's answer. A lost connection is no error: the leader is looked for again.
    async fn absorb(&mut self, brought: Brought) -> Result<(), ClientError> {
        let answer = match brought.answer {
            Ok(answer) => answer,
            Err(error) if error.is_retriable() => {
                let asked = brought.asked.into_iter();
                let partitions: Vec<_> = asked.map(|(partition, ..)| partition).collect();
                return self.find_leaders(&partitions).await;
            }
            Err(error) => return Err(error),
        };
        if let code @ (ErrorCode::TopicAuthorizationFailed | ErrorCode::InvalidRequest) =
            error_code(answer.error_code)
        {
            return Err(ClientError::refused("fetch", code));
        }
        for topic in answer.responses {
            let Ok(name) = TopicName::parse(topic.topic.as_str()) else { continue };
            for data in topic.partitions {
                let number = model::PartitionId(data.partition_index);
                let partition = TopicPartition::new(name.clone(), number);
                // A position that has been moved meanwhile is not what this answers.
                let is_asked = |(asked, from, _): &Asked| {
                    *asked == partition && self.position(asked) == Some(*from)
                };
                if brought.asked.iter().any(is_asked) {
                    self.absorb_partition(partition, data).await?;
                }
            }
        }
        Ok(())
    }

    async fn absorb_partition(
        &mut self,
        partition: TopicPartition,
        data: PartitionData,
    ) -> Result<(), ClientError> {
        let Some(position) = self.positions.get(&partition).copied() else { return Ok(()) };
        match error_code(data.error_code) {
            ErrorCode::None => {}
            ErrorCode::OffsetOutOfRange if self.options.reset.is_some() => {
                let spec = self.options.reset.unwrap_or(OffsetSpec::Latest);
                let offset = self.cluster.offset(&partition, spec).await?;
                self.assign(partition, offset.unwrap_or(Offset::ZERO));
                return Ok(());
            }
            code if is_retriable(code) => {
                return self.find_leaders(&[partition]).await;
            }
            code => return Err(ClientError::refused(format!("fetch from {partition}"), code)),
        }
        let bytes = data.records.unwrap_or_default();
        let Some((next, length)) = self.check(&partition, position.offset, &bytes)? else {
            return Ok(());
        };
        let aborted = data.aborted_transactions.unwrap_or_default();
        let fetched = Fetched {
            partition: partition.clone(),
            from: position.offset,
            next,
            high_watermark: Offset(data.high_watermark),
            bytes: bytes.slice(..length),
            aborted: aborted
                .iter()
                .map(|row| (ProducerId(row.producer_id.0), Offset(row.first_offset)))
                .collect(),
        };
        self.positions.insert(partition, Position { offset: next, not_before: None });
        self.ready.push_back(fetched);
        Ok(())
    }

    /// The position after the whole batches of `bytes`, and their size; none if there is no whole one.
    fn check(
        &self,
        partition: &TopicPartition,
        from: Offset,
        bytes: &Bytes,
    ) -> Result<Option<(Offset, usize)>, ClientError> {
        let corrupt = |error| ClientError::Records { partition: partition.clone(), error };
        let mut batches = Batches::new(bytes);
        let mut next = from;
        for batch in batches.by_ref() {
            let batch = batch.map_err(corrupt)?;
            if self.options.checks_crc && !batch.is_crc_right() {
                let what = format!("batch at {} of {partition}", batch.base_offset());
                return Err(ClientError::refused(what, ErrorCode::CorruptMessage));
            }
            next = next.max(batch.next_offset());
        }
        let length = bytes.len() - batches.rest().len();
        Ok((next > from).then_some((next, length)))
    }

    /// Asks who leads `partitions`, and lets them rest for a moment.
    async fn find_leaders(&mut self, partitions: &[TopicPartition]) -> Result<(), ClientError> {
        let mut topics: Vec<_> =
            partitions.iter().map(|partition| partition.topic.clone()).collect();
        topics.dedup();
        let limit = self.cluster.options().connection.request_timeout;
        let asked = time::timeout(limit, self.cluster.refresh_once(&topics)).await;
        if let Ok(Err(error)) = asked
            && !error.is_retriable()
        {
            return Err(error);
        }
        let pause = Some(Instant::now() + self.cluster.options().backoff);
        for partition in partitions {
            if let Some(position) = self.positions.get_mut(partition) {
                position.not_before = pause;
            }
        }
        Ok(())
    }
}
