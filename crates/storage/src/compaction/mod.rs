//! Compaction: of each key the newest record stays.
//!
//! ```text
//!   plan (under the log's lock)    what is dirty, what producers and transactions there are
//!   run (without it)               1. the dirty part: key → highest offset, until the map is full
//!                                  2. runs of segments, together no larger than one, into one .cleaned each; synced
//!   install (under the lock)       .cleaned → .swap, the log last; the old ones out; .swap → in place
//! ```
//!
//! A stop at any point leaves either the old segments or the new one (`files.rs`). The log may be read, written, even
//! truncated meanwhile: what no longer matches is thrown away.

mod dirty;
mod key_map;
mod rewrite;
mod round;
mod transactions;
mod walk;
mod writer;

use std::{collections::BTreeMap, sync::Arc};

use model::{Offset, ProducerEpoch, ProducerId, TimestampMs, TopicPartition};

use crate::{
    Log, LogOptions, StorageError, checkpoint,
    error::IoContext,
    files::put_in_place,
    home::{Home, Shared, lock},
    index::transaction::{self, Aborted},
    segment::{
        Segment,
        name::{Kind, Stage},
    },
};
use dirty::{Dirty, SegmentFacts};
use writer::Cleaned;

/// Where each log of the directory has been cleaned up to.
pub(crate) const CHECKPOINT: &str = "cleaner-offset-checkpoint";

/// A round of the cleaner that has been planned.
pub struct Compaction {
    home: Home,
    options: Arc<LogOptions>,
    now: TimestampMs,
    dirty: Dirty,
    sources: Vec<Source>,
    producers: BTreeMap<ProducerId, LastOfProducer>,
    aborted: Vec<Aborted>,
    keys_max: usize,
}

/// A segment as it was when the round was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Source {
    base: Offset,
    size: u32,
    next: Offset,
    index_entries: u32,
}

/// What must be kept so that a producer can go on.
#[derive(Clone, Copy, Debug)]
struct LastOfProducer {
    /// The last offset of its last batch; none if there was none in this epoch.
    data: Option<Offset>,
    epoch: ProducerEpoch,
}

/// A round that has been run.
pub struct Compacted {
    groups: Vec<Group>,
    cleaned_to: Offset,
}

/// Segments, and the one that takes their place.
struct Group {
    sources: Vec<Source>,
    cleaned: Cleaned,
}

impl Log {
    /// A round of the cleaner, if `cleanup.policy` asks for one and there is enough to clean below `last_stable`.
    #[must_use]
    pub fn plan_compaction(&self, now: TimestampMs, last_stable: Offset) -> Option<Compaction> {
        if !self.options.compact || self.segments.len() < 2 || self.home.shared.is_failed() {
            return None;
        }
        let cleaned = lock(&self.home.shared.cleaned).get(&self.partition).copied();
        let cleaned = cleaned.unwrap_or(self.start);
        // Disk errors show when the round runs.
        let facts: Vec<SegmentFacts> = self.facts().ok()?;
        let dirty = dirty::dirty(&facts, cleaned, last_stable, &self.options, now)?;
        let sources: Vec<Source> = self
            .segments
            .iter()
            .zip(&facts)
            .filter(|(segment, facts)| facts.base < dirty.to && segment.base >= facts.base)
            .map(|(segment, facts)| Source {
                base: segment.base,
                size: segment.size,
                next: facts.next,
                index_entries: segment.index.entries.len(),
            })
            .collect();
        let mut aborted = Vec::new();
        for segment in self.segments.iter().filter(|segment| segment.aborted_count > 0) {
            aborted.extend(transaction::read(&self.home, segment.base).ok()?);
        }
        let producers = self.producers.entries.iter().map(|(id, entry)| {
            let data = entry.last().map(|seen| seen.last_offset);
            (*id, LastOfProducer { data, epoch: entry.epoch })
        });
        Some(Compaction {
            home: self.home.clone(),
            options: Arc::clone(&self.options),
            now,
            dirty,
            sources,
            producers: producers.collect(),
            aborted,
            keys_max: key_map::KEYS_MAX,
        })
    }

