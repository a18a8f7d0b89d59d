//! What time asks of all partitions, and the thread that does it.
//!
//! ```text
//!   every second        sync what has waited long enough (flush.ms, logmill.log.sync.ahead.bytes), give back what idle logs hold,
//!                       propose that followers go which lag (replica.lag.time.max.ms), and that this replica goes whose log is damaged
//!   every 5 s           record recovery points, log starts, high watermarks (replica.high.watermark.checkpoint.interval.ms)
//!   every 15 s          compact what is dirty enough (log.cleaner.backoff.ms)
//!   every 5 min         retention (log.retention.check.interval.ms)
//!   every 10 s          remove files of deleted topics and segments for good
//! ```
//! Only partitions that were written are looked at each second; a node with 10,000 idle ones sleeps.

use std::{
    mem,
    sync::{Arc, Weak},
    time::Duration,
};

use metadata::options::ServerOptions;
use world::{
    Instant,
    exec::{self, Condvar, JoinHandle, Mutex},
};

use crate::{Partition, ReplicaSet, drop_behind::Follower, partition::SyncRules};

/// The thread that keeps house; ends with [`Self::stop`] or when dropped.
pub struct Housekeeper {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
    /// None where all that is written is to stay in the page cache.
    _drop_behind: Option<Follower>,
}

#[derive(Default)]
struct Stop {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Housekeeper {
    /// Keeps house for `replicas`, on a thread of its own.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(replicas: Arc<ReplicaSet>) -> std::io::Result<Self> {
        let window_bytes = u64::try_from(replicas.cache_window_bytes()).ok();
        let advice = replicas.home.directory.drop_behind();
        let drop_behind = window_bytes.map(|bytes| Follower::start(advice, bytes)).transpose()?;
        let stop = Arc::new(Stop::default());
        let stopped = Arc::clone(&stop);
        let thread = exec::spawn("housekeeping", move || {
            while !stopped.wait(STEP) {
                let now = replicas.home.clock.now();
                tick(&replicas, now);
            }
        })?;
        Ok(Self { stop, thread: Some(thread), _drop_behind: drop_behind })
    }

    /// Ends the thread; what it is at, it finishes.
    pub fn stop(mut self) {
        self.join();
    }

    fn join(&mut self) {
        *self.stop.is_set.lock() = true;
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there has been printed
        }
    }
}

impl Drop for Housekeeper {
    fn drop(&mut self) {
        self.join();
    }
}

impl Stop {
    fn wait(&self, step: Duration) -> bool {
        *self.changed.wait_timeout_while(self.is_set.lock(), step, |is_set| !*is_set)
    }
}

/// When what is due.
pub(crate) struct Schedule {
    sync_rules: SyncRules,
    checkpoint: Every,
    compaction: Every,
    retention: Every,
    removal: Every,
    /// Written and not yet synced.
    unsynced: Vec<Weak<Partition>>,
    /// Synced, and not written since: to be told that they are idle once.
    quiet: Vec<(Instant, Weak<Partition>)>,
    is_checkpoint_stale: bool,
}

struct Every {
    interval: Duration,
    next: Instant,
}

impl Every {
    fn new(interval: Duration, now: Instant) -> Self {
        Self { interval, next: now.plus(interval) }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = now.plus(self.interval);
        }
        is_due
    }
}

impl Schedule {
    pub(crate) fn new(server: &ServerOptions, now: Instant) -> Self {
        let every = |name: &str| {
            let interval_ms = u64::try_from(server.number(name)).unwrap_or(0).max(1);
            Every::new(Duration::from_millis(interval_ms), now)
        };
        let bytes_max = server.number("logmill.log.sync.ahead.bytes");
        Self {
            sync_rules: SyncRules {
                bytes_max: u64::try_from(bytes_max).unwrap_or(u64::MAX),
                age_max: SYNC_AGE_MAX,
            },
            checkpoint: every("replica.high.watermark.checkpoint.interval.ms"),
            compaction: every("log.cleaner.backoff.ms"),
            retention: every("log.retention.check.interval.ms"),
            removal: Every::new(REMOVAL_INTERVAL, now),
            unsynced: Vec::new(),
            quiet: Vec::new(),
            is_checkpoint_stale: false,
        }
    }

