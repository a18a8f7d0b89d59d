//! Threads, and everything that makes one wait: spawn, locks, conditions, channels, futures, time.
//!
//! Drivers ask here and never the standard library: in production this is the standard library's threads and locks, behind one
//! look at a thread-local flag; within a simulation ([`crate::sim::threads`]) the same calls hand the one real thread to another
//! simulated one. Which of the two it is goes by the thread that calls, not by an argument: a wait deep below a handler needs no handle.
//!
//! ```
//! use world::exec;
//!
//! let (sender, receiver) = exec::channel(8);
//! let thread = exec::spawn("answer", move || receiver.recv())?;
//! let _ = sender.send(42);
//! assert_eq!(thread.join(), Ok(Ok(42)));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A plain `std::sync::Mutex` is fine where nobody waits, syncs or sends while holding it; where somebody does, it is [`Mutex`].

mod block_on;
mod channel;
mod lock;
mod tasks;
mod thread;
mod timer;

pub use block_on::{Wait, block_on, block_on_for};
pub use channel::{
    Disconnected, Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, channel,
};
pub use lock::{Condvar, Mutex, MutexGuard};
pub use tasks::{Task, run_local, spawn_local};
pub use thread::{JoinHandle, Panicked, is_simulated, simulated_now, sleep, spawn};
pub use timer::{Delay, delay, timeout};
