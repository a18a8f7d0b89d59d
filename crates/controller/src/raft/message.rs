//! What nodes say to each other, in the body of the private `Peer` call.
//!
//! ```text
//!   ┌─────────┬──────────┬────────────┬──────┬───────────────────────────────────────────────────────────┐
//!   │ version │ from     │ cluster id │ kind │ 0 append     vote, previous log id, commit log id, entries │
//!   │ u8 = 1  │ node u64 │ string     │ u8   │ 1 vote       vote, last log id                            │
//!   │         │          │            │      │ 2 pre-vote   the same                                     │
//!   │         │          │            │      │ 3 snapshot   vote, total u64, position u64, part          │
//!   │         │          │            │      │ 4 ask        a forwarded request (forward/)               │
//!   │         │          │            │      │ 5 status     nothing; answered by JSON (status.rs)        │
//!   └─────────┴──────────┴────────────┴──────┴───────────────────────────────────────────────────────────┘
//!   answer    ┌─────────┬────────────────────────────────────────────────────────────────────────────────┐
//!             │ version │ status u8: 0 done, then the answer's body; 1 refused, 2 not the controller     │
//!             └─────────┴────────────────────────────────────────────────────────────────────────────────┘
//! ```
//! An entry is term u64, index u64 and the byte string that `entry.rs` draws. Hostile bytes are an error, never a panic.

use ::bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse};

use super::{
    bytes::{Reader, put_bytes, put_count},
    entry,
    types::{LogId, Types, Vote, term_of},
    vote_file::{put_log_id, put_vote, read_id, read_log_id, read_vote},
};

/// A message and who sends it.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) from: u64,
    pub(crate) cluster_id: String,
    pub(crate) message: Message,
}

/// See the file's head.
#[derive(Debug)]
pub(crate) enum Message {
    Append(AppendEntriesRequest<Types>),
    Vote(VoteRequest<Types>),
    PreVote(VoteRequest<Types>),
    Snapshot(SnapshotPart),
    Ask(Bytes),
    Status,
}

/// A part of a snapshot that is being installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotPart {
    pub(crate) vote: Vote,
    /// Of the whole snapshot.
    pub(crate) total_bytes: u64,
    pub(crate) position: u64,
    pub(crate) bytes: Bytes,
}

/// Who says that it sent `message`; none when it is none of ours.
pub(crate) fn sender(message: &Bytes) -> Option<u64> {
    let mut reader = Reader::new(message.clone());
    reader.u8().filter(|version| *version == VERSION)?;
    reader.u64()
}

/// How a message was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Done(Bytes),
    /// It could not be read, was meant for another cluster, or failed.
    Refused,
    /// Who was asked does not lead.
    NotController,
}

impl Envelope {
    pub(crate) fn encode(from: u64, cluster_id: &str, message: &Message) -> Bytes {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&from.to_be_bytes());
        put_bytes(&mut bytes, cluster_id.as_bytes());
        match message {
            Message::Append(request) => {
                bytes.push(APPEND);
                put_append(&mut bytes, request);
            }
            Message::Vote(request) => {
                bytes.push(VOTE);
                put_vote_request(&mut bytes, request);
            }
            Message::PreVote(request) => {
                bytes.push(PRE_VOTE);
                put_vote_request(&mut bytes, request);
            }
            Message::Snapshot(part) => {
                bytes.push(SNAPSHOT);
                put_vote(&mut bytes, &part.vote);
                bytes.extend_from_slice(&part.total_bytes.to_be_bytes());
                bytes.extend_from_slice(&part.position.to_be_bytes());
                bytes.extend_from_slice(&part.bytes);
            }
            Message::Ask(request) => {
                bytes.push(ASK);
                bytes.extend_from_slice(request);
            }
            Message::Status => bytes.push(STATUS),
        }
        bytes.into()
    }

    pub(crate) fn decode(bytes: Bytes) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return None;
        }
        let from = reader.u64()?;
        let cluster_id = String::from_utf8(reader.bytes()?.to_vec()).ok()?;
        let message = match reader.u8()? {
            APPEND => Message::Append(read_append(reader)?),
            VOTE => Message::Vote(read_vote_request(reader)?),
            PRE_VOTE => Message::PreVote(read_vote_request(reader)?),
            SNAPSHOT => Message::Snapshot(SnapshotPart {
                vote: read_vote(&mut reader)?,
                total_bytes: reader.u64()?,
                position: reader.u64()?,
                bytes: reader.rest(),
            }),
            ASK => Message::Ask(reader.rest()),
            STATUS => Message::Status,
            _ => return None,
        };
        Some(Self { from, cluster_id, message })
    }
}

