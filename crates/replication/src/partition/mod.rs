//! One partition on this node: a façade over its log, its leader machine and those who wait.
//!
//! One short mutex guards all three; the offsets are readable without it ([`Ends`]). Nothing waits under it but the disk, and syncs, compaction
//! runs and wakes happen outside. The log opens when it is first needed: a node with 10,000 partitions serves before it has opened them all.

mod damage;
mod follow;
mod home;
mod lead;
mod query;
mod read;
mod role;
mod upkeep;
mod write;

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Weak},
};

use metadata::{NO_LEADER, PartitionState, options::TopicOptions};
use model::{BrokerId, Isolation, Offset, TopicId, TopicPartition};
use storage::{Log, LogOptions};
use world::{
    Instant,
    exec::{Mutex, MutexGuard},
};

use self::{
    damage::Damage,
    role::{Followed, Led, State},
};
use crate::{
    Committed, DirtySet, Follower, Interest, Leader, LeaderRules, Offsets, PartitionError, Reign,
    Slot, Waiter,
    dirty_set::Urgency,
    ends::Ends,
    log_options,
    subscriptions::Subscriptions,
    waiters::{Edge, Waiters},
};

pub use follow::Followable;
pub(crate) use home::Home;
pub use lead::ReplicaFetch;
pub use query::{Deleted, ListedOffset, OffsetSpec, PartitionUsage};
pub use read::{FetchRequest, Fetched};
pub(crate) use upkeep::SyncRules;
pub use write::{Acks, Placed, Terms};

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
    subscriptions: Subscriptions,
    unsynced: Unsynced,
    damage: Option<Damage>,
    /// How often the log was begun anew in this life.
    mended: u32,
}

/// What was written since the last sync.
#[derive(Debug, Default)]
struct Unsynced {
    bytes: u64,
    records: i64,
    since: Instant,
    /// Appends that wait for a sync before they count.
    awaited: u64,
    /// Whether housekeeping knows.
    is_noted: bool,
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
            subscriptions: Subscriptions::default(),
            unsynced: Unsynced::default(),
            damage: None,
            mended: 0,
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

    /// The same; none before its log is opened.
    #[must_use]
    pub fn offsets_if_open(&self) -> Option<Offsets> {
        self.ends.load()
    }

    /// Wakes `waiter` once what `isolation` may read passes `past`; at once if it has, or if this node does not lead.
    pub fn park(&self, waiter: &Arc<Waiter>, past: Offset, isolation: Isolation) {
        self.park_until(waiter, Edge::ReadablePast(past, isolation));
    }

    /// Wakes `waiter` once everything before `until` is replicated; at once if it is, or if this node does not lead.
    pub fn park_produce(&self, waiter: &Arc<Waiter>, until: Offset) {
        self.park_until(waiter, Edge::ReplicatedUntil(until));
    }

    /// Wakes `waiter` once no replica that is alive has anything before `until`; at once if that is so, or if this node does not lead.
    pub fn park_deletion(&self, waiter: &Arc<Waiter>, until: Offset) {
        let mut core = self.lock();
        let is_over = match self.led(&mut core) {
            Ok(led) => led.low_watermark(&self.home) >= until,
            Err(_) => true,
        };
        if is_over {
            drop(core);
            waiter.wake();
        } else {
            core.waiters.park_deletion(until, waiter);
        }
    }

    fn park_until(&self, waiter: &Arc<Waiter>, edge: Edge) {
        let mut core = self.lock();
        let is_over = match self.led(&mut core) {
            Ok(led) => edge.is_passed(&led.offsets()),
            Err(_) => true,
        };
        if is_over {
            drop(core);
            waiter.wake();
        } else {
            core.waiters.park(edge, waiter);
        }
    }

    /// Marks `slot` of `set` whenever something changes that a reader with this `interest` is to hear of; at once if it has since `seen`, or
    /// if this node does not lead.
    pub fn subscribe(
        &self,
        (set, slot): (&Arc<DirtySet>, Slot),
        interest: Interest,
        seen: &Offsets,
    ) {
        let mut core = self.lock();
        core.subscriptions.add(set, slot, interest);
        let urgency = match self.led(&mut core) {
            Ok(led) => interest.in_step(seen, &led.offsets()),
            Err(_) => Some(Urgency::Urgent),
        };
        let woken = urgency.and_then(|urgency| set.mark(slot, urgency));
        drop(core);
        wake(woken);
    }

