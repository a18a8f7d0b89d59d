//! The partitions a graph reads: how far each is, where it ends, when it is idle.
//!
//! A turn is decided and done here in one go: each input with something to read is read once, in order; what was done
//! is answered as a [`Turn`], and [`Inputs::redo`] does the same again from that.

use std::{sync::Arc, time::Duration};

use model::{ErrorCode, Isolation, LeaderEpoch, Offset, TimestampMs, TopicId, TopicPartition};
use records::{Batch, Batches};

use super::{
    entry::{Advance, InputMark, Turn},
    halt::Halt,
};
use crate::{
    graph::Graph,
    plan::{Bounded, Plan, Startup},
    topics::{PartitionEnds, ReadBatches, Topics, partition_of},
};

/// A job's inputs.
pub struct Inputs {
    topics: Arc<dyn Topics>,
    inputs: Vec<Input>,
    idle_timeout_ms: i64,
    /// When the topics were last looked at as a whole.
    looked_at: TimestampMs,
}

/// Milliseconds between two looks at the topics.
const LOOK_EVERY_MS: i64 = 1_000;
/// How long an input that was refused is left alone, unless another one has something to read.
const REFUSED_WAIT: Duration = Duration::from_millis(20);

struct Input {
    mark: InputMark,
    last_read: TimestampMs,
    /// How far it could be read when it was last looked at.
    readable_end: Offset,
    /// Whether it was refused for a passing reason when it was last read: its leader moves.
    is_refused: bool,
}

/// What a turn did, and the age of what it read.
pub(crate) struct Done {
    pub(crate) turn: Turn,
    /// The smallest timestamp of a batch read, for latency; none when nothing was read.
    pub(crate) oldest: Option<TimestampMs>,
}

impl Inputs {
    /// The inputs of a job that begins now.
    ///
    /// # Errors
    /// [`Halt`] when a topic is missing or cannot be read.
    pub fn begin(topics: Arc<dyn Topics>, plan: &Plan) -> Result<Self, Halt> {
        let mut marks = Vec::new();
        for topic in &plan.source.topics {
            let facts = topics
                .topic(topic)
                .ok_or_else(|| Halt::InputGone { topic: topic.clone(), recreated: false })?;
            for partition in 0..facts.partitions {
                let partition = partition_of(topic, partition);
                marks.push(first_mark(topics.as_ref(), plan, partition, facts.id)?);
            }
        }
        Ok(Self::of(topics, plan, marks))
    }

    /// The inputs as a snapshot left them; every one must still be what it was.
    pub(super) fn restore(
        topics: Arc<dyn Topics>,
        plan: &Plan,
        marks: Vec<InputMark>,
    ) -> Result<Self, Halt> {
        for mark in &marks {
            let topic = &mark.partition.topic;
            let found = topics.topic(topic);
            if found.as_ref().is_none_or(|facts| facts.id != mark.topic_id) {
                return Err(Halt::InputGone { topic: topic.clone(), recreated: found.is_some() });
            }
            let ends = ends(topics.as_ref(), &mark.partition)?;
            if !mark.ended {
                require_kept(mark, ends)?;
            }
            require_not_truncated(mark, ends)?;
            require_same_history(topics.as_ref(), &mark.partition, mark.epoch, mark.position)?;
        }
        Ok(Self::of(topics, plan, marks))
    }

    fn of(topics: Arc<dyn Topics>, plan: &Plan, marks: Vec<InputMark>) -> Self {
        let idle_timeout = plan.source.watermark.as_ref().map_or(0, |mark| mark.idle_timeout_ms);
        let last_read = topics.wall();
        let input = |mark: InputMark| Input {
            readable_end: mark.position,
            mark,
            last_read,
            is_refused: false,
        };
        let inputs = marks.into_iter().map(input).collect();
        let idle_timeout_ms = i64::try_from(idle_timeout).unwrap_or(i64::MAX);
        // Not yet: a restored job looks at once.
        Self { topics, inputs, idle_timeout_ms, looked_at: TimestampMs::NONE }
    }

    /// The partitions, in the order of a graph's inputs.
    #[must_use]
    pub fn partitions(&self) -> Vec<TopicPartition> {
        self.inputs.iter().map(|input| input.mark.partition.clone()).collect()
    }

    /// How far each partition has been read.
    #[must_use]
    pub fn positions(&self) -> Vec<(TopicPartition, Offset)> {
        let position = |input: &Input| (input.mark.partition.clone(), input.mark.position);
        self.inputs.iter().map(position).collect()
    }

    /// Records that could be read at the last look and have not been.
    #[must_use]
    pub fn lag_records(&self) -> i64 {
        let lag = |input: &Input| {
            let end = input.readable_end;
            let end = input.mark.stop.map_or(end, |stop| stop.min(end));
            end.since(input.mark.position).max(0)
        };
        self.inputs.iter().map(lag).sum()
    }

