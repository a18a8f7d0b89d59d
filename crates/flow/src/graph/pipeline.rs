//! A chunk's way from records to the window or the sink.

use bytes::Bytes;
use model::Offset;

use super::{
    Graph,
    advance::Marks,
    feed::Feeding,
    results::{DeadRow, FailedRow},
};
use crate::{
    chunk::Chunk,
    counters::Counters,
    decode::{RawRow, RawRows},
    expr::{Failure, Scope},
    operator::{self, Fired},
    plan::{Plan, Step, Watermark},
};

impl Graph {
    /// Processes records of one input.
    pub(super) fn process(&mut self, feeding: Feeding<'_>, rows: &[RawRow<'_>]) {
        let input = feeding.input;
        let (Some(state), Some(decoder)) = (self.inputs.get(input), self.decoders.get_mut(input))
        else {
            return;
        };
        if rows.is_empty() {
            return;
        }
        let decoded = decoder.decode(RawRows {
            rows,
            source: feeding.source,
            topic: state.partition.topic.as_str(),
            partition: state.partition.partition.0,
        });
        let mut chunk = decoded.chunk;
        let mut tally = Tally::default();
        tally.counters.skipped += decoded.nothing as u64;
        let bad = decoded.bad.into_iter();
        tally.failures.extend(bad.map(|(row, reason)| Failure { row, reason }));
        let plan = self.plan.clone();
        let scope = self.scope;
        tally.failures.extend(operator::append_computed(&scope, &plan.source.computed, &mut chunk));
        let marks = plan
            .source
            .watermark
            .as_ref()
            .map(|watermark| make_marks(&scope, watermark, &mut chunk, &mut tally));
        let (before, _) = steps_around_window(&plan);
        for step in before {
            run_step(&scope, step, &mut chunk, &mut tally);
        }
        if self.window.is_none() {
            tally.counters.used += chunk.rows() as u64;
            self.outlet.give(&chunk, |row| {
                let record = chunk.origins.get(row).and_then(|record| rows.get(*record as usize));
                record.map_or(-1, |record| record.timestamp)
            });
        }
        if let Some(marks) = marks
            && !self.advance(input, &chunk, (&marks, rows), &mut tally)
        {
            let screened = self.window.as_ref().map(|window| window.screen(&scope, &mut chunk));
            tally.failures.extend(screened.unwrap_or_default());
            let is_clean = self.advance(input, &chunk, (&marks, rows), &mut tally);
            debug_assert!(is_clean, "failing rows have been screened out");
        }
        self.settle(input, rows, tally);
    }

    /// Counts what became of the records, and buries those that were bad, in the order of their offsets.
    fn settle(&mut self, input: usize, rows: &[RawRow<'_>], tally: Tally) {
        let Tally { mut counters, mut failures } = tally;
        counters.bad += failures.len() as u64;
        debug_assert_eq!(counters.total(), rows.len() as u64, "every record is counted once");
        if let Some(state) = self.inputs.get_mut(input) {
            state.counters.add(&counters);
        }
        failures.sort_by_key(|failure| failure.row);
        for failure in failures {
            let Some(row) = rows.get(failure.row as usize) else { continue };
            self.outlet.bury(|| DeadRow {
                input,
                offset: Offset(row.offset),
                reason: failure.reason.into_owned(),
                key: row.key.map(Bytes::copy_from_slice),
                value: Some(Bytes::copy_from_slice(row.value)),
            });
        }
    }

    /// Takes a closed window's rows through the steps behind the aggregate, and gives them.
    pub(super) fn emit(&mut self, fired: &Fired) {
        let Some(window) = &self.window else { return };
        let (_, after) = steps_around_window(&self.plan);
        let (scope, time) = (self.scope, fired.time());
        let outlet = &mut self.outlet;
        fired.each_chunk(window.keys(), |mut chunk| {
            let mut tally = Tally::default();
            for step in after {
                run_step(&scope, step, &mut chunk, &mut tally);
            }
            for failure in tally.failures {
                let reason = failure.reason.into_owned();
                outlet.note_failed(FailedRow { window_time: time, reason });
            }
            outlet.give(&chunk, |_| time);
        });
    }
}

/// What became of a chunk's records so far; failures are named by record.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) counters: Counters,
    pub(super) failures: Vec<Failure>,
}

/// The steps before the windowed aggregate and those behind it; without one, all and none.
fn steps_around_window(plan: &Plan) -> (&[Step], &[Step]) {
    let is_window = |step: &Step| matches!(step, Step::WindowAggregate(_));
    match plan.steps.iter().position(is_window) {
        Some(at) => (&plan.steps[..at], &plan.steps[at + 1..]),
        None => (&plan.steps, &[]),
    }
}

fn run_step(scope: &Scope, step: &Step, chunk: &mut Chunk<'_>, tally: &mut Tally) {
    match step {
        Step::Filter(condition) => {
            let (failures, turned_away) = operator::filter(scope, condition, chunk);
            tally.failures.extend(failures);
            tally.counters.filtered += turned_away;
        }
        Step::Project(select) => {
            tally.failures.extend(operator::project(scope, select, chunk));
        }
        Step::WindowAggregate(_) => {}
    }
}

/// The marks of a chunk's rows. Rows without a row time are bad, and gone.
fn make_marks(
    scope: &Scope,
    watermark: &Watermark,
    chunk: &mut Chunk<'_>,
    tally: &mut Tally,
) -> Marks {
    let timed: Option<Vec<u32>> = chunk.columns.get(watermark.row_time).and_then(|row_time| {
        let valid = row_time.valid.as_ref()?;
        Some((0..chunk.rows() as u32).filter(|row| valid[*row as usize]).collect())
    });
    if let Some(timed) = timed
        && timed.len() < chunk.rows()
    {
        let mut kept = timed.iter().peekable();
        for (row, origin) in chunk.origins.iter().enumerate() {
            if kept.next_if_eq(&&(row as u32)).is_none() {
                let reason = "null row time".into();
                tally.failures.push(Failure { row: *origin, reason });
            }
        }
        chunk.keep(&timed);
    }
    let has_failed = !scope.eval(&watermark.mark, chunk).failures.is_empty();
    if has_failed {
        let condition = crate::expr::Expr::Call {
            function: crate::expr::Function::IsNotDistinctFrom,
            arguments: vec![watermark.mark.clone(), watermark.mark.clone()],
            of: crate::types::Type::Boolean,
        };
        // True of every row that does not fail.
        let (failures, _) = operator::filter(scope, &condition, chunk);
        tally.failures.extend(failures);
    }
    Marks::of(&scope.eval(&watermark.mark, chunk).operand, chunk)
}
