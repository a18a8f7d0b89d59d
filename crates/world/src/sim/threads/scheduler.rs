//! Who runs next: a machine. Told who waits for what until when, who is woken, who is killed; answers whose turn it is.
//!
//! ```text
//!   ready ──drawn──▶ running ──wait──▶ waiting ──wake, deadline, kill──▶ ready
//! ```
//! Those who are killed go first, in order, so that nothing happens between a kill and its last destructor. The threads of a paused
//! process are ready and are not drawn.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::Location,
    task::Waker,
    time::Duration,
};

use super::Options;
use crate::{Chance, Instant};

/// One simulated thread, ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(pub(super) u64);

/// One life of one simulated process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub(super) u64);

/// A moment at which somebody is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId(Instant, u64);

pub(super) struct Scheduler {
    pub(super) now: Instant,
    over: Instant,
    chance: Chance,
    /// A step takes less than this.
    step_ns_max: u64,
    threads: BTreeMap<ThreadId, Thread>,
    processes: BTreeMap<ProcessId, Process>,
    ready: Vec<ThreadId>,
    dying: VecDeque<ThreadId>,
    running: Option<ThreadId>,
    /// Who waits, by the address of what they wait for. Never iterated: addresses differ from run to run.
    queues: BTreeMap<usize, Vec<ThreadId>>,
    timers: BTreeMap<TimerId, Timer>,
    last_id: u64,
}

struct Process {
    name: String,
    is_paused: bool,
    is_killed: bool,
}

struct Thread {
    name: String,
    process: ProcessId,
    state: State,
    /// Whether the last wait ended because it was woken.
    was_woken: bool,
    is_killed: bool,
    /// Where it waits, or waited last.
    place: &'static Location<'static>,
    steps: u64,
}

enum State {
    Ready,
    Running,
    Waiting { queue: usize, timer: Option<TimerId> },
}

enum Timer {
    Thread(ThreadId),
    Task(Waker),
}

/// What comes next.
pub(super) enum Next {
    Run(ThreadId),
    /// Wakers whose time has come: to be called, then asked again.
    Wake(Vec<Waker>),
    /// Nobody is ready and nothing is due, ever, or not within the simulation's time.
    Stuck,
}

