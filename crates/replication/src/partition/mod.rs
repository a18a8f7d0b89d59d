//! One partition on this node: a façade over its log, its leader machine and those who wait.
//!
//! One short mutex guards all three; the offsets are readable without it ([`Ends`]). Nothing waits under it but the disk, and syncs, compaction
//! runs and wakes happen outside. The log opens when it is first needed: a node with 10,000 partitions serves before it has opened them all.

mod query;
mod read;
mod upkeep;
mod write;

use std::{
    mem,
    sync::{Arc, Weak},
    time::Duration,
};

use metadata::{PartitionState, options::TopicOptions};
use model::{BrokerId, Isolation, LeaderEpoch, Offset, TimestampMs, TopicId, TopicPartition};
use storage::{DataDirectory, Log, LogOptions};
use world::{
    Clock, Instant,
    exec::{Mutex, MutexGuard},
};

use crate::{
    Leader, LeaderRules, Offsets, PartitionError, Reign, Waiter,
    ends::Ends,
    log_options,
    waiters::{Edge, Waiters},
};

pub use query::{ListedOffset, OffsetSpec, PartitionUsage};
pub use read::{FetchRequest, Fetched};
pub(crate) use upkeep::SyncRules;
pub use write::{Acks, Placed};

/// One partition on this node.
pub struct Partition {
    me: Weak<Partition>,
    name: TopicPartition,
    topic_id: TopicId,
    home: Arc<Home>,
    ends: Ends,
    /// Guards the log and what is known of it, together.
    core: Mutex<Core>,
    /// Held while the log is synced: who waits for it finds that others have done the work.
    sync_gate: Mutex<()>,
}

/// What all partitions of a node share.
pub(crate) struct Home {
    pub(crate) directory: Arc<DataDirectory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) node: BrokerId,
    /// `replica.lag.time.max.ms`.
    pub(crate) lag_max: Duration,
    /// Partitions that were written since housekeeping last looked.
    pub(crate) written: Mutex<Vec<Weak<Partition>>>,
}

/// A topic's options, for the leader and for the log.
#[derive(Debug)]
pub(crate) struct PartitionOptions {
    pub(crate) topic: TopicOptions,
    pub(crate) log: Arc<LogOptions>,
}

struct Core {
    assigned: PartitionState,
    options: Arc<PartitionOptions>,
    state: State,
    waiters: Waiters,
    unsynced: Unsynced,
}

enum State {
    /// Its log has not been needed yet.
    Unopened,
    /// Its log is open and this node leads.
    Led(Box<Led>),
    /// Its log cannot be opened.
    Offline(String),
    /// Deleted, or closed with the node.
    Gone,
}

struct Led {
    log: Log,
    leader: Leader,
}

/// What was written since the last sync.
#[derive(Debug, Default)]
struct Unsynced {
    bytes: u64,
    records: i64,
    since: Instant,
    /// Whether housekeeping knows.
    is_noted: bool,
}

impl Home {
    fn wall(&self) -> TimestampMs {
        self.clock.wall()
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }
}

impl PartitionOptions {
    pub(crate) fn new(topic: TopicOptions) -> Self {
        let log = Arc::new(log_options(&topic));
        Self { topic, log }
    }
}

