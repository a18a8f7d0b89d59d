//! The highest offset of each key, in bounded memory.
//!
//! Keys are known by 128 bits of keyed hash: that two of them meet is less likely than a broken disk, and no one who does
//! not know the seed can bring it about.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use model::Offset;

/// Keys at most: what fits a table of 2^19 places, about 17 MiB.
pub(crate) const KEYS_MAX: usize = 458_752;

/// Keys and their highest offsets.
pub(crate) struct KeyMap {
    offsets: HashMap<[u64; 2], Offset>,
    seeds: [RandomState; 2],
    keys_max: usize,
}

impl KeyMap {
    pub(crate) fn new(keys_max: usize) -> Self {
        let seeds = [RandomState::new(), RandomState::new()];
        Self { offsets: HashMap::new(), seeds, keys_max }
    }

    /// Whether so many more keys fit.
    pub(crate) fn has_room(&self, keys: usize) -> bool {
        self.offsets.len() + keys <= self.keys_max
    }

    /// Notes that `key` was written at `offset`; offsets come in order.
    pub(crate) fn put(&mut self, key: &[u8], offset: Offset) {
        self.offsets.insert(self.hash(key), offset);
    }

    /// The highest offset noted of `key`.
    pub(crate) fn find(&self, key: &[u8]) -> Option<Offset> {
        self.offsets.get(&self.hash(key)).copied()
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        self.seeds.each_ref().map(|seed| seed.hash_one(key))
    }
}
