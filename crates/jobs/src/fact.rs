//! A job as the cluster remembers it: JSON, version 1.

use flow::{
    counters::Counters,
    plan::{PLAN_VERSION, Plan},
    turn::TaskStatus,
};
use model::{PartitionId, TopicName, TopicPartition};
use serde::{Deserialize, Serialize};

/// What is stored of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobFact {
    /// Of this format.
    pub version: u16,
    /// 32 hexadecimal digits.
    pub id: String,
    /// `pipeline.name`, else made from the sink.
    pub name: String,
    /// The INSERT as it was written.
    pub sql: String,
    /// SETs and temporary tables of the session it was written in.
    pub session: String,
    /// What it was bound to; bound again from the text when this code writes another plan version.
    pub plan: serde_json::Value,
    /// The group under which its positions are shown.
    pub group: String,
    /// Whether it is to run.
    pub state: JobState,
    /// When it was submitted, milliseconds since 1970.
    pub submitted_ms: i64,
    /// Where it was when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<JobEnd>,
}

/// The figures of a job that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEnd {
    counters: Counters,
    watermark: Option<i64>,
    windows_closed: u64,
    rows: u64,
    seal: u64,
}

impl JobEnd {
    /// What to keep of `status`.
    pub(crate) const fn of(status: &TaskStatus) -> Self {
        Self {
            counters: status.counters,
            watermark: status.watermark,
            windows_closed: status.windows_closed,
            rows: status.rows,
            seal: status.seal,
        }
    }

    /// As the job itself would say it.
    pub(crate) fn status(&self) -> TaskStatus {
        TaskStatus {
            counters: self.counters,
            watermark: self.watermark,
            windows_closed: self.windows_closed,
            rows: self.rows,
            seal: self.seal,
            ..TaskStatus::default()
        }
    }
}

/// What is to become, or has become, of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JobState {
    /// It runs where its journal is led, or will.
    Running,
    /// Its bounded inputs came to their end.
    Finished,
    /// Somebody stopped it.
    Stopped,
    /// It cannot go on.
    Failed {
        /// Why, and what to do.
        reason: String,
    },
}

impl JobFact {
    /// The version this code writes.
    pub(crate) const VERSION: u16 = 1;

    const JOURNAL_PREFIX: &str = "__logmill-job-";

    /// The id of the job whose own `topic` is; none when it is nobody's.
    pub(crate) fn id_of_journal(topic: &TopicName) -> Option<&str> {
        topic.as_str().strip_prefix(Self::JOURNAL_PREFIX)
    }

    /// The job's own partition.
    pub(crate) fn journal(&self) -> TopicPartition {
        let name = format!("{}{}", Self::JOURNAL_PREFIX, self.id);
        let topic = TopicName::parse(&name).expect("hexadecimal digits make a legal name");
        TopicPartition::new(topic, PartitionId(0))
    }

    /// The plan as stored; none when another version of the code wrote it.
    pub(crate) fn stored_plan(&self) -> Option<Plan> {
        let plan: Plan = serde_json::from_value(self.plan.clone()).ok()?;
        (plan.version == PLAN_VERSION).then_some(plan)
    }

    /// Reads a stored fact.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let fact: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let is_ours = fact.version == Self::VERSION
            && fact.id.len() == 32
            && fact.id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_ours { Ok(fact) } else { Err(format!("job fact version {}", fact.version)) }
    }

    /// As it is stored.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("facts have string keys only")
    }
}

impl JobState {
    /// Flink's word for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Stopped => "CANCELED",
            Self::Failed { .. } => "FAILED",
        }
    }

    /// Why it failed, if it did.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { reason } => Some(reason),
            _ => None,
        }
    }
}