    /// Marks nothing in `set` any more.
    pub fn unsubscribe(&self, set: &Arc<DirtySet>) {
        self.lock().subscriptions.remove(set);
    }

    /// Opens the log if it is not open.
    pub(crate) fn ensure_open(&self) -> Result<(), PartitionError> {
        self.opened(&mut self.lock()).map(|_| ())
    }

    /// Follows the controller: a new reign, new replicas, a new ISR, new options.
    pub(crate) fn follow(&self, assigned: &PartitionState, options: &Arc<PartitionOptions>) {
        let mut core = self.lock();
        let now = self.home.now();
        let before = mem::replace(&mut core.assigned, assigned.clone());
        let are_new_options = !Arc::ptr_eq(&core.options, options);
        core.options = Arc::clone(options);
        if are_new_options && let Some(log) = core.state.log_mut() {
            log.set_options(Arc::clone(&options.log));
        }
        let is_new_reign =
            (before.leader, before.leader_epoch) != (assigned.leader, assigned.leader_epoch);
        let rules = self.rules(options);
        if is_new_reign {
            self.change_role(&mut core);
            self.begin_anew_if_possible(&mut core);
        } else if let State::Led(led) = &mut core.state {
            if are_new_options {
                led.leader.on_rules(rules, now);
            }
            // A change of something else leaves the proposal under way: whom it adds must count on.
            if before.partition_epoch != assigned.partition_epoch {
                led.sends_again = false;
                led.leader.on_committed(&Committed::from(assigned), now);
                led.served.retain(|replica, _| assigned.replicas.contains(replica));
                self.home.figures.observe_isr(before.isr.len(), assigned.isr.len());
            }
        }
        let mut woken = self.settle(&mut core);
        if is_new_reign {
            // Who named the old reign is to be told that it is over.
            woken.extend(core.waiters.all());
            woken.extend(core.subscriptions.all(Urgency::Urgent));
        } else if before.partition_epoch != assigned.partition_epoch {
            // A follower may be taken into the ISR now: its next fetch is to be looked at.
            woken.extend(core.subscriptions.all(Urgency::CanWait));
        }
        self.watch(&mut core);
        drop(core);
        wake(woken);
        if is_new_reign {
            self.tell_fetchers(before.leader, assigned.leader);
        }
    }

    /// The topic is deleted: its log goes to the directory's bin, who waits is woken.
    pub(crate) fn delete(&self) -> Result<(), PartitionError> {
        let mut core = self.lock();
        let _ = self.opened(&mut core); // a log that was never opened has a directory too
        let state = mem::replace(&mut core.state, State::Gone);
        let mut woken = core.waiters.all();
        woken.extend(core.subscriptions.all(Urgency::Urgent));
        let deleted = match state.into_log() {
            Ok((log, _)) => self.home.directory.delete_log(&self.name, log, self.home.wall()),
            Err(_) => Ok(()),
        };
        let leader = core.assigned.leader;
        drop(core);
        wake(woken);
        self.tell_fetchers(leader, leader);
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
        match self.opened(core)? {
            State::Led(led) => Ok(led),
            State::Unopened | State::Followed(_) | State::Offline(_) | State::Gone => {
                Err(PartitionError::NotLeader)
            }
        }
    }