impl Partition {
    pub(crate) fn new(
        name: TopicPartition,
        topic_id: TopicId,
        assigned: PartitionState,
        options: Arc<PartitionOptions>,
        home: Arc<Home>,
    ) -> Arc<Self> {
        let core = Core {
            assigned,
            options,
            state: State::Unopened,
            waiters: Waiters::default(),
            unsynced: Unsynced::default(),
        };
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            name,
            topic_id,
            home,
            ends: Ends::default(),
            core: Mutex::new(core),
            sync_gate: Mutex::new(()),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &TopicPartition {
        &self.name
    }

    /// Its topic's identity.
    #[must_use]
    pub fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// Its topic's options, as they are in force.
    #[must_use]
    pub fn options(&self) -> TopicOptions {
        self.lock().options.topic.clone()
    }

    /// Where it stands, without waiting for its lock (but the first call opens the log). All zero while its log cannot be opened.
    #[must_use]
    pub fn offsets(&self) -> Offsets {
        if let Some(offsets) = self.ends.load() {
            return offsets;
        }
        let _ = self.ensure_open(); // whoever reads or writes is told what is wrong
        self.ends.load().unwrap_or_default()
    }

    /// Wakes `waiter` once what `isolation` may read passes `past`; at once if it has, or if this node does not lead.
    pub fn park(&self, waiter: &Arc<Waiter>, past: Offset, isolation: Isolation) {
        self.park_until(waiter, Edge::ReadablePast(past, isolation));
    }

    /// Wakes `waiter` once everything before `until` is replicated; at once if it is, or if this node does not lead.
    pub fn park_produce(&self, waiter: &Arc<Waiter>, until: Offset) {
        self.park_until(waiter, Edge::ReplicatedUntil(until));
    }

    fn park_until(&self, waiter: &Arc<Waiter>, edge: Edge) {
        let mut core = self.lock();
        let is_over = match self.led(&mut core) {
            Ok(led) => {
                let high_watermark = led.leader.high_watermark();
                edge.is_passed(high_watermark, led.log.last_stable(high_watermark))
            }
            Err(_) => true,
        };
        if is_over {
            drop(core);
            waiter.wake();
        } else {
            core.waiters.park(edge, waiter);
        }
    }

    /// Opens the log if it is not open.
    pub(crate) fn ensure_open(&self) -> Result<(), PartitionError> {
        self.led(&mut self.lock()).map(|_| ())
    }

    /// Follows the controller: a new reign, a new ISR, new options.
    pub(crate) fn follow(&self, assigned: &PartitionState, options: &Arc<PartitionOptions>) {
        let mut core = self.lock();
        let now = self.home.now();
        let is_new_reign = assigned.leader_epoch != core.assigned.leader_epoch;
        let are_new_options = !Arc::ptr_eq(&core.options, options);
        core.assigned = assigned.clone();
        core.options = Arc::clone(options);
        let rules = self.rules(options);
        let State::Led(led) = &mut core.state else { return };
        if are_new_options {
            led.log.set_options(Arc::clone(&options.log));
            led.leader.on_rules(rules, now);
        }
        if is_new_reign {
            self.begin_reign(led, assigned, rules);
        } else {
            led.leader.on_isr_committed(&assigned.isr, now);
        }
        let mut woken = self.settle(&mut core);
        if is_new_reign {
            // Who named the old reign is to be told that it is over.
            woken.extend(core.waiters.all());
        }
        drop(core);
        wake(woken);
    }

    /// The topic is deleted: its log goes to the directory's bin, who waits is woken.
    pub(crate) fn delete(&self) -> Result<(), PartitionError> {
        let mut core = self.lock();
        let _ = self.led(&mut core); // a log that was never opened has a directory too
        let state = mem::replace(&mut core.state, State::Gone);
        let woken = core.waiters.all();
        let deleted = match state {
            State::Led(led) => {
                self.home.directory.delete_log(&self.name, led.log, self.home.wall())
            }
            State::Unopened | State::Offline(_) | State::Gone => Ok(()),
        };
        drop(core);
        wake(woken);
        Ok(deleted?)
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic under it is a broken assertion; what it guards is looked at by assertions again.
        self.core.lock()
    }

    /// The log and its leader, opened if need be.
    fn led<'core>(&self, core: &'core mut Core) -> Result<&'core mut Led, PartitionError> {
        if core.assigned.leader != self.home.node {
            return Err(PartitionError::NotLeader);
        }
        if matches!(core.state, State::Unopened) {
            match self.open(core) {
                Ok(led) => {
                    core.state = State::Led(Box::new(led));
                    let woken = self.settle(core);
                    assert!(woken.is_empty(), "nobody is parked on a log that is not open");
                }
                Err(error) => core.state = State::Offline(error.to_string()),
            }
        }
        match &mut core.state {
            State::Led(led) => Ok(led),
            State::Offline(why) => Err(PartitionError::Offline(why.clone())),
            State::Gone | State::Unopened => Err(PartitionError::Gone),
        }
    }

    fn open(&self, core: &Core) -> Result<Led, PartitionError> {
        let directory = &self.home.directory;
        let options = Arc::clone(&core.options.log);
        let log = directory.open_log(&self.name, self.topic_id, options, self.home.wall())?;
        let known = directory.high_watermark(&self.name).unwrap_or(Offset::ZERO);
        let high_watermark = known.clamp(log.start(), log.end());
        let (assigned, rules) = (&core.assigned, self.rules(&core.options));
        let leader = self.leader(assigned, rules, (log.end(), high_watermark));
        Ok(Led { log, leader })
    }

    /// The epoch enters the log's history with its first record (the log notes it as it appends): an epoch without records ends where it
    /// began, and [`Self::offsets_for_epoch`] says so without it. So a restart writes nothing, however many partitions it leads.
    fn begin_reign(&self, led: &mut Led, assigned: &PartitionState, rules: LeaderRules) {
        let known = (led.log.end(), led.leader.high_watermark());
        led.leader = self.leader(assigned, rules, known);
    }

    fn leader(
        &self,
        assigned: &PartitionState,
        rules: LeaderRules,
        (log_end, high_watermark): (Offset, Offset),
    ) -> Leader {
        let reign = Reign {
            me: self.home.node,
            epoch: assigned.leader_epoch,
            replicas: &assigned.replicas,
            isr: &assigned.isr,
            log_end,
            high_watermark,
        };
        Leader::new(&reign, rules, self.home.now()).0
    }

    fn rules(&self, options: &PartitionOptions) -> LeaderRules {
        LeaderRules {
            min_insync_replicas: usize::try_from(options.topic.min_insync_replicas).unwrap_or(1),
            lag_max: self.home.lag_max,
        }
    }

    /// Shows the offsets to all after a change, and answers who is to be woken.
    fn settle(&self, core: &mut Core) -> Vec<Arc<Waiter>> {
        let State::Led(led) = &core.state else { return Vec::new() };
        let offsets = led.offsets();
        self.ends.store(&offsets);
        core.waiters.passed(offsets.high_watermark, offsets.last_stable)
    }
}

impl Led {
    fn offsets(&self) -> Offsets {
        let high_watermark = self.leader.high_watermark();
        let log_start = self.log.start();
        Offsets {
            log_start,
            last_stable: self.log.last_stable(high_watermark).max(log_start),
            high_watermark,
            log_end: self.log.end(),
            leader_epoch: self.leader.epoch(),
        }
    }

    /// A peer that names a reign must name this one.
    fn check_epoch(&self, named: Option<LeaderEpoch>) -> Result<(), PartitionError> {
        let current = self.leader.epoch();
        match named {
            Some(found) if found < current => {
                Err(PartitionError::FencedLeaderEpoch { found, current })
            }
            Some(found) if found > current => {
                Err(PartitionError::UnknownLeaderEpoch { found, current })
            }
            _ => Ok(()),
        }
    }
}

fn wake(waiters: Vec<Arc<Waiter>>) {
    for waiter in waiters {
        waiter.wake();
    }
}

#[cfg(test)]
#[path = "../partition_tests.rs"]
mod tests;
