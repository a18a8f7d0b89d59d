//! The newest batches of all logs, kept by reference for readers that keep up.
//!
//! ```text
//!   log a   ▯▯▯▯▯   each a queue: batches go in at the end and leave at the front
//!   log b   ▯▯
//!   budget  a a b a a b a     the order of arrival over all logs: who must go when the budget is passed
//! ```
//!
//! The bytes are those that came from the producer. Dropping the oldest over all logs is O(1): its log is known, and there it is
//! at the front.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use model::Offset;

use crate::{Chunk, Piece};

/// What one batch costs besides its bytes.
const OVERHEAD_BYTES: usize = 128;

/// Bytes that the tails of all logs may hold together.
#[derive(Debug)]
pub(crate) struct TailBudget {
    bytes_max: usize,
    ledger: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    bytes: usize,
    arrivals: VecDeque<Arrival>,
}

#[derive(Debug)]
struct Arrival {
    tail: Arc<Tail>,
    number: u64,
    bytes: usize,
}

/// The newest batches of one log.
#[derive(Debug, Default)]
pub(crate) struct Tail(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    /// The number of the batch at the front: they are counted through.
    first_number: u64,
    batches: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    base: Offset,
    next: Offset,
    bytes: Bytes,
}

impl TailBudget {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, ledger: Mutex::default() }
    }

    /// Keeps a batch as the newest of `tail`, and drops the oldest of any if that is too much.
    pub(crate) fn keep(&self, tail: &Arc<Tail>, base: Offset, next: Offset, bytes: Bytes) {
        let cost = bytes.len() + OVERHEAD_BYTES;
        if cost > self.bytes_max {
            self.forget(tail);
            return;
        }
        let number = tail.push(Kept { base, next, bytes });
        let mut ledger = lock(&self.ledger);
        ledger.arrivals.push_back(Arrival { tail: Arc::clone(tail), number, bytes: cost });
        ledger.bytes += cost;
        while ledger.bytes > self.bytes_max {
            let Some(oldest) = ledger.arrivals.pop_front() else { break };
            ledger.bytes -= oldest.bytes;
            oldest.tail.drop_up_to(oldest.number);
        }
    }

    /// Drops all that `tail` holds. What the ledger says of it is corrected as its arrivals come to the front.
    pub(crate) fn forget(&self, tail: &Tail) {
        let mut recent = lock(&tail.0);
        recent.first_number += recent.batches.len() as u64;
        recent.batches = VecDeque::new();
    }
}

impl Tail {
    fn push(&self, kept: Kept) -> u64 {
        let mut recent = lock(&self.0);
        debug_assert!(recent.batches.back().is_none_or(|last| last.next <= kept.base));
        recent.batches.push_back(kept);
        recent.first_number + recent.batches.len() as u64 - 1
    }

    fn drop_up_to(&self, number: u64) {
        let mut recent = lock(&self.0);
        while recent.first_number <= number && recent.batches.pop_front().is_some() {
            recent.first_number += 1;
        }
        if recent.batches.is_empty() {
            recent.batches = VecDeque::new();
        }
    }

    /// The batches that hold `from..upper`, as many as fit into `bytes_max` (one, if `at_least_one`); none if the batch that
    /// holds `from` is not kept.
    pub(crate) fn read(
        &self,
        range: std::ops::Range<Offset>,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Option<Chunk> {
        let recent = lock(&self.0);
        if recent.batches.front()?.base > range.start {
            return None;
        }
        let first = recent.batches.partition_point(|kept| kept.next <= range.start);
        let mut chunk = Chunk::empty(range.start);
        for kept in recent.batches.range(first..) {
            let fits = chunk.size_bytes + kept.bytes.len() <= bytes_max
                || (chunk.is_empty() && at_least_one);
            if kept.next > range.end || !fits {
                break;
            }
            if chunk.is_empty() {
                chunk.base = kept.base;
            }
            chunk.next = kept.next;
            chunk.size_bytes += kept.bytes.len();
            chunk.pieces.push(Piece::Memory(kept.bytes.clone()));
        }
        Some(chunk)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What they guard is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(budget: &TailBudget, tail: &Arc<Tail>, base: i64) {
        let bytes = Bytes::from(vec![u8::try_from(base).unwrap(); 100 - OVERHEAD_BYTES % 100]);
        budget.keep(tail, Offset(base), Offset(base + 1), bytes);
    }

    fn read(tail: &Tail, from: i64, upper: i64, bytes_max: usize) -> Option<Vec<u8>> {
        let chunk = tail.read(Offset(from)..Offset(upper), bytes_max, true)?;
        Some(
            chunk
                .pieces
                .iter()
                .map(|piece| if let Piece::Memory(bytes) = piece { bytes[0] } else { 0 })
                .collect(),
        )
    }

    #[test]
    fn the_oldest_over_all_logs_goes_first() {
        let budget = TailBudget::new(4 * 200);
        let (a, b) = (Arc::new(Tail::default()), Arc::new(Tail::default()));
        for base in 0..3 {
            keep(&budget, &a, base);
        }
        keep(&budget, &b, 0);
        assert_eq!(read(&a, 0, 9, 9999), Some(vec![0, 1, 2]));
        keep(&budget, &b, 1);
        assert_eq!(read(&a, 0, 9, 9999), None, "the first batch of a is gone");
        assert_eq!(read(&a, 1, 9, 9999), Some(vec![1, 2]));
        assert_eq!(read(&b, 0, 9, 9999), Some(vec![0, 1]));
    }

    #[test]
    fn readers_get_whole_batches_up_to_their_bounds() {
        let budget = TailBudget::new(1 << 20);
        let tail = Arc::new(Tail::default());
        for base in 3..9 {
            keep(&budget, &tail, base);
        }
        assert_eq!(read(&tail, 2, 9, 9999), None);
        assert_eq!(read(&tail, 4, 7, 9999), Some(vec![4, 5, 6]));
        assert_eq!(read(&tail, 4, 9, 1), Some(vec![4]));
        assert_eq!(read(&tail, 9, 9, 1), Some(vec![]));
    }

    #[test]
    fn a_forgotten_tail_is_not_dropped_twice() {
        let budget = TailBudget::new(3 * 200);
        let tail = Arc::new(Tail::default());
        keep(&budget, &tail, 0);
        keep(&budget, &tail, 1);
        budget.forget(&tail);
        keep(&budget, &tail, 2);
        keep(&budget, &tail, 3);
        assert_eq!(read(&tail, 2, 9, 9999), Some(vec![2, 3]), "the ledger dropped what was gone");
    }
}
