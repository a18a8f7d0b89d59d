//! Transactions are all or nothing: what readers of committed records see of each, in every partition, and the offset that it committed.

use std::collections::{BTreeMap, BTreeSet};

use model::{Offset, PartitionId};

use super::Read;
use crate::history::{Facts, Fate, Transaction};

/// Compares what producers were told with what committed readers find, and with where each producer's group is.
#[must_use]
pub fn transactions_are_whole_or_nothing(
    facts: &Facts,
    logs: &BTreeMap<PartitionId, Vec<Read>>,
    groups: &BTreeMap<String, Option<Offset>>,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut places: BTreeMap<(PartitionId, &str), Vec<Offset>> = BTreeMap::new();
    for (partition, log) in logs {
        for read in log {
            let value = read.value.as_deref().unwrap_or_default();
            places.entry((*partition, value)).or_default().push(read.offset);
        }
        let now: BTreeMap<Offset, &Read> = log.iter().map(|read| (read.offset, read)).collect();
        for ((of, offset), seen) in &facts.seen {
            if of == partition && now.get(offset).and_then(|it| it.value.as_ref()) != Some(seen) {
                let holds = now.get(offset);
                found.push(format!("{partition:?} {offset:?} held {seen} and holds {holds:?}"));
            }
        }
    }
    let mut expected: BTreeMap<&str, Offset> = BTreeMap::new();
    let mut last: BTreeMap<(&str, PartitionId), Offset> = BTreeMap::new();
    for transaction in &facts.transactions {
        let producer = transaction.producer.as_str();
        let mut seen = 0;
        for (partition, value) in &transaction.values {
            let at = places.remove(&(*partition, value.as_str())).unwrap_or_default();
            if at.len() > 1 {
                found.push(format!("doubled: {value} of {transaction:?} is at {at:?}"));
            }
            let Some(first) = at.first() else { continue };
            seen += 1;
            if last.insert((producer, *partition), *first).is_some_and(|last| last > *first) {
                found.push(format!("reordered: {value} is at {first:?}, before its forerunner"));
            }
        }
        found.extend(judge(transaction, seen));
        if seen > 0
            && let Some(offset) = transaction.offset
        {
            expected.insert(producer, offset);
        }
    }
    found.extend(places.keys().map(|(at, value)| format!("nobody sent {value:?} to {at:?}")));
    let producers: BTreeSet<&str> = facts.transactions.iter().map(|it| &*it.producer).collect();
    for producer in producers {
        let (is, right) = (groups.get(producer), expected.get(producer));
        if is.is_some_and(|is| is.as_ref() != right) {
            found.push(format!("the group of {producer} is at {is:?}, where {right:?} is right"));
        }
    }
    found
}

fn judge(transaction: &Transaction, seen: usize) -> Option<String> {
    let all = transaction.values.len();
    let is_right = match transaction.fate {
        Fate::Aborted => seen == 0,
        Fate::Unknown => seen == 0 || seen == all,
        Fate::Committed => seen == all,
    };
    (!is_right).then(|| format!("torn: {seen} of {all} values are seen of {transaction:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: PartitionId = PartitionId(0);

    fn found(fate: Fate, seen: &[&str], group: Option<i64>) -> usize {
        let values = vec![(ZERO, "a".to_owned()), (ZERO, "b".to_owned())];
        let offset = Some(Offset(1));
        let mut facts = Facts::default();
        facts.transactions.push(Transaction { producer: "p".to_owned(), values, offset, fate });
        let read = |(offset, value): (i64, &&str)| Read {
            offset: Offset(offset),
            key: None,
            value: Some((*value).to_owned()),
        };
        let log: Vec<Read> = (0..).zip(seen).map(read).collect();
        let groups = BTreeMap::from([("p".to_owned(), group.map(Offset))]);
        transactions_are_whole_or_nothing(&facts, &BTreeMap::from([(ZERO, log)]), &groups).len()
    }

    #[test]
    fn what_is_torn_lost_or_seen_after_an_abort_is_found() {
        assert_eq!(found(Fate::Committed, &["a", "b"], Some(1)), 0);
        assert_eq!(found(Fate::Unknown, &["a", "b"], Some(1)), 0);
        assert_eq!(found(Fate::Unknown, &[], None), 0);
        assert_eq!(found(Fate::Aborted, &[], None), 0);
        assert_eq!(found(Fate::Committed, &["a"], Some(1)), 1);
        assert_eq!(found(Fate::Unknown, &["b"], Some(1)), 1);
        assert_eq!(found(Fate::Aborted, &["a", "b"], Some(1)), 1);
        assert_eq!(found(Fate::Committed, &["a", "b", "b"], Some(1)), 1);
        assert_eq!(found(Fate::Committed, &["a", "b"], None), 1, "its offset is lost");
        assert_eq!(found(Fate::Aborted, &[], Some(1)), 1, "its offset is kept");
        assert_eq!(found(Fate::Committed, &["b", "a"], Some(1)), 1, "reordered");
    }
}
