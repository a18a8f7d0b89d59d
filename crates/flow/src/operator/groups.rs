//! The groups of one window and lane: keys, hashed once, and the accumulators beside them.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::{BuildHasher, Hasher};

use super::keys::KeyColumns;
use crate::{
    aggregate::Accumulator,
    plan::AggregateCall,
    snapshot::{Reader, Torn, Writer},
};

/// Groups, numbered in the order in which they appeared.
///
/// Invariant: `hashes`, `ends` and every accumulator have one entry per group; `table` holds each group's number once.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    table: HashTable<u32>,
    hashes: Vec<u64>,
    /// The keys, one after the other.
    keys: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    pub(crate) accumulators: Vec<Accumulator>,
}

impl Groups {
    pub(crate) fn new(calls: &[AggregateCall]) -> Self {
        Self {
            table: HashTable::new(),
            hashes: Vec::new(),
            keys: Vec::new(),
            ends: Vec::new(),
            accumulators: calls.iter().map(Accumulator::new).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn key(&self, group: u32) -> &[u8] {
        key(&self.keys, &self.ends, group)
    }

    /// Finds or makes the groups of `rows`, into `groups`.
    pub(crate) fn find_rows(
        &mut self,
        hasher: &DefaultHashBuilder,
        columns: &KeyColumns<'_, '_, '_>,
        rows: &[u32],
        groups: &mut Vec<u32>,
    ) {
        groups.clear();
        groups.reserve(rows.len());
        columns.each(rows, |key| groups.push(self.find(hash(hasher, key), key)));
        self.grow();
    }

    /// Takes in `other`, which may have groups that this has not.
    pub(crate) fn merge(&mut self, other: &Self) {
        let others = 0..other.len() as u32;
        let map: Vec<u32> =
            others.map(|group| self.find(other.hashes[group as usize], other.key(group))).collect();
        self.grow();
        for (own, more) in self.accumulators.iter_mut().zip(&other.accumulators) {
            own.merge(more, &map);
        }
    }

    /// The groups by their keys' bytes.
    pub(crate) fn in_order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by(|left, right| self.key(*left).cmp(self.key(*right)));
        order
    }

    /// What they take, near enough.
    pub(crate) fn bytes(&self) -> usize {
        const PER_GROUP: usize = 8 + 8 + 6;
        let accumulators: usize = self.accumulators.iter().map(Accumulator::bytes).sum();
        self.keys.len() + self.len() * PER_GROUP + accumulators
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        out.count(self.len());
        (0..self.len() as u32).for_each(|group| out.bytes(self.key(group)));
        self.accumulators.iter().for_each(|accumulator| accumulator.write(out));
    }

    pub(crate) fn read(
        calls: &[AggregateCall],
        hasher: &DefaultHashBuilder,
        from: &mut Reader<'_>,
    ) -> Result<Self, Torn> {
        let mut groups = Self::new(calls);
        let count = from.count()?;
        for number in 0..count {
            let key = from.bytes()?;
            let found = groups.find(hash(hasher, key), key);
            // A key that comes twice would leave accumulators without a group.
            if usize::try_from(found) != Ok(number) {
                return Err(Torn);
            }
        }
        for accumulator in &mut groups.accumulators {
            accumulator.read(count, from)?;
        }
        Ok(groups)
    }

    #[inline]
    fn find(&mut self, hash: u64, wanted: &[u8]) -> u32 {
        let (keys, ends, hashes) = (&mut self.keys, &mut self.ends, &mut self.hashes);
        let entry = self.table.entry(
            hash,
            |group| hashes[*group as usize] == hash && key(keys, ends, *group) == wanted,
            |group| hashes[*group as usize],
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => *entry.get(),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let group = ends.len() as u32;
                entry.insert(group);
                keys.extend_from_slice(wanted);
                ends.push(keys.len());
                hashes.push(hash);
                group
            }
        }
    }

    fn grow(&mut self) {
        let count = self.len();
        self.accumulators.iter_mut().for_each(|accumulator| accumulator.grow(count));
    }
}

#[inline]
fn key<'k>(keys: &'k [u8], ends: &[usize], group: u32) -> &'k [u8] {
    let group = group as usize;
    let start = if group == 0 { 0 } else { ends[group - 1] };
    &keys[start..ends[group]]
}

#[inline]
fn hash(hasher: &DefaultHashBuilder, key: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(key);
    state.finish()
}
