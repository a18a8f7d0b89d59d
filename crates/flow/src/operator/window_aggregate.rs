//! A windowed GROUP BY. Rows go into the groups of their window; a window is taken out when the watermark reaches its last millisecond.
//!
//! Windows of a TIMESTAMP_LTZ are aligned on the session's wall clock: starts are kept as wall-clock milliseconds, and `shift_ms` takes a row
//! time there and a window's last millisecond back.
//!
//! ```text
//! row time ──+shift──▶ wall clock ──▶ start = t − floorMod(t − offset, size)
//! last millisecond = start + size − 1 − shift ◀── compared with watermarks
//! ```

use hashbrown::DefaultHashBuilder;

use super::{
    fire::Fired,
    keys::{KeyColumns, KeyLayout},
    project::drop_failed,
    slices::Slices,
};
use crate::{
    aggregate::{Accumulator, Updates},
    chunk::Chunk,
    expr::{Failure, Operand, Scope},
    plan::{Window, WindowAggregate},
    snapshot::{Reader, Torn, Writer},
    types::Type,
};

/// The operator and its open windows.
#[derive(Debug)]
pub(crate) struct WindowAggregateOperator {
    plan: WindowAggregate,
    keys: KeyLayout,
    size_ms: i64,
    offset_ms: i64,
    shift_ms: i64,
    /// Whether inputs are kept apart until a window closes.
    has_lanes: bool,
    slices: Slices,
    hasher: DefaultHashBuilder,
    /// Scratch: the groups of the rows at hand.
    groups: Vec<u32>,
}

/// What the operator needs of a chunk, evaluated.
pub(crate) struct Prepared<'c, 'a> {
    /// For each row the last millisecond of its window, in the watermark's domain.
    pub(crate) lasts: Vec<i64>,
    pub(crate) row_times: Vec<i64>,
    keys: Vec<Operand<'c, 'a>>,
    arguments: Vec<Option<Operand<'c, 'a>>>,
    /// For each call the rows that count; none: all.
    masks: Vec<Option<Vec<bool>>>,
}

impl WindowAggregateOperator {
    pub(crate) fn new(plan: &WindowAggregate, scope: Scope) -> Self {
        let Window::Tumble { size_ms, offset_ms } = plan.window;
        let is_instant = matches!(plan.row_time.of(), Type::TimestampLtz { .. });
        Self {
            keys: KeyLayout::new(plan.keys.iter().map(|key| key.expr.of()).collect()),
            size_ms,
            offset_ms,
            shift_ms: if is_instant { scope.zone_ms } else { 0 },
            has_lanes: plan.calls.iter().any(Accumulator::depends_on_order),
            slices: Slices::default(),
            hasher: DefaultHashBuilder::default(),
            groups: Vec::new(),
            plan: plan.clone(),
        }
    }

    pub(crate) const fn keys(&self) -> &KeyLayout {
        &self.keys
    }

    /// Drops the rows of `chunk` that fail to evaluate, or have no row time; answers them.
    pub(crate) fn screen(&self, scope: &Scope, chunk: &mut Chunk<'_>) -> Vec<Failure> {
        let mut failures = Vec::new();
        let row_time = scope.eval(&self.plan.row_time, chunk);
        failures.extend(row_time.failures);
        for row in (0..chunk.rows()).filter(|row| !row_time.operand.is_valid(*row)) {
            failures.push(Failure { row: row as u32, reason: "null row time".into() });
        }
        for key in &self.plan.keys {
            failures.extend(scope.eval(&key.expr, chunk).failures);
        }
        for call in &self.plan.calls {
            let filter = call.filter.as_ref().map(|filter| scope.eval(filter, chunk));
            if let Some(argument) = &call.argument {
                let counts = |failure: &Failure| match &filter {
                    Some(filter) => {
                        let row = failure.row as usize;
                        filter.operand.is_valid(row) && filter.operand.booleans().at(row)
                    }
                    None => true,
                };
                failures.extend(scope.eval(argument, chunk).failures.into_iter().filter(counts));
            }
            failures.extend(filter.map(|filter| filter.failures).unwrap_or_default());
        }
        drop_failed(chunk, failures)
    }

