//! Reigns that begin and end with a broker's life: one fact about the broker, however many partitions.
//!
//! ```text
//!   fenced, shutting down, gone      what it still leads has no leader       end_reigns
//!   unfenced                         what waits for it is led by it again    begin_reigns
//!   registered unfenced              what it led is led by it again          renew_reigns (the first builds' lone nodes)
//! ```
//! Who else may take a partition over is the controller's decision, in facts of its own that stand before; what is left here
//! is the rest, which nobody else could lead. So a lone node with 10,000 partitions restarts with two facts.
//!
//! Leader epoch and partition epoch go up by one in each partition that changes.

use std::sync::Arc;

use model::{BrokerId, TopicName};

use super::{Image, PartitionState};
use crate::NO_LEADER;

impl Image {
    /// What `broker` leads is led by nobody.
    pub(super) fn end_reigns(&mut self, broker: BrokerId) {
        self.set_leaders(NO_LEADER, |state| state.leader == broker);
    }

    /// What waits for `broker` is led by it.
    pub(super) fn begin_reigns(&mut self, broker: BrokerId) {
        self.set_leaders(broker, |state| state.awaits(broker));
    }

    /// What `broker` leads, and what waits for it, begins a new reign under it.
    pub(super) fn renew_reigns(&mut self, broker: BrokerId) {
        self.set_leaders(broker, |state| state.leader == broker || state.awaits(broker));
    }

    fn set_leaders(&mut self, leader: BrokerId, concerns: impl Fn(&PartitionState) -> bool) {
        let is_concerned = |state: &Arc<PartitionState>| concerns(state);
        let topics = self.topics.values().filter(|topic| topic.partitions.iter().any(is_concerned));
        let names: Vec<TopicName> = topics.map(|topic| topic.name.clone()).collect();
        for name in names {
            let Some(topic) = self.topics.get_mut(&name) else { continue };
            let partitions = &mut Arc::make_mut(topic).partitions;
            // Runs share one state; they go on sharing the next one.
            let mut last: Option<(Arc<PartitionState>, Arc<PartitionState>)> = None;
            for state in partitions.iter_mut().filter(|state| is_concerned(state)) {
                if let Some((old, new)) = &last
                    && Arc::ptr_eq(old, state)
                {
                    *state = Arc::clone(new);
                    continue;
                }
                let new = Arc::new(state.in_next_reign(leader));
                last = Some((std::mem::replace(state, Arc::clone(&new)), new));
            }
        }
    }
}
