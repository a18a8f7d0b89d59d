//! What clients did and saw, for the checkers: told as it happens, judged at the end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{Offset, PartitionId};
use world::sim::threads;

/// What one run has seen. Clones are the same history.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<Facts>>);

/// Everything that was noted.
#[derive(Default)]
pub struct Facts {
    /// Every value that was ever sent, in the order of its producer.
    pub sent: Vec<Sent>,
    /// Every transaction that was ever begun, in the order of its producer.
    pub transactions: Vec<Transaction>,
    /// What each reader saw where.
    pub seen: BTreeMap<(PartitionId, Offset), String>,
    /// The highest position that a group was told is committed.
    pub committed: BTreeMap<(String, PartitionId), Offset>,
    /// Promises that were broken under the eyes of a client.
    pub violations: Vec<String>,
    /// When something last went well, by workload.
    pub progress: BTreeMap<String, Duration>,
    /// What each workload was told last when it did not get on.
    pub refusals: BTreeMap<String, String>,
}

/// A value on its way into a partition.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Whose.
    pub producer: String,
    /// What.
    pub value: String,
    /// Where to.
    pub partition: PartitionId,
    /// What its producer was told.
    pub outcome: Outcome,
}

/// What a producer was told of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: it may be there or not.
    Unknown,
    /// It is there; at this offset, if the answer said so.
    Acked(Option<Offset>),
}

/// A transaction, as its producer knows it.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Whose.
    pub producer: String,
    /// What it writes, and where to.
    pub values: Vec<(PartitionId, String)>,
    /// The offset that it commits for the group of its producer's name.
    pub offset: Option<Offset>,
    /// What its producer was told.
    pub fate: Fate,
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody was asked to commit it, or that was refused: nothing of it may be seen.
    Aborted,
    /// The producer asked to commit it, and was not told what came of that.
    Unknown,
    /// It is committed: all of it must be seen.
    Committed,
}

impl Facts {
    /// Everything before this offset of `partition` was acknowledged to somebody, or precedes what was.
    #[must_use]
    pub fn acked_until(&self, partition: PartitionId) -> Offset {
        let acked = self.sent.iter().filter(|sent| sent.partition == partition);
        let ends = acked.filter_map(|sent| match sent.outcome {
            Outcome::Acked(Some(offset)) => Some(offset.plus(1)),
            Outcome::Acked(None) | Outcome::Unknown => None,
        });
        ends.max().unwrap_or(Offset::ZERO)
    }
}

impl History {
    /// Notes values that are about to be sent; answers the index of the first.
    pub fn sending(&self, producer: &str, partition: PartitionId, values: &[String]) -> usize {
        let mut facts = self.facts();
        let first = facts.sent.len();
        facts.sent.extend(values.iter().map(|value| Sent {
            producer: producer.to_owned(),
            value: value.clone(),
            partition,
            outcome: Outcome::Unknown,
        }));
        first
    }

    /// Notes that `count` values from `first` on are acknowledged, from `base` on.
    pub fn acked(&self, first: usize, count: usize, base: Option<Offset>) {
        let mut facts = self.facts();
        for (index, sent) in facts.sent.iter_mut().skip(first).take(count).enumerate() {
            sent.outcome = Outcome::Acked(base.map(|base| base.plus(index as i64)));
        }
    }

    /// Notes a transaction that begins; answers its index.
    pub fn moving(
        &self,
        producer: &str,
        values: &[(PartitionId, String)],
        offset: Option<Offset>,
    ) -> usize {
        let mut facts = self.facts();
        let (producer, values) = (producer.to_owned(), values.to_vec());
        facts.transactions.push(Transaction { producer, values, offset, fate: Fate::Aborted });
        facts.transactions.len() - 1
    }

    /// Notes what became of a transaction.
    pub fn moved(&self, index: usize, fate: Fate) {
        self.facts().transactions[index].fate = fate;
    }

    /// Notes what a reader saw; everybody must see the same there.
    pub fn saw(&self, reader: &str, partition: PartitionId, offset: Offset, value: &str) {
        let mut facts = self.facts();
        let before = facts.seen.entry((partition, offset)).or_insert_with(|| value.to_owned());
        if before != value {
            let before = before.clone();
            facts.violations.push(format!(
                "{reader} saw {value} at {partition:?} {offset:?}, where {before} was before"
            ));
        }
    }

    /// Notes a committed position.
    pub fn committed(&self, group: &str, partition: PartitionId, position: Offset) {
        let mut facts = self.facts();
        let known = facts.committed.entry((group.to_owned(), partition)).or_insert(position);
        *known = position.max(*known);
    }

    /// The highest position known to be committed.
    #[must_use]
    pub fn committed_at_least(&self, group: &str, partition: PartitionId) -> Option<Offset> {
        self.facts().committed.get(&(group.to_owned(), partition)).copied()
    }

    /// Notes a broken promise.
    pub fn violated(&self, what: String) {
        let at = threads::elapsed().as_secs_f64();
        self.facts().violations.push(format!("at {at:.3} s {what}"));
    }

    /// Notes that `workload` gets on.
    pub fn progressed(&self, workload: &str) {
        self.facts().progress.insert(workload.to_owned(), threads::elapsed());
    }

    /// Notes why `workload` does not get on.
    pub fn refused(&self, workload: &str, why: String) {
        self.facts().refusals.insert(workload.to_owned(), why);
    }

    /// All that was noted.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
