//! One thread that sends batches to one broker: as fast as answers come, or each record when it is due.
//!
//! Open loop means that a record is due at its instant whatever the broker does; a stall is charged to every record that waits behind it.
//! So a latency here counts from the instant a record was due, never from when it could at last be sent.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use client::{Acks, Connection, ProducerIdentity};
use model::{ErrorCode, TimestampMs, TopicPartition};
use wire::{Api, decode_response, messages::ProduceResponse};

use super::{
    BenchError,
    shape::{Frame, Shape, produce_version},
    socket::Socket,
    tally::Tally,
};

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends to the partitions that one broker leads.
pub(super) struct Worker {
    socket: Socket,
    connection: Connection,
    version: i16,
    shape: Arc<Shape>,
    identity: Option<ProducerIdentity>,
    lanes: Vec<Lane>,
    turn: usize,
    in_flight: VecDeque<Sent>,
    tally: Arc<Tally>,
}

/// A partition, and where its sequence stands.
struct Lane {
    partition: TopicPartition,
    next_sequence: i32,
}

/// A batch without its answer.
#[derive(Clone, Copy)]
struct Sent {
    records: u32,
    due: Due,
}

/// When the records of a batch were due.
#[derive(Clone, Copy)]
enum Due {
    /// All at once, when they were sent.
    At(Instant),
    /// One by one, from this one on.
    Paced(u64, Pace),
}

/// When each record is due: the i-th at `began` + i / `rate`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) began: Instant,
    pub(super) rate: f64,
}

impl Pace {
    /// When record `index` is due.
    pub(super) fn due(&self, index: u64) -> Instant {
        self.began + Duration::from_secs_f64(index as f64 / self.rate)
    }

    /// How many records are due at `now`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of records"
    )]
    fn count_due(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.began).as_secs_f64();
        let mut count = (elapsed * self.rate) as u64;
        // Rounding may be off by one either way; `due` decides.
        while self.due(count) <= now {
            count += 1;
        }
        while count > 0 && self.due(count - 1) > now {
            count -= 1;
        }
        count
    }
}

impl Worker {
    /// One that is connected.
    pub(super) fn new(
        connection: Connection,
        partitions: Vec<TopicPartition>,
        shape: Arc<Shape>,
        identity: Option<ProducerIdentity>,
        tally: Arc<Tally>,
    ) -> Result<Self, BenchError> {
        let lane = |partition| Lane { partition, next_sequence: 0 };
        Ok(Self {
            socket: Socket::connect(connection.address())?,
            version: produce_version(&connection)?,
            connection,
            shape,
            identity,
            lanes: partitions.into_iter().map(lane).collect(),
            turn: 0,
            in_flight: VecDeque::new(),
            tally,
        })
    }

    /// Sends `records` records in full batches, built once, as fast as they are answered.
    pub(super) fn run_full(&mut self, records: u64) -> Result<(), BenchError> {
        let per_batch = self.shape.records_per_batch;
        let mut frames = Vec::new();
        for lane in &self.lanes {
            let batch = self.shape.batch(per_batch);
            frames.push(Frame::new(&self.connection, &lane.partition, self.shape.acks, batch)?);
        }
        let mut left = records;
        while left >= u64::from(per_batch) {
            self.await_room()?;
            let lane = self.next_lane();
            self.send(&mut frames[lane], lane, per_batch, Due::At(Instant::now()))?;
            left -= u64::from(per_batch);
        }
        if let Ok(rest @ 1..) = u32::try_from(left) {
            self.await_room()?;
            let lane = self.next_lane();
            let partition = &self.lanes[lane].partition;
            let batch = self.shape.batch(rest);
            let mut frame = Frame::new(&self.connection, partition, self.shape.acks, batch)?;
            self.send(&mut frame, lane, rest, Due::At(Instant::now()))?;
        }
        self.await_all()
    }

    /// Sends `records` records, each when it is due, in batches of those that are due together.
    pub(super) fn run_paced(&mut self, records: u64, pace: Pace) -> Result<(), BenchError> {
        let per_batch = u64::from(self.shape.records_per_batch);
        let mut sent = 0;
        while sent < records {
            let now = Instant::now();
            let waiting = pace.count_due(now).min(records) - sent;
            let has_room = self.in_flight.len() < self.shape.in_flight_max;
            let ripe = pace.due(sent) + self.shape.linger;
            if has_room && waiting > 0 && (waiting >= per_batch || now >= ripe) {
                let count = u32::try_from(waiting.min(per_batch))?;
                self.send_paced(sent, count, pace)?;
                sent += u64::from(count);
                continue;
            }
            let wait = match (has_room, waiting > 0) {
                (false, _) => ANSWER_TIMEOUT,
                (true, true) => ripe - now,
                (true, false) => pace.due(sent).saturating_duration_since(now),
            };
            if !self.take_answer(wait)? && !has_room {
                return Err("the broker does not answer".into());
            }
        }
        self.await_all()
    }

