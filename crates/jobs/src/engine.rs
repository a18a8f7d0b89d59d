//! All jobs of this node: started when their partition is led here, stopped with the node.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use controller::{Controller, TopicKey};
use flow::{topics::Topics, turn::TaskStatus};
use metadata::Publisher;
use world::{Chance, Clock};

use crate::{
    fact::{JobEnd, JobFact, JobState},
    runner::Runner,
};

/// What an engine is made of.
pub struct EngineParts {
    /// The node's partitions, in place.
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
    /// Guards which jobs run here: one runner per job id, ever.
    runners: Mutex<BTreeMap<String, Runner>>,
}

/// A job, as people see it.
#[derive(Clone, Debug)]
pub struct JobView {
    /// What is stored.
    pub fact: JobFact,
    /// Where it is; none when it does not run here.
    pub status: Option<TaskStatus>,
    /// Records it could read and has not.
    pub lag_records: Option<i64>,
}

impl JobView {
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
            self.fact.state.reason().unwrap_or_default().to_owned(),
        ]
    }
}

impl Engine {
    /// Starts every stored job that is to run.
    #[must_use]
    pub fn start(parts: EngineParts) -> Arc<Self> {
        let engine = Arc::new(Self {
            topics: parts.topics,
            controller: parts.controller,
            publisher: parts.publisher,
            clock: parts.clock,
            own_addresses: parts.own_addresses,
            chance: Mutex::new(parts.chance),
            is_closing: AtomicBool::new(false),
            runners: Mutex::new(BTreeMap::new()),
        });
        engine.remove_orphans();
        for fact in engine.facts() {
            if fact.state == JobState::Running {
                engine.run(fact);
            }
        }
        engine
    }

    /// Every stored job, oldest first.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobView> {
        let runners = self.runners();
        let view = |fact: JobFact| {
            let runner = runners.get(&fact.id);
            JobView {
                status: runner
                    .map(Runner::status)
                    .or_else(|| fact.last.as_ref().map(JobEnd::status)),
                lag_records: runner.map(Runner::lag_records),
                fact,
            }
        };
        self.facts().into_iter().map(view).collect()
    }

    /// Ends every reign cleanly; jobs go on when the node is back.
    pub fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        let runners = std::mem::take(&mut *self.runners());
        for runner in runners.values() {
            runner.ask_to_rest();
        }
        for runner in runners.into_values() {
            runner.join();
        }
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

    /// Runs a job that is stored and does not run yet.
    pub(crate) fn run(&self, fact: JobFact) {
        let id = fact.id.clone();
        let mut runners = self.runners();
        if self.is_closing.load(Ordering::Acquire) {
            // It is stored, and runs when the node is back.
            return;
        }
        let runner = Runner::start(
            fact,
            self.topics.clone(),
            self.controller.clone(),
            self.publisher.clone(),
        );
        runners.insert(id, runner);
    }

    /// Ends a job's reign, if it runs here; answers where it was.
    pub(crate) fn end(&self, id: &str) -> Option<TaskStatus> {
        let runner = self.runners().remove(id)?;
        runner.ask_to_rest();
        Some(runner.join())
    }

    /// Removes topics of jobs that have ended, or whose submission did.
    fn remove_orphans(&self) {
        let facts = self.facts();
        let needs =
            |fact: &&JobFact| matches!(fact.state, JobState::Running | JobState::Failed { .. });
        let needed: BTreeSet<_> =
            facts.iter().filter(needs).map(|fact| fact.journal().topic).collect();
        let image = self.publisher.current();
        let journals = image.topics().filter(|topic| JobFact::is_journal(&topic.name));
        let orphans: Vec<_> = journals
            .filter(|topic| !needed.contains(&topic.name))
            .map(|topic| TopicKey::Name(topic.name.to_string()))
            .collect();
        if !orphans.is_empty() {
            // What is left of them is removed at the next start.
            drop(self.controller.delete_topics(orphans));
        }
    }

    pub(crate) fn new_job_id(&self) -> String {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{:032x}", chance.uuid())
    }

    fn runners(&self) -> MutexGuard<'_, BTreeMap<String, Runner>> {
        self.runners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
