//! What to fetch from whom: one inbox per leader, filled by partitions as they follow the image, emptied by that leader's fetcher.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use model::BrokerId;
use world::exec::{Mutex, MutexGuard};

use crate::{Partition, Waiter};

/// Partitions to be looked at again, by the leader that they follow or followed.
#[derive(Default)]
pub struct Assignments {
    /// Guards the inboxes and who waits for them.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    inboxes: BTreeMap<BrokerId, Inbox>,
    /// Woken by a leader that is new.
    on_new_leader: Option<Arc<Waiter>>,
}

#[derive(Default)]
struct Inbox {
    changed: Vec<Weak<Partition>>,
    waiter: Option<Arc<Waiter>>,
}

impl Assignments {
    /// A partition follows `after` now, and followed `before`.
    pub(crate) fn changed(&self, partition: &Weak<Partition>, before: BrokerId, after: BrokerId) {
        if before != after {
            self.left(partition, before);
        }
        let mut state = self.lock();
        let is_new = !state.inboxes.contains_key(&after);
        let inbox = state.inboxes.entry(after).or_default();
        inbox.changed.push(Weak::clone(partition));
        let mut woken = Vec::from_iter(inbox.waiter.take());
        if is_new {
            woken.extend(state.on_new_leader.take());
        }
        drop(state);
        for waiter in woken {
            waiter.wake();
        }
    }

    /// A partition follows `before` no more. Nobody hurries to forget.
    pub(crate) fn left(&self, partition: &Weak<Partition>, before: BrokerId) {
        if let Some(inbox) = self.lock().inboxes.get_mut(&before) {
            inbox.changed.push(Weak::clone(partition));
        }
    }

    /// Those that follow, or followed, `leader` and are to be looked at.
    #[must_use]
    pub fn take(&self, leader: BrokerId) -> Vec<Arc<Partition>> {
        let changed =
            self.lock().inboxes.get_mut(&leader).map(|inbox| std::mem::take(&mut inbox.changed));
        changed.unwrap_or_default().iter().filter_map(Weak::upgrade).collect()
    }

    /// All leaders that were ever followed.
    #[must_use]
    pub fn leaders(&self) -> Vec<BrokerId> {
        self.lock().inboxes.keys().copied().collect()
    }

    /// Wakes `waiter` once there is something to take for `leader`; at once if there is.
    pub fn park(&self, leader: BrokerId, waiter: &Arc<Waiter>) {
        let mut state = self.lock();
        let inbox = state.inboxes.entry(leader).or_default();
        if inbox.changed.is_empty() {
            inbox.waiter = Some(Arc::clone(waiter));
        } else {
            drop(state);
            waiter.wake();
        }
    }

    /// Wakes `waiter` once there is a leader besides `known`; at once if there is.
    pub(super) fn park_for_leaders(&self, waiter: &Arc<Waiter>, known: usize) {
        let mut state = self.lock();
        if state.inboxes.len() > known {
            drop(state);
            waiter.wake();
        } else {
            state.on_new_leader = Some(Arc::clone(waiter));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}
