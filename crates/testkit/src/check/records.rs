//! Acknowledged is kept, once, in order, and nothing is there that nobody sent.

use std::collections::BTreeMap;

use model::{Offset, PartitionId};

use super::Read;
use crate::history::{Facts, Outcome, Sent};

/// Compares what producers were told of `partition` with what is there.
#[must_use]
pub fn acknowledged_is_kept_once_and_in_order(
    facts: &Facts,
    partition: PartitionId,
    log: &[Read],
) -> Vec<String> {
    let mut found = Vec::new();
    let mut places: BTreeMap<&str, Vec<Offset>> = BTreeMap::new();
    for read in log {
        places.entry(read.value.as_deref().unwrap_or_default()).or_default().push(read.offset);
        if let Some(seen) = facts.seen.get(&(partition, read.offset))
            && Some(seen) != read.value.as_ref()
        {
            found.push(format!("{partition:?} {:?} held {seen} and holds {read:?}", read.offset));
        }
    }
    let mut last: BTreeMap<&str, Offset> = BTreeMap::new();
    for sent in facts.sent.iter().filter(|sent| sent.partition == partition) {
        let at = places.remove(sent.value.as_str()).unwrap_or_default();
        found.extend(judge(sent, &at));
        if let Some(first) = at.first() {
            if last.get(sent.producer.as_str()).is_some_and(|last| last > first) {
                found.push(format!("reordered: {sent:?} is at {first:?}, before its forerunner"));
            }
            last.insert(&sent.producer, *first);
        }
    }
    found.extend(places.keys().map(|value| format!("nobody sent {value:?} to {partition:?}")));
    found
}

fn judge(sent: &Sent, at: &[Offset]) -> Option<String> {
    match (sent.outcome, at) {
        (Outcome::Acked(_), []) => Some(format!("lost: {sent:?}")),
        (_, [_, _, ..]) => Some(format!("doubled: {sent:?} is at {at:?}")),
        (Outcome::Acked(Some(told)), [place]) if told != *place => {
            Some(format!("moved: {sent:?} is at {place:?}"))
        }
        (Outcome::Acked(_) | Outcome::Unknown, _) => None,
    }
}
