//! What has moved since a reader last looked, of all partitions that it follows: a fetch looks at those and at no others.
//!
//! ```text
//!   a partition moves ──mark(slot)──▶ marked, each slot once ──take──▶ the reader looks at these
//!                        └─ urgent ──▶ who is parked is woken
//! ```
//! Told: by partitions ([`Partition::subscribe`](crate::Partition::subscribe)), which of the reader's slots has moved, and whether that is urgent
//! (there is something to read, or the partition is led elsewhere) or can wait for the next answer (a watermark for a follower).
//!
//! **No change is lost.** A partition marks under its lock, with the change; a reader takes first and then reads under that lock. So a
//! change is either seen by the reading, or marked after the take. Who parks is woken at once by what was marked urgent since the take.

use std::sync::Arc;

use world::exec::{Mutex, MutexGuard};

use crate::Waiter;

/// One reader's partitions that have moved.
#[derive(Debug, Default)]
pub struct DirtySet {
    /// Guards the marks and who waits for them; a leaf: nothing is locked under it.
    state: Mutex<State>,
}

/// A partition's place in its reader's list: the reader counts them from 0, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// The next answer tells it.
    CanWait,
    /// Who is parked is woken.
    Urgent,
}

#[derive(Debug, Default)]
struct State {
    /// In the order of their marks; each slot at most once.
    marked: Vec<Slot>,
    /// One bit per slot: whether it is in `marked`.
    bits: Vec<u64>,
    /// Whether anything urgent was marked since the last take.
    is_urgent: bool,
    parked: Option<Arc<Waiter>>,
}

impl DirtySet {
    /// One without marks.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Takes what is marked. To be called before the partitions are read.
    #[must_use]
    pub fn take(&self) -> Vec<Slot> {
        let mut state = self.lock();
        state.is_urgent = false;
        let marked = std::mem::take(&mut state.marked);
        for slot in &marked {
            *state.word_of(*slot) &= !mask_of(*slot);
        }
        marked
    }

    /// Wakes `waiter` by the next urgent mark; at once if there was one since the last take. One is parked at a time.
    pub fn park(&self, waiter: &Arc<Waiter>) {
        let mut state = self.lock();
        if !state.is_urgent {
            state.parked = Some(Arc::clone(waiter));
            return;
        }
        drop(state);
        waiter.wake();
    }

    /// Answers who is to be woken, once the partition's lock is free.
    pub(crate) fn mark(&self, slot: Slot, urgency: Urgency) -> Option<Arc<Waiter>> {
        let mut state = self.lock();
        let word = state.word_of(slot);
        if *word & mask_of(slot) == 0 {
            *word |= mask_of(slot);
            state.marked.push(slot);
        }
        if urgency == Urgency::CanWait {
            return None;
        }
        state.is_urgent = true;
        state.parked.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn word_of(&mut self, slot: Slot) -> &mut u64 {
        let index = slot.0 as usize / BITS;
        if index >= self.bits.len() {
            self.bits.resize(index + 1, 0);
        }
        &mut self.bits[index]
    }
}

const BITS: usize = u64::BITS as usize;

fn mask_of(slot: Slot) -> u64 {
    1 << (slot.0 as usize % BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_listed_once_until_it_is_taken() {
        let set = DirtySet::new();
        for slot in [70, 3, 70, 3] {
            assert!(set.mark(Slot(slot), Urgency::CanWait).is_none());
        }
        assert_eq!(set.take(), [Slot(70), Slot(3)]);
        assert_eq!(set.take(), []);
        set.mark(Slot(3), Urgency::CanWait);
        assert_eq!(set.take(), [Slot(3)]);
    }

    #[test]
    fn only_what_is_urgent_wakes_and_once_for_many() {
        let (set, waiter) = (DirtySet::new(), Waiter::new());
        set.mark(Slot(0), Urgency::CanWait);
        set.park(&waiter);
        assert!(!waiter.is_woken());
        let woken = set.mark(Slot(1), Urgency::Urgent);
        assert!(Arc::ptr_eq(&woken.expect("it is parked"), &waiter));
        assert!(set.mark(Slot(2), Urgency::Urgent).is_none());
    }

    #[test]
    fn who_parks_after_an_urgent_mark_is_woken_at_once() {
        let (set, waiter) = (DirtySet::new(), Waiter::new());
        set.mark(Slot(0), Urgency::Urgent);
        set.park(&waiter);
        assert!(waiter.is_woken());
        let _ = set.take();
        let next = Waiter::new();
        set.park(&next);
        assert!(!next.is_woken(), "it was taken");
    }
}
