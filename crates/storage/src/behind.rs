//! Drop-behind: what was written fast need not stay in the page cache.
//!
//! ```text
//!   all logs, in the order of writing      ... ░░░░░░░░▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▶
//!                                              ▲       │◀── the window: cached ──────▶▲
//!                                              dropped                                write-back begins
//! ```
//! A page of memory that is touched for the first time is dear, on virtual machines above all: writing into pages that
//! were used a moment ago costs a fraction. So, while logs are written at [`FAST_BYTES`] a second or more, what has been written is written
//! back at once, in steps, and leaves the cache when a window of newer bytes lies behind it; its pages take the next
//! bytes. Readers that keep up are served from [`tail`](crate::tail) or from the window. A log whose files are being read keeps its
//! pages: who reads them is behind, and would have to read the disk. What is written slowly is left to the kernel.
//!
//! All of this is advice on clean pages: following it late, twice, never or for a file that has been replaced changes nothing but
//! speed. [`Window`] decides; who calls [`DropBehind::next`], on a thread of its own, performs, because write-back
//! may wait for the disk.

use std::{
    collections::VecDeque,
    fmt, mem,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use model::{Offset, TimestampMs};
use world::{
    Disk,
    exec::{Condvar, Mutex, MutexGuard},
};

/// What is advised on at a time.
const STEP_BYTES: u32 = 8 << 20;
/// The rest of a segment that is no step: less of it is not worth a call.
const REST_BYTES_MIN: u32 = 1 << 20;
/// Written within [`FAST_MS`], over all logs: then it is worth it.
const FAST_BYTES: u64 = 32 << 20;
const FAST_MS: i64 = 1_000;
/// After a read from its files, a log counts as read for so many steps.
const READ_STEPS: u8 = 2;
/// Advice that waits; what is more is forgotten.
const ADVICE_MAX: usize = 64;

/// What the logs of a process tell, and what is to be done about it.
#[derive(Debug, Default)]
pub struct DropBehind {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// None while nobody follows the advice.
    window: Option<Window>,
    due: VecDeque<Advice>,
}

impl DropBehind {
    /// From now on somebody calls [`Self::next`].
    pub fn start(&self, window_bytes: u64) {
        self.lock().window = Some(Window::new(window_bytes));
    }

    /// Nobody does any more.
    pub fn stop(&self) {
        *self.lock() = State::default();
        self.changed.notify_all();
    }

    /// Waits for what is to be done next; none once it is stopped.
    pub fn next(&self) -> Option<Advice> {
        let is_idle = |state: &mut State| state.window.is_some() && state.due.is_empty();
        let mut state = self.changed.wait_while(self.lock(), is_idle);
        state.window.as_ref()?;
        state.due.pop_front()
    }

    pub(crate) fn on_written(&self, step: Step, now: TimestampMs) {
        let mut state = self.lock();
        let State { window: Some(window), due } = &mut *state else { return };
        window.on_step(step, now, due);
        due.truncate(ADVICE_MAX);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// The steps that are cached, over all logs. Pure.
#[derive(Debug)]
struct Window {
    bytes_max: u64,
    /// In the order of writing.
    steps: VecDeque<Kept>,
    /// Of them.
    bytes: u64,
}

#[derive(Debug)]
struct Kept {
    step: Step,
    at: TimestampMs,
    /// Whether it was written fast, and is to be dropped.
    is_passing: bool,
}

impl Window {
    /// At least [`FAST_BYTES`]: how fast it goes is told by the steps within.
    fn new(bytes_max: u64) -> Self {
        Self { bytes_max: bytes_max.max(FAST_BYTES), steps: VecDeque::new(), bytes: 0 }
    }

    fn on_step(&mut self, step: Step, now: TimestampMs, due: &mut VecDeque<Advice>) {
        let is_read = step.reads.pass();
        let is_passing = !is_read && self.bytes_since(now) + step.size_bytes() >= FAST_BYTES;
        if is_passing {
            // Nothing of it is clean yet: the first advice begins the write-back.
            due.push_back(step.advice());
        }
        self.bytes += step.size_bytes();
        self.steps.push_back(Kept { step, at: now, is_passing });
        while self.bytes > self.bytes_max {
            let Some(Kept { step, is_passing, .. }) = self.steps.pop_front() else { break };
            self.bytes -= step.size_bytes();
            if is_passing && !step.reads.are_recent() {
                due.push_back(step.advice());
            }
        }
    }

    /// Bytes written within [`FAST_MS`] before `now`.
    fn bytes_since(&self, now: TimestampMs) -> u64 {
        let recent = self.steps.iter().rev().take_while(|kept| now.since(kept.at) <= FAST_MS);
        recent.map(|kept| kept.step.size_bytes()).sum()
    }
}

/// A part of a segment's file that was just written.
pub(crate) struct Step {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
    pub(crate) passed: Passed,
    reads: Arc<Reads>,
}

impl Step {
    fn size_bytes(&self) -> u64 {
        u64::from(self.passed.range.end - self.passed.range.start)
    }

    fn advice(&self) -> Advice {
        let range = u64::from(self.passed.range.start)..u64::from(self.passed.range.end);
        Advice { disk: Arc::clone(&self.disk), path: self.path.clone(), range }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("path", &self.path).field("passed", &self.passed).finish()
    }
}

/// A range of a file that need not stay in the page cache.
pub struct Advice {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    range: Range<u64>,
}

impl Advice {
    /// The file that is meant.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of it.
    #[must_use]
    pub const fn range(&self) -> &Range<u64> {
        &self.range
    }

    /// Follows it. The file may be gone, and the disk may know no advice: nothing depends on it.
    pub fn follow(self) {
        let _ = self.disk.open_sealed(&self.path).and_then(|file| file.forget(self.range));
    }
}

impl fmt::Debug for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advice").field("path", &self.path).field("range", &self.range).finish()
    }
}

/// How far a log has told what it has written.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    /// Of the segment that is written to.
    base: Offset,
    size: u32,
    told: u32,
    reads: Arc<Reads>,
}

