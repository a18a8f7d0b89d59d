//! Where the driver is told: requests by whoever asks, and what the quorum has applied, settled and become.
//!
//! Requests wait in a bounded queue. What is applied is merged until the driver takes it: the newest image, and the difference from the one
//! it took before, so that a driver busy publishing holds up nobody and gathers nothing without end.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    time::Duration,
};

use metadata::{Delta, Image};
use model::BrokerId;
use world::{
    Instant,
    exec::{Condvar, Mutex, MutexGuard},
};

use crate::{Answer, Request};

/// Requests that may wait for the controller; the next one is not answered.
pub const QUEUE_REQUESTS_MAX: usize = 1024;

/// Called with the answer, or dropped uncalled.
pub(crate) type Reply = Box<dyn FnOnce(Answer) + Send>;

/// A request that is not answered yet.
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) reply: Reply,
    /// When nobody waits for the answer any more.
    pub(crate) deadline: Instant,
    /// Whether another node has passed it on to us: it is answered or dropped here, never passed on again.
    pub(crate) is_forwarded: bool,
}

/// What this node is in the quorum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// Another leads, or nobody.
    #[default]
    Following,
    /// It has been elected and has not applied yet all that was written before.
    Taking,
    /// It decides, in this term.
    Leading(u64),
    /// The quorum has failed on this node and will not come back before a restart.
    Failed,
}

/// What a driver is told at once.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) applied: Option<(Image, Delta)>,
    pub(crate) role: Role,
    /// Tickets of proposals, and whether all their facts are applied.
    pub(crate) settled: Vec<(u64, bool)>,
    /// Brokers whose connection has broken, or whose node is silent, and how long each may still take to show itself.
    pub(crate) suspects: BTreeMap<BrokerId, Duration>,
    /// Brokers whose node is heard again.
    pub(crate) heard: BTreeSet<BrokerId>,
    pub(crate) is_closing: bool,
}

/// See the file's head.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    requests: VecDeque<Asked>,
    news: News,
    /// Whether the role or anything else in `news` has changed since it was taken.
    is_news: bool,
    /// Whether the driver takes requests at present.
    is_open: bool,
}

impl Inbox {
    /// Queues a request; a full queue, or a closed one, drops it.
    pub(crate) fn ask(&self, asked: Asked) {
        let mut state = self.lock();
        if state.news.is_closing || state.requests.len() >= QUEUE_REQUESTS_MAX {
            drop(state); // the reply is dropped outside the lock
            return;
        }
        state.requests.push_back(asked);
        drop(state);
        self.changed.notify_all();
    }

    /// `image` is applied; `note` adds what has changed.
    pub(crate) fn on_applied(&self, image: &Image, note: impl FnOnce(&mut Delta)) {
        let mut state = self.lock();
        let mut delta = state.news.applied.take().map(|(_, delta)| delta).unwrap_or_default();
        note(&mut delta);
        state.news.applied = Some((image.clone(), delta));
        self.notify(state);
    }

    pub(crate) fn on_role(&self, role: Role) {
        let mut state = self.lock();
        if state.news.role != role {
            state.news.role = role;
            self.notify(state);
        }
    }

    pub(crate) fn on_settled(&self, ticket: u64, is_applied: bool) {
        let mut state = self.lock();
        state.news.settled.push((ticket, is_applied));
        self.notify(state);
    }

    pub(crate) fn on_suspect(&self, broker: BrokerId, grace: Duration) {
        let mut state = self.lock();
        let known = state.news.suspects.entry(broker).or_insert(grace);
        *known = grace.min(*known);
        state.news.heard.remove(&broker);
        self.notify(state);
    }

    pub(crate) fn on_heard(&self, broker: BrokerId) {
        let mut state = self.lock();
        state.news.heard.insert(broker);
        self.notify(state);
    }

    /// The driver is to end.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.news.is_closing = true;
        self.notify(state);
    }

    /// The role last told.
    pub(crate) fn role(&self) -> Role {
        self.lock().news.role
    }

    /// Waits until there are news, or requests while the driver takes them, or `timeout` has passed.
    pub(crate) fn wait(&self, takes_requests: bool, timeout: Option<Duration>) -> News {
        let mut state = self.lock();
        state.is_open = takes_requests;
        let is_quiet =
            |state: &mut State| !state.is_news && (!state.is_open || state.requests.is_empty());
        state = match timeout {
            None => self.changed.wait_while(state, is_quiet),
            Some(timeout) => self.changed.wait_timeout_while(state, timeout, is_quiet),
        };
        state.take_news()
    }

    /// Up to `count` requests.
    pub(crate) fn requests(&self, count: usize) -> Vec<Asked> {
        let mut state = self.lock();
        let count = count.min(state.requests.len());
        state.requests.drain(..count).collect()
    }

    fn notify(&self, mut state: MutexGuard<'_, State>) {
        state.is_news = true;
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn take_news(&mut self) -> News {
        self.is_news = false;
        News {
            applied: self.news.applied.take(),
            role: self.news.role,
            settled: mem::take(&mut self.news.settled),
            suspects: mem::take(&mut self.news.suspects),
            heard: mem::take(&mut self.news.heard),
            is_closing: self.news.is_closing,
        }
    }
}