    fn send_paced(&mut self, first: u64, count: u32, pace: Pace) -> Result<(), BenchError> {
        let mut builder = self.shape.builder();
        let mut stamped = self.shape.stamped(usize::try_from(first)?);
        for index in first..first + u64::from(count) {
            let due = pace.due(index).saturating_duration_since(pace.began);
            builder.append(TimestampMs(0), None, Some(stamped.at(due)), &[]);
        }
        let lane = self.next_lane();
        let partition = &self.lanes[lane].partition;
        let mut frame = Frame::new(&self.connection, partition, self.shape.acks, builder.finish())?;
        self.send(&mut frame, lane, count, Due::Paced(first, pace))
    }

    fn send(
        &mut self,
        frame: &mut Frame,
        lane: usize,
        records: u32,
        due: Due,
    ) -> Result<(), BenchError> {
        let sequence = self.lanes[lane].next_sequence;
        let next = sequence.wrapping_add(i32::try_from(records)?) & i32::MAX;
        self.lanes[lane].next_sequence = next;
        self.socket.send(frame.next(wall_clock(), self.identity, sequence))?;
        let sent = Sent { records, due };
        if self.shape.acks == Acks::None {
            self.settle(sent);
        } else {
            self.in_flight.push_back(sent);
        }
        Ok(())
    }

    /// Waits until there is room for another request.
    fn await_room(&mut self) -> Result<(), BenchError> {
        while self.in_flight.len() >= self.shape.in_flight_max {
            self.take_answer_or_fail()?;
        }
        Ok(())
    }

    fn await_all(&mut self) -> Result<(), BenchError> {
        while !self.in_flight.is_empty() {
            self.take_answer_or_fail()?;
        }
        Ok(())
    }

    fn take_answer_or_fail(&mut self) -> Result<(), BenchError> {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        while !self.take_answer(deadline.saturating_duration_since(Instant::now()))? {
            if Instant::now() >= deadline {
                return Err("the broker does not answer".into());
            }
        }
        Ok(())
    }

    /// Takes one answer in, waiting for it at most `wait`.
    fn take_answer(&mut self, wait: Duration) -> Result<bool, BenchError> {
        let Some(frame) = self.socket.receive(wait)? else { return Ok(false) };
        let sent = self.in_flight.pop_front().ok_or("an answer that nothing was asked for")?;
        check(self.version, frame)?;
        self.settle(sent);
        Ok(true)
    }

    fn settle(&self, sent: Sent) {
        let now = Instant::now();
        let size = self.shape.record_size as u64;
        match sent.due {
            Due::At(due) => {
                let records = u64::from(sent.records);
                self.tally.count(records, records * size, due, now);
            }
            Due::Paced(first, pace) => {
                for index in first..first + u64::from(sent.records) {
                    self.tally.count(1, size, pace.due(index), now);
                }
            }
        }
    }

    fn next_lane(&mut self) -> usize {
        self.turn = (self.turn + 1) % self.lanes.len();
        self.turn
    }
}

/// Nothing, if the broker took every batch.
fn check(version: i16, frame: Bytes) -> Result<(), BenchError> {
    let (_, answer): (i32, ProduceResponse) = decode_response(Api::Produce, version, frame)?;
    let rows = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
    for row in rows {
        let code = ErrorCode::from_code(row.error_code).unwrap_or(ErrorCode::UnknownServerError);
        if !code.is_none() {
            let why = row.error_message.as_deref().unwrap_or_default();
            return Err(format!("produce to partition {}: {code} {why}", row.index).into());
        }
    }
    Ok(())
}

fn wall_clock() -> TimestampMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_due_at_their_instants_and_not_before() {
        let began = Instant::now();
        for rate in [1.0, 3.0, 10_000.0, 48_611.0] {
            let pace = Pace { began, rate };
            assert_eq!(pace.count_due(began), 1);
            for index in [1, 2, 3, 1000, 123_457] {
                let due = pace.due(index);
                assert_eq!(pace.count_due(due), index + 1, "rate {rate}");
                assert_eq!(pace.count_due(due - Duration::from_nanos(10)), index, "rate {rate}");
            }
        }
    }
}
