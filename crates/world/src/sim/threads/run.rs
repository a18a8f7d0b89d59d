//! Runs a simulation, and what its threads ask of it while it runs.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt, io,
    panic::{self, Location},
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    task::Waker,
    thread,
    time::Duration,
};

use model::TimestampMs;

use super::{
    ProcessClock, ProcessId, ThreadId, TimerId,
    scheduler::{Next, Scheduler},
    stack::{self, Body, Payload, Stack, Stacks},
};
use crate::Instant;

/// What a simulation is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides every choice.
    pub seed: u64,
    /// Wall time at the beginning.
    pub began: TimestampMs,
    /// One turn of one thread takes less than this.
    pub step_max: Duration,
    /// Simulated time after which it is over, with [`Failure::OutOfTime`].
    pub time_max: Duration,
    /// Keeps the trace's hash after every step, to find where two runs part.
    pub is_recorded: bool,
    /// Prints these steps.
    pub shown: std::ops::Range<u64>,
}

/// What came of a simulation.
#[derive(Debug)]
pub struct Report<T> {
    /// What the root thread answered.
    pub outcome: Result<T, Failure>,
    /// A hash over every step: equal for equal runs.
    pub trace: u64,
    /// The hash after every step, if it was asked for.
    pub recorded: Vec<u64>,
    /// Turns given to threads.
    pub steps: u64,
    /// Simulated time that has passed.
    pub elapsed: Duration,
}

/// Why a simulation has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A thread panicked.
    Panic {
        /// Its process and name.
        thread: String,
        /// What it said.
        message: String,
    },
    /// Everybody waits for somebody: each thread and its place.
    Deadlock(Vec<String>),
    /// The root thread is not through in time: each thread and its place.
    OutOfTime(Vec<String>),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            began: TimestampMs(1_750_000_000_000),
            step_max: Duration::from_micros(2),
            time_max: Duration::from_secs(24 * 3600),
            is_recorded: false,
            shown: 0..0,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic { thread, message } => write!(f, "{thread} panicked: {message}"),
            Self::Deadlock(places) => write!(f, "deadlock:\n  {}", places.join("\n  ")),
            Self::OutOfTime(places) => write!(f, "out of time:\n  {}", places.join("\n  ")),
        }
    }
}

/// The payload that unwinds a killed thread.
struct Killed;

/// What threads and the loop that runs them share. All on one real thread.
struct World {
    scheduler: RefCell<Scheduler>,
    unborn: RefCell<BTreeMap<ThreadId, Body>>,
    elapsed: Arc<AtomicU64>,
    began: TimestampMs,
    errors_ms: RefCell<BTreeMap<ProcessId, Arc<AtomicI64>>>,
    trace: Cell<u64>,
    steps: Cell<u64>,
}

thread_local! {
    static IS_ACTIVE: Cell<bool> = const { Cell::new(false) };
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// Runs `root` as the first thread of a simulation. When it ends, everything ends.
///
/// # Panics
/// Within another simulation.
pub fn run<T: Send + 'static>(
    options: &Options,
    root: impl FnOnce() -> T + Send + 'static,
) -> Report<T> {
    assert!(!is_active(), "a simulation holds no other");
    let world = Rc::new(World {
        scheduler: RefCell::new(Scheduler::new(options)),
        unborn: RefCell::default(),
        elapsed: Arc::default(),
        began: options.began,
        errors_ms: RefCell::default(),
        trace: Cell::new(options.seed),
        steps: Cell::new(0),
    });
    WORLD.set(Some(Rc::clone(&world)));
    IS_ACTIVE.set(true);
    let answer = Arc::new(Mutex::new(None));
    let of_root = Arc::clone(&answer);
    let process = world.scheduler.borrow_mut().begin_process("root");
    let body = Box::new(move || {
        let answered = root();
        *of_root.lock().unwrap_or_else(PoisonError::into_inner) = Some(answered);
    });
    let root = world.begin(process, "root", body).expect("the process has just begun");
    let mut threads = Threads { world: &world, stacks: BTreeMap::new(), free: Stacks::default() };
    let mut recorded = Vec::new();
    let ended = threads.run(options, root, &mut recorded);
    threads.end_all();
    let (trace, steps, now) = (world.trace.get(), world.steps.get(), world.scheduler.borrow().now);
    drop(threads);
    IS_ACTIVE.set(false);
    WORLD.set(None);
    let answered = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
    let outcome = ended.and_then(|()| answered.ok_or(Failure::Deadlock(Vec::new())));
    Report { outcome, trace, recorded, steps, elapsed: now.since(Instant::default()) }
}

struct Threads<'a> {
    world: &'a World,
    stacks: BTreeMap<ThreadId, Stack>,
    free: Stacks,
}