    /// Whether every input was bounded and has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.inputs.iter().all(|input| input.mark.ended)
    }

    pub(super) fn marks(&self) -> Vec<InputMark> {
        self.inputs.iter().map(|input| input.mark.clone()).collect()
    }

    /// Blocks until there is something to read, or `timeout`; an idle deadline cuts it short. An input that was just refused is not waited
    /// for but tried again after a moment: whoever is asked about it says at once that reading would tell more.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        let open = || self.inputs.iter().filter(|input| !input.mark.ended);
        let is_refused = open().any(|input| input.is_refused);
        let timeout = self.idle_deadline().map_or(timeout, |idle| idle.min(timeout));
        let timeout = if is_refused { timeout.min(REFUSED_WAIT) } else { timeout };
        let position = |input: &Input| (input.mark.partition.clone(), input.mark.position);
        let awaited: Vec<_> = open().filter(|input| !input.is_refused).map(position).collect();
        self.topics.wait(&awaited, timeout) || is_refused
    }

    fn idle_deadline(&self) -> Option<Duration> {
        if self.idle_timeout_ms == 0 {
            return None;
        }
        let now = self.topics.wall();
        let awake = self.inputs.iter().filter(|input| !input.mark.idle && !input.mark.ended);
        let left = awake.map(|input| {
            input.last_read.plus(self.idle_timeout_ms).since(now).clamp(1, self.idle_timeout_ms)
        });
        left.min().map(|ms| Duration::from_millis(ms.unsigned_abs()))
    }

    /// Reads up to `bytes_max` of each input into `graph`, for a query that seals nothing. Answers whether there was
    /// anything to do.
    ///
    /// # Errors
    /// [`Halt`]: the inputs cannot be read on.
    pub fn advance(&mut self, graph: &mut Graph, bytes_max: usize) -> Result<bool, Halt> {
        Ok(self.turn(graph, bytes_max)?.is_some())
    }

    /// Reads up to `bytes_max` of each input into `graph`. None when there was nothing to do.
    pub(crate) fn turn(
        &mut self,
        graph: &mut Graph,
        bytes_max: usize,
    ) -> Result<Option<Done>, Halt> {
        let now = self.topics.wall();
        if now.since(self.looked_at) >= LOOK_EVERY_MS {
            self.require_same_topics()?;
            self.looked_at = now;
        }
        let mut done = Done { turn: Turn::default(), oldest: None };
        for (ordinal, input) in self.inputs.iter_mut().enumerate() {
            if input.mark.ended {
                continue;
            }
            let read = match input.read_next(self.topics.as_ref(), bytes_max) {
                Ok(read) => read,
                Err(halt) if halt.is_passing() => {
                    // Its leader moves: the others are read on, and of this one nobody can say that it is idle.
                    input.last_read = now;
                    input.is_refused = true;
                    continue;
                }
                Err(halt) => return Err(halt),
            };
            input.is_refused = false;
            if let Some(read) = read {
                let until = input.mark.stop.map_or(read.next, |stop| stop.min(read.next));
                done.oldest = earlier(done.oldest, first_timestamp(&read.bytes));
                input.feed(graph, ordinal, &read, until);
                input.last_read = now;
                let epoch = input.mark.epoch;
                done.turn.advances.push(Advance { input: ordinal, until, epoch });
            } else if input.becomes_idle(now, self.idle_timeout_ms) {
                input.set_idle(graph, ordinal);
                done.turn.idled.push(ordinal);
            }
        }
        for (ordinal, input) in self.inputs.iter_mut().enumerate() {
            if input.is_at_stop() {
                input.end(graph, ordinal);
                done.turn.ended.push(ordinal);
            }
        }
        Ok(if done.turn == Turn::default() { None } else { Some(done) })
    }

    /// Every topic is the one that the job began on, with as many partitions.
    fn require_same_topics(&self) -> Result<(), Halt> {
        for first in self.inputs.iter().filter(|input| input.mark.partition.partition.0 == 0) {
            let topic = &first.mark.partition.topic;
            let found = self.topics.topic(topic);
            let facts = found.as_ref().filter(|facts| facts.id == first.mark.topic_id);
            let Some(facts) = facts else {
                return Err(Halt::InputGone { topic: topic.clone(), recreated: found.is_some() });
            };
            let of_topic = |input: &&Input| input.mark.partition.topic == *topic;
            let read = i32::try_from(self.inputs.iter().filter(of_topic).count()).unwrap_or(0);
            // A bounded job reads what there was when it began.
            if facts.partitions > read && first.mark.stop.is_none() {
                let (topic, partitions) = (topic.clone(), facts.partitions);
                return Err(Halt::InputGrew { topic, partitions, read });
            }
        }
        Ok(())
    }

    /// Does a sealed turn again.
    pub(super) fn redo(&mut self, graph: &mut Graph, turn: &Turn) -> Result<(), Halt> {
        for advance in &turn.advances {
            let Some(input) = self.inputs.get_mut(advance.input) else { continue };
            input.redo(self.topics.as_ref(), graph, advance)?;
        }
        for ordinal in &turn.idled {
            if let Some(input) = self.inputs.get_mut(*ordinal) {
                input.set_idle(graph, *ordinal);
            }
        }
        for ordinal in &turn.ended {
            if let Some(input) = self.inputs.get_mut(*ordinal) {
                input.end(graph, *ordinal);
            }
        }
        Ok(())
    }
}