/// For how many steps more a log counts as read from its files. A lost update is a step more or less.
#[derive(Debug, Default)]
struct Reads(AtomicU8);

impl Reads {
    fn are_recent(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// As [`Self::are_recent`]; and a step passes.
    fn pass(&self) -> bool {
        let steps = self.0.load(Ordering::Relaxed);
        self.0.store(steps.saturating_sub(1), Ordering::Relaxed);
        steps > 0
    }

    fn note(&self) {
        self.0.store(READ_STEPS, Ordering::Relaxed);
    }
}

/// A range of the segment at `base`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) base: Offset,
    pub(crate) range: Range<u32>,
}

impl Trail {
    /// The segment at `base` has grown to `size` by `grown`; answers a step when it is full, or what is left of the
    /// segment before.
    pub(crate) fn on_appended(&mut self, base: Offset, size: u32, grown: u32) -> Option<Passed> {
        let start = size - grown;
        if base != self.base || start != self.size {
            // A new segment, a restart or a cut.
            let rest = Passed { base: self.base, range: self.told..self.size };
            let is_worth = base > self.base && rest.range.len() >= REST_BYTES_MIN as usize;
            (self.base, self.size, self.told) = (base, size, start);
            return is_worth.then_some(rest);
        }
        self.size = size;
        (size - self.told >= STEP_BYTES)
            .then(|| Passed { base, range: mem::replace(&mut self.told, size)..size })
    }

    pub(crate) fn step(&self, disk: Arc<dyn Disk>, path: PathBuf, passed: Passed) -> Step {
        Step { disk, path, passed, reads: Arc::clone(&self.reads) }
    }

    /// Somebody reads what is not among the newest batches.
    pub(crate) fn on_file_read(&self) {
        self.reads.note();
    }
}

#[cfg(test)]
mod tests {
    use world::sim::SimDisk;

    use super::*;

    const STEP: u64 = STEP_BYTES as u64;