    fn facts(&self) -> Result<Vec<SegmentFacts>, StorageError> {
        let fact = |(number, segment): (usize, &Segment)| {
            let newest = segment.newest(&self.home)?.map_or(segment.created, |one| one.timestamp);
            // Only an option that few set asks for more than the newest.
            let oldest = if self.options.max_compaction_lag_ms == i64::MAX {
                newest
            } else {
                let first = segment.first_from(&self.home, 0, |_| true)?;
                first.map_or(newest, |located| located.head.max_timestamp)
            };
            Ok(SegmentFacts {
                base: segment.base,
                next: self.segment_end(number),
                size: segment.size,
                newest,
                oldest,
            })
        };
        self.segments.iter().enumerate().map(fact).collect()
    }

    /// Puts what a round has written in the place of what it was made from. What has changed meanwhile is left as it is.
    ///
    /// # Errors
    /// When the directory has failed, or fails now.
    pub fn install_compaction(&mut self, compacted: Compacted) -> Result<(), StorageError> {
        self.home.shared.check()?;
        let mut is_whole = true;
        for group in compacted.groups {
            is_whole &= self.install(&group)?;
        }
        if is_whole {
            let to = compacted.cleaned_to.min(self.end);
            set_cleaned(&self.home.shared, &self.partition, Some(to))?;
        }
        Ok(())
    }

    fn install(&mut self, group: &Group) -> Result<bool, StorageError> {
        let cleaned = &group.cleaned;
        let first = self.segments.partition_point(|segment| segment.base < cleaned.base);
        let count = group.sources.len();
        let matches = first + count < self.segments.len()
            && self.segments[first..first + count].iter().zip(&group.sources).all(
                |(segment, source)| segment.base == source.base && segment.size == source.size,
            );
        if !matches {
            cleaned.discard(&self.home)?;
            return Ok(false);
        }
        for kind in Kind::OF_SEGMENT.into_iter().rev() {
            let from = self.home.staged(cleaned.base, kind, Stage::Cleaned);
            let to = self.home.staged(cleaned.base, kind, Stage::Swap);
            self.home.disk().rename(&from, &to).on("rename", &from)?;
        }
        self.home.sync_directory()?;
        let due = self.now.plus(self.options.file_delete_delay_ms);
        for source in &group.sources[1..] {
            for kind in Kind::OF_SEGMENT {
                self.home.doom(source.base, kind, due)?;
            }
            // The producers at the end of the log do not depend on it.
            self.home.remove(&self.home.path(source.base, Kind::Snapshot))?;
            self.snapshots.retain(|snapshot| *snapshot != source.base || *snapshot == self.end);
        }
        put_in_place(&self.home, cleaned.base)?;
        let created = self.segments[first].created;
        let segment = Segment::found(cleaned.base, &cleaned.sizes, created);
        self.segments.splice(first..first + count, [segment]);
        // What is left of aborted transactions in memory may have no entry in the index any more.
        self.home.shared.resources.tails.forget(&self.tail);
        self.note_files_changed();
        self.check_invariant();
        Ok(true)
    }
}

/// Notes up to where a log has been cleaned, or that there is none, durably.
pub(crate) fn set_cleaned(
    shared: &Shared,
    partition: &TopicPartition,
    to: Option<Offset>,
) -> Result<(), StorageError> {
    let mut cleaned = lock(&shared.cleaned);
    let before = match to {
        Some(to) => cleaned.insert(partition.clone(), to),
        None => cleaned.remove(partition),
    };
    if before == to {
        return Ok(());
    }
    let lines = cleaned
        .iter()
        .map(|(partition, offset)| format!("{} {} {offset}", partition.topic, partition.partition));
    let path = shared.path.join(CHECKPOINT);
    shared.disk.replace(&path, &checkpoint::format(lines)).on("write", &path)
}

impl Source {
    fn sizes_fit(&self, so_far: &[Self], options: &LogOptions) -> bool {
        let sum = |of: fn(&Self) -> u32| -> u64 {
            so_far.iter().chain([self]).map(|source| u64::from(of(source))).sum()
        };
        let first = so_far.first().map_or(self.base, |first| first.base);
        sum(|source| source.size) <= u64::from(options.segment_bytes)
            && sum(|source| source.index_entries) * 8 <= u64::from(options.index_bytes_max)
            && i32::try_from(self.next.since(first)).is_ok()
    }
}
