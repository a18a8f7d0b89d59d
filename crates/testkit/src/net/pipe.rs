//! One direction of a connection: frames in order, each with the moment at which it arrives.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use world::{
    Instant,
    exec::{Condvar, Mutex},
};

use super::{Broken, Host, Net};

pub(super) struct Pipe {
    /// From whom to whom.
    pub(super) link: (Host, Host),
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    under_way: VecDeque<(Instant, Bytes)>,
    /// Nothing arrives before what was sent before it.
    last: Instant,
    /// Nothing more will be sent.
    is_shut: bool,
    /// Nothing more will arrive, or be taken.
    is_reset: bool,
}

impl Pipe {
    pub(super) fn new(link: (Host, Host)) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self { link, state: Mutex::default(), changed: Condvar::new() })
    }

    pub(super) fn push(&self, frame: Bytes, arrives: Instant) -> Result<(), Broken> {
        let mut state = self.state.lock();
        if state.is_reset || state.is_shut {
            return Err(Broken::Reset);
        }
        state.last = state.last.max(arrives);
        let arrives = state.last;
        state.under_way.push_back((arrives, frame));
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// The next frame that arrives within `timeout`; with none, for ever.
    pub(super) fn pull(
        &self,
        net: &Net,
        now: impl Fn() -> Instant,
        timeout: Option<Duration>,
    ) -> Result<Bytes, Broken> {
        let deadline = timeout.map(|timeout| now().plus(timeout));
        let mut state = self.state.lock();
        loop {
            if state.is_reset {
                return Err(Broken::Reset);
            }
            let is_cut = net.is_cut(self.link);
            let next = state.under_way.front().map(|(arrives, _)| *arrives);
            if let Some(arrives) = next.filter(|_| !is_cut)
                && arrives <= now()
                && let Some((_, frame)) = state.under_way.pop_front()
            {
                return Ok(frame);
            }
            if state.is_shut && next.is_none() {
                return Err(Broken::Reset);
            }
            if deadline.is_some_and(|deadline| deadline <= now()) {
                return Err(Broken::TimedOut);
            }
            let until = match (next.filter(|_| !is_cut), deadline) {
                (Some(arrives), Some(deadline)) => Some(arrives.min(deadline)),
                (arrives, deadline) => arrives.or(deadline),
            };
            let mut is_first = true;
            let mut once = |_: &mut State| std::mem::take(&mut is_first);
            state = match until {
                Some(until) => {
                    self.changed.wait_timeout_while(state, until.since(now()), &mut once)
                }
                None => self.changed.wait_while(state, &mut once),
            };
        }
    }

    /// Nothing more is sent; what is under way arrives.
    pub(super) fn shut(&self) {
        self.state.lock().is_shut = true;
        self.changed.notify_all();
    }

    /// Nothing more arrives.
    pub(super) fn reset(&self) {
        let mut state = self.state.lock();
        state.is_reset = true;
        state.under_way.clear();
        drop(state);
        self.changed.notify_all();
    }

    /// Has whoever waits look again.
    pub(super) fn stir(&self) {
        self.changed.notify_all();
    }
}
