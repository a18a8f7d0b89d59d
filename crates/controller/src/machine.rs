//! The controller's machine: a request and the newest image become an [`Outcome`]. A façade; each noun has its file.
//!
//! Told: the newest image (with facts that are being committed), and the time. Answers: which facts would be so, and what to say once they
//! are. What lasts changes in `Image::apply` alone; of its own it has its chance and what a controller knows only while it leads:
//! who has shown itself lately ([`Sessions`]) and when it last looked at the balance of leaders. That begins anew with
//! [`Machine::on_elected`].

use std::{sync::Arc, time::Duration};

use metadata::{Fact, Image, options::ServerOptions};
use model::BrokerId;
use world::{Chance, Clock, Instant};

use crate::{
    Answer, QuorumOptions, Request, alter_partition, balance, brokers, elections, options,
    partitions, producer_ids, reassignments, sessions::Sessions, stored, topics,
};

/// Where time and chance come from.
pub struct World {
    /// For sessions.
    pub clock: Arc<dyn Clock>,
    /// For topic ids and first replicas.
    pub chance: Chance,
}

/// What the controller is told once.
#[derive(Clone, Debug)]
pub struct ControllerOptions {
    /// Of the data directory.
    pub cluster_id: String,
    /// `num.partitions`, `default.replication.factor`, `delete.topic.enable`, and what topics fall back to.
    pub server: ServerOptions,
    /// Who votes, and how patient they are.
    pub quorum: QuorumOptions,
}

/// What a request comes to.
pub(crate) struct Outcome {
    /// In order; they commit together.
    pub(crate) facts: Vec<Fact>,
    /// To give once they are committed.
    pub(crate) answer: Answer,
}

impl Outcome {
    /// Nothing changes.
    pub(crate) fn refused(answer: Answer) -> Self {
        Self { facts: Vec::new(), answer }
    }
}

pub(crate) struct Machine {
    pub(crate) world: World,
    pub(crate) options: ControllerOptions,
    pub(crate) sessions: Sessions,
    pub(crate) balance_interval: Duration,
    /// When to look at the balance of leaders; set with the first tick of a reign.
    next_look: Option<Instant>,
}

impl Machine {
    pub(crate) fn new(world: World, options: ControllerOptions) -> Self {
        let ms =
            |name| Duration::from_millis(u64::try_from(options.server.number(name)).unwrap_or(0));
        let timeout = ms("broker.session.timeout.ms");
        let seconds = options.server.number("leader.imbalance.check.interval.seconds");
        let balance_interval = Duration::from_secs(u64::try_from(seconds).unwrap_or(300));
        let sessions = Sessions::new(timeout);
        Self { world, options, sessions, balance_interval, next_look: None }
    }

    pub(crate) fn cluster_id(&self) -> &str {
        &self.options.cluster_id
    }

    /// This controller leads from now on: every broker has a full session to show itself.
    pub(crate) fn on_elected(&mut self, image: &Image, now: Instant) {
        self.sessions.begin(image.brokers().map(|broker| (broker.id, broker.epoch)), now);
        self.next_look = Some(now.plus(self.balance_interval));
    }

    /// A connection to `broker` broke, or its node is silent: if it does not show itself within the grace, it is gone.
    pub(crate) fn on_suspect(&mut self, broker: BrokerId, grace: Duration, now: Instant) {
        self.sessions.suspect(broker, grace, now);
    }

    /// The node of `broker` answers the quorum again.
    pub(crate) fn on_heard(&mut self, broker: BrokerId) {
        self.sessions.trust(broker);
    }

    /// Does what time asks for.
    pub(crate) fn on_tick(&mut self, image: &Image, now: Instant) -> Vec<Fact> {
        for broker in image.brokers().filter(|broker| !broker.is_fenced) {
            self.sessions.ensure(broker.id, broker.epoch, now);
        }
        let mut after = image.clone();
        let mut facts = Vec::new();
        for broker in self.sessions.take_over(now) {
            let fenced = brokers::fence(self, &after, broker);
            fenced.iter().for_each(|fact| after.apply(fact));
            facts.extend(fenced);
        }
        if self.next_look.is_none_or(|at| at <= now) {
            let moved = balance::look(self, &after);
            self.next_look = Some(balance::next_look(self, now, moved.len()));
            facts.extend(moved);
        }
        facts
    }

    /// When [`Machine::on_tick`] has something to do, if nothing else happens.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.sessions.next_deadline().into_iter().chain(self.next_look).min()
    }

    /// Decides `request`.
    pub(crate) fn decide(&mut self, image: &Image, request: Request) -> Outcome {
        let now = self.world.clock.now();
        match request {
            Request::CreateTopics { topics, validate_only } => {
                topics::create(self, image, topics, validate_only)
            }
            Request::DeleteTopics(keys) => topics::delete(self, image, keys),
            Request::CreatePartitions { topics, validate_only } => {
                partitions::create(self, image, topics, validate_only)
            }
            Request::AlterTopicOptions { topics, validate_only } => {
                options::alter(image, &self.options.server, topics, validate_only)
            }
            Request::AllocateProducerIds => producer_ids::allocate(image),
            Request::RegisterBroker(new) => brokers::register(self, image, now, new),
            Request::Heartbeat(beat) => brokers::heartbeat(self, image, now, beat),
            Request::UnregisterBroker(id) => brokers::unregister(self, image, id),
            Request::AlterPartition { broker, epoch, changes } => {
                alter_partition::alter(image, &self.options.server, broker, epoch, &changes)
            }
            Request::ElectLeaders { kind, partitions } => {
                elections::elect(image, &self.options.server, kind, partitions)
            }
            Request::AlterReassignments { changes, may_change_factor } => {
                reassignments::alter(image, &self.options.server, &changes, may_change_factor)
            }
            Request::PutTable { name, definition, if_there } => {
                stored::put_table(image, name, definition, if_there)
            }
            Request::RemoveTable(name) => stored::remove_table(image, name),
            Request::PutJob { id, definition, if_there } => {
                stored::put_job(image, id, definition, if_there)
            }
            Request::RemoveJob(id) => stored::remove_job(image, id),
        }
    }
}