impl Status {
    pub(crate) fn encode(&self) -> Bytes {
        let (status, body) = match self {
            Self::Done(body) => (DONE, body.as_ref()),
            Self::Refused => (REFUSED, [].as_ref()),
            Self::NotController => (NOT_CONTROLLER, [].as_ref()),
        };
        let mut bytes = vec![VERSION, status];
        bytes.extend_from_slice(body);
        bytes.into()
    }

    pub(crate) fn decode(bytes: Bytes) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return None;
        }
        match reader.u8()? {
            DONE => Some(Self::Done(reader.rest())),
            REFUSED => Some(Self::Refused),
            NOT_CONTROLLER => Some(Self::NotController),
            _ => None,
        }
    }
}

pub(crate) fn encode_appended(response: &AppendEntriesResponse<Types>) -> Bytes {
    let mut bytes = Vec::new();
    match response {
        AppendEntriesResponse::Success => bytes.push(0),
        AppendEntriesResponse::PartialSuccess(last) => {
            bytes.push(1);
            put_log_id(&mut bytes, last.as_ref());
        }
        AppendEntriesResponse::Conflict => bytes.push(2),
        AppendEntriesResponse::HigherVote(vote) => {
            bytes.push(3);
            put_vote(&mut bytes, vote);
        }
    }
    bytes.into()
}

pub(crate) fn decode_appended(body: Bytes) -> Option<AppendEntriesResponse<Types>> {
    let mut reader = Reader::new(body);
    let response = match reader.u8()? {
        0 => AppendEntriesResponse::Success,
        1 => AppendEntriesResponse::PartialSuccess(read_log_id(&mut reader)?),
        2 => AppendEntriesResponse::Conflict,
        3 => AppendEntriesResponse::HigherVote(read_vote(&mut reader)?),
        _ => return None,
    };
    reader.is_empty().then_some(response)
}

pub(crate) fn encode_voted(response: &VoteResponse<Types>) -> Bytes {
    let mut bytes = Vec::new();
    put_vote(&mut bytes, &response.vote);
    bytes.push(u8::from(response.vote_granted));
    put_log_id(&mut bytes, response.last_log_id.as_ref());
    bytes.into()
}

pub(crate) fn decode_voted(body: Bytes) -> Option<VoteResponse<Types>> {
    let mut reader = Reader::new(body);
    let vote = read_vote(&mut reader)?;
    let vote_granted = reader.flag()?;
    let last_log_id = read_log_id(&mut reader)?;
    reader.is_empty().then_some(VoteResponse { vote, vote_granted, last_log_id })
}

pub(crate) fn encode_vote(vote: &Vote) -> Bytes {
    let mut bytes = Vec::new();
    put_vote(&mut bytes, vote);
    bytes.into()
}

pub(crate) fn decode_vote(body: Bytes) -> Option<Vote> {
    let mut reader = Reader::new(body);
    read_vote(&mut reader).filter(|_| reader.is_empty())
}

fn put_append(bytes: &mut Vec<u8>, request: &AppendEntriesRequest<Types>) {
    put_vote(bytes, &request.vote);
    put_log_id(bytes, request.prev_log_id.as_ref());
    put_log_id(bytes, request.leader_commit.as_ref());
    put_count(bytes, request.entries.len());
    for entry in &request.entries {
        bytes.extend_from_slice(&term_of(&entry.log_id).to_be_bytes());
        bytes.extend_from_slice(&entry.log_id.index.to_be_bytes());
        put_bytes(bytes, &entry::encode(entry));
    }
}

fn read_append(mut reader: Reader) -> Option<AppendEntriesRequest<Types>> {
    let vote = read_vote(&mut reader)?;
    let prev_log_id = read_log_id(&mut reader)?;
    let leader_commit = read_log_id(&mut reader)?;
    let count = reader.count(ENTRY_BYTES_LEAST)?;
    let mut entries = Vec::with_capacity(count);
    let mut last = prev_log_id;
    for _ in 0..count {
        let id = read_id(&mut reader)?;
        if !follows(last, id) {
            return None;
        }
        last = Some(id);
        entries.push(entry::decode(id, reader.bytes()?)?);
    }
    let request = AppendEntriesRequest { vote, prev_log_id, entries, leader_commit };
    reader.is_empty().then_some(request)
}

