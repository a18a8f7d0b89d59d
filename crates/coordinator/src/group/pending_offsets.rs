//! Offsets committed within transactions that have not ended (KIP-447): not true yet, and what an OffsetFetch that wants stable ones
//! waits for.
//!
//! ```text
//!   TxnOffsetCommit ─▶ pending, by producer ── commit marker ─▶ true, unless a later plain commit stands in its place
//!                                            └─ abort marker ──▶ forgotten
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::ProducerId;

use super::{
    offsets::{Kept, Place},
    record::GroupRecord,
};

/// Invariant: `by_group` names, for each group, the producers that have something pending in it, and no others.
#[derive(Default)]
pub(crate) struct PendingOffsets {
    by_producer: BTreeMap<ProducerId, BTreeMap<(Arc<str>, Place), Kept>>,
    by_group: BTreeMap<Arc<str>, BTreeSet<ProducerId>>,
}

impl PendingOffsets {
    pub(crate) fn insert(
        &mut self,
        producer: ProducerId,
        group: &Arc<str>,
        place: Place,
        kept: Kept,
    ) {
        let pending = self.by_producer.entry(producer).or_default();
        pending.insert((Arc::clone(group), place), kept);
        self.by_group.entry(Arc::clone(group)).or_default().insert(producer);
    }

    /// The transaction of `producer` has ended: what was pending in it.
    pub(crate) fn take(
        &mut self,
        producer: ProducerId,
    ) -> impl Iterator<Item = (Arc<str>, Place, Kept)> + use<> {
        let taken = self.by_producer.remove(&producer).unwrap_or_default();
        for (group, _) in taken.keys() {
            self.forget(group, producer);
        }
        taken.into_iter().map(|((group, place), kept)| (group, place, kept))
    }

    /// A tombstone says that nobody wants to know of this place: neither do transactions under way.
    pub(crate) fn remove(&mut self, group: &Arc<str>, place: &Place) {
        let key = (Arc::clone(group), place.clone());
        for producer in self.by_group.get(group).cloned().unwrap_or_default() {
            let Some(pending) = self.by_producer.get_mut(&producer) else { continue };
            pending.remove(&key);
            if !pending.keys().any(|(other, _)| other == group) {
                self.forget(group, producer);
            }
        }
        self.by_producer.retain(|_, pending| !pending.is_empty());
    }

    /// Whether a transaction that has not ended commits an offset of this place.
    pub(crate) fn is_pending(&self, group: &str, topic: &str, partition: i32) -> bool {
        let Some(producers) = self.by_group.get(group) else { return false };
        let key = (Arc::from(group), (Arc::from(topic), partition));
        let pending = producers.iter().filter_map(|producer| self.by_producer.get(producer));
        pending.into_iter().any(|pending| pending.contains_key(&key))
    }

    /// Whether any transaction that has not ended commits offsets of `group`.
    pub(crate) fn is_any_pending(&self, group: &str) -> bool {
        self.by_group.contains_key(group)
    }

    /// Tombstones of everything pending in `group`.
    pub(crate) fn tombstones(&self, group: &Arc<str>) -> Vec<GroupRecord> {
        let producers = self.by_group.get(group).into_iter().flatten();
        let pending = producers.filter_map(|producer| self.by_producer.get(producer)).flatten();
        let places: BTreeSet<&Place> =
            pending.filter(|((other, _), _)| other == group).map(|((_, place), _)| place).collect();
        places.into_iter().map(|place| super::offsets::tombstone(group, place.clone())).collect()
    }

    fn forget(&mut self, group: &Arc<str>, producer: ProducerId) {
        if let Some(producers) = self.by_group.get_mut(group) {
            producers.remove(&producer);
            if producers.is_empty() {
                self.by_group.remove(group);
            }
        }
    }
}
