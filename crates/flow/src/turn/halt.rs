//! Why a job stops: what broke the chain, so that going on would be guessing.

use model::{ErrorCode, Offset, TopicName, TopicPartition};

use crate::graph::GraphError;

/// A job's end, other than by its own completion.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The input was deleted, or deleted and made again under its name.
    #[error(
        "input topic {topic} is not the one this job began on: it was deleted{}; stop this job and submit it again",
        if *recreated { " and created again" } else { "" }
    )]
    InputGone {
        /// The topic.
        topic: TopicName,
        /// Whether there is another of its name.
        recreated: bool,
    },
    /// Retention or DeleteRecords took what the job had not read, or must read again.
    #[error(
        "input {partition} begins at offset {log_start}, but the job needs offset {needed}: retention or a deletion took \
         what lies between; stop this job and submit it again, with more retention"
    )]
    InputExpired {
        /// The partition.
        partition: TopicPartition,
        /// Where the job must read.
        needed: Offset,
        /// What is left.
        log_start: Offset,
    },
    /// The input's log lost records that the job has read.
    #[error(
        "input {partition} ends at offset {log_end}, but the job has read up to {read}: the log was truncated after a \
         failure; stop this job and submit it again"
    )]
    InputTruncated {
        /// The partition.
        partition: TopicPartition,
        /// How far the job was.
        read: Offset,
        /// The log's end now.
        log_end: Offset,
    },
    /// Partitions were added to the input.
    #[error(
        "input topic {topic} has {partitions} partitions, and the job reads {read} of them: a running job does not take new \
         partitions in yet; stop this job and submit it again"
    )]
    InputGrew {
        /// The topic.
        topic: TopicName,
        /// How many there are now.
        partitions: i32,
        /// How many the job reads.
        read: i32,
    },
    /// The output is not what the job left behind.
    #[error(
        "output {partition}: {found} records of this job behind offset {end}, at most {sealed} were sealed, and the log \
         ends at {log_end}: somebody truncated or deleted what was published; stop this job and submit it again"
    )]
    OutputChanged {
        /// The partition.
        partition: TopicPartition,
        /// Where the job had last seen its end.
        end: Offset,
        /// Records of the job found behind it.
        found: usize,
        /// Records that the last seal has for it.
        sealed: usize,
        /// Where the log ends.
        log_end: Offset,
    },
    /// Another reign of the same job has begun.
    #[error("another reign of this job has begun: this one ends")]
    Fenced,
    /// The broker refused something the job cannot go on without.
    #[error("{what} of {on}: {code}")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// On what.
        on: String,
        /// Kafka's code.
        code: ErrorCode,
    },
    /// The job's own partition does not read as it should.
    #[error("the job's journal {partition} is damaged at offset {offset}: {why}")]
    JournalDamaged {
        /// The job's partition.
        partition: TopicPartition,
        /// Where.
        offset: Offset,
        /// What is wrong.
        why: String,
    },
    /// The plan or its state cannot run.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl Halt {
    /// What refusing `what` of `on` with `code` means: fenced, or refused.
    pub(crate) fn refused(what: &'static str, on: impl ToString, code: ErrorCode) -> Self {
        match code {
            ErrorCode::InvalidProducerEpoch | ErrorCode::ProducerFenced => Self::Fenced,
            _ => Self::Refused { what, on: on.to_string(), code },
        }
    }

    /// Whether the node's disk is to blame: the job goes on when the node is back.
    #[must_use]
    pub const fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Refused { code: ErrorCode::KafkaStorageError, .. })
    }

    /// Whether trying again later may help: nothing of the job itself is wrong. Not so of what broke the chain.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Refused { code, .. } => is_passing(*code),
            Self::Fenced => true,
            Self::InputGone { .. }
            | Self::InputExpired { .. }
            | Self::InputTruncated { .. }
            | Self::InputGrew { .. }
            | Self::OutputChanged { .. }
            | Self::JournalDamaged { .. }
            | Self::Graph(_) => false,
        }
    }
}

/// Refusals that end by themselves: leaders and coordinators change, replicas come back.
const fn is_passing(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::OffsetNotAvailable
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::NotCoordinator
            | ErrorCode::NotController
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::BrokerNotAvailable
            | ErrorCode::NetworkException
            | ErrorCode::NotEnoughReplicas
            | ErrorCode::NotEnoughReplicasAfterAppend
            | ErrorCode::RequestTimedOut
            // A topic that is made on the way needs as many brokers as it has replicas.
            | ErrorCode::InvalidReplicationFactor
    )
}
