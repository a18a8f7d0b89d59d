//! The transaction machine on a simulated clock and a log in memory, with names in place of ticket numbers: for traces and properties.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use model::{
    ErrorCode, LeaderEpoch, PartitionId, ProducerEpoch, ProducerId, TimestampMs, TopicName,
    TopicPartition,
};
use world::sim::SimClock;

use super::{
    asked::{Answered, Asked, Producing},
    cx::{Core, WriteMarkers},
    markers::Written,
    options::TransactionOptions,
    shard::TransactionShard,
};
use crate::{
    budget::Budget,
    limits,
    runtime::{Now, Reign, Runtime, Ticket, Timers},
    test_log::TestLog,
};

pub(crate) const PARTITION: PartitionId = PartitionId(0);
/// When every world begins.
const START: TimestampMs = TimestampMs(1_000_000);

pub(crate) struct World {
    pub(crate) clock: SimClock,
    pub(crate) log: Arc<TestLog>,
    pub(crate) runtime: Runtime<TransactionShard>,
    pub(crate) options: TransactionOptions,
    budget: Arc<Budget>,
    next_id: Arc<AtomicI64>,
    epoch: LeaderEpoch,
    askers: BTreeMap<Ticket, String>,
    last_ticket: u64,
    /// Orders that nobody has carried out yet.
    pub(crate) orders: Vec<WriteMarkers>,
}

impl World {
    pub(crate) fn new(options: TransactionOptions) -> Self {
        let log = Arc::new(TestLog::default());
        let mut world = Self {
            clock: SimClock::new(START),
            runtime: Runtime::new(log.clone()),
            log,
            options,
            budget: Budget::new(limits::TRANSACTIONS_BYTES_MAX),
            next_id: Arc::new(AtomicI64::new(100)),
            epoch: LeaderEpoch(0),
            askers: BTreeMap::new(),
            last_ticket: 0,
            orders: Vec::new(),
        };
        world.elect();
        world
    }

    pub(crate) fn now(&self) -> Now {
        Now::read(&self.clock)
    }

    pub(crate) fn ask(&mut self, asker: &str, asked: Asked) {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.askers.insert(ticket, asker.to_owned());
        self.runtime.on_request(PARTITION, (ticket, asked), self.now());
        self.note_effects();
    }

    /// Says what has become of an order.
    pub(crate) fn report(
        &mut self,
        order: WriteMarkers,
        code: impl Fn(&TopicPartition) -> ErrorCode,
    ) {
        let outcomes =
            order.order.partitions.into_iter().map(|place| (place.clone(), code(&place))).collect();
        let written = Written { attempt: order.attempt, outcomes };
        let now = self.now();
        self.runtime.on_request(PARTITION, (Ticket::NOBODY, Asked::Written(written)), now);
        self.note_effects();
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
        if let Some(reign) = self.runtime.on_time(self.now()) {
            self.load(reign);
        }
        self.note_effects();
    }

    pub(crate) fn resign(&mut self) {
        self.runtime.on_resigned(PARTITION);
    }

    pub(crate) fn elect(&mut self) {
        self.epoch = self.epoch.next();
        if let Some(reign) = self.runtime.on_elected(PARTITION, self.epoch) {
            self.load(reign);
        }
        self.note_effects();
    }

    fn load(&mut self, reign: Reign) {
        let next_id = Arc::clone(&self.next_id);
        let shard = TransactionShard::new(Core {
            options: Arc::new(self.options.clone()),
            producer_ids: Arc::new(move || {
                Some(ProducerId(next_id.fetch_add(1, Ordering::Relaxed)))
            }),
            budget: Arc::clone(&self.budget),
            timers: Timers::new(),
            epoch: LeaderEpoch::NONE,
            last_attempt: 0,
            sending: BTreeMap::new(),
        });
        let loaded = crate::runtime::load(&*self.log, reign, shard);
        self.runtime.on_loaded(reign, loaded, self.now());
    }

    fn note_effects(&mut self) {
        self.orders.extend(self.runtime.take_effects().into_iter().map(|(_, order)| order));
    }

    pub(crate) fn shard(&self) -> &TransactionShard {
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
}

pub(crate) fn place(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(TopicName::parse(topic).unwrap(), PartitionId(partition))
}

pub(crate) fn producing(id: &str, producer_id: i64, epoch: i16) -> Producing {
    Producing {
        transactional_id: id.into(),
        producer_id: ProducerId(producer_id),
        producer_epoch: ProducerEpoch(epoch),
    }
}
