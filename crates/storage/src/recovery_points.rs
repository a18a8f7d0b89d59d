//! Up to where each log of a directory need not be read after a crash: `recovery-point-offset-checkpoint`.
//!
//! ```text
//!   flushed ──▶ the log's recovery point ──every few seconds──▶ the file      the file lags behind: a longer recovery, nothing else
//!   cut below what the file says ──▶ the file first, then the log             else what is appended there next would not be read again
//! ```
//! A checkpoint may have been collected before a cut and be written after it: a log that was cut since the last one is capped by where it
//! has been synced to since.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use model::{Offset, PartitionId, TopicName, TopicPartition};
use world::{Disk, exec::Mutex};

use crate::{StorageError, checkpoint, error::IoContext};

const NAME: &str = "recovery-point-offset-checkpoint";

/// What a checkpoint of a directory says of its logs.
pub(crate) type Offsets = BTreeMap<TopicPartition, Offset>;

/// The recovery points of a directory's logs.
#[derive(Debug, Default)]
pub(crate) struct RecoveryPoints(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What the file says.
    stored: Offsets,
    /// Logs cut since the file was last written, and how far they have been synced since.
    cut: Offsets,
}

impl RecoveryPoints {
    /// What the file says.
    pub(crate) fn read(disk: &dyn Disk, directory: &Path) -> Result<Self, StorageError> {
        let stored = read_offsets(disk, directory, NAME)?;
        Ok(Self(Mutex::new(State { stored, cut: Offsets::new() })))
    }

    pub(crate) fn of(&self, partition: &TopicPartition) -> Option<Offset> {
        self.0.lock().stored.get(partition).copied()
    }

    /// The log is about to be cut to `to`: durably noted before it is, if the file says more.
    pub(crate) fn on_cut(
        &self,
        (disk, directory): (&dyn Disk, &Path),
        partition: &TopicPartition,
        to: Offset,
    ) -> Result<(), StorageError> {
        let mut state = self.0.lock();
        state.cut.insert(partition.clone(), to);
        if state.stored.get(partition).is_none_or(|stored| *stored <= to) {
            return Ok(());
        }
        let mut all = state.stored.clone();
        all.insert(partition.clone(), to);
        write_offsets(disk, directory, NAME, &all)?;
        state.stored = all;
        Ok(())
    }

    /// Another log of the name of `partition` begins, which like all of `gone` is none any more: durably noted, if the file mentions it.
    pub(crate) fn forget(
        &self,
        (disk, directory): (&dyn Disk, &Path),
        partition: &TopicPartition,
        gone: &BTreeSet<TopicPartition>,
    ) -> Result<(), StorageError> {
        let mut state = self.0.lock();
        state.cut.insert(partition.clone(), Offset::ZERO);
        if state.stored.contains_key(partition) {
            let mut all = state.stored.clone();
            all.retain(|partition, _| !gone.contains(partition));
            write_offsets(disk, directory, NAME, &all)?;
            state.stored = all;
        }
        Ok(())
    }

    /// Everything below `to` is durable.
    pub(crate) fn on_flushed(&self, partition: &TopicPartition, to: Offset) {
        if let Some(cut) = self.0.lock().cut.get_mut(partition) {
            *cut = to.max(*cut);
        }
    }

    /// Makes the file say what `logs` say, and keeps what it says of others if `keeps` says so.
    pub(crate) fn write<'a>(
        &self,
        (disk, directory): (&dyn Disk, &Path),
        keeps: impl Fn(&TopicPartition) -> bool,
        logs: impl Iterator<Item = (&'a TopicPartition, Offset)>,
    ) -> Result<(), StorageError> {
        let mut state = self.0.lock();
        let mut all = state.stored.clone();
        all.retain(|partition, _| keeps(partition));
        let capped = |(partition, at): (&TopicPartition, Offset)| {
            let cap = state.cut.get(partition).copied().unwrap_or(at);
            (partition.clone(), at.min(cap))
        };
        all.extend(logs.map(capped));
        if all != state.stored {
            write_offsets(disk, directory, NAME, &all)?;
            state.stored = all;
        }
        state.cut.clear();
        Ok(())
    }
}

/// What a checkpoint says; nothing, if it is not there or cannot be read: everything it says can be found again.
pub(crate) fn read_offsets(
    disk: &dyn Disk,
    directory: &Path,
    name: &str,
) -> Result<Offsets, StorageError> {
    let path = directory.join(name);
    let bytes = match disk.read_whole(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Offsets::new()),
        read => read.on("read", &path)?,
    };
    let entries = checkpoint::parse(&bytes, |line| {
        let mut words = line.split(' ');
        let topic = TopicName::parse(words.next()?).ok()?;
        let partition = PartitionId(words.next()?.parse().ok()?);
        let offset: i64 = words.next()?.parse().ok()?;
        (offset >= 0 && words.next().is_none())
            .then(|| (TopicPartition::new(topic, partition), Offset(offset)))
    });
    Ok(entries.unwrap_or_default().into_iter().collect())
}

pub(crate) fn write_offsets(
    disk: &dyn Disk,
    directory: &Path,
    name: &str,
    offsets: &Offsets,
) -> Result<(), StorageError> {
    let lines = offsets
        .iter()
        .map(|(partition, offset)| format!("{} {} {offset}", partition.topic, partition.partition));
    let path = directory.join(name);
    disk.replace(&path, &checkpoint::format(lines)).on("write", &path)
}
