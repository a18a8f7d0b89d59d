//! Rows meet the watermark. Mostly a chunk lies within windows that its marks do not close: then its rows go in together. Else the rows are
//! taken one by one: is the row late? into its window; its mark; which windows does that close?

use super::{Graph, pipeline::Tally, results::LateRow};
use crate::{
    chunk::Chunk,
    decode::RawRow,
    expr::{Operand, Validity},
    operator::Prepared,
    watermark::Others,
};

/// The marks that a chunk's rows make, for each row that has a row time (filtered ones, too).
#[derive(Debug)]
pub(super) struct Marks {
    /// The records they came from, ascending.
    origins: Vec<u32>,
    values: Vec<i64>,
    /// Which rows make one; none: all.
    valid: Option<Vec<bool>>,
}

impl Marks {
    pub(super) fn of(operand: &Operand<'_, '_>, chunk: &Chunk<'_>) -> Self {
        let rows = chunk.rows();
        let marks = operand.integers();
        let valid = match operand.validity() {
            Validity::All => None,
            Validity::None => Some(vec![false; rows]),
            Validity::Some(valid) => Some(valid.to_vec()),
        };
        let values = (0..rows).map(|row| marks.at(row)).collect();
        Self { origins: chunk.origins.clone(), values, valid }
    }

    fn at(&self, index: usize) -> Option<i64> {
        let is_valid = self.valid.as_ref().is_none_or(|valid| valid[index]);
        is_valid.then(|| self.values[index])
    }

    fn greatest(&self) -> Option<i64> {
        match &self.valid {
            None => self.values.iter().copied().max(),
            Some(_) => (0..self.values.len()).filter_map(|index| self.at(index)).max(),
        }
    }
}

impl Graph {
    /// Lets the rows of `chunk` into their windows and their marks move the watermark. Answers false, and does nothing, when a row cannot be
    /// evaluated or has no row time.
    pub(super) fn advance(
        &mut self,
        input: usize,
        chunk: &Chunk<'_>,
        (marks, rows): (&Marks, &[RawRow<'_>]),
        tally: &mut Tally,
    ) -> bool {
        let greatest = marks.greatest();
        let Some(window) = &mut self.window else {
            if let Some(greatest) = greatest {
                self.watermarks.raise(input, greatest);
            }
            return true;
        };
        let Some(prepared) = window.prepare(&self.scope, chunk) else { return false };
        let closes_at = prepared.lasts.iter().copied().min().into_iter().chain(window.next_close());
        let closes_at = closes_at.min().unwrap_or(i64::MAX);
        let mut after = self.watermarks.clone();
        if let Some(greatest) = greatest {
            after.raise(input, greatest);
        }
        if after.combined().is_none_or(|reached| reached < closes_at) {
            let mut all: Vec<u32> = (0..chunk.rows() as u32).collect();
            window.add(&prepared, input, &mut all);
            self.watermarks = after;
            tally.counters.used += all.len() as u64;
            return true;
        }
        self.advance_by_rows(input, chunk, (marks, &prepared, rows), tally);
        true
    }

    fn advance_by_rows(
        &mut self,
        input: usize,
        chunk: &Chunk<'_>,
        (marks, prepared, rows): (&Marks, &Prepared<'_, '_>, &[RawRow<'_>]),
        tally: &mut Tally,
    ) {
        // What the others allow does not change while this input's rows are taken.
        let others = self.watermarks.others(input);
        let mut reached = self.watermarks.combined();
        let mut closes_at = self.next_close();
        let mut waiting: Vec<u32> = Vec::new();
        // The greatest mark of these rows so far.
        let mut own: Option<i64> = None;
        let mut row = 0;
        for (index, origin) in marks.origins.iter().enumerate() {
            if chunk.origins.get(row) == Some(origin) {
                let last = prepared.lasts[row];
                if let Some(watermark) = reached.filter(|reached| last <= *reached) {
                    tally.counters.late += 1;
                    let offset = rows.get(*origin as usize).map_or(-1, |record| record.offset);
                    self.outlet.note_late(LateRow {
                        input,
                        offset: model::Offset(offset),
                        row_time: prepared.row_times[row],
                        watermark,
                    });
                } else {
                    waiting.push(row as u32);
                    closes_at = closes_at.min(last);
                }
                row += 1;
            }
            let Some(mark) = marks.at(index) else { continue };
            if own.is_some_and(|own| mark <= own) {
                continue;
            }
            // The first mark is always taken in: it ends idleness, and then the input's older mark counts again. Of the others only
            // those that can move the combined watermark are.
            let moves = own.is_none()
                || match others {
                    Others::Hold => false,
                    Others::UpTo(limit) => reached.is_none_or(|reached| mark.min(limit) > reached),
                };
            own = Some(mark);
            if !moves {
                continue;
            }
            self.watermarks.raise(input, mark);
            reached = self.watermarks.combined();
            if reached.is_some_and(|reached| reached >= closes_at) {
                self.add(prepared, input, (&mut waiting, tally));
                self.fire();
                closes_at = self.next_close();
            }
        }
        if let Some(own) = own {
            self.watermarks.raise(input, own);
        }
        debug_assert_eq!(row, chunk.rows(), "every row of a window has a row time");
        self.add(prepared, input, (&mut waiting, tally));
    }

    /// Closes the windows that the watermark has reached, the oldest first.
    pub(super) fn fire(&mut self) {
        let Some(watermark) = self.watermarks.combined() else { return };
        while let Some(fired) = self.window.as_mut().and_then(|window| window.fire_first(watermark))
        {
            self.windows_closed += 1;
            if !self.outlet.is_muted {
                self.emit(&fired);
            }
        }
    }

    fn add(
        &mut self,
        prepared: &Prepared<'_, '_>,
        input: usize,
        (waiting, tally): (&mut Vec<u32>, &mut Tally),
    ) {
        if let Some(window) = &mut self.window {
            window.add(prepared, input, waiting);
            tally.counters.used += waiting.len() as u64;
        }
        waiting.clear();
    }

    fn next_close(&self) -> i64 {
        let window = self.window.as_ref();
        window.and_then(|window| window.next_close()).unwrap_or(i64::MAX)
    }
}
