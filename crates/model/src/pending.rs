//! An answer that comes later: the asker holds a [`Pending`], the answerer a [`Reply`].
//!
//! Std only, so that threads ([`Pending::wait`]) and tasks (`.await`) of any runtime can ask. A reply that is dropped
//! without an answer resolves to `None`: the asker is told that nobody will answer, and never hangs.
//!
//! ```
//! use model::pending::Pending;
//!
//! let (reply, pending) = Pending::channel();
//! reply.send(7);
//! assert_eq!(pending.wait(), Some(7));
//! ```

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// The asker's end. Resolves once, to `None` if the reply was dropped.
#[derive(Debug)]
#[must_use = "an answer that nobody waits for is lost"]
pub struct Pending<T>(Arc<Shared<T>>);

/// The answerer's end. Used up by [`Reply::send`].
#[derive(Debug)]
pub struct Reply<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    answer: Option<T>,
    is_closed: bool,
    waker: Option<Waker>,
}

impl<T> Pending<T> {
    /// Both ends of one answer.
    pub fn channel() -> (Reply<T>, Self) {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { answer: None, is_closed: false, waker: None }),
            changed: Condvar::new(),
        });
        (Reply(Arc::clone(&shared)), Self(shared))
    }

    /// An answer that is already here.
    pub fn ready(answer: T) -> Self {
        let (reply, pending) = Self::channel();
        reply.send(answer);
        pending
    }

    /// Blocks the thread until the answer is here, or certain never to come.
    #[must_use]
    pub fn wait(self) -> Option<T> {
        let mut state = self.0.lock();
        while !state.is_closed {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.answer.take()
    }

    /// The answer if it is here by now.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        self.0.lock().answer.take()
    }
}

impl<T> Future for Pending<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.lock();
        if state.is_closed {
            return Poll::Ready(state.answer.take());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<T> Reply<T> {
    /// Answers, and wakes the asker.
    pub fn send(self, answer: T) {
        self.0.lock().answer = Some(answer);
        // Dropping `self` closes the channel and wakes.
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.0.lock();
            state.is_closed = true;
            state.waker.take()
        };
        self.0.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Shared<T> {
    /// Guards: the answer is set before `is_closed`, and `is_closed` never goes back.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_reply_resolves_to_none() {
        let (reply, pending) = Pending::<u8>::channel();
        drop(reply);
        assert_eq!(pending.wait(), None);
    }

    #[test]
    fn waiting_thread_is_woken_by_the_answer() {
        let (reply, pending) = Pending::channel();
        let asker = std::thread::spawn(move || pending.wait());
        reply.send("answer");
        assert_eq!(asker.join().unwrap(), Some("answer"));
    }

    #[test]
    fn task_is_woken_by_the_answer() {
        struct Flag(std::sync::atomic::AtomicBool);
        impl std::task::Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let flag = Arc::new(Flag(std::sync::atomic::AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&flag));
        let (reply, mut pending) = Pending::channel();
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut pending).poll(&mut cx).is_pending());
        reply.send(3);
        assert!(flag.0.load(std::sync::atomic::Ordering::SeqCst));
        assert_eq!(Pin::new(&mut pending).poll(&mut cx), Poll::Ready(Some(3)));
    }
}
