//! openraft's state machine: committed entries become the image, which goes to the driver's inbox.
//!
//! The same on every node. A group of facts counts only in an entry of the term in which it was decided: a leader decides on the image after
//! all entries before its own, and one group at a time, so no other entry of its term can lie between. A group that a lost leadership left
//! behind, and that was written in a later term of the same node, is skipped on all nodes alike.

use std::{cell::RefCell, io, pin::Pin, rc::Rc, sync::Arc};

use ::bytes::Bytes;
use metadata::{Delta, Fact, Image};
use model::Offset;
use openraft::{
    EntryPayload, OptionalSend, RaftSnapshotBuilder,
    storage::{EntryResponder, RaftStateMachine},
};
use world::Clock;

use super::{
    checkpoint::{self, Checkpoints},
    log_store::LogStore,
    types::{Entry, LogId, Snapshot, SnapshotMeta, StoredMembership, Types, term_of},
    writer::Work,
};
use crate::{QuorumError, inbox::Inbox};

/// See the file's head. A clone is the same machine.
#[derive(Clone)]
pub(crate) struct StateMachine {
    state: Rc<RefCell<State>>,
    checkpoints: Checkpoints,
    log: LogStore,
    clock: Arc<dyn Clock>,
    inbox: Arc<Inbox>,
}

struct State {
    image: Image,
    applied: Option<LogId>,
    membership: StoredMembership,
    /// Of the newest snapshot on the disk.
    snapshot: Option<SnapshotMeta>,
    snapshot_bytes: u64,
}

impl StateMachine {
    /// Loads the newest snapshot.
    pub(crate) fn open(
        checkpoints: Checkpoints,
        log: LogStore,
        clock: Arc<dyn Clock>,
        inbox: Arc<Inbox>,
    ) -> Result<Self, QuorumError> {
        let mut state = State {
            image: Image::default(),
            applied: None,
            membership: StoredMembership::default(),
            snapshot: None,
            snapshot_bytes: 0,
        };
        if let Some(bytes) = checkpoints.newest()? {
            let (meta, image) = checkpoints.parse(&bytes)?;
            state.take(&meta, image, bytes.len());
            inbox.on_applied(&state.image, |delta| *delta = Delta::everything());
        }
        let state = Rc::new(RefCell::new(state));
        Ok(Self { state, checkpoints, log, clock, inbox })
    }

    pub(crate) fn image(&self) -> Image {
        self.state.borrow().image.clone()
    }

    /// The term of the newest entry applied.
    pub(crate) fn applied_term(&self) -> u64 {
        self.state.borrow().applied.as_ref().map_or(0, term_of)
    }

    pub(crate) fn snapshot_bytes(&self) -> u64 {
        self.state.borrow().snapshot_bytes
    }

    fn apply_one(&self, entry: &Entry) -> io::Result<bool> {
        let mut state = self.state.borrow_mut();
        let mut is_taken = true;
        let mut facts = Vec::new();
        match &entry.payload {
            EntryPayload::Blank => {}
            EntryPayload::Membership(membership) => {
                state.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
            }
            EntryPayload::Normal(group) => {
                is_taken = group.term == term_of(&entry.log_id);
                if is_taken {
                    let decoded = group.facts.iter().map(|fact| Fact::decode(fact));
                    facts = decoded.collect::<Result<_, _>>().map_err(io::Error::other)?;
                }
            }
        }
        state.applied = Some(entry.log_id);
        let before = state.image.clone();
        facts.iter().for_each(|fact| state.image.apply(fact));
        state.image.set_version(version(entry.log_id));
        self.inbox.on_applied(&state.image, |delta| {
            let mut image = before;
            for fact in &facts {
                delta.note(&image, fact);
                image.apply(fact);
            }
        });
        Ok(is_taken)
    }
}

impl State {
    fn take(&mut self, meta: &SnapshotMeta, image: Image, size_bytes: usize) {
        self.image = image;
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.snapshot = Some(meta.clone());
        self.snapshot_bytes = size_bytes as u64;
    }
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        let state = self.state.borrow();
        Ok((state.applied, state.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: futures_core::Stream<Item = Result<EntryResponder<Types>, io::Error>>
            + Unpin
            + OptionalSend,
    {
        while let Some(item) = std::future::poll_fn(|cx| Pin::new(&mut entries).poll_next(cx)).await
        {
            let (entry, responder) = item?;
            let is_taken = self.apply_one(&entry)?;
            if let Some(responder) = responder {
                responder.send(is_taken);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Bytes,
    ) -> Result<(), io::Error> {
        let (found, image) = self.checkpoints.parse(&snapshot).map_err(io::Error::other)?;
        if found != *meta {
            return Err(io::Error::other("a snapshot is not what its sender says it is"));
        }
        let (checkpoints, kept) = (self.checkpoints.clone(), (found, snapshot.clone()));
        self.log.perform(Work::Other(Box::new(move || checkpoints.keep(&kept.0, &kept.1)))).await?;
        self.log.note_snapshot();
        let mut state = self.state.borrow_mut();
        state.take(meta, image, snapshot.len());
        self.inbox.on_applied(&state.image, |delta| *delta = Delta::everything());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        let Some(bytes) = self.checkpoints.newest().map_err(io::Error::other)? else {
            return Ok(None);
        };
        let (meta, _) = self.checkpoints.parse(&bytes).map_err(io::Error::other)?;
        Ok(Some(Snapshot { meta, snapshot: bytes }))
    }
}

impl RaftSnapshotBuilder<Types> for StateMachine {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        let (meta, image) = {
            let state = self.state.borrow();
            let last_membership = state.membership.clone();
            (SnapshotMeta { last_log_id: state.applied, last_membership }, state.image.clone())
        };
        self.log.note_snapshot();
        let (checkpoints, now) = (self.checkpoints.clone(), self.clock.wall());
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        let kept = meta.clone();
        self.log
            .perform(Work::Other(Box::new(move || {
                let bytes = checkpoint::write(&kept, &image, now);
                checkpoints.keep(&kept, &bytes)?;
                // The receiver waits for the end of this piece of work.
                let _ = send.send(Bytes::from(bytes));
                Ok(())
            })))
            .await?;
        let snapshot = receive.try_recv().map_err(io::Error::other)?;
        let mut state = self.state.borrow_mut();
        state.snapshot_bytes = snapshot.len() as u64;
        state.snapshot = Some(meta.clone());
        Ok(Snapshot { meta, snapshot })
    }
}

fn version(log_id: LogId) -> Offset {
    Offset(i64::try_from(log_id.index).expect("a log has fewer than 2^63 entries"))
}