/// Bytes read at once while turns are redone.
const REDO_BYTES_MAX: usize = 4 << 20;
/// How long turns that are redone wait for a replica that has not come so far.
const REDO_WAIT: Duration = Duration::from_secs(5);

impl Input {
    fn read_next(
        &mut self,
        topics: &dyn Topics,
        bytes_max: usize,
    ) -> Result<Option<ReadBatches>, Halt> {
        let InputMark { partition, position, epoch, .. } = &self.mark;
        if self.is_at_stop() {
            return Ok(None);
        }
        let read = match topics.read(partition, *position, bytes_max, Isolation::ReadCommitted) {
            Ok(read) => read,
            Err(code) => return Err(why_unread(topics, &self.mark, code)),
        };
        self.readable_end = read.readable_end.max(read.next);
        if read.next <= *position {
            return Ok(None);
        }
        if read.leader_epoch > *epoch {
            // Another leads since: what was read before must be part of its history too.
            require_same_history(topics, partition, *epoch, *position)?;
        }
        Ok(Some(read))
    }

    fn feed(&mut self, graph: &mut Graph, ordinal: usize, read: &ReadBatches, until: Offset) {
        if self.mark.idle {
            self.mark.idle = false;
            graph.set_idle(ordinal, false);
        }
        graph.feed(
            ordinal,
            &read.bytes,
            self.mark.position,
            until,
            &read.aborted,
            read.leader_epoch,
        );
        self.mark.position = until;
        self.mark.epoch = last_epoch(&read.bytes).unwrap_or(self.mark.epoch);
    }

    fn redo(
        &mut self,
        topics: &dyn Topics,
        graph: &mut Graph,
        advance: &Advance,
    ) -> Result<(), Halt> {
        let partition = self.mark.partition.clone();
        require_same_history(topics, &partition, advance.epoch, advance.until)?;
        while self.mark.position < advance.until {
            let position = self.mark.position;
            let mut read = redo_read(topics, &self.mark)?;
            if read.next <= position {
                // A replica of this node may not have come so far yet.
                let _ = topics.wait(&[(partition.clone(), position)], REDO_WAIT);
                read = redo_read(topics, &self.mark)?;
            }
            if read.next <= position {
                return Err(why_short(topics, &self.mark, advance.until));
            }
            let until = read.next.min(advance.until);
            self.feed(graph, advance.input, &read, until);
        }
        Ok(())
    }

    const fn becomes_idle(&self, now: TimestampMs, timeout_ms: i64) -> bool {
        timeout_ms > 0 && !self.mark.idle && now.since(self.last_read) >= timeout_ms
    }

    fn set_idle(&mut self, graph: &mut Graph, ordinal: usize) {
        self.mark.idle = true;
        graph.set_idle(ordinal, true);
    }

    fn is_at_stop(&self) -> bool {
        !self.mark.ended && self.mark.stop.is_some_and(|stop| stop <= self.mark.position)
    }

    fn end(&mut self, graph: &mut Graph, ordinal: usize) {
        self.mark.ended = true;
        graph.end_input(ordinal);
    }
}

fn redo_read(topics: &dyn Topics, mark: &InputMark) -> Result<ReadBatches, Halt> {
    topics
        .read(&mark.partition, mark.position, REDO_BYTES_MAX, Isolation::ReadCommitted)
        .map_err(|code| why_unread(topics, mark, code))
}

/// Why an input cannot be read at its position: gone at the front, gone at the end, or for now.
fn why_unread(topics: &dyn Topics, mark: &InputMark, code: ErrorCode) -> Halt {
    let refused = |code| Halt::refused("read", &mark.partition, code);
    if code != ErrorCode::OffsetOutOfRange {
        return refused(code);
    }
    match topics.ends(&mark.partition) {
        Ok(ends) => match require_kept(mark, ends).and_then(|()| require_not_truncated(mark, ends))
        {
            Ok(()) => refused(ErrorCode::OffsetNotAvailable),
            Err(halt) => halt,
        },
        Err(code) => refused(code),
    }
}