/// Whether the entry `next` can stand right after `last`.
fn follows(last: Option<LogId>, next: LogId) -> bool {
    let index = last.map_or(Some(0), |last| last.index.checked_add(1));
    index == Some(next.index) && last.is_none_or(|last| term_of(&last) <= term_of(&next))
}

fn put_vote_request(bytes: &mut Vec<u8>, request: &VoteRequest<Types>) {
    put_vote(bytes, &request.vote);
    bytes.push(u8::from(request.leadership_transfer));
    put_log_id(bytes, request.last_log_id.as_ref());
}

fn read_vote_request(mut reader: Reader) -> Option<VoteRequest<Types>> {
    let vote = read_vote(&mut reader)?;
    let leadership_transfer = reader.flag()?;
    let last_log_id = read_log_id(&mut reader)?;
    reader.is_empty().then_some(VoteRequest { vote, last_log_id, leadership_transfer })
}

const VERSION: u8 = 1;
const APPEND: u8 = 0;
const VOTE: u8 = 1;
const PRE_VOTE: u8 = 2;
const SNAPSHOT: u8 = 3;
const ASK: u8 = 4;
const STATUS: u8 = 5;
const DONE: u8 = 0;
const REFUSED: u8 = 1;
const NOT_CONTROLLER: u8 = 2;
/// Term, index, a length.
const ENTRY_BYTES_LEAST: usize = 20;

#[cfg(test)]
mod tests {
    use openraft::EntryPayload;

    use super::{
        super::types::{Entry, Group, log_id, vote},
        *,
    };

    fn messages() -> Vec<Message> {
        let facts = vec![Bytes::from_static(b"fact")];
        let group = EntryPayload::Normal(Group { term: 3, facts });
        let entries = vec![
            Entry { log_id: log_id(2, 8), payload: EntryPayload::Blank },
            Entry { log_id: log_id(3, 9), payload: group },
        ];
        let append = AppendEntriesRequest {
            vote: vote(3, 1, true),
            prev_log_id: Some(log_id(2, 7)),
            entries,
            leader_commit: None,
        };
        let ballot = VoteRequest::new(vote(4, 2, false), Some(log_id(3, 9)));
        let bytes = Bytes::from_static(b"part");
        let part = SnapshotPart { vote: vote(3, 1, true), total_bytes: 10, position: 6, bytes };
        vec![
            Message::Append(append),
            Message::Vote(ballot.clone()),
            Message::PreVote(ballot),
            Message::Snapshot(part),
            Message::Ask(Bytes::from_static(b"{}")),
            Message::Status,
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for message in messages() {
            let read = Envelope::decode(Envelope::encode(7, "c", &message)).unwrap();
            assert_eq!((read.from, read.cluster_id.as_str()), (7, "c"));
            assert_eq!(format!("{:?}", read.message), format!("{message:?}"));
        }
        for status in
            [Status::Done(Bytes::from_static(b"x")), Status::Refused, Status::NotController]
        {
            assert_eq!(Status::decode(status.encode()), Some(status));
        }
        let appended = AppendEntriesResponse::HigherVote(vote(9, 1, false));
        assert_eq!(decode_appended(encode_appended(&appended)), Some(appended));
        let voted = VoteResponse::new(vote(9, 1, false), Some(log_id(1, 1)), true);
        assert_eq!(decode_voted(encode_voted(&voted)), Some(voted));
        let leader = vote(9, 1, true);
        assert_eq!(decode_vote(encode_vote(&leader)), Some(leader));
    }

    #[test]
    fn hostile_bytes_are_refused_without_a_panic() {
        let mut chance = world::Chance::from_seed(6);
        for message in messages() {
            let written = Envelope::encode(7, "c", &message).to_vec();
            for length in 0..written.len() {
                let _ = Envelope::decode(Bytes::copy_from_slice(&written[..length]));
            }
            for _ in 0..2000 {
                let mut bytes = written.clone();
                for _ in 0..=chance.below(3) {
                    let at = chance.below(bytes.len() as u64) as usize;
                    bytes[at] = chance.bits() as u8;
                }
                let _ = Envelope::decode(bytes.into());
            }
        }
    }

    #[test]
    fn entries_with_a_hole_are_refused() {
        let entries = vec![Entry { log_id: log_id(3, 9), payload: EntryPayload::Blank }];
        let (vote, prev_log_id) = (vote(3, 1, true), Some(log_id(2, 7)));
        let append = AppendEntriesRequest { vote, prev_log_id, entries, leader_commit: None };
        assert!(Envelope::decode(Envelope::encode(7, "c", &Message::Append(append))).is_none());
    }
}
