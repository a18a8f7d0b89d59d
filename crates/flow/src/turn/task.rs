//! One reign of one job: turn after turn, each sealed before it is published.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use model::{Offset, TimestampMs, TopicPartition};

use super::{
    entry::{Entry, Seal, Snapshot, Turn},
    halt::Halt,
    inputs::Inputs,
    journal::Journal,
    outputs::Outputs,
    takeover::{self, Begun},
};
use crate::{counters::Counters, graph::Graph, plan::Plan, topics::Topics};

/// Who the job is.
#[derive(Clone, Debug)]
pub struct TaskIdentity {
    /// Its own partition: the journal.
    pub journal: TopicPartition,
    /// The group under which its positions are shown to lag tools.
    pub group: String,
}

/// How much and how often.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes that a turn reads of one input.
    pub turn_bytes_max: usize,
    /// Milliseconds between snapshots.
    pub snapshot_every_ms: i64,
    /// Milliseconds between notes of progress while there are no results.
    pub progress_every_ms: i64,
}

impl Pace {
    /// Seals that are written in the time between two snapshots, if nothing but the notes of progress makes them.
    fn seals_between_snapshots(&self) -> u64 {
        u64::try_from(self.snapshot_every_ms / self.progress_every_ms.max(1)).unwrap_or(0).max(1)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { turn_bytes_max: 1 << 20, snapshot_every_ms: 10_000, progress_every_ms: 1_000 }
    }
}

/// Where a job is, for people.
#[derive(Clone, Debug, Default)]
pub struct TaskStatus {
    /// What became of every offset consumed.
    pub counters: Counters,
    /// The combined watermark, milliseconds.
    pub watermark: Option<i64>,
    /// Windows closed in this reign.
    pub windows_closed: u64,
    /// Rows given since the job began.
    pub rows: u64,
    /// The last seal.
    pub seal: u64,
    /// Bytes of state.
    pub state_bytes: usize,
    /// How far each input has been read.
    pub positions: Vec<(TopicPartition, Offset)>,
    /// Milliseconds from the oldest record of a turn to its published result, of recent turns, oldest first.
    pub latencies_ms: VecDeque<u32>,
    /// Whether all inputs were bounded and have ended.
    pub is_finished: bool,
}

/// Milliseconds between two commits of the positions.
const COMMIT_EVERY_MS: i64 = 1_000;
/// Latencies kept for [`TaskStatus::latencies_ms`].
const LATENCIES_MAX: usize = 4096;

/// One reign of a job.
pub struct Task {
    topics: Arc<dyn Topics>,
    plan: Arc<Plan>,
    identity: TaskIdentity,
    pace: Pace,
    journal: Journal,
    outputs: Outputs,
    inputs: Inputs,
    graph: Graph,
    /// The last seal's number.
    number: u64,
    /// Turns since the last seal.
    unsealed: Vec<Turn>,
    sealed_at: TimestampMs,
    committed_at: TimestampMs,
    /// When the last snapshot was taken; in a new reign of a job that has many seals behind its snapshot, long ago: of reigns shorter than the
    /// time between two snapshots none would take one, and each would have more to go over again.
    snapshot_at: TimestampMs,
    snapshot_number: u64,
    latencies_ms: VecDeque<u32>,
}

impl Task {
    /// Begins a reign: of a new job, or of one that an older reign has left.
    ///
    /// # Errors
    /// [`Halt`]: the job must not go on.
    pub fn begin(
        topics: Arc<dyn Topics>,
        plan: Arc<Plan>,
        identity: TaskIdentity,
        pace: Pace,
    ) -> Result<Self, Halt> {
        let begun = takeover::begin(&topics, &plan, &identity.journal)?;
        let Begun { journal, outputs, inputs, graph, number, snapshot_number, is_new } = begun;
        let now = topics.wall();
        let snapshot_at = if number - snapshot_number >= pace.seals_between_snapshots() {
            TimestampMs(now.0.saturating_sub(pace.snapshot_every_ms))
        } else {
            now
        };
        let mut task = Self {
            topics,
            plan,
            identity,
            pace,
            journal,
            outputs,
            inputs,
            graph,
            number,
            unsealed: Vec::new(),
            sealed_at: now,
            committed_at: now,
            snapshot_at,
            snapshot_number,
            latencies_ms: VecDeque::new(),
        };
        if is_new {
            task.snapshot()?;
        }
        Ok(task)
    }

