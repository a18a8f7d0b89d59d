//! Simulated threads: every thread of every process of a simulation runs on one real thread, one at a time, in an order that a
//! seed decides, on a clock that stands still while anybody runs.
//!
//! ```text
//!   thread a ──▶ waits (lock, condition, channel, sleep, future) ─┐
//!                                                                 ▼
//!   thread b ◀── drawn among those who are ready ◀────────── scheduler ── nobody ready? time moves to the next deadline
//!                                                                        no deadline either? a deadlock, with all names and places
//! ```
//! Threads are stackful coroutines ([`stack`]): a switch costs nanoseconds and needs no help of the operating system. A thread runs until
//! it waits in [`crate::exec`]; nothing else switches, so code between two waits is atomic here as it never is on a real machine:
//! what only data races could break is found elsewhere.
//!
//! Threads belong to processes. [`kill`] ends a process as SIGKILL does: its threads unwind where they wait and run no line more
//! (kill the process's disk and network first: destructors run). [`pause`] is SIGSTOP. Each process has its own [`clock`].
//!
//! Two runs of one seed take the same steps: [`Report::trace`] is a hash over all of them, and over whatever [`note`] was told.

mod clock;
mod run;
mod scheduler;
mod stack;

pub use clock::ProcessClock;
pub use run::{Failure, Options, Report, run};
pub use scheduler::{ProcessId, ThreadId, TimerId};

pub(crate) use run::{
    cancel, current, draw, is_active, is_unwinding, now, spawn, wait, wait_for_lock, wake_all,
    wake_at, wake_one,
};

pub use run::{
    clock, elapsed, kill, note, pause, process, resume, spawn_in, step_count, thread_count,
    yield_now,
};
