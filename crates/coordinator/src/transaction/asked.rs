//! What is asked of one transactional id, and what it answers.

use std::sync::Arc;

use model::{ErrorCode, ProducerEpoch, ProducerId, TopicPartition};
use wire::messages::{
    describe_transactions_response::TransactionState as Described,
    list_transactions_response::TransactionState as Listed,
};

use super::{
    markers::Written, state::TransactionResult, state::TransactionState, transaction::ClientVersion,
};

/// Who produces: a producer in one epoch, under its transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producing {
    /// The transactional id.
    pub transactional_id: Arc<str>,
    /// The producer's.
    pub producer_id: ProducerId,
    /// The producer's.
    pub producer_epoch: ProducerEpoch,
}

/// InitProducerId with a transactional id.
#[derive(Clone, Debug)]
pub struct InitProducer {
    /// The transactional id.
    pub transactional_id: Arc<str>,
    /// How long a transaction of this producer may take.
    pub timeout_ms: i32,
    /// The producer that it believes to be (KIP-360).
    pub expected: Option<(ProducerId, ProducerEpoch)>,
}

/// AddPartitionsToTxn, or the question whether it has been asked.
#[derive(Clone, Debug)]
pub struct AddPartitions {
    /// Who writes.
    pub producing: Producing,
    /// Where.
    pub partitions: Vec<TopicPartition>,
    /// What the client speaks.
    pub client_version: ClientVersion,
    /// Whether nothing is added: each partition is answered for itself.
    pub is_verify_only: bool,
}

/// EndTxn.
#[derive(Clone, Debug)]
pub struct EndTransaction {
    /// Whose transaction.
    pub producing: Producing,
    /// How.
    pub result: TransactionResult,
    /// What the client speaks.
    pub client_version: ClientVersion,
}

/// Which transactions ListTransactions shows; what is empty or none shows all.
#[derive(Debug, Default)]
pub struct ListFilter {
    /// In one of these states.
    pub states: Vec<TransactionState>,
    /// Of one of these producers.
    pub producer_ids: Vec<ProducerId>,
    /// Running for longer than this.
    pub duration_ms: Option<i64>,
}

#[derive(Debug)]
pub(crate) enum Asked {
    Init(InitProducer),
    Add(AddPartitions),
    End(EndTransaction),
    Describe(Arc<str>),
    List(Arc<ListFilter>),
    /// What has come of an attempt to write markers.
    Written(Written),
}

#[derive(Debug)]
pub(crate) enum Answered {
    Init(Result<(ProducerId, ProducerEpoch), ErrorCode>),
    /// One code per partition, in the order of the question.
    Add(Vec<(TopicPartition, ErrorCode)>),
    End(Result<(ProducerId, ProducerEpoch), ErrorCode>),
    Describe(Described),
    List(Result<Vec<Listed>, ErrorCode>),
    Done,
}

impl Asked {
    /// The answer that says `code`, in the place where this request's answer has its error.
    pub(crate) fn refuse(&self, code: ErrorCode) -> Answered {
        match self {
            Self::Init(_) => Answered::Init(Err(code)),
            Self::Add(asked) => Answered::Add(asked.all(code)),
            Self::End(_) => Answered::End(Err(code)),
            Self::Describe(id) => Answered::Describe(super::describe::refuse(id, code)),
            Self::List(_) => Answered::List(Err(code)),
            Self::Written(_) => Answered::Done,
        }
    }
}

impl AddPartitions {
    /// The same for every partition.
    pub(crate) fn all(&self, code: ErrorCode) -> Vec<(TopicPartition, ErrorCode)> {
        self.partitions.iter().map(|place| (place.clone(), code)).collect()
    }
}

impl Answered {
    /// This answer, but its records were not written: `code` says why.
    pub(crate) fn fail(self, code: ErrorCode) -> Self {
        let code = crate::asked::append_error(code);
        match self {
            Self::Init(_) => Self::Init(Err(code)),
            Self::Add(answered) => {
                Self::Add(answered.into_iter().map(|(place, _)| (place, code)).collect())
            }
            Self::End(_) => Self::End(Err(code)),
            Self::Describe(described) => {
                Self::Describe(super::describe::refuse(described.transactional_id.as_str(), code))
            }
            Self::List(_) => Self::List(Err(code)),
            Self::Done => Self::Done,
        }
    }
}
