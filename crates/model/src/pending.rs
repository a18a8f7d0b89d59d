//! An answer that is not there yet: one value, sent once, awaited by a future or by a thread.
//!
//! Whoever asks holds a [`Pending`]; whoever answers holds the [`Reply`]. A reply that is dropped unsent resolves to
//! `None`, so that nobody waits for a thread that is gone. Standard library only: machines, drivers and handlers share it.
//!
//! ```
//! let (reply, pending) = model::Pending::channel();
//! std::thread::spawn(move || reply.send(7));
//! assert_eq!(pending.wait(), Some(7));
//! ```

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// The answer, once it is there. As a future and for a thread alike: `None` when the [`Reply`] was dropped unsent.
pub struct Pending<T>(Arc<Slot<T>>);

/// The duty to answer, once.
pub struct Reply<T>(Arc<Slot<T>>);

impl<T> Pending<T> {
    /// Both ends of one answer.
    #[must_use]
    pub fn channel() -> (Reply<T>, Self) {
        let slot =
            Arc::new(Slot { state: Mutex::new(State::Awaited(None)), changed: Condvar::new() });
        (Reply(Arc::clone(&slot)), Self(slot))
    }

    /// An answer that is there already.
    #[must_use]
    pub fn ready(value: T) -> Self {
        let (reply, pending) = Self::channel();
        reply.send(value);
        pending
    }

    /// Blocks this thread until the answer is there.
    #[must_use]
    pub fn wait(self) -> Option<T> {
        let awaited = |state: &mut State<T>| matches!(state, State::Awaited(_));
        let guard = self.0.changed.wait_while(self.0.lock(), awaited);
        guard.unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Blocks this thread until the answer is there, or `timeout` has passed: then `None` too.
    #[must_use]
    pub fn wait_timeout(self, timeout: Duration) -> Option<T> {
        let awaited = |state: &mut State<T>| matches!(state, State::Awaited(_));
        let guard = self.0.changed.wait_timeout_while(self.0.lock(), timeout, awaited);
        guard.unwrap_or_else(PoisonError::into_inner).0.take()
    }
}

impl<T> Future for Pending<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.lock();
        if let State::Awaited(waker) = &mut *state {
            match waker {
                Some(known) => known.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        Poll::Ready(state.take())
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

impl<T> Reply<T> {
    /// Answers.
    pub fn send(self, value: T) {
        self.0.settle(State::Answered(value));
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        self.0.settle(State::Gone);
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

struct Slot<T> {
    /// Guards the one step from awaited to answered or gone, and from answered to gone.
    state: Mutex<State<T>>,
    changed: Condvar,
}

enum State<T> {
    Awaited(Option<Waker>),
    Answered(T),
    Gone,
}

impl<T> State<T> {
    fn take(&mut self) -> Option<T> {
        match self {
            Self::Answered(_) => {
                let Self::Answered(value) = std::mem::replace(self, Self::Gone) else {
                    return None;
                };
                Some(value)
            }
            Self::Awaited(_) | Self::Gone => None,
        }
    }
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves `Awaited` for `settled`; what is settled stays (a reply is dropped after it was sent, too).
    fn settle(&self, settled: State<T>) {
        let mut state = self.lock();
        if let State::Awaited(waker) = &mut *state {
            let waker = waker.take();
            *state = settled;
            drop(state);
            self.changed.notify_all();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_thread_gets_the_answer_of_another_thread() {
        let (reply, pending) = Pending::channel();
        let thread = std::thread::spawn(move || pending.wait());
        reply.send("answer");
        assert_eq!(thread.join().unwrap(), Some("answer"));
    }

    #[test]
    fn a_dropped_reply_answers_none() {
        let (reply, pending) = Pending::<u8>::channel();
        drop(reply);
        assert_eq!(pending.wait(), None);
    }

    #[test]
    fn a_wait_that_times_out_answers_none() {
        let (_reply, pending) = Pending::<u8>::channel();
        assert_eq!(pending.wait_timeout(Duration::ZERO), None);
    }

    #[test]
    fn a_task_is_woken_once_and_finds_the_answer() {
        let wakes = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&wakes));
        let (reply, mut pending) = Pending::channel();
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut pending).poll(&mut cx).is_pending());
        reply.send(7);
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        assert_eq!(Pin::new(&mut pending).poll(&mut cx), Poll::Ready(Some(7)));
    }
}
