//! The partitions of one reader, and which of them its next fetch looks at.
//!
//! ```text
//!   due ──read: nothing more, nothing to tell──▶ at rest ──marked (it has moved), or named again──▶ due
//!    ▲└──read: records, an error, no room left──┘ stays due, behind the others if it was served
//! ```
//! **Invariant.** A target at rest is subscribed, has no mark since it was read, and then had nothing its reader was not told: to read
//! it now would tell nothing. A follower at rest has told the leader where it is; should an older request of its own take that back, the
//! partition marks it again. So a fetch costs what has moved, however many partitions its session follows.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use replication::{DirtySet, Slot, Waiter};
use wire::messages::FetchRequest;

use super::{Outcome, Reader, Target, target::Key};

/// The partitions of one reader.
#[derive(Default)]
pub(crate) struct Targets {
    slots: Vec<Option<Target>>,
    free: Vec<Slot>,
    by_key: HashMap<Key, Slot>,
    /// Each once, in the order in which they are read.
    due: VecDeque<Slot>,
    dirty: Arc<DirtySet>,
    /// Who read last.
    reader: Option<Reader>,
}

impl Targets {
    /// What a request of `version` names.
    pub(crate) fn named(asked: &FetchRequest, version: i16) -> Self {
        let mut targets = Self::default();
        targets.name(asked, version);
        targets
    }

    /// Takes over what a session's client says anew, and lets go what it forgets.
    pub(crate) fn change(&mut self, asked: &FetchRequest, version: i16) {
        self.forget(asked, version);
        self.name(asked, version);
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Reads what is due for `reader`, what was marked meanwhile included; answers what came of each.
    pub(crate) fn read(
        &mut self,
        reader: Reader,
        mut look: impl FnMut(&mut Target) -> Outcome,
    ) -> Vec<(Slot, Outcome)> {
        if self.reader.replace(reader) != Some(reader) {
            self.look_at_all();
        }
        for slot in self.dirty.take() {
            self.make_due(slot);
        }
        let slots = &mut self.slots;
        let read = self.due.iter().filter_map(|slot| {
            let target = slots.get_mut(slot.0 as usize)?.as_mut()?;
            Some((*slot, look(target)))
        });
        read.collect()
    }

    /// Wakes `waiter` by the next change of anything here. Of what was read, that rests which has nothing to tell, if `may_rest`.
    pub(crate) fn park(&mut self, read: &[(Slot, Outcome)], may_rest: bool, waiter: &Arc<Waiter>) {
        for (slot, outcome) in read {
            let has_told = self
                .target(*slot)
                .is_some_and(|target| target.told.is_some() && target.told == outcome.told());
            self.note(*slot, outcome, may_rest && has_told);
        }
        self.drop_from_due();
        self.dirty.park(waiter);
    }

    pub(crate) fn target(&self, slot: Slot) -> Option<&Target> {
        self.slots.get(slot.0 as usize)?.as_ref()
    }

    /// Its reader is told this.
    pub(crate) fn on_told(&mut self, slot: Slot, outcome: &Outcome) {
        if let Some(target) = self.target_mut(slot) {
            target.told = outcome.told();
        }
        self.note(slot, outcome, true);
    }

    /// The answer is made: what rests by now is due no more, who was served goes to the end.
    pub(crate) fn on_answered(&mut self, served: &[Slot]) {
        for slot in served {
            self.set_due(*slot, false);
        }
        self.drop_from_due();
        for slot in served {
            self.make_due(*slot);
        }
    }

    /// Subscribes to what was read; it comes to rest if it may and has nothing more.
    fn note(&mut self, slot: Slot, outcome: &Outcome, may_rest: bool) {
        let (Outcome::Read(fetched), Some(reader)) = (outcome, self.reader) else { return };
        let dirty = Arc::clone(&self.dirty);
        let Some(target) = self.target_mut(slot) else { return };
        target.subscribe((&dirty, slot), reader.interest(), &fetched.offsets);
        let end = reader.interest().readable_end(&fetched.offsets);
        let has_more = fetched.chunk.size_bytes > 0 || end > target.from;
        if may_rest && !has_more && fetched.diverging.is_none() {
            target.is_due = false;
        }
    }

    fn name(&mut self, asked: &FetchRequest, version: i16) {
        for named in asked.topics.iter().flat_map(|topic| Target::of(topic, version)) {
            let known = self.by_key.get(&named.key).copied();
            let slot = known.unwrap_or_else(|| self.free_slot());
            match &mut self.slots[slot.0 as usize] {
                Some(target) => target.update(named),
                free => {
                    self.by_key.insert(named.key.clone(), slot);
                    *free = Some(named);
                }
            }
            self.make_due(slot);
        }
    }

    fn free_slot(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            let slot = u32::try_from(self.slots.len()).expect("no frame names so many");
            self.slots.push(None);
            Slot(slot)
        })
    }

    fn forget(&mut self, asked: &FetchRequest, version: i16) {
        let forgotten = asked.forgotten_topics_data.iter();
        let mut freed = Vec::new();
        for key in forgotten.flat_map(|topic| Key::forgotten(topic, version)) {
            let Some(slot) = self.by_key.remove(&key) else { continue };
            if let Some(mut target) = self.slots[slot.0 as usize].take() {
                target.unsubscribe(&self.dirty);
            }
            freed.push(slot);
        }
        if !freed.is_empty() {
            self.drop_from_due();
            self.free.append(&mut freed);
        }
    }

    /// Takes out of the order what is due no more.
    fn drop_from_due(&mut self) {
        let slots = &self.slots;
        let is_due =
            |slot: &Slot| slots[slot.0 as usize].as_ref().is_some_and(|target| target.is_due);
        self.due.retain(is_due);
    }

    fn make_due(&mut self, slot: Slot) {
        if self.set_due(slot, true) == Some(false) {
            self.due.push_back(slot);
        }
    }

    /// Answers what it was; none for a slot that is free.
    fn set_due(&mut self, slot: Slot, is_due: bool) -> Option<bool> {
        let target = self.target_mut(slot)?;
        Some(std::mem::replace(&mut target.is_due, is_due))
    }

    /// Another reads, or the same in another standing: nothing that was found holds.
    fn look_at_all(&mut self) {
        let slots = 0..u32::try_from(self.slots.len()).expect("no frame names so many");
        for slot in slots.map(Slot) {
            if let Some(target) = self.target_mut(slot) {
                target.forget_subscription();
            }
            self.make_due(slot);
        }
    }

    fn target_mut(&mut self, slot: Slot) -> Option<&mut Target> {
        self.slots.get_mut(slot.0 as usize)?.as_mut()
    }

    #[cfg(test)]
    pub(super) fn due(&self) -> impl Iterator<Item = &Target> {
        self.due.iter().filter_map(|slot| self.target(*slot))
    }
}

#[cfg(test)]
#[path = "targets_tests.rs"]
mod tests;
