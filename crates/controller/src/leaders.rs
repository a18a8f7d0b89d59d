//! Leaders move when brokers come and go: which partitions change, as facts.
//!
//! Told: the image and the broker that goes (its fact stands behind ours) or has come (its fact stands before ours). What the broker's own
//! fact implies for partitions that nobody else could lead is not repeated here: see `metadata::Fact::BrokerState`.

use std::cell::OnceCell;

use metadata::{
    Fact, Image, NO_LEADER, PartitionState, StateFact, Topic,
    options::{ServerOptions, effective, min_insync_replicas},
};
use model::{BrokerId, PartitionId, TopicId};

use crate::change::{Change, Seek};

/// `broker` is about to be fenced, to shut down or to be gone: it leaves the in-sync replicas wherever another is left, and
/// others lead what it led.
pub(crate) fn leave(image: &Image, server: &ServerOptions, broker: BrokerId) -> Vec<Fact> {
    depart(image, server, broker, |change| change.without_in_sync(broker))
}

/// `broker` begins a new life, and may have lost what it had in the one before: it leaves the eligible replicas, too.
pub(crate) fn lose(image: &Image, server: &ServerOptions, broker: BrokerId) -> Vec<Fact> {
    depart(image, server, broker, |change| change.without(broker))
}

fn depart(
    image: &Image,
    server: &ServerOptions,
    broker: BrokerId,
    without: impl Fn(Change<'_>) -> Change<'_>,
) -> Vec<Fact> {
    let can_lead = |id| id != broker && image.is_active(id);
    let mut facts = Vec::new();
    for topic in image.topics() {
        let seeks = Seeks::of(image, server, topic);
        facts.extend(changed(topic, |state| {
            if !state.isr.contains(&broker) && !state.elr.contains(&broker) {
                return None;
            }
            let next = seeks.cleanly_if_possible(|| without(seeks.change(state)), &can_lead)?;
            let is_implied = next.leader == NO_LEADER
                && state.isr.as_ref() == next.isr.as_slice()
                && state.elr.as_ref() == next.elr.as_slice();
            (!is_implied).then_some(next)
        }));
    }
    facts
}

/// `broker` is active now: it leads where nobody could. What waits for it alone is its own fact's affair, but not who is eligible then.
pub(crate) fn come(image: &Image, server: &ServerOptions, broker: BrokerId) -> Vec<Fact> {
    assert!(image.is_active(broker), "a broker's own fact stands first");
    let can_lead = |id| image.is_active(id);
    let mut facts = Vec::new();
    for topic in image.topics() {
        let seeks = Seeks::of(image, server, topic);
        facts.extend(changed(topic, |state| {
            let is_waiting = !state.is_led() && state.replicas.contains(&broker);
            let is_wanted = is_waiting || (state.leader == broker && !state.elr.is_empty());
            is_wanted.then(|| seeks.cleanly_if_possible(|| seeks.change(state), &can_lead))?
        }));
    }
    facts
}

/// What has become due without anybody coming or going: leaders for partitions that have none although their topic allows an unclean
/// election, and no eligible replicas where enough are in sync (the controller's own `min.insync.replicas` is another).
pub(crate) fn settle(image: &Image, server: &ServerOptions) -> Vec<Fact> {
    let can_lead = |id| image.is_active(id);
    let mut facts = Vec::new();
    for topic in image.topics() {
        let seeks = Seeks::of(image, server, topic);
        facts.extend(changed(topic, |state| {
            let is_wanted = !state.is_led() || !state.elr.is_empty();
            is_wanted.then(|| seeks.cleanly_if_possible(|| seeks.change(state), &can_lead))?
        }));
    }
    facts
}

/// Tries a clean election first. A topic's options are looked at only when they are needed.
pub(crate) struct Seeks<'a> {
    image: &'a Image,
    server: &'a ServerOptions,
    topic: &'a Topic,
    min_isr: OnceCell<usize>,
}

impl<'a> Seeks<'a> {
    pub(crate) const fn of(image: &'a Image, server: &'a ServerOptions, topic: &'a Topic) -> Self {
        Self { image, server, topic, min_isr: OnceCell::new() }
    }

    /// A change of one of the topic's partitions.
    pub(crate) fn change<'s>(&self, state: &'s PartitionState) -> Change<'s> {
        let Self { image, server, topic, .. } = self;
        let min_isr = *self.min_isr.get_or_init(|| min_insync_replicas(server, image, topic));
        Change::of(state, min_isr)
    }

    fn cleanly_if_possible<'s>(
        &self,
        change: impl Fn() -> Change<'s>,
        can_lead: &impl Fn(BrokerId) -> bool,
    ) -> Option<StateFact> {
        let next = change().decide(can_lead);
        let is_led = next.as_ref().is_some_and(|next| next.leader != NO_LEADER);
        if is_led || !self.is_unclean_allowed() {
            return next;
        }
        change().seek(Seek::Unclean).decide(can_lead)
    }

    fn is_unclean_allowed(&self) -> bool {
        effective(self.server, self.image, self.topic).is_unclean_election_allowed
    }
}

/// The facts of a topic's partitions that `next` changes.
pub(crate) fn changed(
    topic: &Topic,
    next: impl Fn(&PartitionState) -> Option<StateFact>,
) -> Vec<Fact> {
    let mut runs = Runs::new(topic.id);
    for (number, state) in topic.numbered() {
        if let Some(next) = next(state) {
            runs.push(number, next);
        }
    }
    runs.finish()
}

/// States of a topic's partitions in order; neighbours with equal states become one fact.
pub(crate) struct Runs {
    topic: TopicId,
    run: Option<(PartitionId, i32, StateFact)>,
    facts: Vec<Fact>,
}

impl Runs {
    pub(crate) fn new(topic: TopicId) -> Self {
        Self { topic, run: None, facts: Vec::new() }
    }

    pub(crate) fn push(&mut self, number: PartitionId, state: StateFact) {
        if let Some((first, count, same)) = &mut self.run
            && first.0.checked_add(*count) == Some(number.0)
            && *same == state
        {
            *count += 1;
            return;
        }
        self.end_run();
        self.run = Some((number, 1, state));
    }

    pub(crate) fn finish(mut self) -> Vec<Fact> {
        self.end_run();
        self.facts
    }

    fn end_run(&mut self) {
        if let Some((first, count, state)) = self.run.take() {
            self.facts.push(Fact::Partitions { topic: self.topic, first, count, state });
        }
    }
}
