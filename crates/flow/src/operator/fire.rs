//! A window that has closed, as chunks of result rows: keys, calls, window_start, window_end, window_time.

use super::{groups::Groups, keys::KeyLayout};
use crate::{
    chunk::Chunk,
    column::{Column, Values},
};

/// Result rows in one chunk, at most.
const ROWS_MAX: usize = 1_024;

/// A closed window and its groups.
pub(crate) struct Fired {
    pub(super) groups: Groups,
    /// Wall-clock milliseconds, inclusive.
    pub(super) start: i64,
    /// Exclusive.
    pub(super) end: i64,
    /// The window's time: its last millisecond, in the row time's own domain.
    pub(super) time: i64,
}

impl Fired {
    /// The window's time.
    pub(crate) const fn time(&self) -> i64 {
        self.time
    }

    /// Calls `visit` with the rows, by their keys' bytes, in chunks.
    pub(crate) fn each_chunk(&self, keys: &KeyLayout, mut visit: impl FnMut(Chunk<'static>)) {
        for part in self.groups.in_order().chunks(ROWS_MAX) {
            let mut columns = keys.decode(part.iter().map(|group| self.groups.key(*group)));
            let results = self.groups.accumulators.iter();
            columns.extend(results.map(|accumulator| accumulator.finish(part)));
            for bound in [self.start, self.end, self.time] {
                columns.push(Column::full(Values::Integer(vec![bound; part.len()])));
            }
            visit(Chunk { columns, origins: (0..part.len() as u32).collect() });
        }
    }
}
