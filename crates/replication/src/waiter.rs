//! One who waits for partitions to move: a task or a thread, woken once.
//!
//! A waiter is parked on any number of partitions ([`crate::Partition::park`]); the first edge that satisfies one of them wakes it. Partitions
//! hold it weakly: dropping it is leaving.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use world::exec::{Condvar, Mutex, MutexGuard};

/// One who waits. Woken at most once; what for is found out by looking again.
#[derive(Debug, Default)]
pub struct Waiter {
    /// Guards the one step to woken.
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_woken: bool,
    waker: Option<Waker>,
}

impl Waiter {
    /// One who is not woken yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Wakes it; again is nothing.
    pub fn wake(&self) {
        let mut state = self.lock();
        if state.is_woken {
            return;
        }
        state.is_woken = true;
        let waker = state.waker.take();
        drop(state);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether it has been woken.
    #[must_use]
    pub fn is_woken(&self) -> bool {
        self.lock().is_woken
    }

    /// For a task: ready once it is woken.
    pub fn poll_woken(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.is_woken {
            return Poll::Ready(());
        }
        match &mut state.waker {
            Some(known) => known.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// For a task: returns once it is woken. Give it a deadline.
    pub async fn woken(&self) {
        poll_fn(|cx| self.poll_woken(cx)).await;
    }

    /// For a thread: blocks until it is woken (true) or `timeout` has passed (false).
    #[must_use]
    #[track_caller]
    pub fn wait(&self, timeout: Duration) -> bool {
        self.changed.wait_timeout_while(self.lock(), timeout, |state| !state.is_woken).is_woken
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

#[cfg(test)]
mod tests {
    use world::exec;

    use super::*;

    #[test]
    fn a_thread_is_woken_by_another() {
        let waiter = Waiter::new();
        let of_thread = Arc::clone(&waiter);
        let thread = exec::spawn("waits", move || of_thread.wait(Duration::from_secs(60)));
        waiter.wake();
        assert_eq!(thread.unwrap().join(), Ok(true));
        assert!(waiter.wait(Duration::ZERO));
    }

    #[test]
    fn a_task_that_comes_after_the_wake_is_ready() {
        let waiter = Waiter::new();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waiter.poll_woken(&mut cx).is_pending());
        waiter.wake();
        assert!(waiter.poll_woken(&mut cx).is_ready());
    }
}
