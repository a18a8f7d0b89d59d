//! The SQL engine of a node, and what people see of the cluster's jobs. Which of them run here is [`crate::follow`]'s to say.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use controller::Controller;
use flow::{topics::Topics, turn::TaskStatus};
use metadata::Publisher;
use model::{BrokerId, Offset};
use world::{
    Chance, Clock,
    exec::{self, JoinHandle},
};

use crate::{
    bell::Bell,
    fact::{JobEnd, JobFact, JobState},
    follow::Here,
    runner::RunnerParts,
};

/// What an engine is made of.
pub struct EngineParts {
    /// The cluster's partitions, as this node reaches them.
    pub topics: Arc<dyn Topics>,
    /// Where facts are decided.
    pub controller: Controller,
    /// Where facts are read.
    pub publisher: Arc<Publisher>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub chance: Chance,
    /// Addresses that name this cluster in `properties.bootstrap.servers`, as `host:port`.
    pub own_addresses: Vec<String>,
}

/// The SQL engine of a node.
pub struct Engine {
    pub(crate) topics: Arc<dyn Topics>,
    pub(crate) controller: Controller,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) own_addresses: Vec<String>,
    chance: Mutex<Chance>,
    /// Set once: nothing begins any more, and queries end.
    pub(crate) is_closing: AtomicBool,
    /// The jobs that run here.
    pub(crate) here: Here,
    bell: Arc<Bell>,
    /// Follows the image until the engine closes.
    follower: exec::Mutex<Option<JoinHandle<()>>>,
}

/// A job, as people see it.
#[derive(Clone, Debug)]
pub struct JobView {
    /// What is stored.
    pub fact: JobFact,
    /// Where it is; none when it does not run here.
    pub status: Option<TaskStatus>,
    /// Records it could read and has not; none when it does not run here.
    pub lag_records: Option<i64>,
    /// The node that runs it, or is to: the leader of its journal. None when it has ended, and while nobody leads.
    pub node: Option<BrokerId>,
    /// What it waits for, while it cannot go on; none when it does not run here.
    pub waits_for: Option<String>,
}

impl JobView {
    /// Why it failed, or what it waits for.
    fn reason(&self) -> &str {
        self.fact.state.reason().or(self.waits_for.as_deref()).unwrap_or_default()
    }

    /// As SHOW JOBS lists it.
    pub(crate) fn row(&self) -> Vec<String> {
        let counters = self.status.as_ref().map(|status| status.counters);
        let count = |pick: fn(flow::counters::Counters) -> u64| {
            counters.map_or_else(String::new, |counters| pick(counters).to_string())
        };
        vec![
            self.fact.id.clone(),
            self.fact.name.clone(),
            self.fact.state.word().to_owned(),
            count(|it| it.used),
            count(|it| it.filtered),
            count(|it| it.late),
            count(|it| it.bad),
            count(|it| it.skipped),
            self.reason().to_owned(),
            self.node.map_or_else(String::new, |node| node.to_string()),
        ]
    }
}

impl Engine {
    /// Runs the jobs whose journals this node leads, from now on.
    ///
    /// # Panics
    /// When the system gives it no thread.
    #[must_use]
    pub fn start(parts: EngineParts) -> Arc<Self> {
        let bell = Arc::new(Bell::default());
        let engine = Arc::new(Self {
            topics: parts.topics,
            controller: parts.controller,
            publisher: parts.publisher,
            clock: parts.clock,
            own_addresses: parts.own_addresses,
            chance: Mutex::new(parts.chance),
            is_closing: AtomicBool::new(false),
            here: Here::default(),
            bell: bell.clone(),
            follower: exec::Mutex::new(None),
        });
        let of_image = Arc::downgrade(&bell);
        // The controller's thread tells, and goes on.
        engine.publisher.subscribe(Box::new(move |_, new, _| {
            if let Some(bell) = of_image.upgrade() {
                bell.ring_for(new.version());
            }
        }));
        engine.follow();
        let follower = Arc::clone(&engine);
        let body = move || {
            while !follower.is_closing.load(Ordering::Acquire) {
                let version = bell.wait(LOOK_EVERY);
                follower.await_image(version);
                follower.follow();
            }
        };
        let thread = exec::spawn("jobs", body).expect("a node that starts can start a thread");
        *engine.follower.lock() = Some(thread);
        engine
    }

    /// Every stored job, oldest first.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobView> {
        let view = |fact: JobFact| {
            let seen = self.here.seen(&fact.id);
            let leadership = self.topics.leadership(&fact.journal());
            let is_running = fact.state == JobState::Running;
            JobView {
                lag_records: seen.as_ref().map(|seen| seen.lag_records),
                waits_for: seen.as_ref().and_then(|seen| seen.waits_for.clone()),
                status: seen
                    .map(|seen| seen.status)
                    .or_else(|| fact.last.as_ref().map(JobEnd::status)),
                node: leadership.and_then(|now| now.leader).filter(|_| is_running),
                fact,
            }
        };
        self.facts().into_iter().map(view).collect()
    }

    /// Ends every reign cleanly; jobs go on when the node is back, or on the next leader of their journal.
    ///
    ///  1. nothing begins any more, and queries end;
    ///  2. the image is followed no longer;
    ///  3. every reign ends.
    pub fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.bell.ring();
        if let Some(thread) = self.follower.lock().take() {
            // A panic has been reported where it happened.
            let _ = thread.join();
        }
        self.here.close();
    }

    /// Waits until readers see the image of `version`: subscribers are told a moment before.
    fn await_image(&self, version: Offset) {
        while self.publisher.current().version() < version
            && !self.is_closing.load(Ordering::Acquire)
        {
            exec::sleep(IMAGE_LOOK_EVERY);
        }
    }

    /// Starts and ends reigns as the image says.
    pub(crate) fn follow(&self) {
        if self.is_closing.load(Ordering::Acquire) {
            return;
        }
        let parts = RunnerParts {
            topics: self.topics.clone(),
            controller: self.controller.clone(),
            publisher: self.publisher.clone(),
            bell: self.bell.clone(),
        };
        self.here.follow(&self.publisher.current(), &parts, self.clock.now());
    }

    pub(crate) fn facts(&self) -> Vec<JobFact> {
        let image = self.publisher.current();
        let parse = |(_, text): (&str, &str)| JobFact::parse(text).ok();
        let mut facts: Vec<_> = image.jobs().filter_map(parse).collect();
        facts.sort_by(|left, right| {
            left.submitted_ms.cmp(&right.submitted_ms).then_with(|| left.id.cmp(&right.id))
        });
        facts
    }

    pub(crate) fn new_job_id(&self) -> String {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{:032x}", chance.uuid())
    }
}

/// How often the image is looked at although nobody has rung.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const IMAGE_LOOK_EVERY: Duration = Duration::from_millis(1);
