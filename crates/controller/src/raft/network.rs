//! openraft's network: its calls as peer messages.
//!
//! One target each; a call that is not answered in time is `Unreachable`, and openraft tries again.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::bytes::Bytes;
use model::BrokerId;
use openraft::{
    OptionalSend, RaftNetworkFactory, RaftNetworkV2,
    errors::{RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::{Backoff, RPCOption},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
    },
};

use super::{
    message::{
        Envelope, Message, SnapshotPart, Status, decode_appended, decode_vote, decode_voted,
    },
    types::{Snapshot, Types, Vote},
};
use crate::Peers;

/// Makes the networks, and what they all share.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) peers: Arc<dyn Peers>,
    pub(crate) own_id: u64,
    pub(crate) cluster_id: Arc<str>,
    /// Whether this node says nothing as a leader ([`super::mute`]).
    pub(crate) is_mute: Arc<AtomicBool>,
}

/// The way to one node.
pub(crate) struct Link {
    network: Network,
    target: u64,
}

impl Network {
    /// Sends a message and awaits its answer.
    pub(crate) async fn send(
        &self,
        to: u64,
        message: &Message,
        timeout: Duration,
    ) -> Option<Status> {
        let to = BrokerId(i32::try_from(to).ok()?);
        let bytes = Envelope::encode(self.own_id, &self.cluster_id, message);
        Status::decode(self.peers.send(to, bytes, timeout).await?)
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, _node: &()) -> Link {
        Link { network: self.clone(), target }
    }
}

impl Link {
    async fn call(
        &self,
        message: &Message,
        timeout: Duration,
    ) -> Result<Bytes, Unreachable<Types>> {
        match self.network.send(self.target, message, timeout).await {
            Some(Status::Done(body)) => Ok(body),
            Some(status) => Err(self.unreachable(&format!("answers {status:?}"))),
            None => Err(self.unreachable("does not answer")),
        }
    }

    fn unreachable(&self, why: &str) -> Unreachable<Types> {
        Unreachable::from_string(format!("node {} {why}", self.target))
    }
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        if self.network.is_mute.load(Ordering::Relaxed) {
            return Err(self.unreachable("is not spoken to").into());
        }
        let body = self.call(&Message::Append(request), option.hard_ttl()).await?;
        Ok(decode_appended(body).ok_or_else(|| self.unreachable("answers nonsense"))?)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let body = self.call(&Message::Vote(request), option.hard_ttl()).await?;
        Ok(decode_voted(body).ok_or_else(|| self.unreachable("answers nonsense"))?)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let body = self.call(&Message::PreVote(request), option.hard_ttl()).await?;
        Ok(decode_voted(body).ok_or_else(|| self.unreachable("answers nonsense"))?)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        _cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let whole = snapshot.snapshot;
        let total_bytes = whole.len() as u64;
        let mut position = 0;
        loop {
            let end = whole.len().min(position + SNAPSHOT_PART_BYTES);
            let bytes = whole.slice(position..end);
            let part = SnapshotPart { vote, total_bytes, position: position as u64, bytes };
            let body = self.call(&Message::Snapshot(part), option.hard_ttl()).await?;
            let answered = decode_vote(body).ok_or_else(|| self.unreachable("answers nonsense"))?;
            position = end;
            if answered != vote || position == whole.len() {
                return Ok(SnapshotResponse::new(answered));
            }
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(RETRY_AFTER)))
    }
}

/// Bytes of a snapshot in one message.
pub(crate) const SNAPSHOT_PART_BYTES: usize = 1 << 20;
/// How long a node that does not answer is left alone: little, because its return is waited for.
const RETRY_AFTER: Duration = Duration::from_millis(50);