    /// One turn. Answers whether there was anything to do.
    ///
    /// # Errors
    /// [`Halt`]: this reign is over.
    pub fn turn(&mut self) -> Result<bool, Halt> {
        let done = self.inputs.turn(&mut self.graph, self.pace.turn_bytes_max)?;
        let (worked, oldest) = match done {
            Some(done) => {
                self.unsealed.push(done.turn);
                (true, done.oldest)
            }
            None => (false, None),
        };
        let results = self.graph.take_results();
        let partitions = self.inputs.partitions();
        let outputs = self.outputs.arrange(&self.plan, &partitions, &results)?;
        let now = self.topics.wall();
        let is_progress_due =
            !self.unsealed.is_empty() && now.since(self.sealed_at) >= self.pace.progress_every_ms;
        if !outputs.is_empty() {
            self.seal(outputs)?;
            self.observe_latency(oldest);
        } else if is_progress_due {
            self.seal(outputs)?;
        }
        let is_stale = self.number > self.snapshot_number || !self.unsealed.is_empty();
        if is_stale && now.since(self.snapshot_at) >= self.pace.snapshot_every_ms {
            self.snapshot()?;
        }
        Ok(worked)
    }

    /// Blocks until there is something to read, or `timeout`.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        self.inputs.wait(timeout)
    }

    /// Whether every input was bounded and has been read to its end.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.inputs.is_finished()
    }

    /// Records that could be read now and have not been.
    #[must_use]
    pub fn lag_records(&self) -> i64 {
        self.inputs.lag_records()
    }

    /// Ends the reign cleanly: the next one finds nothing in doubt and nothing to redo.
    ///
    /// # Errors
    /// [`Halt`]: the end was not clean; the next reign takes over as after a crash.
    pub fn rest(&mut self) -> Result<(), Halt> {
        self.snapshot()?;
        self.journal.append(&Entry::Rest)?;
        self.journal.sync()?;
        self.commit();
        Ok(())
    }

    /// Where the job is.
    #[must_use]
    pub fn status(&self) -> TaskStatus {
        TaskStatus {
            counters: self.graph.counters(),
            watermark: self.graph.watermark(),
            windows_closed: self.graph.windows_closed(),
            rows: self.outputs.rows,
            seal: self.number,
            state_bytes: self.graph.state_bytes(),
            positions: self.inputs.positions(),
            latencies_ms: self.latencies_ms.clone(),
            is_finished: self.is_finished(),
        }
    }

    /// Writes the turns since the last seal, and what they gave, ahead; then publishes.
    fn seal(&mut self, outputs: Vec<super::entry::SealedOutput>) -> Result<(), Halt> {
        self.number += 1;
        let seal = Entry::Seal(Seal {
            number: self.number,
            turns: std::mem::take(&mut self.unsealed),
            counters: self.graph.counters(),
            rows: self.outputs.rows,
            outputs,
        });
        self.journal.append(&seal)?;
        let Entry::Seal(seal) = seal else { return Ok(()) };
        if !seal.outputs.is_empty() {
            // The commit point: from here on the results are, whatever happens to this reign.
            self.journal.sync()?;
            self.outputs.publish(&seal.outputs)?;
        }
        self.sealed_at = self.topics.wall();
        if self.sealed_at.since(self.committed_at) >= COMMIT_EVERY_MS {
            self.commit();
        }
        Ok(())
    }

    /// Shows lag tools how far the job is; never read back.
    fn commit(&mut self) {
        self.topics.commit(&self.identity.group, &self.inputs.positions());
        self.committed_at = self.sealed_at;
    }

    /// Writes the whole state and lets go of what it replaces.
    fn snapshot(&mut self) -> Result<(), Halt> {
        if !self.unsealed.is_empty() {
            self.seal(Vec::new())?;
        }
        // Seals hold what a power cut may take from the outputs; the outputs must be safe before the seals go.
        self.outputs.sync()?;
        let mut graph = Vec::new();
        self.graph.snapshot(&mut graph);
        let first = self.journal.append(&Entry::Snapshot(Snapshot {
            number: self.number,
            reign: self.journal.reign(),
            rows: self.outputs.rows,
            inputs: self.inputs.marks(),
            outputs: self.outputs.ends(),
            graph: graph.into(),
        }))?;
        self.journal.sync()?;
        self.journal.trim(first)?;
        self.snapshot_at = self.topics.wall();
        self.snapshot_number = self.number;
        Ok(())
    }

    fn observe_latency(&mut self, oldest: Option<TimestampMs>) {
        let Some(oldest) = oldest else { return };
        let latency = self.topics.wall().since(oldest).max(0);
        if self.latencies_ms.len() == LATENCIES_MAX {
            self.latencies_ms.pop_front();
        }
        self.latencies_ms.push_back(u32::try_from(latency).unwrap_or(u32::MAX));
    }
}
