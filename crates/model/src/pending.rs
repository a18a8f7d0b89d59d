//! An answer that is not there yet: one value, sent once, awaited as a future; a thread waits for it by `world::exec::Wait`.
//!
//! Whoever asks holds a [`Pending`]; whoever answers holds the [`Reply`]. A reply that is dropped unsent resolves to
//! `None`, so that nobody waits for a thread that is gone. Standard library only: machines, drivers and handlers share it.
//!
//! ```
//! let (reply, pending) = model::Pending::channel();
//! reply.send(7);
//! # let runtime = std::pin::pin!(pending);
//! # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
//! # assert_eq!(runtime.poll(&mut cx), std::task::Poll::Ready(Some(7)));
//! ```

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// The answer, once it is there: `None` when the [`Reply`] was dropped unsent.
pub struct Pending<T>(Arc<Slot<T>>);

/// The duty to answer, once.
pub struct Reply<T>(Arc<Slot<T>>);

impl<T> Pending<T> {
    /// Both ends of one answer.
    #[must_use]
    pub fn channel() -> (Reply<T>, Self) {
        let slot = Arc::new(Slot { state: Mutex::new(State::Awaited(None)) });
        (Reply(Arc::clone(&slot)), Self(slot))
    }

    /// An answer that is there already.
    #[must_use]
    pub fn ready(value: T) -> Self {
        let (reply, pending) = Self::channel();
        reply.send(value);
        pending
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
    fn a_dropped_reply_answers_none() {
        let (reply, mut pending) = Pending::<u8>::channel();
        drop(reply);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(Pin::new(&mut pending).poll(&mut cx), Poll::Ready(None));
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