    /// Takes over those that were written since the last look, and syncs who is due. An error needs no answer here: the directory is
    /// offline then, and everyone who writes is told.
    fn sync(&mut self, replicas: &ReplicaSet, now: Instant) {
        let mut written = replicas.home.written.lock();
        self.unsynced.append(&mut written);
        drop(written);
        self.is_checkpoint_stale |= !self.unsynced.is_empty();
        for weak in mem::take(&mut self.unsynced) {
            let Some(partition) = weak.upgrade() else { continue };
            match partition.sync_if_due(self.sync_rules, now) {
                Ok(Some(_)) => self.unsynced.push(weak),
                Ok(None) => {
                    self.is_checkpoint_stale = true;
                    self.quiet.push((now.plus(IDLE_AFTER), weak));
                }
                Err(_) => {}
            }
        }
    }

    fn give_back(&mut self, now: Instant) {
        let is_due = |(at, _): &(Instant, Weak<Partition>)| *at <= now;
        for (_, weak) in self.quiet.extract_if(.., |entry| is_due(entry)) {
            if let Some(partition) = weak.upgrade() {
                partition.give_back();
            }
        }
    }

    fn write_checkpoint(&mut self, replicas: &ReplicaSet) {
        // Logs that are not open yet have theirs in the file that this would replace.
        if !mem::take(&mut self.is_checkpoint_stale) || !replicas.opener.is_done() {
            return;
        }
        let all = replicas.all();
        let checkpoints: Vec<_> =
            all.iter().filter_map(|partition| partition.checkpoint()).collect();
        // An older one is only a longer recovery; it is written again with the next change.
        let _ = replicas.home.directory.checkpoint(&checkpoints);
    }
}

/// Does what is due at `now`.
pub(crate) fn tick(replicas: &ReplicaSet, now: Instant) {
    let mut schedule = replicas.schedule.lock();
    schedule.sync(replicas, now);
    schedule.give_back(now);
    watch_followers(replicas, now);
    mend_damaged(replicas);
    if schedule.checkpoint.is_due(now) {
        schedule.write_checkpoint(replicas);
    }
    if schedule.compaction.is_due(now) {
        for partition in replicas.all() {
            // An error has put the log or its directory offline: everyone who asks is told.
            let _ = partition.compact();
        }
    }
    if schedule.retention.is_due(now) {
        for partition in replicas.all() {
            if partition.enforce_retention().is_ok_and(|removed| removed > 0) {
                schedule.is_checkpoint_stale = true;
            }
        }
    }
    if schedule.removal.is_due(now) {
        // What cannot be removed is tried again.
        let _ = replicas.home.directory.remove_deleted(replicas.home.clock.wall());
    }
}

/// Partitions led here of which somebody is behind: who lags too long is proposed to go.
fn watch_followers(replicas: &ReplicaSet, now: Instant) {
    let lock = || replicas.home.watched.lock();
    let watched = mem::take(&mut *lock());
    let is_watched = |weak: &Weak<Partition>| {
        weak.upgrade().is_some_and(|partition| partition.watch_followers(now))
    };
    let still: Vec<_> = watched.into_iter().filter(is_watched).collect();
    lock().extend(still);
}

/// Partitions whose logs are damaged: each leaves who is in sync, and is replicated anew once it has.
fn mend_damaged(replicas: &ReplicaSet) {
    let lock = || replicas.home.damaged.lock();
    let damaged = mem::take(&mut *lock());
    let is_damaged =
        |weak: &Weak<Partition>| weak.upgrade().is_some_and(|partition| partition.mend());
    let still: Vec<_> = damaged.into_iter().filter(is_damaged).collect();
    lock().extend(still);
}

/// How long the thread sleeps between two looks.
const STEP: Duration = Duration::from_secs(1);
/// Also a log that is hardly written is synced this often: a restart after a kill finds little to recover.
const SYNC_AGE_MAX: Duration = Duration::from_secs(30);
/// A log that has not been written for this long since its last sync is idle.
const IDLE_AFTER: Duration = Duration::from_secs(30);
/// Removed files wait `file.delete.delay.ms` and at most this long more.
const REMOVAL_INTERVAL: Duration = Duration::from_secs(10);
