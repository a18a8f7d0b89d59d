//! A thread that waits for a future: it sleeps until the future's waker is called.

use std::{
    future::Future,
    panic::Location,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use super::lock::address;
use crate::sim::threads as sim;

/// Runs `future` on this thread until it is done.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    // Without a deadline there is always an end, or none.
    run(future, None, Location::caller()).expect("a wait without a deadline ends with its future")
}

/// As [`block_on`], for no longer than `timeout`: then none.
#[track_caller]
pub fn block_on_for<F: Future>(timeout: Duration, future: F) -> Option<F::Output> {
    run(future, Some(timeout), Location::caller())
}

/// Waiting for a future as a method, where a thread waits for one answer.
pub trait Wait: Future + Sized {
    /// As [`block_on`].
    #[track_caller]
    fn wait(self) -> Self::Output {
        block_on(self)
    }

    /// As [`block_on_for`].
    #[track_caller]
    fn wait_for(self, timeout: Duration) -> Option<Self::Output> {
        block_on_for(timeout, self)
    }
}

impl<F: Future> Wait for F {}

fn run<F: Future>(
    future: F,
    timeout: Option<Duration>,
    place: &'static Location<'static>,
) -> Option<F::Output> {
    let mut future = pin!(future);
    if sim::is_active() {
        let signal = Arc::new(Signal(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&signal));
        let deadline = timeout.map(|timeout| sim::now().plus(timeout));
        loop {
            signal.0.store(false, Ordering::Relaxed);
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Some(output);
            }
            // Nothing runs between the look and the wait.
            let is_woken = signal.0.load(Ordering::Relaxed);
            if !is_woken && !sim::wait(address(&*signal), deadline, place) {
                return None;
            }
        }
    }
    let signal = Arc::new(Parked { is_woken: AtomicBool::new(false), thread: thread::current() });
    let waker = Waker::from(Arc::clone(&signal));
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        while !signal.is_woken.swap(false, Ordering::Acquire) {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return None,
                Some(left) => thread::park_timeout(left),
            }
        }
    }
}

struct Signal(AtomicBool);

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
        sim::wake_all(address(&**self));
    }
}

struct Parked {
    is_woken: AtomicBool,
    thread: Thread,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use model::Pending;

    use super::*;
    use crate::exec;

    #[test]
    fn a_thread_waits_for_the_answer_of_another() {
        let (reply, pending) = Pending::channel();
        let thread = exec::spawn("asks", move || pending.wait()).unwrap();
        reply.send(7);
        assert_eq!(thread.join(), Ok(Some(7)));
    }

    #[test]
    fn an_answer_that_does_not_come_is_not_waited_for_longer() {
        let (_reply, pending) = Pending::<u8>::channel();
        assert_eq!(pending.wait_for(Duration::from_millis(1)), None);
    }
}
