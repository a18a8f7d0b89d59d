//! The group machine on a simulated clock and a log in memory, with names in place of ticket numbers: for traces and properties.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{LeaderEpoch, PartitionId, TimestampMs};
use world::{Chance, sim::SimClock};

use super::{Core, GroupShard};
use crate::{
    asked::{Answered, Asked},
    budget::Budget,
    limits,
    options::GroupOptions,
    runtime::{Now, Runtime, Shard, Ticket, Timers},
    test_log::TestLog,
};

pub(crate) const PARTITION: PartitionId = PartitionId(0);
/// When every world begins.
const START: TimestampMs = TimestampMs(1_000_000);

pub(crate) struct World {
    pub(crate) clock: SimClock,
    pub(crate) log: Arc<TestLog>,
    pub(crate) runtime: Runtime<GroupShard>,
    pub(crate) options: GroupOptions,
    pub(crate) budget: Arc<Budget>,
    seed: u64,
    epoch: LeaderEpoch,
    askers: BTreeMap<Ticket, String>,
    last_ticket: u64,
}

impl World {
    pub(crate) fn new(options: GroupOptions, seed: u64) -> Self {
        let log = Arc::new(TestLog::default());
        let mut world = Self {
            clock: SimClock::new(START),
            runtime: Runtime::new(log.clone()),
            log,
            options,
            budget: Budget::new(limits::GROUPS_BYTES_MAX),
            seed,
            epoch: LeaderEpoch(0),
            askers: BTreeMap::new(),
            last_ticket: 0,
        };
        world.elect();
        world
    }

    pub(crate) fn now(&self) -> Now {
        Now::read(&self.clock)
    }

    /// `asker` asks; what is answered comes with the next [`World::take_answers`].
    pub(crate) fn ask(&mut self, asker: &str, asked: Asked) {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.askers.insert(ticket, asker.to_owned());
        self.runtime.on_request(PARTITION, (ticket, asked), self.now());
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.now().instant.plus(time);
        while let Some(deadline) = self.runtime.next_deadline().filter(|at| *at <= end) {
            self.clock.advance(deadline.since(self.now().instant));
            self.on_time();
        }
        self.clock.advance(end.since(self.now().instant));
        self.on_time();
    }

    pub(crate) fn on_time(&mut self) {
        if let Some(load) = self.runtime.on_time(self.now()) {
            self.load(load);
        }
    }

    /// The partition is lost and won again: everything is read anew.
    pub(crate) fn restart(&mut self) {
        self.runtime.on_resigned(PARTITION);
        self.elect();
    }

    pub(crate) fn elect(&mut self) {
        self.epoch = self.epoch.next();
        if let Some(load) = self.runtime.on_elected(PARTITION, self.epoch) {
            self.load(load);
        }
    }

    pub(crate) fn elect_in(&mut self, epoch: LeaderEpoch) {
        self.epoch = LeaderEpoch(epoch.0 - 1);
        self.elect();
    }

    fn load(&mut self, load: crate::runtime::Reign) {
        let shard = self.empty_shard();
        let loaded = crate::runtime::load(&*self.log, load, shard);
        self.runtime.on_loaded(load, loaded, self.now());
    }

    /// What a restart would make of the log as it is.
    pub(crate) fn replayed(&mut self) -> GroupShard {
        let load = crate::runtime::Reign { partition: PARTITION, epoch: self.epoch };
        let shard = self.empty_shard();
        let (mut shard, _) = crate::runtime::load(&*self.log, load, shard).unwrap();
        shard.on_loaded(self.epoch, self.now());
        shard
    }

    fn empty_shard(&mut self) -> GroupShard {
        self.seed += 1;
        GroupShard::new(Core {
            options: Arc::new(self.options.clone()),
            topics: Arc::new(|name: &str| match name {
                "gone" => None,
                _ => Some(4),
            }),
            budget: Arc::clone(&self.budget),
            chance: Chance::from_seed(self.seed),
            timers: Timers::new(),
        })
    }

    pub(crate) fn shard(&self) -> &GroupShard {
        self.runtime.shard(PARTITION).expect("the partition is loaded")
    }

    pub(crate) fn take_answers(&mut self) -> Vec<(String, Answered)> {
        let answers = self.runtime.take_answers();
        let named = answers.into_iter().filter_map(|(ticket, answer)| {
            let asker = self.askers.remove(&ticket);
            assert!(asker.is_some() || ticket == Ticket::NOBODY, "{ticket:?} is answered twice");
            Some((asker?, answer))
        });
        named.collect()
    }

    /// Who still waits.
    pub(crate) fn waiting(&self) -> Vec<&str> {
        self.askers.values().map(String::as_str).collect()
    }
}
