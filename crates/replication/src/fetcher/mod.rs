//! Fetching from leaders: one fetcher per leader asks for all partitions that are followed there, in one request after another.
//!
//! ```text
//!   image ─▶ Partition::follow ─▶ Assignments ─▶ Fetcher (machine) ──FetchAsk──▶ LeaderLink ──▶ the leader
//!                                                   ▲    └─ Partition::on_leader_answer ◀──FetchGot──┘
//!                                            Fetchers: a thread per leader
//! ```
//! The seam is [`Leaders`]: the broker implements it over sockets, a simulated network over whatever it has. A simulation needs no thread:
//! it takes [`Assignments`] and turns [`Fetcher`]s itself.

mod assignments;
mod losses;
mod machine;
mod session;
mod threads;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use metadata::options::ServerOptions;
use model::{BrokerId, ErrorCode, PartitionId, TopicId};

use crate::{Ask, LeaderSays, Waiter};

pub use assignments::Assignments;
pub use losses::{LOSS_MAX, Losses};
pub use machine::{Fetcher, Turn};
pub use threads::Fetchers;

/// A partition, as leader and follower name it to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionKey {
    /// The topic's identity: one that was made anew is another.
    pub topic: TopicId,
    /// The partition's number.
    pub partition: PartitionId,
}

/// One request to a leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchAsk {
    /// The session (KIP-227), 0 for none yet.
    pub session_id: i32,
    /// The request's number within it; 0 begins one.
    pub session_epoch: i32,
    /// Partitions of which something has changed; at a session's beginning all.
    pub partitions: Vec<(PartitionKey, Ask)>,
    /// Partitions that are asked for no more.
    pub forgotten: Vec<PartitionKey>,
    /// How much, and how long.
    pub options: FetcherOptions,
}

/// One answer of a leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchGot {
    /// Why there is none; then nothing else counts.
    pub error: ErrorCode,
    /// The session that was begun, or 0.
    pub session_id: i32,
    /// What there is; a partition of which there is nothing new may be left out.
    pub partitions: Vec<GotPartition>,
}

/// A partition's part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GotPartition {
    /// Which.
    pub key: PartitionKey,
    /// What the leader says.
    pub said: LeaderSays,
    /// Whole batches, as they came.
    pub records: Bytes,
}

/// How followers ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetcherOptions {
    /// `replica.fetch.wait.max.ms`: how long the leader may wait for records.
    pub wait_max: Duration,
    /// `replica.fetch.min.bytes`: for how many.
    pub bytes_min: usize,
    /// `replica.fetch.response.max.bytes`: about how many in one answer.
    pub bytes_max: usize,
    /// `replica.fetch.max.bytes`: about how many of one partition.
    pub partition_bytes_max: usize,
    /// `replica.fetch.backoff.ms`: how long to wait, at most, after a leader could not be reached.
    pub backoff: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkFault {
    /// There is something else to ask: the request was given up.
    Interrupted,
    /// The leader could not be reached, or said nonsense.
    Failed(String),
}

/// Where leaders are reached.
pub trait Leaders: Send + Sync {
    /// A link to one, to be used by one thread. Nothing is dialled before the first fetch.
    fn link(&self, leader: BrokerId) -> Box<dyn LeaderLink>;
}

/// One link to one leader.
pub trait LeaderLink: Send {
    /// Asks, and waits for the answer. May end early once `interrupt` is woken.
    ///
    /// # Errors
    /// [`LinkFault`]; the session is over then.
    fn fetch(&mut self, ask: &FetchAsk, interrupt: &Arc<Waiter>) -> Result<FetchGot, LinkFault>;
}

impl FetcherOptions {
    /// What the node's settings say.
    #[must_use]
    pub fn of(server: &ServerOptions) -> Self {
        let size = |name| usize::try_from(server.number(name)).unwrap_or(usize::MAX);
        let time = |name| Duration::from_millis(u64::try_from(server.number(name)).unwrap_or(0));
        Self {
            wait_max: time("replica.fetch.wait.max.ms"),
            bytes_min: size("replica.fetch.min.bytes"),
            bytes_max: size("replica.fetch.response.max.bytes"),
            partition_bytes_max: size("replica.fetch.max.bytes"),
            backoff: time("replica.fetch.backoff.ms"),
        }
    }
}
