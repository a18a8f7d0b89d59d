//! How the engine's thread is woken: rung by whoever has news, by the controller's thread too, which must not wait.

use std::time::Duration;

use world::exec::{Condvar, Mutex};

/// News, once; rung twice before somebody hears is rung once.
#[derive(Default)]
pub(crate) struct Bell {
    /// Guards that a ring between two waits is not lost.
    is_rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    /// There is news.
    pub(crate) fn ring(&self) {
        *self.is_rung.lock() = true;
        self.changed.notify_all();
    }

    /// Waits until it is rung, at most `timeout`.
    #[track_caller]
    pub(crate) fn wait(&self, timeout: Duration) {
        let rung = self.is_rung.lock();
        *self.changed.wait_timeout_while(rung, timeout, |is_rung| !*is_rung) = false;
    }
}
