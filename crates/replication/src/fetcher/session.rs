//! A fetch session (KIP-227), the follower's side: what the leader knows already is not said again.
//!
//! ```text
//!   full        (id of the last session or 0, epoch 0): all partitions        the leader may begin a session
//!   incremental (id, epoch 1, 2, … max, 1, …): what has changed, what is forgotten
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::PartitionKey;
use crate::Ask;

/// The partitions asked for, and how much of that the leader knows.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    /// Of the next request; 0: a full one.
    epoch: i32,
    asked: BTreeMap<PartitionKey, Ask>,
    /// Those of `asked` that the leader does not know like that.
    unsaid: BTreeSet<PartitionKey>,
    forgotten: BTreeSet<PartitionKey>,
}

/// What a request says of its session.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) id: i32,
    pub(super) epoch: i32,
    pub(super) partitions: Vec<(PartitionKey, Ask)>,
    pub(super) forgotten: Vec<PartitionKey>,
}

impl Session {
    /// The partition is asked for like this from now on.
    pub(super) fn ask(&mut self, key: PartitionKey, ask: Ask) {
        if self.asked.insert(key, ask) != Some(ask) {
            self.unsaid.insert(key);
        }
        self.forgotten.remove(&key);
    }

    /// It is asked for no more.
    pub(super) fn forget(&mut self, key: PartitionKey) {
        if self.asked.remove(&key).is_some() {
            self.unsaid.remove(&key);
            self.forgotten.insert(key);
        }
    }

    /// What it is asked for like.
    pub(super) fn asked(&self, key: PartitionKey) -> Option<Ask> {
        self.asked.get(&key).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// What the next request says.
    pub(super) fn next(&mut self) -> Said {
        let unsaid = std::mem::take(&mut self.unsaid);
        let forgotten = std::mem::take(&mut self.forgotten);
        let (id, epoch) = (self.id, self.epoch);
        if epoch == 0 {
            let partitions = self.asked.iter().map(|(key, ask)| (*key, *ask)).collect();
            return Said { id, epoch, partitions, forgotten: Vec::new() };
        }
        let partitions = unsaid.iter().filter_map(|key| Some((*key, *self.asked.get(key)?)));
        let partitions = partitions.collect();
        Said { id, epoch, partitions, forgotten: forgotten.into_iter().collect() }
    }

    /// The leader has answered the last request, naming its session.
    pub(super) fn on_answer(&mut self, id: i32) {
        let went_on = self.epoch > 0 && id == self.id && self.epoch < i32::MAX;
        self.epoch = match id {
            0 => 0,
            _ if went_on => self.epoch + 1,
            _ => 1,
        };
        self.id = id;
    }

    /// The leader has not answered, or does not know the session: everything is said again.
    pub(super) fn begin_anew(&mut self) {
        self.epoch = 0;
    }
}

#[cfg(test)]
mod tests {
    use model::{LeaderEpoch, Offset, PartitionId, TopicId};

    use super::*;

    fn key(partition: i32) -> PartitionKey {
        PartitionKey { topic: TopicId::NONE, partition: PartitionId(partition) }
    }

    fn at(from: i64) -> Ask {
        let epoch = LeaderEpoch(0);
        Ask { from: Offset(from), last_epoch: None, epoch, log_start: Offset::ZERO }
    }

    fn said(session: &mut Session) -> (i32, i32, Vec<(i32, i64)>, Vec<i32>) {
        let said = session.next();
        let partitions = said.partitions.iter().map(|(key, ask)| (key.partition.0, ask.from.0));
        let forgotten = said.forgotten.iter().map(|key| key.partition.0);
        (said.id, said.epoch, partitions.collect(), forgotten.collect())
    }

    #[test]
    fn only_what_has_changed_is_said_again() {
        let mut session = Session::default();
        session.ask(key(0), at(0));
        session.ask(key(1), at(0));
        assert_eq!(said(&mut session), (0, 0, vec![(0, 0), (1, 0)], vec![]));
        session.on_answer(7);
        session.ask(key(0), at(5));
        session.ask(key(1), at(0));
        assert_eq!(said(&mut session), (7, 1, vec![(0, 5)], vec![]));
        session.on_answer(7);
        session.forget(key(1));
        assert_eq!(said(&mut session), (7, 2, vec![], vec![1]));
        session.on_answer(7);
        session.begin_anew();
        session.ask(key(2), at(1));
        assert_eq!(said(&mut session), (7, 0, vec![(0, 5), (2, 1)], vec![]));
        session.on_answer(8);
        assert_eq!(said(&mut session), (8, 1, vec![], vec![]));
    }

    #[test]
    fn a_leader_without_room_is_told_everything_each_time() {
        let mut session = Session::default();
        session.ask(key(0), at(0));
        for _ in 0..2 {
            assert_eq!(said(&mut session), (0, 0, vec![(0, 0)], vec![]));
            session.on_answer(0);
        }
    }
}