/// Why what was read up to `until` cannot be read again: it is gone, or not here yet.
fn why_short(topics: &dyn Topics, mark: &InputMark, until: Offset) -> Halt {
    match topics.ends(&mark.partition) {
        Ok(ends) if ends.log_end < until => Halt::InputTruncated {
            partition: mark.partition.clone(),
            read: until,
            log_end: ends.log_end,
        },
        Ok(_) => Halt::refused("read", &mark.partition, ErrorCode::OffsetNotAvailable),
        Err(code) => Halt::refused("read", &mark.partition, code),
    }
}

fn first_mark(
    topics: &dyn Topics,
    plan: &Plan,
    partition: TopicPartition,
    topic_id: TopicId,
) -> Result<InputMark, Halt> {
    let ends = ends(topics, &partition)?;
    let at_time = |time| {
        let found = topics.offset_for_time(&partition, TimestampMs(time));
        let found = found.map_err(|code| Halt::refused("look up a time", &partition, code))?;
        Ok::<_, Halt>(found.unwrap_or(ends.readable_end))
    };
    let named = |offsets: &[(i32, i64)]| {
        offsets.iter().find(|(id, _)| *id == partition.partition.0).map(|(_, at)| Offset(*at))
    };
    let position = match &plan.source.startup {
        Startup::Earliest => ends.log_start,
        Startup::Latest => ends.readable_end,
        Startup::Group { group, else_earliest } => {
            let otherwise = if *else_earliest { ends.log_start } else { ends.readable_end };
            committed(topics, group, &partition)?.unwrap_or(otherwise)
        }
        Startup::Timestamp(time) => at_time(*time)?,
        Startup::Specific(offsets) => named(offsets).unwrap_or(ends.log_start),
    };
    let position = position.clamp(ends.log_start, ends.readable_end);
    let stop = match &plan.source.bounded {
        Bounded::Unbounded => None,
        Bounded::Latest => Some(ends.readable_end),
        Bounded::Timestamp(time) => Some(at_time(*time)?),
        Bounded::Specific(offsets) => named(offsets),
    };
    let epoch = LeaderEpoch::NONE;
    Ok(InputMark { partition, topic_id, position, epoch, stop, idle: false, ended: false })
}

fn ends(topics: &dyn Topics, partition: &TopicPartition) -> Result<PartitionEnds, Halt> {
    topics.ends(partition).map_err(|code| Halt::refused("look up the ends", partition, code))
}

fn require_kept(mark: &InputMark, ends: PartitionEnds) -> Result<(), Halt> {
    if mark.position >= ends.log_start {
        return Ok(());
    }
    Err(Halt::InputExpired {
        partition: mark.partition.clone(),
        needed: mark.position,
        log_start: ends.log_start,
    })
}

fn require_not_truncated(mark: &InputMark, ends: PartitionEnds) -> Result<(), Halt> {
    if mark.position <= ends.log_end {
        return Ok(());
    }
    Err(Halt::InputTruncated {
        partition: mark.partition.clone(),
        read: mark.position,
        log_end: ends.log_end,
    })
}

/// What was read up to `until` in `epoch` is still there: the epoch has not ended before it.
fn require_same_history(
    topics: &dyn Topics,
    partition: &TopicPartition,
    epoch: LeaderEpoch,
    until: Offset,
) -> Result<(), Halt> {
    if epoch < LeaderEpoch(0) {
        return Ok(());
    }
    let refused = |code| Halt::refused("look up an epoch", partition, code);
    match topics.end_of_epoch(partition, epoch).map_err(refused)? {
        Some(end) if end < until => {
            Err(Halt::InputTruncated { partition: partition.clone(), read: until, log_end: end })
        }
        _ => Ok(()),
    }
}

fn committed(
    topics: &dyn Topics,
    group: &str,
    partition: &TopicPartition,
) -> Result<Option<Offset>, Halt> {
    let found = topics.committed(group, partition);
    found.map_err(|code| Halt::refused("look up the committed offset", partition, code))
}

fn last_epoch(batches: &[u8]) -> Option<LeaderEpoch> {
    Batches::new(batches).map_while(Result::ok).last().map(|batch| batch.leader_epoch())
}

fn first_timestamp(batches: &[u8]) -> Option<TimestampMs> {
    let timestamp = Batch::parse(batches).ok()?.base_timestamp();
    (timestamp.0 >= 0).then_some(timestamp)
}

fn earlier(left: Option<TimestampMs>, right: Option<TimestampMs>) -> Option<TimestampMs> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (one, other) => one.or(other),
    }
}
