//! Which jobs run on this node: those whose journal it leads, one runner each, ever.
//!
//! ```text
//!   journal led here, fact says run   ─▶ a runner, in the reign of the journal's leader
//!   journal led elsewhere, or anew    ─▶ the runner leaves: the next one takes over what it finds
//!   fact says stopped                 ─▶ the runner rests
//!   fact says ended, journal led here ─▶ the journal is removed
//! ```
//! Told: an image. A job that was led away and back begins anew only when its old runner is gone: two of one job on one node would
//! append to the same journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use controller::TopicKey;
use flow::topics::{Leadership, Topics};
use metadata::Image;
use model::TopicName;
use world::{Instant, exec::Mutex};

use crate::{
    fact::{JobFact, JobState},
    runner::{Order, Runner, RunnerParts, Seen},
};

/// How long a journal stands without a job before it is removed: its submission has died in between.
const ORPHANED_AFTER: Duration = Duration::from_secs(600);

/// The jobs of this node.
#[derive(Default)]
pub(crate) struct Here {
    /// Guards which jobs run here.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_closed: bool,
    runners: BTreeMap<String, Runner>,
    /// Jobs that were stopped from this node: the image may be slower than the answer that they are.
    stopped: BTreeSet<String>,
    /// Facts as they were read last, with their text: most changes of the image change no job.
    facts: BTreeMap<String, (String, JobFact)>,
    /// Journals without a job, since when.
    orphans: BTreeMap<TopicName, Instant>,
    /// Journals whose removal has been asked for.
    removed: BTreeSet<TopicName>,
}

impl Here {
    /// Starts and ends reigns as `image` says.
    pub(crate) fn follow(&self, image: &Image, parts: &RunnerParts, now: Instant) {
        let mut state = self.state.lock();
        if state.is_closed {
            return;
        }
        state.read_facts(image);
        state.end_runners(parts.topics.as_ref());
        state.start_runners(parts);
        state.remove_journals(image, parts, now);
    }

    /// Where a job is, if it runs here.
    pub(crate) fn seen(&self, id: &str) -> Option<Seen> {
        self.state.lock().runners.get(id).map(Runner::seen)
    }

    /// Waits until a job that is stopped runs here no longer. Answers whether it did run here.
    pub(crate) fn end(&self, id: &str) -> bool {
        let mut state = self.state.lock();
        state.stopped.insert(id.to_owned());
        let Some(runner) = state.runners.remove(id) else { return false };
        drop(state);
        runner.ask_to(Order::Rest);
        runner.join();
        true
    }

    /// Ends every reign cleanly.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let runners = std::mem::take(&mut state.runners);
        drop(state);
        for runner in runners.values() {
            runner.ask_to(Order::Rest);
        }
        for runner in runners.into_values() {
            runner.join();
        }
    }
}

impl State {
    fn read_facts(&mut self, image: &Image) {
        self.facts.retain(|id, _| image.job(id).is_some());
        self.stopped.retain(|id| image.job(id).is_some());
        for (id, text) in image.jobs() {
            if self.facts.get(id).is_some_and(|(known, _)| known == text) {
                continue;
            }
            match JobFact::parse(text) {
                Ok(fact) => drop(self.facts.insert(id.to_owned(), (text.to_owned(), fact))),
                Err(_) => drop(self.facts.remove(id)),
            }
        }
    }

    /// Asks runners to end that have no business here any more, and forgets those that have ended.
    fn end_runners(&mut self, topics: &dyn Topics) {
        let mut over = Vec::new();
        for (id, runner) in &self.runners {
            let fact = self.facts.get(id).map(|(_, fact)| fact);
            let is_to_run = fact.is_some_and(|fact| fact.state == JobState::Running);
            let is_led = fact.and_then(|fact| led_here(topics, fact)) == Some(runner.epoch);
            match (is_to_run, is_led) {
                // One that has ended by itself in this reign stays so: the next reign begins it again.
                (true, true) => continue,
                (_, false) => runner.ask_to(Order::Leave),
                (false, true) => runner.ask_to(Order::Rest),
            }
            if runner.is_over() {
                over.push(id.clone());
            }
        }
        for runner in over.iter().filter_map(|id| self.runners.remove(id)) {
            runner.join();
        }
    }

    fn start_runners(&mut self, parts: &RunnerParts) {
        for (id, (_, fact)) in &self.facts {
            let is_to_run = fact.state == JobState::Running && !self.stopped.contains(id);
            if !is_to_run || self.runners.contains_key(id) {
                continue;
            }
            if let Some(epoch) = led_here(parts.topics.as_ref(), fact) {
                let runner = Runner::start(fact.clone(), epoch, parts.clone());
                self.runners.insert(id.clone(), runner);
            }
        }
    }

    /// Removes the journals led here of jobs that have ended, or whose submission did.
    fn remove_journals(&mut self, image: &Image, parts: &RunnerParts, now: Instant) {
        self.removed.retain(|name| image.topic_named(name).is_some());
        self.orphans.retain(|name, _| image.topic_named(name).is_some());
        for topic in image.topics() {
            let Some(id) = JobFact::id_of_journal(&topic.name) else { continue };
            let partition = flow::topics::partition_of(&topic.name, 0);
            let is_here = parts.topics.leadership(&partition).is_some_and(|now| now.is_here);
            if !is_here || self.runners.contains_key(id) || self.removed.contains(&topic.name) {
                continue;
            }
            let is_ended = match self.facts.get(id) {
                Some((_, fact)) => matches!(fact.state, JobState::Finished | JobState::Stopped),
                // A fact that this code cannot read is somebody's.
                None if image.job(id).is_some() => false,
                None => {
                    let since = *self.orphans.entry(topic.name.clone()).or_insert(now);
                    now.since(since) >= ORPHANED_AFTER
                }
            };
            if is_ended {
                // If it fails, the next leader asks again.
                drop(parts.controller.delete_topics(vec![TopicKey::Name(topic.name.to_string())]));
                self.removed.insert(topic.name.clone());
            }
        }
    }
}

/// The reign in which this node leads a job's journal; none when it does not.
fn led_here(topics: &dyn Topics, fact: &JobFact) -> Option<model::LeaderEpoch> {
    let leadership: Leadership = topics.leadership(&fact.journal())?;
    leadership.is_here.then_some(leadership.epoch)
}