    /// The log in its role, opened if need be.
    fn opened<'core>(&self, core: &'core mut Core) -> Result<&'core mut State, PartitionError> {
        if matches!(core.state, State::Unopened) {
            match self.open(core) {
                Ok((log, high_watermark)) => {
                    core.state = self.role(core, log, high_watermark);
                    let woken = self.settle(core);
                    assert!(woken.is_empty(), "nobody is parked on a log that is not open");
                    self.watch(core);
                    self.tell_fetchers(core.assigned.leader, core.assigned.leader);
                }
                Err(error) => {
                    self.note_damage(core, &error);
                    core.state = State::Offline(error.to_string());
                }
            }
        }
        match &mut core.state {
            State::Offline(why) => Err(PartitionError::Offline(why.clone())),
            State::Gone | State::Unopened => Err(PartitionError::Gone),
            open => Ok(open),
        }
    }

    fn open(&self, core: &Core) -> Result<(Log, Offset), PartitionError> {
        let directory = &self.home.directory;
        let options = Arc::clone(&core.options.log);
        let mut log = directory.open_log(&self.name, self.topic_id, options, self.home.wall())?;
        let unsynced = log.end().since(log.synced().max(log.start()));
        if unsynced >= core.options.topic.flush_messages && !model::mutant!("M08") {
            // What a process wrote before it was killed is not synced, and will be read, and acknowledged to whoever sends it again.
            let synced = log.sync_handle()?.run()?;
            log.note_synced(synced);
        }
        let known = directory.high_watermark(&self.name).unwrap_or(Offset::ZERO);
        if known > log.end() {
            let end = log.end();
            eprintln!(
                "error: {}: its log ends at {end}, below its high watermark {known}: the disk has lost what was synced, or power what was not",
                self.name
            );
        }
        let high_watermark = known.clamp(log.start(), log.end());
        Ok((log, high_watermark))
    }

    /// Takes the role that is assigned now. The log stays open.
    fn change_role(&self, core: &mut Core) {
        match mem::replace(&mut core.state, State::Gone).into_log() {
            Ok((log, high_watermark)) => core.state = self.role(core, log, high_watermark),
            Err(not_open) => core.state = not_open,
        }
    }

    /// The role that is assigned. A leader's epoch enters the log's history with its first record (the log notes it as it appends): an epoch
    /// without records ends where it began, and [`Self::offsets_for_epoch`] says so without it. So a restart writes nothing, however many
    /// partitions it leads.
    fn role(&self, core: &Core, mut log: Log, high_watermark: Offset) -> State {
        let assigned = &core.assigned;
        if assigned.leader != self.home.node {
            if model::mutant!("M15") {
                let _ = log.truncate_to(high_watermark);
            }
            let reign = (assigned.leader, assigned.leader_epoch);
            let follower = Follower::new(reign, high_watermark, log.end());
            return State::Followed(Box::new(Followed { log, follower }));
        }
        let reign = Reign {
            me: self.home.node,
            epoch: assigned.leader_epoch,
            state: Committed::from(assigned),
            log_end: log.end(),
            high_watermark,
        };
        let (leader, _) = Leader::new(&reign, self.rules(&core.options), self.home.now());
        let served = BTreeMap::new();
        State::Led(Box::new(Led { log, leader, is_watched: false, sends_again: false, served }))
    }

    /// Who fetches from these leaders is to look at this partition again.
    fn tell_fetchers(&self, before: BrokerId, after: BrokerId) {
        if after != self.home.node && after != NO_LEADER {
            self.home.assignments.changed(&self.me, before, after);
        } else {
            self.home.assignments.left(&self.me, before);
        }
    }

    fn rules(&self, options: &PartitionOptions) -> LeaderRules {
        LeaderRules {
            min_insync_replicas: usize::try_from(options.topic.min_insync_replicas).unwrap_or(1),
            lag_max: self.home.lag_max,
        }
    }

    /// Shows the offsets to all after a change, and answers who is to be woken.
    fn settle(&self, core: &mut Core) -> Vec<Arc<Waiter>> {
        let Some(offsets) = core.state.offsets() else { return Vec::new() };
        let before = self.ends.load();
        self.ends.store(&offsets);
        let mut woken = core.waiters.passed(&offsets);
        if core.waiters.await_deletion()
            && let State::Led(led) = &core.state
        {
            let low_watermark = led.low_watermark(&self.home);
            woken.extend(core.waiters.deleted_until(low_watermark));
        }
        // Nobody has subscribed before the log was open.
        woken.extend(before.iter().flat_map(|before| core.subscriptions.moved(before, &offsets)));
        woken
    }
}

fn wake(waiters: impl IntoIterator<Item = Arc<Waiter>>) {
    for waiter in waiters {
        waiter.wake();
    }
}

#[cfg(test)]
#[path = "../partition_tests.rs"]
mod tests;
