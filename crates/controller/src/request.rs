//! What the controller can be asked, and what it answers.
//!
//! Names and numbers come as the client sent them; a decision parses them, so that its refusal is the controller's word.

mod brokers;
mod partitions;

use std::ops::Range;

use metadata::{PartitionState, options::Described};
use model::{BrokerEpoch, BrokerId, ErrorCode, PartitionId, TopicId, TopicName};
use serde::{Deserialize, Serialize};

pub use brokers::{Heartbeat, HeartbeatAnswer, Registration};
pub use partitions::{Elected, Election, IsrChange, Reassignment};

/// One request. Its answer has the same name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request {
    /// Make topics.
    CreateTopics {
        /// Each is decided by itself.
        topics: Vec<NewTopic>,
        /// Check everything, make nothing.
        validate_only: bool,
    },
    /// Remove topics.
    DeleteTopics(Vec<TopicKey>),
    /// Give topics more partitions.
    CreatePartitions {
        /// Each is decided by itself.
        topics: Vec<MorePartitions>,
        /// Check everything, make nothing.
        validate_only: bool,
    },
    /// Change topics' options (incrementally).
    AlterTopicOptions {
        /// Each topic is decided by itself, all its changes together.
        topics: Vec<TopicChange>,
        /// Check everything, change nothing.
        validate_only: bool,
    },
    /// A block of producer ids.
    AllocateProducerIds,
    /// A broker's new life.
    RegisterBroker(Registration),
    /// A broker's sign of life.
    Heartbeat(Heartbeat),
    /// Take a broker out of the cluster that will not come back.
    UnregisterBroker(BrokerId),
    /// Leaders propose who is in sync.
    AlterPartition {
        /// The leader.
        broker: BrokerId,
        /// In which life.
        epoch: BrokerEpoch,
        /// Each is decided by itself.
        changes: Vec<IsrChange>,
    },
    /// Elect leaders.
    ElectLeaders {
        /// Which.
        kind: Election,
        /// None: wherever it is needed.
        partitions: Option<Vec<(String, PartitionId)>>,
    },
    /// Give partitions other replicas, or call that off.
    AlterReassignments {
        /// Each is decided by itself.
        changes: Vec<Reassignment>,
        /// Whether partitions may get more or fewer replicas than they have.
        may_change_factor: bool,
    },
    /// Store a table.
    PutTable {
        /// Its name.
        name: String,
        /// JSON that its owner understands.
        definition: String,
        /// What to do with one of that name.
        if_there: IfThere,
    },
    /// Remove a table.
    RemoveTable(String),
    /// Store a job.
    PutJob {
        /// Its id.
        id: String,
        /// JSON that its owner understands.
        definition: String,
        /// What to do with one of that id.
        if_there: IfThere,
    },
    /// Remove a job.
    RemoveJob(String),
}

/// The answer to the [`Request`] of the same name; lists are in the order of the request.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// To [`Request::CreateTopics`].
    CreateTopics(Vec<Result<CreatedTopic, Refusal>>),
    /// To [`Request::DeleteTopics`]: what is gone.
    DeleteTopics(Vec<Result<(TopicName, TopicId), Refusal>>),
    /// To [`Request::CreatePartitions`].
    CreatePartitions(Vec<Result<(), Refusal>>),
    /// To [`Request::AlterTopicOptions`].
    AlterTopicOptions(Vec<Result<(), Refusal>>),
    /// To [`Request::AllocateProducerIds`].
    AllocateProducerIds(Range<i64>),
    /// To [`Request::RegisterBroker`].
    RegisterBroker(Result<BrokerEpoch, Refusal>),
    /// To [`Request::Heartbeat`].
    Heartbeat(Result<HeartbeatAnswer, Refusal>),
    /// To [`Request::UnregisterBroker`].
    UnregisterBroker(Result<(), Refusal>),
    /// To [`Request::AlterPartition`]: what each partition is now, or why it is not.
    AlterPartition(Result<Vec<Result<PartitionState, ErrorCode>>, Refusal>),
    /// To [`Request::ElectLeaders`].
    ElectLeaders(Vec<Elected>),
    /// To [`Request::AlterReassignments`].
    AlterReassignments(Vec<Result<(), Refusal>>),
    /// To [`Request::PutTable`] and [`Request::PutJob`].
    Put(Result<Stored, Refusal>),
    /// To [`Request::RemoveTable`] and [`Request::RemoveJob`].
    Remove(Result<(), Refusal>),
}

/// A topic to make.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NewTopic {
    /// Not yet checked.
    pub name: String,
    /// -1: the default.
    pub partitions: i32,
    /// -1: the default.
    pub replication_factor: i16,
    /// Empty: the controller places; else both numbers above are -1.
    pub assignment: Vec<(PartitionId, Vec<BrokerId>)>,
    /// Options set from the start; a null value is refused.
    pub options: Vec<(String, Option<String>)>,
}

/// A topic that was made (or would be).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreatedTopic {
    /// Its name.
    pub name: TopicName,
    /// Its identity for life; [`TopicId::NONE`] when it was only checked.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many replicas each has.
    pub replication_factor: i16,
    /// All its options, as DescribeConfigs tells them.
    pub options: Vec<Described>,
}

/// A topic by name or by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TopicKey {
    /// By name.
    Name(String),
    /// By id.
    Id(TopicId),
}

/// A topic that is to have more partitions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MorePartitions {
    /// Which topic.
    pub name: String,
    /// How many it is to have in all.
    pub count: i32,
    /// Replicas of each new partition; none: the controller places.
    pub assignment: Option<Vec<Vec<BrokerId>>>,
}

/// Changes to one topic's options: all or nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TopicChange {
    /// Which topic.
    pub name: String,
    /// In order.
    pub changes: Vec<OptionChange>,
}

/// One change to one option.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OptionChange {
    /// Kafka's name of the option.
    pub name: String,
    /// What to do.
    pub change: Change,
    /// None only with [`Change::Delete`].
    pub value: Option<String>,
}

/// What to do with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Set it.
    Set,
    /// Set it no longer.
    Delete,
    /// Add to a list.
    Append,
    /// Take from a list.
    Subtract,
}

impl Change {
    /// Kafka's wire value.
    #[must_use]
    pub const fn from_wire(value: i8) -> Option<Self> {
        match value {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }
}

/// What to do when the thing to store is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IfThere {
    /// Refuse (DUPLICATE_RESOURCE).
    Refuse,
    /// Leave it as it is.
    Keep,
    /// Replace it.
    Replace,
}

/// What became of a thing to store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stored {
    /// It is new.
    Made,
    /// It was there and is now another.
    Replaced,
    /// It was there and is as it was.
    Kept,
}

/// Why something is not done: Kafka's code, and a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Kafka's code.
    pub code: ErrorCode,
    /// Why.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}
