//! How the engine's thread is woken: rung by whoever has news, by the controller's thread too, which must not wait.

use std::time::Duration;

use model::Offset;
use world::exec::{Condvar, Mutex};

/// News, once; rung twice before somebody hears is rung once.
#[derive(Default)]
pub(crate) struct Bell {
    /// Guards that a ring between two waits is not lost.
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_rung: bool,
    /// The newest image that it was rung for.
    version: Offset,
}

impl Bell {
    /// There is news.
    pub(crate) fn ring(&self) {
        self.state.lock().is_rung = true;
        self.changed.notify_all();
    }

    /// There is a new image.
    pub(crate) fn ring_for(&self, version: Offset) {
        self.state.lock().version = version;
        self.ring();
    }

    /// Waits until it is rung, at most `timeout`; answers the newest image that it was rung for.
    #[track_caller]
    pub(crate) fn wait(&self, timeout: Duration) -> Offset {
        let state = self.state.lock();
        let mut state = self.changed.wait_timeout_while(state, timeout, |state| !state.is_rung);
        state.is_rung = false;
        state.version
    }
}