impl Scheduler {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            now: Instant::default(),
            over: Instant::default().plus(options.time_max),
            chance: Chance::from_seed(options.seed),
            step_ns_max: u64::try_from(options.step_max.as_nanos()).unwrap_or(u64::MAX),
            threads: BTreeMap::new(),
            processes: BTreeMap::new(),
            ready: Vec::new(),
            dying: VecDeque::new(),
            running: None,
            queues: BTreeMap::new(),
            timers: BTreeMap::new(),
            last_id: 0,
        }
    }

    pub(super) fn begin_process(&mut self, name: &str) -> ProcessId {
        let id = ProcessId(self.next_id());
        let process = Process { name: name.to_owned(), is_paused: false, is_killed: false };
        self.processes.insert(id, process);
        id
    }

    /// A thread that is ready to begin; none when its process is dead.
    pub(super) fn begin(&mut self, process: ProcessId, name: &str) -> Option<ThreadId> {
        if self.processes.get(&process).is_none_or(|process| process.is_killed) {
            return None;
        }
        let id = ThreadId(self.next_id());
        let thread = Thread {
            name: name.to_owned(),
            process,
            state: State::Ready,
            was_woken: false,
            is_killed: false,
            place: Location::caller(),
            steps: 0,
        };
        self.threads.insert(id, thread);
        self.ready.push(id);
        Some(id)
    }

    pub(super) fn next(&mut self) -> Next {
        let due = self.fire_due();
        if !due.is_empty() {
            return Next::Wake(due);
        }
        if let Some(id) = self.dying.pop_front() {
            return self.give_turn(id);
        }
        if self.now <= self.over
            && let Some(id) = self.draw()
        {
            let step = self.chance.below(self.step_ns_max);
            self.now = self.now.plus(Duration::from_nanos(step));
            return self.give_turn(id);
        }
        match self.timers.first_key_value() {
            Some((TimerId(at, _), _)) if self.now <= self.over => {
                self.now = self.now.max(*at);
                self.next()
            }
            Some(_) | None => Next::Stuck,
        }
    }

    /// The one that runs waits now.
    pub(super) fn wait(
        &mut self,
        queue: usize,
        deadline: Option<Instant>,
        place: &'static Location<'static>,
    ) {
        let id = self.running.take().expect("a thread runs");
        let timer = deadline.map(|at| self.set_timer(at, Timer::Thread(id)));
        self.queues.entry(queue).or_default().push(id);
        let thread = self.threads.get_mut(&id).expect("who runs is there");
        thread.state = State::Waiting { queue, timer };
        thread.was_woken = false;
        thread.place = place;
    }

    /// The one that runs lets others go first.
    pub(super) fn step_aside(&mut self, place: &'static Location<'static>) {
        let id = self.running.take().expect("a thread runs");
        let thread = self.threads.get_mut(&id).expect("who runs is there");
        thread.state = State::Ready;
        thread.place = place;
        self.ready.push(id);
    }

    pub(super) fn wake_one(&mut self, queue: usize) {
        let Some(waiting) = self.queues.get(&queue) else { return };
        let drawn = self.chance.below(waiting.len() as u64);
        if let Some(id) = waiting.get(usize::try_from(drawn).unwrap_or(0)).copied() {
            self.wake(id, true);
        }
    }

    pub(super) fn wake_all(&mut self, queue: usize) {
        for id in self.queues.remove(&queue).unwrap_or_default() {
            self.wake(id, true);
        }
    }

    /// A number of `0..below`; 0 when `below` is 0.
    pub(super) fn draw_below(&mut self, below: usize) -> usize {
        usize::try_from(self.chance.below(below as u64)).unwrap_or(0)
    }

    pub(super) fn wake_task_at(&mut self, at: Instant, waker: Waker) -> TimerId {
        self.set_timer(at, Timer::Task(waker))
    }

    pub(super) fn cancel(&mut self, timer: TimerId) {
        self.timers.remove(&timer);
    }

    /// The one that runs has ended.
    pub(super) fn end(&mut self) {
        let id = self.running.take().expect("a thread runs");
        self.threads.remove(&id);
    }

    /// Whether the simulation's time has passed.
    pub(super) fn is_over(&self) -> bool {
        self.now > self.over
    }

    /// Dooms every thread of the process; answers those that are to be forgotten since they never ran.
    pub(super) fn kill(&mut self, process: ProcessId) -> Vec<ThreadId> {
        if let Some(process) = self.processes.get_mut(&process) {
            process.is_killed = true;
            process.is_paused = false;
        }
        let of_process = |(id, thread): (&ThreadId, &Thread)| {
            (thread.process == process && !thread.is_killed).then_some(*id)
        };
        let doomed: Vec<ThreadId> = self.threads.iter().filter_map(of_process).collect();
        let mut unborn = Vec::new();
        for id in doomed {
            assert!(self.running != Some(id), "nobody kills himself");
            self.wake(id, false);
            self.ready.retain(|ready| *ready != id);
            let thread = self.threads.get_mut(&id).expect("it has just been found");
            thread.is_killed = true;
            if thread.steps == 0 {
                self.threads.remove(&id);
                unborn.push(id);
            } else {
                self.dying.push_back(id);
            }
        }
        unborn
    }

    pub(super) fn pause(&mut self, process: ProcessId, is_paused: bool) {
        if let Some(process) = self.processes.get_mut(&process) {
            process.is_paused = is_paused;
        }
    }

    pub(super) fn running(&self) -> Option<ThreadId> {
        self.running
    }

    pub(super) fn process_of(&self, id: ThreadId) -> Option<ProcessId> {
        self.threads.get(&id).map(|thread| thread.process)
    }

    pub(super) fn is_killed(&self, id: ThreadId) -> bool {
        self.threads.get(&id).is_some_and(|thread| thread.is_killed)
    }

    pub(super) fn was_woken(&self, id: ThreadId) -> bool {
        self.threads.get(&id).is_some_and(|thread| thread.was_woken)
    }

    /// How many threads a process has; of all when none is named.
    pub(super) fn count(&self, process: Option<ProcessId>) -> usize {
        let counts = |thread: &&Thread| process.is_none_or(|process| thread.process == process);
        self.threads.values().filter(counts).count()
    }

    /// All processes that live, for the end.
    pub(super) fn living(&self) -> Vec<ProcessId> {
        let living = |(id, process): (&ProcessId, &Process)| (!process.is_killed).then_some(*id);
        self.processes.iter().filter_map(living).collect()
    }

    /// A thread as people know it.
    pub(super) fn describe(&self, id: ThreadId) -> String {
        let Some(thread) = self.threads.get(&id) else { return "a thread that is gone".to_owned() };
        let process = self.processes.get(&thread.process);
        let process = process.map_or("?", |process| process.name.as_str());
        format!("{process}/{}", thread.name)
    }

    /// Every thread and its place.
    pub(super) fn places(&self) -> Vec<String> {
        let place = |(id, thread): (&ThreadId, &Thread)| {
            let state = match thread.state {
                State::Ready => "is ready at",
                State::Running => "runs since",
                State::Waiting { timer: Some(_), .. } => "waits with a deadline at",
                State::Waiting { timer: None, .. } => "waits at",
            };
            format!("{} {state} {} ({} steps)", self.describe(*id), thread.place, thread.steps)
        };
        self.threads.iter().map(place).collect()
    }

    fn give_turn(&mut self, id: ThreadId) -> Next {
        let thread = self.threads.get_mut(&id).expect("who is ready is there");
        thread.state = State::Running;
        thread.steps += 1;
        self.running = Some(id);
        Next::Run(id)
    }

    /// One of those who are ready, unless its process is paused.
    fn draw(&mut self) -> Option<ThreadId> {
        let is_paused = |id: &ThreadId| {
            let process = self.threads.get(id).and_then(|it| self.processes.get(&it.process));
            process.is_some_and(|process| process.is_paused)
        };
        let any_paused = self.processes.values().any(|process| process.is_paused);
        if !any_paused {
            if self.ready.is_empty() {
                return None;
            }
            let drawn = self.chance.below(self.ready.len() as u64);
            return Some(self.ready.swap_remove(usize::try_from(drawn).unwrap_or(0)));
        }
        let able: Vec<usize> =
            (0..self.ready.len()).filter(|index| !is_paused(&self.ready[*index])).collect();
        if able.is_empty() {
            return None;
        }
        let drawn = self.chance.below(able.len() as u64);
        Some(self.ready.swap_remove(able[usize::try_from(drawn).unwrap_or(0)]))
    }

    /// Ends a wait. Nothing, for one that does not wait.
    fn wake(&mut self, id: ThreadId, was_woken: bool) {
        let Some(thread) = self.threads.get_mut(&id) else { return };
        let State::Waiting { queue, timer } = thread.state else { return };
        thread.state = State::Ready;
        thread.was_woken = was_woken;
        let is_killed = thread.is_killed;
        if let Some(timer) = timer {
            self.timers.remove(&timer);
        }
        if let Some(waiting) = self.queues.get_mut(&queue) {
            waiting.retain(|waits| *waits != id);
            if waiting.is_empty() {
                self.queues.remove(&queue);
            }
        }
        if is_killed {
            self.dying.push_back(id);
        } else {
            self.ready.push(id);
        }
    }

    fn fire_due(&mut self) -> Vec<Waker> {
        let mut due = Vec::new();
        while let Some(first) = self.timers.first_entry()
            && first.key().0 <= self.now
        {
            match first.remove() {
                Timer::Thread(id) => self.wake(id, false),
                Timer::Task(waker) => due.push(waker),
            }
        }
        due
    }

    fn set_timer(&mut self, at: Instant, timer: Timer) -> TimerId {
        let id = TimerId(at, self.next_id());
        self.timers.insert(id, timer);
        id
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}
