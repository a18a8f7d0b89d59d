//! Threads: started under a name, joined by their owner.

use std::{fmt, io, panic::Location, sync::Arc, thread, time::Duration};

use super::{Condvar, Mutex, lock::address};
use crate::sim::threads as sim;

/// The owner's hold on a thread. Dropped, the thread goes on alone.
pub struct JoinHandle<T>(Kind<T>);

enum Kind<T> {
    Real(thread::JoinHandle<T>),
    Simulated(sim::ThreadId, Arc<Ending<T>>),
}

/// What a simulated thread leaves.
struct Ending<T> {
    left: Mutex<Left<T>>,
    changed: Condvar,
}

enum Left<T> {
    Nothing,
    Value(T),
    /// It has panicked, or was killed.
    Gone,
}

/// The thread ended in a panic, which has been reported where it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the thread panicked")]
pub struct Panicked;

/// Starts a thread. Within a simulation it belongs to the process of the one who starts it.
///
/// # Errors
/// The operating system has no thread to give.
pub fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    if !sim::is_active() {
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(body)?;
        return Ok(JoinHandle(Kind::Real(spawned)));
    }
    let ending = Arc::new(Ending { left: Mutex::new(Left::Nothing), changed: Condvar::new() });
    let of_thread = Arc::clone(&ending);
    let id = sim::spawn(name, move || {
        // Left behind also when the thread unwinds.
        let mut guard = Leaving { ending: of_thread, value: None };
        guard.value = Some(body());
    })?;
    Ok(JoinHandle(Kind::Simulated(id, ending)))
}

/// Whether this thread is a simulation's.
#[must_use]
pub fn is_simulated() -> bool {
    sim::is_active()
}

/// How long the simulation of this thread runs; none on a real one.
#[must_use]
pub fn simulated_now() -> Option<Duration> {
    sim::is_active().then(|| sim::now().since(crate::Instant::default()))
}

/// Lets time pass on this thread.
#[track_caller]
pub fn sleep(duration: Duration) {
    if sim::is_active() {
        let marker = 0u8;
        let deadline = sim::now().plus(duration);
        sim::wait(address(&marker), Some(deadline), Location::caller());
    } else {
        thread::sleep(duration);
    }
}

impl<T> JoinHandle<T> {
    /// Waits for the thread's end.
    ///
    /// # Errors
    /// [`Panicked`]
    #[track_caller]
    pub fn join(self) -> Result<T, Panicked> {
        match self.0 {
            Kind::Real(thread) => thread.join().map_err(|_| Panicked),
            Kind::Simulated(_, ending) => {
                let awaited = |left: &mut Left<T>| matches!(left, Left::Nothing);
                let mut left = ending.changed.wait_while(ending.left.lock(), awaited);
                match std::mem::replace(&mut *left, Left::Gone) {
                    Left::Value(value) => Ok(value),
                    Left::Nothing | Left::Gone => Err(Panicked),
                }
            }
        }
    }

    /// Whether the thread has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Kind::Real(thread) => thread.is_finished(),
            Kind::Simulated(_, ending) => !matches!(*ending.left.lock(), Left::Nothing),
        }
    }

    /// Whether it is the thread that asks.
    #[must_use]
    pub fn is_current(&self) -> bool {
        match &self.0 {
            Kind::Real(thread) => thread.thread().id() == thread::current().id(),
            Kind::Simulated(id, _) => sim::current() == Some(*id),
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinHandle")
    }
}

struct Leaving<T> {
    ending: Arc<Ending<T>>,
    value: Option<T>,
}

impl<T> Drop for Leaving<T> {
    fn drop(&mut self) {
        *self.ending.left.lock() = self.value.take().map_or(Left::Gone, Left::Value);
        self.ending.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_answers_its_owner() {
        let thread = spawn("seven", || 7).unwrap();
        assert!(!thread.is_current());
        assert_eq!(thread.join(), Ok(7));
    }
}
