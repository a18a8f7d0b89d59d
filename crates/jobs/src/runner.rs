//! The driver of one job on the node that leads its journal: a thread that gives its task turns, reign after reign, until the job ends, the
//! journal is led elsewhere, the node stops, or the chain breaks.
//!
//! Told ([`Order`]): go on, rest (end cleanly), leave (end without another word: the next leader takes over). Answers: where the job is.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use controller::{Controller, IfThere};
use flow::{
    plan::Plan,
    topics::Topics,
    turn::{Halt, Pace, Task, TaskIdentity, TaskStatus},
};
use metadata::Publisher;
use model::LeaderEpoch;
use world::exec::{self, JoinHandle, Mutex, Wait};

use crate::{
    bell::Bell,
    fact::{JobEnd, JobFact, JobState},
    submit,
};

/// How long a job waits for input before it looks whether it is to end.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// How long a job that was refused for a passing reason waits before its next reign begins: first, and, as it doubles, at most.
const RETRY_AFTER: Duration = Duration::from_millis(100);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);

/// A running job.
pub(crate) struct Runner {
    /// The reign of its journal's leader in which it runs.
    pub(crate) epoch: LeaderEpoch,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What is asked of a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Go on.
    Run,
    /// End the reign cleanly.
    Rest,
    /// End the reign as it stands: this node does not lead the journal any more.
    Leave,
}

/// What a runner is made of.
#[derive(Clone)]
pub(crate) struct RunnerParts {
    pub(crate) topics: Arc<dyn Topics>,
    pub(crate) controller: Controller,
    pub(crate) publisher: Arc<Publisher>,
    /// Rung when the thread has ended.
    pub(crate) bell: Arc<Bell>,
}

/// What the thread and its owner share.
struct Shared {
    order: Mutex<Order>,
    is_over: AtomicBool,
    status: Mutex<Seen>,
}

/// What people are shown.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) status: TaskStatus,
    pub(crate) lag_records: i64,
    /// What the job waits for, while it cannot go on.
    pub(crate) waits_for: Option<String>,
}

impl Runner {
    /// Starts the job's thread, in the reign `epoch` of its journal's leader.
    pub(crate) fn start(fact: JobFact, epoch: LeaderEpoch, parts: RunnerParts) -> Self {
        let shared = Arc::new(Shared {
            order: Mutex::new(Order::Run),
            is_over: AtomicBool::new(false),
            status: Mutex::default(),
        });
        let of_thread = shared.clone();
        let name = format!("job-{}", fact.id.get(..8).unwrap_or_default());
        let body = move || {
            let run = || match plan_of(&fact, &parts.publisher) {
                Ok(plan) => {
                    let reigns = Reigns { fact: &fact, plan: &Arc::new(plan), epoch };
                    reigns.one_after_the_other(&parts.topics, &of_thread)
                }
                Err(reason) => Some(JobState::Failed { reason }),
            };
            // A panic has been printed where it happened; the job must not look alive after it.
            let ended = panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
                let reason = "an internal error; the node's log says where".to_owned();
                Some(JobState::Failed { reason })
            });
            end(&fact, ended, &of_thread, &parts);
            of_thread.is_over.store(true, Ordering::Release);
            parts.bell.ring();
        };
        let thread = exec::spawn(&name, body);
        Self { epoch, shared, thread: thread.ok() }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.shared.status.lock().clone()
    }

    /// Asks for an end; one that was asked for already is not taken back.
    pub(crate) fn ask_to(&self, order: Order) {
        let mut standing = self.shared.order.lock();
        *standing = (*standing).max(order);
    }

    /// Whether its thread is about to end or has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.thread.is_none() || self.shared.is_over.load(Ordering::Acquire)
    }

    /// Waits for the thread's end.
    pub(crate) fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic of the job's thread has been reported where it happened.
            let _ = thread.join();
        }
    }
}

