//! `quorum-state`: what a voter may never forget, and where its log begins.
//!
//! ```text
//!   ┌─────────┬──────────┬──────────────────────────────┬──────────────────────────────┬────────────┐
//!   │ version │ has vote │ term u64, node u64,          │ has purged, term u64,        │ CRC-32     │
//!   │ u8 = 1  │ u8       │ committed u8 (or nothing)    │ index u64 (or nothing)       │ of it all  │
//!   └─────────┴──────────┴──────────────────────────────┴──────────────────────────────┴────────────┘
//! ```
//! It lies beside the log and is replaced whole. `purged` is the last entry that was let go: the file of the log may still
//! hold it, and entries before it.

use ::bytes::Bytes;

use super::{
    bytes::Reader,
    types::{LogId, Vote, log_id, term_of, vote},
};

/// The content of `quorum-state`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QuorumState {
    pub(crate) vote: Option<Vote>,
    pub(crate) purged: Option<LogId>,
}

impl QuorumState {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.push(u8::from(self.vote.is_some()));
        if let Some(vote) = &self.vote {
            put_vote(&mut bytes, vote);
        }
        put_log_id(&mut bytes, self.purged.as_ref());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &Bytes) -> Option<Self> {
        let (content, crc) = bytes.split_at_checked(bytes.len().checked_sub(CRC_BYTES)?)?;
        if crc32fast::hash(content).to_be_bytes() != crc {
            return None;
        }
        let mut reader = Reader::new(bytes.slice_ref(content));
        if reader.u8()? != VERSION {
            return None;
        }
        let vote = if reader.flag()? { Some(read_vote(&mut reader)?) } else { None };
        let purged = read_log_id(&mut reader)?;
        reader.is_empty().then_some(Self { vote, purged })
    }
}

pub(crate) fn put_vote(bytes: &mut Vec<u8>, vote: &Vote) {
    bytes.extend_from_slice(&vote.leader_id.term.to_be_bytes());
    bytes.extend_from_slice(&vote.leader_id.voted_for.to_be_bytes());
    bytes.push(u8::from(vote.committed));
}

pub(crate) fn read_vote(reader: &mut Reader) -> Option<Vote> {
    Some(vote(read_term(reader)?, reader.u64()?, reader.flag()?))
}

pub(crate) fn put_log_id(bytes: &mut Vec<u8>, id: Option<&LogId>) {
    bytes.push(u8::from(id.is_some()));
    if let Some(id) = id {
        bytes.extend_from_slice(&term_of(id).to_be_bytes());
        bytes.extend_from_slice(&id.index.to_be_bytes());
    }
}

#[allow(clippy::option_option)]
pub(crate) fn read_log_id(reader: &mut Reader) -> Option<Option<LogId>> {
    if reader.flag()? {
        return Some(Some(read_id(reader)?));
    }
    Some(None)
}

pub(crate) fn read_id(reader: &mut Reader) -> Option<LogId> {
    let term = read_term(reader)?;
    let index = reader.u64().filter(|index| *index < INDEX_END)?;
    Some(log_id(term, index))
}

/// A term that is as good as none: it is a leader epoch on the disk.
fn read_term(reader: &mut Reader) -> Option<u64> {
    reader.u64().filter(|term| *term < TERM_END)
}

const VERSION: u8 = 1;
/// No cluster comes near it, and whoever claims it lies: the next ones must fit as well.
const TERM_END: u64 = 1 << 30;
const INDEX_END: u64 = 1 << 62;
const CRC_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_damaged_is_not() {
        let full = QuorumState { vote: Some(vote(3, 2, true)), purged: Some(log_id(2, 9)) };
        for state in [QuorumState::default(), full] {
            let bytes = state.encode();
            assert_eq!(QuorumState::decode(&bytes.clone().into()), Some(state));
            for at in 0..bytes.len() {
                let mut damaged = bytes.clone();
                damaged[at] ^= 4;
                assert_eq!(QuorumState::decode(&damaged.into()), None);
                assert_eq!(QuorumState::decode(&Bytes::copy_from_slice(&bytes[..at])), None);
            }
        }
    }
}