impl Threads<'_> {
    fn run(
        &mut self,
        options: &Options,
        root: ThreadId,
        recorded: &mut Vec<u64>,
    ) -> Result<(), Failure> {
        loop {
            let Some(id) = self.world.next() else {
                let scheduler = self.world.scheduler.borrow();
                let places = scheduler.places();
                return Err(match scheduler.is_over() {
                    true => Failure::OutOfTime(places),
                    false => Failure::Deadlock(places),
                });
            };
            let steps = self.world.steps.get();
            if options.shown.contains(&steps) {
                let scheduler = self.world.scheduler.borrow();
                let (now, who) = (scheduler.now.0 / 1_000, scheduler.describe(id));
                eprintln!("step {steps} at {now} us: {who} ({:016x})", self.world.trace.get());
            }
            let ended = self.turn(id);
            if options.is_recorded {
                recorded.push(self.world.trace.get());
            }
            ended?;
            if id == root && !self.stacks.contains_key(&root) {
                return Ok(());
            }
        }
    }

    /// Lets `id` run until it waits or ends.
    fn turn(&mut self, id: ThreadId) -> Result<(), Failure> {
        self.world.count_step(id);
        let unborn = self.world.unborn.borrow_mut().remove(&id);
        if let Some(body) = unborn {
            self.stacks.insert(id, self.free.start(body));
        }
        let stack = self.stacks.get_mut(&id).expect("who is not unborn has a stack");
        let Some(ended) = stack.resume() else { return Ok(()) };
        if let Some(stack) = self.stacks.remove(&id) {
            self.free.keep(stack);
        }
        let thread = self.world.scheduler.borrow().describe(id);
        self.world.scheduler.borrow_mut().end();
        match ended {
            Err(payload) if !payload.is::<Killed>() => {
                Err(Failure::Panic { thread, message: message(&payload) })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Kills whoever is left, and lets them unwind.
    fn end_all(&mut self) {
        let living = self.world.scheduler.borrow().living();
        for process in living {
            self.world.kill(process);
        }
        // A destructor that waits for ever leaves its thread: its stack is dropped with this.
        while self.world.scheduler.borrow().count(None) > 0 {
            let Some(id) = self.world.next() else { break };
            // It ends anyhow: a panic on the way has been printed.
            let _ = self.turn(id);
        }
    }
}

impl World {
    fn begin(&self, process: ProcessId, name: &str, body: Body) -> Option<ThreadId> {
        let id = self.scheduler.borrow_mut().begin(process, name)?;
        self.unborn.borrow_mut().insert(id, body);
        Some(id)
    }

    /// Whose turn it is; none when nobody's ever comes.
    fn next(&self) -> Option<ThreadId> {
        loop {
            let next = self.scheduler.borrow_mut().next();
            self.elapsed.store(self.scheduler.borrow().now.0, Ordering::Relaxed);
            match next {
                Next::Run(id) => return Some(id),
                Next::Wake(wakers) => wakers.into_iter().for_each(Waker::wake),
                Next::Stuck => return None,
            }
        }
    }

    fn count_step(&self, id: ThreadId) {
        self.steps.set(self.steps.get() + 1);
        self.note(id.0);
        self.note(self.scheduler.borrow().now.0);
    }

    fn note(&self, what: u64) {
        let mixed = (self.trace.get() ^ what).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.trace.set(mixed.rotate_left(29));
    }

    fn kill(&self, process: ProcessId) {
        let unborn = self.scheduler.borrow_mut().kill(process);
        for id in unborn {
            let body = self.unborn.borrow_mut().remove(&id);
            drop(body);
        }
    }
}

/// Whether this thread is a simulation's.
#[inline]
pub(crate) fn is_active() -> bool {
    IS_ACTIVE.get()
}

/// Whether the thread that runs has been killed and is on its way out: it waits for nothing any more.
pub(crate) fn is_unwinding() -> bool {
    is_active() && thread::panicking() && with(World::is_running_killed)
}

impl World {
    fn is_running_killed(&self) -> bool {
        let scheduler = self.scheduler.borrow();
        scheduler.running().is_some_and(|id| scheduler.is_killed(id))
    }
}

/// The simulation's time.
pub(crate) fn now() -> Instant {
    with(|world| world.scheduler.borrow().now)
}

/// The thread that runs.
pub(crate) fn current() -> Option<ThreadId> {
    if is_active() { with(|world| world.scheduler.borrow().running()) } else { None }
}

/// Waits until `queue` is woken (true) or the deadline has come (false). A killed thread unwinds instead.
pub(crate) fn wait(
    queue: usize,
    deadline: Option<Instant>,
    place: &'static Location<'static>,
) -> bool {
    if is_unwinding() {
        return false;
    }
    die_if_killed();
    let id = with(|world| {
        let mut scheduler = world.scheduler.borrow_mut();
        let id = scheduler.running();
        scheduler.wait(queue, deadline, place);
        id
    });
    stack::suspend();
    die_if_killed();
    id.is_some_and(|id| with(|world| world.scheduler.borrow().was_woken(id)))
}

/// Waits until `queue` is woken, also on the way out: who holds the lock is on his way out too.
pub(crate) fn wait_for_lock(queue: usize, place: &'static Location<'static>) {
    if !is_unwinding() {
        die_if_killed();
    }
    with(|world| world.scheduler.borrow_mut().wait(queue, None, place));
    stack::suspend();
    if !is_unwinding() {
        die_if_killed();
    }
}

/// Wakes one who waits on `queue`.
pub(crate) fn wake_one(queue: usize) {
    if is_active() {
        with(|world| world.scheduler.borrow_mut().wake_one(queue));
    }
}

/// Wakes all who wait on `queue`.
pub(crate) fn wake_all(queue: usize) {
    if is_active() {
        with(|world| world.scheduler.borrow_mut().wake_all(queue));
    }
}

/// A number of `0..below`, by the seed; 0 when `below` is 0.
pub(crate) fn draw(below: usize) -> usize {
    with(|world| world.scheduler.borrow_mut().draw_below(below))
}

/// Has `waker` called at `at`.
pub(crate) fn wake_at(at: Instant, waker: Waker, _place: &'static Location<'static>) -> TimerId {
    with(|world| world.scheduler.borrow_mut().wake_task_at(at, waker))
}

/// Forgets a waker.
pub(crate) fn cancel(timer: TimerId) {
    if is_active() {
        with(|world| world.scheduler.borrow_mut().cancel(timer));
    }
}

/// Starts a thread in the process of the one that runs.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<ThreadId> {
    with(|world| {
        let process = {
            let scheduler = world.scheduler.borrow();
            scheduler.running().and_then(|id| scheduler.process_of(id))
        };
        let begun = process.and_then(|process| world.begin(process, name, Box::new(body)));
        begun.ok_or_else(|| io::Error::other("the process is dead"))
    })
}

/// Begins a process without threads.
#[must_use]
pub fn process(name: &str) -> ProcessId {
    with(|world| world.scheduler.borrow_mut().begin_process(name))
}

/// Starts a thread in `process`; nothing happens when it is dead.
pub fn spawn_in(process: ProcessId, name: &str, body: impl FnOnce() + Send + 'static) {
    with(|world| world.begin(process, name, Box::new(body)));
}

/// Kills `process` and returns when its last thread has unwound.
#[track_caller]
pub fn kill(process: ProcessId) {
    with(|world| world.kill(process));
    // They go first: by the time this thread runs again they are gone, or wait for a lock of one another.
    while thread_count(process) > 0 {
        yield_now();
    }
}

/// Stops every thread of `process` where it is.
pub fn pause(process: ProcessId) {
    with(|world| world.scheduler.borrow_mut().pause(process, true));
}

/// Lets a paused process go on.
pub fn resume(process: ProcessId) {
    with(|world| world.scheduler.borrow_mut().pause(process, false));
}

/// How many threads `process` has.
#[must_use]
pub fn thread_count(process: ProcessId) -> usize {
    with(|world| world.scheduler.borrow().count(Some(process)))
}

/// The clock of `process`. Always the same one.
#[must_use]
pub fn clock(process: ProcessId) -> ProcessClock {
    with(|world| ProcessClock {
        elapsed: Arc::clone(&world.elapsed),
        began: world.began,
        error_ms: Arc::clone(world.errors_ms.borrow_mut().entry(process).or_default()),
    })
}

/// Simulated time since the beginning.
#[must_use]
pub fn elapsed() -> Duration {
    now().since(Instant::default())
}

/// Turns given to threads so far.
#[must_use]
pub fn step_count() -> u64 {
    with(|world| world.steps.get())
}

/// Lets the others go first.
#[track_caller]
pub fn yield_now() {
    if is_unwinding() {
        return;
    }
    die_if_killed();
    let place = Location::caller();
    with(|world| world.scheduler.borrow_mut().step_aside(place));
    stack::suspend();
    die_if_killed();
}

/// Makes `what` part of the trace. Nothing outside of a simulation.
pub fn note(what: u64) {
    if is_active() {
        with(|world| world.note(what));
    }
}

fn die_if_killed() {
    if with(World::is_running_killed) {
        // Not a panic: no hook, no message.
        panic::resume_unwind(Box::new(Killed));
    }
}

fn with<R>(ask: impl FnOnce(&World) -> R) -> R {
    let world = WORLD.with_borrow(|world| world.clone());
    ask(&world.expect("only a simulated thread asks its simulation"))
}

fn message(payload: &Payload) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "something that is no text".to_owned())
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
