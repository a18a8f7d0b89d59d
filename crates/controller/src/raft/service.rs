//! The receiving side: messages of other nodes, each answered by a task of its own.
//!
//! A message for another cluster, or one that cannot be read, is refused. A snapshot arrives in parts, in order; a part that does not follow
//! the last one begins anew or is refused.

use std::{cell::RefCell, rc::Rc};

use ::bytes::{Bytes, BytesMut};
use model::Reply;
use openraft::async_runtime::AsyncRuntime;

use super::{
    checkpoint,
    message::{
        Envelope, Message, SnapshotPart, Status, encode_appended, encode_vote, encode_voted,
    },
    network::{Network, SNAPSHOT_PART_BYTES},
    runtime::Runtime,
    status,
    types::{Raft, Snapshot, Vote},
};
use crate::forward::Forwarder;

/// See the file's head. A clone is the same service.
#[derive(Clone)]
pub(crate) struct Service {
    raft: Raft,
    network: Network,
    forwarder: Forwarder,
    incoming: Rc<RefCell<Option<Incoming>>>,
}

/// A snapshot of which parts are still to come.
struct Incoming {
    from: u64,
    vote: Vote,
    total_bytes: u64,
    bytes: BytesMut,
}

impl Service {
    pub(crate) fn new(raft: Raft, network: Network, forwarder: Forwarder) -> Self {
        Self { raft, network, forwarder, incoming: Rc::default() }
    }

    /// Answers `bytes`, soon.
    pub(crate) fn serve(&self, bytes: Bytes, reply: Reply<Bytes>) {
        let envelope = Envelope::decode(bytes);
        let envelope = envelope.filter(|envelope| *envelope.cluster_id == *self.network.cluster_id);
        let Some(Envelope { from, message, .. }) = envelope else {
            return reply.send(Status::Refused.encode());
        };
        let service = self.clone();
        drop(Runtime::spawn(async move {
            let status = service.answer(from, message).await;
            reply.send(status.unwrap_or(Status::Refused).encode());
        }));
    }

    async fn answer(&self, from: u64, message: Message) -> Option<Status> {
        let body = match message {
            Message::Append(request) => {
                encode_appended(&self.raft.append_entries(request).await.ok()?)
            }
            Message::Vote(request) => encode_voted(&self.raft.vote(request).await.ok()?),
            Message::PreVote(request) => encode_voted(&self.raft.pre_vote(request).await.ok()?),
            Message::Snapshot(part) => encode_vote(&self.install(from, part).await?),
            Message::Status => status::encode(&status::of(&self.raft)),
            Message::Ask(request) => return Some(self.forwarder.decide(request).await),
        };
        Some(Status::Done(body))
    }

    /// Takes a part; installs the snapshot with the last one. Answers the vote that the sender goes by.
    async fn install(&self, from: u64, part: SnapshotPart) -> Option<Vote> {
        let vote = part.vote;
        let Some(bytes) = self.gather(from, part)? else { return Some(vote) };
        let (meta, _) = checkpoint::parse(&bytes, "a snapshot of the leader".as_ref()).ok()?;
        let snapshot = Snapshot { meta, snapshot: bytes };
        let response = self.raft.install_full_snapshot(vote, snapshot).await.ok()?;
        Some(response.vote)
    }

    /// None: out of order, or too much. The inner none: there is more to come.
    #[allow(clippy::option_option, reason = "each has its meaning, told above")]
    fn gather(&self, from: u64, part: SnapshotPart) -> Option<Option<Bytes>> {
        let SnapshotPart { vote, total_bytes, position, bytes } = part;
        let mut incoming = self.incoming.borrow_mut();
        if total_bytes > SNAPSHOT_BYTES_MAX || bytes.len() > SNAPSHOT_PART_BYTES {
            return None;
        }
        if position == 0 {
            *incoming = Some(Incoming { from, vote, total_bytes, bytes: BytesMut::new() });
        }
        let gathered = incoming.as_mut().filter(|gathered| {
            (gathered.from, gathered.vote, gathered.total_bytes) == (from, vote, total_bytes)
                && gathered.bytes.len() as u64 == position
        })?;
        gathered.bytes.extend_from_slice(&bytes);
        let is_whole = gathered.bytes.len() as u64 >= total_bytes;
        if !is_whole {
            return Some(None);
        }
        Some(incoming.take().map(|gathered| gathered.bytes.freeze()))
    }
}

/// The facts of a cluster are far fewer; more is a sender that has gone mad.
const SNAPSHOT_BYTES_MAX: u64 = 1 << 30;
