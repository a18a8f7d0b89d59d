//! The driver of one job: a thread that gives its task turns until the job ends, the node stops, or the chain breaks.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use controller::{Controller, IfThere, TopicKey};
use flow::{
    plan::Plan,
    topics::Topics,
    turn::{Halt, Pace, Task, TaskIdentity, TaskStatus},
};
use metadata::Publisher;
use world::exec::{self, JoinHandle, Wait};

use crate::{
    fact::{JobEnd, JobFact, JobState},
    submit,
};

/// How long a job waits for input before it looks whether it is to end.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// How long a reign that was refused for a passing reason waits before the next one begins.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// A running job.
pub(crate) struct Runner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and its owner share.
struct Shared {
    is_to_rest: AtomicBool,
    status: Mutex<(TaskStatus, i64)>,
}

impl Runner {
    /// Starts the job's thread.
    pub(crate) fn start(
        fact: JobFact,
        topics: Arc<dyn Topics>,
        controller: Controller,
        publisher: Arc<Publisher>,
    ) -> Self {
        let status = Mutex::new((TaskStatus::default(), 0));
        let shared = Arc::new(Shared { is_to_rest: AtomicBool::new(false), status });
        let of_thread = shared.clone();
        let name = format!("job-{}", fact.id.get(..8).unwrap_or_default());
        let body = move || {
            let mut fact = fact;
            let run = || match plan_of(&fact, &publisher) {
                Ok(plan) => reign_after_reign(&fact, &Arc::new(plan), &topics, &of_thread),
                Err(reason) => Some(JobState::Failed { reason }),
            };
            // A panic has been printed where it happened; the job must not look alive after it.
            let ended = panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
                let reason = "an internal error; the node's log says where".to_owned();
                Some(JobState::Failed { reason })
            });
            if let Some(state) = ended {
                end(&mut fact, state, &of_thread, &controller);
            }
        };
        let thread = exec::spawn(&name, body);
        Self { shared, thread: thread.ok() }
    }

    pub(crate) fn status(&self) -> TaskStatus {
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    pub(crate) fn lag_records(&self) -> i64 {
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    pub(crate) fn ask_to_rest(&self) {
        self.shared.is_to_rest.store(true, Ordering::Release);
    }

    /// Waits for the thread's end; answers where the job was.
    pub(crate) fn join(mut self) -> TaskStatus {
        if let Some(thread) = self.thread.take() {
            // A panic of the job's thread has been reported where it happened.
            let _ = thread.join();
        }
        self.status()
    }
}

/// Stores how the job ended. If the controller is gone, the job will find the same end again.
fn end(fact: &mut JobFact, state: JobState, shared: &Shared, controller: &Controller) {
    let is_failed = matches!(state, JobState::Failed { .. });
    fact.state = state;
    fact.last = Some(JobEnd::of(&shared.status.lock().unwrap_or_else(PoisonError::into_inner).0));
    let stored = controller.put_job(&fact.id, fact.text(), IfThere::Replace).wait();
    if matches!(stored, Some(Ok(_))) && !is_failed {
        let journal = TopicKey::Name(fact.journal().topic.to_string());
        drop(controller.delete_topics(vec![journal]));
    }
}

fn plan_of(fact: &JobFact, publisher: &Publisher) -> Result<Plan, String> {
    fact.stored_plan().map_or_else(|| submit::bind_again(fact, &publisher.current()), Ok)
}

/// Runs the job until it has ended; none when the node is stopping and the job goes on later.
fn reign_after_reign(
    fact: &JobFact,
    plan: &Arc<Plan>,
    topics: &Arc<dyn Topics>,
    shared: &Shared,
) -> Option<JobState> {
    loop {
        match reign(fact, plan, topics, shared) {
            Ok(state) => return state,
            Err(halt) if halt.is_passing() && !shared.is_to_rest.load(Ordering::Acquire) => {
                exec::sleep(RETRY_AFTER);
            }
            Err(Halt::Fenced) => return None,
            Err(halt) if halt.is_of_the_disk() => {
                eprintln!("error: job {} rests until the node is back: {halt}", fact.id);
                return None;
            }
            // A node that is stopping may have closed its logs already; the next start takes over.
            Err(_) if shared.is_to_rest.load(Ordering::Acquire) => return None,
            Err(halt) => return Some(JobState::Failed { reason: halt.to_string() }),
        }
    }
}

fn reign(
    fact: &JobFact,
    plan: &Arc<Plan>,
    topics: &Arc<dyn Topics>,
    shared: &Shared,
) -> Result<Option<JobState>, Halt> {
    let identity = TaskIdentity { journal: fact.journal(), group: fact.group.clone() };
    let mut task = Task::begin(topics.clone(), plan.clone(), identity, Pace::default())?;
    shared.observe(&task);
    while !shared.is_to_rest.load(Ordering::Acquire) {
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
    task.rest()?;
    Ok(None)
}

impl Shared {
    fn observe(&self, task: &Task) {
        let status = (task.status(), task.lag_records());
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}