/// Stores how the job ended: by itself (`ended`), or where it was when somebody stopped it. If the controller is gone, the job will find
/// the same end again.
fn end(fact: &JobFact, ended: Option<JobState>, shared: &Shared, parts: &RunnerParts) {
    let Some(mut now) = fact_now(&fact.id, &parts.publisher) else { return };
    match ended {
        Some(state) if now.state == JobState::Running => now.state = state,
        _ if now.state == JobState::Stopped && now.last.is_none() => {}
        _ => return,
    }
    now.last = Some(JobEnd::of(&shared.status.lock().status));
    // The journal of a job that has ended is removed by whoever leads it.
    let _ = parts.controller.put_job(&now.id, now.text(), IfThere::Replace).wait();
}

fn fact_now(id: &str, publisher: &Publisher) -> Option<JobFact> {
    JobFact::parse(publisher.current().job(id)?).ok()
}

fn plan_of(fact: &JobFact, publisher: &Publisher) -> Result<Plan, String> {
    fact.stored_plan().map_or_else(|| submit::bind_again(fact, &publisher.current()), Ok)
}

/// A job's reigns on this node while it leads the journal in `epoch`.
struct Reigns<'a> {
    fact: &'a JobFact,
    plan: &'a Arc<Plan>,
    epoch: LeaderEpoch,
}

impl Reigns<'_> {
    /// Runs the job until it has ended; none when it goes on later, or elsewhere.
    fn one_after_the_other(&self, topics: &Arc<dyn Topics>, shared: &Shared) -> Option<JobState> {
        let mut pause = RETRY_AFTER;
        while self.is_ours(topics.as_ref()) {
            let halt = match self.reign(topics, shared) {
                Ok(state) => return state,
                Err(halt) => halt,
            };
            // A node that is stopping may have closed its logs already; the next reign takes over.
            if shared.order() != Order::Run || !self.is_ours(topics.as_ref()) {
                return None;
            }
            if halt.is_of_the_disk() {
                eprintln!("error: job {} rests until the node is back: {halt}", self.fact.id);
                return None;
            }
            if !halt.is_passing() {
                return Some(JobState::Failed { reason: halt.to_string() });
            }
            shared.wait_for(halt.to_string());
            shared.pause(pause);
            pause = (pause * 2).min(RETRY_AFTER_MAX);
        }
        None
    }

    /// Whether this node leads the journal still.
    fn is_ours(&self, topics: &dyn Topics) -> bool {
        let leadership = topics.leadership(&self.fact.journal());
        leadership.is_some_and(|now| now.is_here && now.epoch == self.epoch)
    }

    fn reign(&self, topics: &Arc<dyn Topics>, shared: &Shared) -> Result<Option<JobState>, Halt> {
        let Self { fact, plan, .. } = self;
        let identity = TaskIdentity { journal: fact.journal(), group: fact.group.clone() };
        let mut task = Task::begin(topics.clone(), Arc::clone(plan), identity, Pace::default())?;
        shared.observe(&task);
        while shared.order() == Order::Run {
            if task.turn()? {
                shared.observe(&task);
            } else if task.is_finished() {
                task.rest()?;
                shared.observe(&task);
                return Ok(Some(JobState::Finished));
            } else {
                let _ = task.wait(WAIT_MAX);
            }
        }
        if shared.order() == Order::Rest {
            task.rest()?;
            shared.observe(&task);
        }
        Ok(None)
    }
}

impl Shared {
    fn order(&self) -> Order {
        *self.order.lock()
    }

    fn observe(&self, task: &Task) {
        let (status, lag_records) = (task.status(), task.lag_records());
        *self.status.lock() = Seen { status, lag_records, waits_for: None };
    }

    fn wait_for(&self, reason: String) {
        self.status.lock().waits_for = Some(reason);
    }

    /// Waits; not on while there is another order.
    fn pause(&self, pause: Duration) {
        let mut left = pause;
        while !left.is_zero() && self.order() == Order::Run {
            let step = left.min(WAIT_MAX);
            exec::sleep(step);
            left -= step;
        }
    }
}
