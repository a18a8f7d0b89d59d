//! A shard that is loaded and asked: it decides, its records are appended and applied, its answers and effects wait for their commit.

use std::collections::VecDeque;

use model::{ErrorCode, LeaderEpoch, Offset};
use world::Instant;

use super::{
    At, Batching, Log, Now, Outcome, OutcomeOf, Reign, Shard, Ticket, batches, machine::Outbox,
    pending::PendingAnswers,
};
use crate::limits;

pub(crate) struct Active<S: Shard> {
    reign: Reign,
    shard: S,
    pending: PendingAnswers<S::Answer>,
    /// Effects, with the first offset past what must be committed before them. In the order of the log.
    effects: VecDeque<(Offset, S::Effect)>,
    /// The first offset past everything loaded or appended by this shard: no answer goes before it is committed, so that nobody
    /// is told of state that could still be lost.
    appended: Offset,
}

/// The records that the log did not take, and why.
type Refused<S> = (Vec<<S as Shard>::Record>, ErrorCode);

impl<S: Shard> Active<S> {
    /// `shard` was loaded up to `end`.
    pub(super) const fn new(reign: Reign, shard: S, end: Offset) -> Self {
        Self {
            reign,
            shard,
            pending: PendingAnswers::new(),
            effects: VecDeque::new(),
            appended: end,
        }
    }

    pub(super) fn begin(&mut self, log: &dyn Log, now: Now, outbox: &mut Outbox<S>) {
        let outcome = self.shard.on_loaded(self.reign.epoch, now);
        self.perform(log, outcome, now, outbox);
    }

    pub(super) fn on_request(
        &mut self,
        log: &dyn Log,
        (ticket, request): (Ticket, S::Request),
        now: Now,
        outbox: &mut Outbox<S>,
    ) {
        let outcome = self.shard.on_request(ticket, request, now);
        self.perform(log, outcome, now, outbox);
    }

    pub(super) fn on_time(&mut self, log: &dyn Log, now: Now, outbox: &mut Outbox<S>) {
        while self.shard.next_deadline().is_some_and(|deadline| deadline <= now.instant) {
            let outcome = self.shard.on_timer(now);
            self.perform(log, outcome, now, outbox);
        }
        self.release(log, outbox);
        while let Some((ticket, late)) = self.pending.pop_late(now.instant) {
            outbox.answers.push((ticket, S::fail(late, ErrorCode::RequestTimedOut)));
        }
    }

    /// Everybody who waits, told `code`.
    pub(super) fn resign(self, code: ErrorCode) -> Vec<(Ticket, S::Answer)> {
        let held = self.pending.into_answers().map(|(ticket, held)| (ticket, S::fail(held, code)));
        held.chain(self.shard.on_resigned(code)).collect()
    }

    pub(super) fn epoch(&self) -> LeaderEpoch {
        self.reign.epoch
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.shard.next_deadline(), self.pending.next_deadline()];
        deadlines.into_iter().flatten().min()
    }

    #[cfg(test)]
    pub(super) fn shard(&self) -> &S {
        &self.shard
    }

    /// Appends, applies, holds the answers; refused records become errors and are told to the shard.
    fn perform(&mut self, log: &dyn Log, outcome: OutcomeOf<S>, now: Now, outbox: &mut Outbox<S>) {
        let Outcome { records, mut answers, effects, batching } = outcome;
        match self.append(log, records, batching, now) {
            Ok(()) => self.effects.extend(effects.into_iter().map(|it| (self.appended, it))),
            Err((refused, code)) => {
                let fail = |(ticket, answer)| (ticket, S::fail(answer, code));
                answers = answers.into_iter().map(fail).collect();
                let told = self.shard.on_append_failed(refused, code, now);
                assert!(told.records.is_empty(), "a refused append asks for no other");
                answers.extend(told.answers);
            }
        }
        let deadline = now.instant.plus(limits::COMMIT_TIMEOUT);
        for answer in answers {
            self.pending.push(self.appended, deadline, answer);
        }
        self.release(log, outbox);
    }

    fn append(
        &mut self,
        log: &dyn Log,
        mut records: Vec<S::Record>,
        batching: Batching,
        now: Now,
    ) -> Result<(), Refused<S>> {
        if batching == Batching::Barrier && log.is_alone(self.reign) {
            return Ok(());
        }
        let batches = match batches::encode::<S>(&records, batching, now.wall) {
            Ok(batches) => batches,
            Err(code) => return Err((records, code)),
        };
        for encoded in batches {
            let verification = batches::verification(batching);
            let last = match log.append(self.reign, encoded.batch, verification) {
                Ok(last) => last,
                Err(code) => return Err((records, code)),
            };
            self.appended = self.appended.max(last.plus(1));
            self.apply(records.drain(..encoded.record_count), batching, last);
        }
        Ok(())
    }

    /// Makes true what lies in the log now, up to `last`.
    fn apply(
        &mut self,
        records: impl ExactSizeIterator<Item = S::Record>,
        batching: Batching,
        last: Offset,
    ) {
        if let Batching::End(producer, marker, _) = batching {
            self.shard.apply_marker(producer.id, marker);
        }
        let transaction = match batching {
            Batching::InTransaction(producer, _) => Some(producer.id),
            Batching::Whole | Batching::Split | Batching::End(..) | Batching::Barrier => None,
        };
        let count = i64::try_from(records.len()).expect("a batch counts in 31 bits");
        for (offset, record) in (last.0 - count + 1..).map(Offset).zip(records) {
            self.shard.apply(&record, At { offset, transaction });
        }
    }

    fn release(&mut self, log: &dyn Log, outbox: &mut Outbox<S>) {
        if self.pending.is_empty() && self.effects.is_empty() {
            return;
        }
        let committed = log.committed(self.reign);
        let committed = if model::mutant!("M17") { self.appended } else { committed };
        while let Some(answer) = self.pending.pop_committed(committed) {
            outbox.answers.push(answer);
        }
        while self.effects.front().is_some_and(|(after, _)| *after <= committed) {
            let effect = self.effects.pop_front().map(|(_, effect)| (self.reign, effect));
            outbox.effects.extend(effect);
        }
    }
}
