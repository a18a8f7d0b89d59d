//! Deadlines by key: one per key, the earliest first, ties in the order of the keys.

use std::collections::{BTreeMap, BTreeSet};

use world::Instant;

/// Invariant: `by_time` and `by_key` hold the same pairs.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
}

impl<K: Ord + Clone> Timers<K> {
    pub(crate) const fn new() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }

    /// Sets the deadline of `key`, in place of the one it had.
    pub(crate) fn set(&mut self, key: K, deadline: Instant) {
        self.cancel(&key);
        self.by_time.insert((deadline, key.clone()));
        self.by_key.insert(key, deadline);
    }

    pub(crate) fn cancel(&mut self, key: &K) {
        if let Some((key, deadline)) = self.by_key.remove_entry(key) {
            self.by_time.remove(&(deadline, key));
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.by_time.first().map(|(deadline, _)| *deadline)
    }

    /// Takes the first key whose deadline is not after `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next_deadline()? > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    #[cfg(test)]
    pub(crate) fn contains(&self, key: &K) -> bool {
        self.by_key.contains_key(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_deadline_the_last_one_set() {
        let mut timers = Timers::new();
        timers.set("a", Instant(5));
        timers.set("b", Instant(7));
        timers.set("a", Instant(9));
        assert_eq!(timers.next_deadline(), Some(Instant(7)));
        assert_eq!(timers.pop_due(Instant(6)), None);
        assert_eq!(timers.pop_due(Instant(9)), Some("b"));
        assert_eq!(timers.pop_due(Instant(9)), Some("a"));
        assert_eq!(timers.pop_due(Instant(99)), None);
        timers.set("c", Instant(1));
        timers.cancel(&"c");
        assert_eq!(timers.next_deadline(), None);
    }
}