    /// Evaluates what is needed of a chunk; answers none when a row of it fails, or has no row time: it must be screened first.
    pub(crate) fn prepare<'c, 'a>(
        &self,
        scope: &Scope,
        chunk: &'c Chunk<'a>,
    ) -> Option<Prepared<'c, 'a>> {
        let rows = chunk.rows();
        let row_time = scope.eval(&self.plan.row_time, chunk);
        let has_times = (0..rows).all(|row| row_time.operand.is_valid(row));
        let mut are_clean = has_times && row_time.failures.is_empty();
        let mut clean = |expr| {
            let evaluated = scope.eval(expr, chunk);
            are_clean &= evaluated.failures.is_empty();
            evaluated.operand
        };
        let keys = self.plan.keys.iter().map(|key| clean(&key.expr)).collect();
        let mut arguments = Vec::with_capacity(self.plan.calls.len());
        let mut masks = Vec::with_capacity(self.plan.calls.len());
        for call in &self.plan.calls {
            let argument = call.argument.as_ref().map(&mut clean);
            let filter = call.filter.as_ref().map(&mut clean);
            masks.push(mask(argument.as_ref(), filter.as_ref(), rows));
            arguments.push(argument);
        }
        if !are_clean {
            return None;
        }
        let times = row_time.operand.integers();
        let row_times: Vec<i64> = (0..rows).map(|row| times.at(row)).collect();
        Some(Prepared { lasts: self.lasts(&row_times), row_times, keys, arguments, masks })
    }

    /// Puts `rows` of a prepared chunk, in order, into their windows.
    pub(crate) fn add(&mut self, prepared: &Prepared<'_, '_>, input: usize, rows: &mut [u32]) {
        let last = |row: &u32| prepared.lasts[*row as usize];
        if !rows.is_sorted_by_key(last) {
            // Stable: within a window the order of the rows stays.
            rows.sort_by_key(last);
        }
        let lane = if self.has_lanes { input } else { 0 };
        for rows in rows.chunk_by(|left, right| last(left) == last(right)) {
            let Some(first) = rows.first() else { continue };
            let start = self.start_of(last(first));
            let groups = self.slices.groups(start, lane, &self.plan.calls);
            let keys = KeyColumns::new(&self.keys, &prepared.keys);
            groups.find_rows(&self.hasher, &keys, rows, &mut self.groups);
            for (index, accumulator) in groups.accumulators.iter_mut().enumerate() {
                let updates =
                    Updates { rows, groups: &self.groups, mask: prepared.masks[index].as_deref() };
                accumulator.add(&updates, prepared.arguments[index].as_ref());
            }
        }
    }

    /// The watermark at which the oldest open window closes.
    pub(crate) fn next_close(&self) -> Option<i64> {
        self.slices.first().map(|start| self.last_of(start))
    }

    /// Takes the oldest window out, if `watermark` has closed it.
    pub(crate) fn fire_first(&mut self, watermark: i64) -> Option<Fired> {
        if self.next_close()? > watermark {
            return None;
        }
        let (start, slice) = self.slices.pop_first()?;
        let (end, time) = (start.saturating_add(self.size_ms), self.last_of(start));
        Some(Fired { groups: slice.merge()?, start, end, time })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.slices.bytes()
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        self.slices.write(out);
    }

    /// Reads the open windows; `input_of` says which input a written one is now.
    pub(crate) fn read(
        &mut self,
        input_of: impl Fn(u64) -> Result<usize, Torn>,
        from: &mut Reader<'_>,
    ) -> Result<(), Torn> {
        let has_lanes = self.has_lanes;
        let lane_of = |lane| if has_lanes { input_of(lane) } else { Ok(0) };
        self.slices = Slices::read(&self.plan.calls, &self.hasher, lane_of, from)?;
        Ok(())
    }

    fn last_of(&self, start: i64) -> i64 {
        start.saturating_add(self.size_ms - 1).saturating_sub(self.shift_ms)
    }

    fn start_of(&self, last: i64) -> i64 {
        last.saturating_add(self.shift_ms).saturating_sub(self.size_ms - 1)
    }

    /// The last millisecond of each row's window. Rows mostly share the window of the row before.
    fn lasts(&self, row_times: &[i64]) -> Vec<i64> {
        let mut known: Option<(i64, i64)> = None;
        let last = |time: &i64| match known {
            Some((first, last)) if (first..=last).contains(time) => last,
            _ => {
                let wall = time.saturating_add(self.shift_ms);
                let into = wall.saturating_sub(self.offset_ms).rem_euclid(self.size_ms);
                let last = self.last_of(wall.saturating_sub(into));
                known = Some((last.saturating_sub(self.size_ms - 1), last));
                last
            }
        };
        row_times.iter().map(last).collect()
    }
}

/// The rows that count for a call: its argument is not NULL and its filter is TRUE.
fn mask(
    argument: Option<&Operand<'_, '_>>,
    filter: Option<&Operand<'_, '_>>,
    rows: usize,
) -> Option<Vec<bool>> {
    let has_nulls = argument.is_some_and(|argument| (0..rows).any(|row| !argument.is_valid(row)));
    if !has_nulls && filter.is_none() {
        return None;
    }
    let counts = |row: usize| {
        argument.is_none_or(|argument| argument.is_valid(row))
            && filter.is_none_or(|filter| filter.is_valid(row) && filter.booleans().at(row))
    };
    Some((0..rows).map(counts).collect())
}
