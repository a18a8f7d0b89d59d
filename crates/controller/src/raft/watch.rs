//! Who hears whom: what a node makes of the answers that its openraft gets and of the messages that come. It gives [`Silences`] and [`Mute`] what they
//! are told, the driver the suspicions that follow, and the network whether this node says nothing as a leader.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::BrokerId;
use openraft::async_runtime::{Instant, WatchReceiver};

use super::{mute::Mute, runtime::Moment, silences::Silences, types::Raft};
use crate::{
    Loss, SUSPICION_GRACE,
    inbox::{Inbox, Role},
};

pub(super) struct Watch {
    raft: Raft,
    own_id: u64,
    inbox: Arc<Inbox>,
    /// The network's.
    is_mute: Arc<AtomicBool>,
    silences: RefCell<Silences>,
    mute: RefCell<Mute>,
}

impl Watch {
    pub(super) fn new(
        (raft, own_id, inbox, is_mute): (Raft, u64, Arc<Inbox>, Arc<AtomicBool>),
        election_timeout: Duration,
    ) -> Self {
        let silences = RefCell::new(Silences::new(election_timeout));
        let mute = RefCell::new(Mute::new(election_timeout, Moment::now()));
        Self { raft, own_id, inbox, is_mute, silences, mute }
    }

    /// Another node has sent a message.
    pub(super) fn on_message(&self) {
        self.mute.borrow_mut().on_heard(Moment::now());
    }

    /// The connection to `id` is lost.
    pub(super) fn on_disconnected(&self, id: u64, loss: Loss) {
        self.inbox.on_suspect(broker_id(id), loss.grace());
        let answered = self.answers().get(&id).copied().flatten();
        self.silences.borrow_mut().on_disconnected(id, answered);
    }

    /// This node's role was `before` and is `role`; looked at with every answer, of whomever, and by a leader at least once in a heartbeat.
    pub(super) fn on_looked(&self, before: Role, role: Role) {
        let Role::Leading(term) = role else {
            let leader = self.raft.metrics().borrow_watched().current_leader;
            if role != Role::Taking {
                self.silences.borrow_mut().on_following(leader.filter(|id| *id != self.own_id));
            }
            return self.is_mute.store(false, Ordering::Relaxed);
        };
        if before != role {
            // A reign begins with a majority's votes.
            self.on_message();
        }
        let (answers, now) = (self.answers(), Moment::now());
        let turned = self.silences.borrow_mut().on_leading(term, &answers, now);
        let suspect = |id, grace| self.inbox.on_suspect(broker_id(id), grace);
        turned.silent.into_iter().for_each(|id| suspect(id, SUSPICION_GRACE));
        turned.replaced.into_iter().for_each(|id| suspect(id, REPLACED_GRACE));
        turned.heard.into_iter().for_each(|id| self.inbox.on_heard(broker_id(id)));
        let voters: BTreeSet<u64> = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            metrics.membership_config.membership().voter_ids().collect()
        };
        let is_mute = self.mute.borrow().is_mute(self.own_id, &voters, &answers, now);
        self.is_mute.store(is_mute, Ordering::Relaxed);
    }

    /// When each other member last answered this leader.
    fn answers(&self) -> BTreeMap<u64, Option<Moment>> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let answers = metrics.heartbeat.iter().flatten();
        let answers = answers.map(|(id, answered)| (*id, answered.map(|at| *at)));
        answers.filter(|(id, _)| *id != self.own_id).collect()
    }
}

fn broker_id(id: u64) -> BrokerId {
    BrokerId(i32::try_from(id).unwrap_or(i32::MAX))
}

/// For the leader before to answer the first heartbeats of this one: most voters have heard nothing of it for an election timeout.
const REPLACED_GRACE: Duration = Duration::from_millis(200);
