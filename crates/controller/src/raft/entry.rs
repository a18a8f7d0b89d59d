//! An entry of the metadata log, in a record's value or on the wire.
//!
//! ```text
//!   ┌─────────┬──────┬───────────────────────────────────────────────────────────────┐
//!   │ version │ kind │ 0 blank       nothing: a new leader's first entry             │
//!   │ u8 = 1  │ u8   │ 1 membership  voters (one or two sets), learners              │
//!   │         │      │ 2 facts       term in which they were decided u64, the facts  │
//!   └─────────┴──────┴───────────────────────────────────────────────────────────────┘
//! ```
//! Index and term stand outside: on the disk they are the batch's offset and leader epoch. The checksum is that of the batch
//! or of TCP. Sets and facts are a count (u32) and so many node ids (u64) or byte strings.

use std::collections::BTreeSet;

use ::bytes::Bytes;
use openraft::EntryPayload;

use super::{
    bytes::{Reader, put_bytes, put_count},
    types::{Entry, Group, LogId, Membership},
};

/// The value of an entry's record.
pub(crate) fn encode(entry: &Entry) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    match &entry.payload {
        EntryPayload::Blank => bytes.push(BLANK),
        EntryPayload::Membership(membership) => {
            bytes.push(MEMBERSHIP);
            put_membership(&mut bytes, membership);
        }
        EntryPayload::Normal(group) => {
            bytes.push(FACTS);
            bytes.extend_from_slice(&group.term.to_be_bytes());
            put_count(&mut bytes, group.facts.len());
            group.facts.iter().for_each(|fact| put_bytes(&mut bytes, fact));
        }
    }
    bytes
}

/// The entry that [`encode`] wrote; none if these are no such bytes.
pub(crate) fn decode(log_id: LogId, value: Bytes) -> Option<Entry> {
    let mut reader = Reader::new(value);
    if reader.u8()? != VERSION {
        return None;
    }
    let payload = match reader.u8()? {
        BLANK => EntryPayload::Blank,
        MEMBERSHIP => EntryPayload::Membership(read_membership(&mut reader)?),
        FACTS => {
            let term = reader.u64()?;
            let count = reader.count(LENGTH_BYTES)?;
            let facts = (0..count).map(|_| reader.bytes()).collect::<Option<_>>()?;
            EntryPayload::Normal(Group { term, facts })
        }
        _ => return None,
    };
    reader.is_empty().then_some(Entry { log_id, payload })
}

pub(crate) fn put_membership(bytes: &mut Vec<u8>, membership: &Membership) {
    let sets = membership.get_joint_config();
    put_count(bytes, sets.len());
    for set in sets {
        put_nodes(bytes, set.iter().copied());
    }
    put_nodes(bytes, membership.learner_ids());
}

pub(crate) fn read_membership(reader: &mut Reader) -> Option<Membership> {
    let count = reader.count(LENGTH_BYTES)?;
    let sets: Vec<_> = (0..count).map(|_| read_nodes(reader)).collect::<Option<_>>()?;
    let learners = read_nodes(reader)?;
    let nodes: BTreeSet<u64> = sets.iter().flatten().copied().chain(learners).collect();
    if sets.is_empty() && nodes.is_empty() {
        return Some(Membership::default());
    }
    Membership::new(sets, nodes).ok()
}

fn put_nodes(bytes: &mut Vec<u8>, nodes: impl Iterator<Item = u64>) {
    let nodes: Vec<u64> = nodes.collect();
    put_count(bytes, nodes.len());
    nodes.iter().for_each(|node| bytes.extend_from_slice(&node.to_be_bytes()));
}

fn read_nodes(reader: &mut Reader) -> Option<BTreeSet<u64>> {
    let count = reader.count(size_of::<u64>())?;
    (0..count).map(|_| reader.u64()).collect()
}

const VERSION: u8 = 1;
const BLANK: u8 = 0;
const MEMBERSHIP: u8 = 1;
const FACTS: u8 = 2;
const LENGTH_BYTES: usize = size_of::<u32>();

#[cfg(test)]
mod tests {
    use super::{super::types::log_id, *};

    fn entries() -> Vec<Entry> {
        let membership = Membership::new(
            vec![BTreeSet::from([1, 2]), BTreeSet::from([2, 3])],
            BTreeSet::from([1, 2, 3, 9]),
        );
        let facts = vec![Bytes::from_static(b"a"), Bytes::new(), Bytes::from_static(b"fact")];
        [
            EntryPayload::Blank,
            EntryPayload::Membership(membership.unwrap()),
            EntryPayload::Membership(Membership::default()),
            EntryPayload::Normal(Group { term: 7, facts }),
        ]
        .into_iter()
        .map(|payload| Entry { log_id: log_id(7, 3), payload })
        .collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for entry in entries() {
            assert_eq!(decode(entry.log_id, encode(&entry).into()), Some(entry));
        }
    }

    #[test]
    fn bytes_that_are_no_entry_are_none_and_no_panic() {
        let mut chance = world::Chance::from_seed(5);
        for entry in entries() {
            let written = encode(&entry);
            for length in 0..written.len() {
                let cut = Bytes::copy_from_slice(&written[..length]);
                assert_eq!(decode(entry.log_id, cut), None);
            }
            for _ in 0..1000 {
                let mut bytes = written.clone();
                let at = chance.below(bytes.len() as u64) as usize;
                bytes[at] = chance.bits() as u8;
                let _ = decode(entry.log_id, bytes.into());
            }
        }
    }
}
