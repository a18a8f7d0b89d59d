//! Where in their files the last reads have ended: a reader that goes on from there needs no index.

use std::sync::{Mutex, PoisonError};

use model::Offset;

/// Readers remembered of one log.
const READERS_MAX: usize = 8;

/// The ends of the last reads. Empty it holds no memory.
#[derive(Debug, Default)]
pub(crate) struct Cursors(Mutex<Vec<Cursor>>);

/// A batch that begins with `offset` lies at `position` of the segment at `base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) offset: Offset,
    pub(crate) base: Offset,
    pub(crate) position: u32,
}

impl Cursors {
    /// Notes where a read has ended; of too many the oldest is forgotten.
    pub(crate) fn leave(&self, cursor: Cursor) {
        let mut cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cursors.contains(&cursor) {
            return;
        }
        if cursors.len() == READERS_MAX {
            cursors.remove(0);
        }
        cursors.push(cursor);
    }

    /// Takes up where a read has ended: readers at one place share it, so it stays.
    pub(crate) fn find(&self, offset: Offset) -> Option<Cursor> {
        let cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.iter().find(|cursor| cursor.offset == offset).copied()
    }

    /// Forgets all: positions have changed.
    pub(crate) fn clear(&mut self) {
        *self.0.get_mut().unwrap_or_else(PoisonError::into_inner) = Vec::new();
    }
}