    /// Steps of one log, one each `pace_ms`; answers the ranges advised on, in steps, with the count of steps so far.
    struct Bench {
        window: Window,
        log: Arc<Reads>,
        now: TimestampMs,
        count: u32,
    }

    impl Bench {
        fn new(window_steps: u64) -> Self {
            let window = Window::new(window_steps * STEP);
            Self { window, log: Arc::default(), now: TimestampMs(0), count: 0 }
        }

        fn write(&mut self, steps: u32, pace_ms: i64) -> Vec<u64> {
            let mut due = VecDeque::new();
            for _ in 0..steps {
                let range = self.count * STEP_BYTES..(self.count + 1) * STEP_BYTES;
                let trail = Trail { reads: Arc::clone(&self.log), ..Trail::default() };
                let passed = Passed { base: Offset(0), range };
                let step = trail.step(Arc::new(SimDisk::new()), PathBuf::from("/log"), passed);
                self.window.on_step(step, self.now, &mut due);
                self.now = TimestampMs(self.now.0 + pace_ms);
                self.count += 1;
            }
            due.iter().map(|advice| advice.range.start / STEP).collect()
        }
    }

    #[test]
    fn what_is_written_fast_is_written_back_at_once_and_dropped_a_window_later() {
        let mut bench = Bench::new(5);
        assert_eq!(bench.write(3, 10), [] as [u64; 0], "nobody knows yet that it is fast");
        assert_eq!(bench.write(4, 10), [3, 4, 5, 6], "write-back; what came before leaves unasked");
        assert_eq!(bench.write(3, 10), [7, 8, 3, 9, 4]);
    }

    #[test]
    fn what_is_written_slowly_is_left_alone() {
        let mut bench = Bench::new(5);
        assert_eq!(bench.write(20, 400), [] as [u64; 0]);
    }

    #[test]
    fn a_log_whose_files_are_read_keeps_its_pages() {
        let mut bench = Bench::new(5);
        assert_eq!(bench.write(7, 10), [3, 4, 5, 6]);
        bench.log.note();
        assert_eq!(
            bench.write(2, 10),
            [3],
            "7 and 8 are left alone; 3 goes when 8 steps in unread"
        );
        assert_eq!(bench.write(4, 10), [9, 4, 10, 5, 11, 6, 12]);
    }

    #[test]
    fn a_trail_tells_each_byte_once() {
        let mut trail = Trail::default();
        let half = STEP_BYTES / 2;
        assert_eq!(trail.on_appended(Offset(0), half, half), None);
        let full = Passed { base: Offset(0), range: 0..STEP_BYTES };
        assert_eq!(trail.on_appended(Offset(0), STEP_BYTES, half), Some(full));
        assert_eq!(trail.on_appended(Offset(0), STEP_BYTES + half, half), None);
        let rest = Passed { base: Offset(0), range: STEP_BYTES..STEP_BYTES + half };
        assert_eq!(trail.on_appended(Offset(9), 100, 100), Some(rest), "a roll");
        assert_eq!(trail.on_appended(Offset(9), 50, 20), None, "a cut");
        let found = trail.on_appended(Offset(20), STEP_BYTES * 9, 10);
        assert_eq!(found, None, "what lay there before a restart is not its");
    }

    #[test]
    fn advice_is_bounded_and_ends_with_the_follower() {
        let behind = DropBehind::default();
        let step = || {
            let passed = Passed { base: Offset(0), range: 0..STEP_BYTES };
            Trail::default().step(Arc::new(SimDisk::new()), PathBuf::from("/log"), passed)
        };
        behind.on_written(step(), TimestampMs(0));
        assert!(behind.next().is_none(), "not started");
        behind.start(8 * STEP);
        for _ in 0..10 * ADVICE_MAX {
            behind.on_written(step(), TimestampMs(0));
        }
        assert_eq!(behind.lock().due.len(), ADVICE_MAX);
        behind.next().expect("advice").follow();
        behind.stop();
        assert!(behind.next().is_none());
    }
}
