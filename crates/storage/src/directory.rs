//! A directory of logs: one of `log.dirs`.
//!
//! ```text
//!   .lock                            held while the process lives
//!   meta.properties                  version=1, cluster.id, node.id, directory.id
//!   .kafka_cleanshutdown             there after a clean close; read and removed when opened
//!   lineage.properties               whether it holds all that was ever written to it
//!   recovery-point-offset-checkpoint, log-start-offset-checkpoint, replication-offset-checkpoint (the high watermarks),
//!   cleaner-offset-checkpoint        "topic partition offset" per line
//!   topic-0/, topic-1/, …            a log each
//!   topic-2.<id>-delete/             a deleted log, until file.delete.delay.ms has passed
//!   topic-2.<id>-damaged/           a log that was damaged, and is replicated anew from another broker's
//!   topic-2.<id>-stray/              a log of another topic that had the same name
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{BrokerId, Offset, PartitionId, TimestampMs, TopicId, TopicName, TopicPartition};
use world::{Chance, Disk, FileLock, Space, exec::Mutex};

use crate::{
    DropBehind, Log, LogOptions, Resources, StorageError,
    compaction::{CHECKPOINT as CLEANED, set_cleaned},
    error::IoContext,
    home::{Home, Shared, lock},
    identity::{self, Identity},
    lineage, properties,
    recovery::Known,
    recovery_points::{Offsets, RecoveryPoints, read_offsets, write_offsets},
};

const LOG_STARTS: &str = "log-start-offset-checkpoint";
const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
const CLEAN: &str = ".kafka_cleanshutdown";
const PARTITION_METADATA: &str = "partition.metadata";

/// One directory of logs, owned by this process.
pub struct DataDirectory {
    shared: Arc<Shared>,
    identity: Identity,
    was_clean: bool,
    checkpoints: Mutex<Checkpoints>,
    /// Logs found and not opened yet.
    found: Mutex<BTreeMap<TopicPartition, TopicId>>,
    _lock: Box<dyn FileLock>,
}

/// What a log is known by after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Everything below has been synced.
    pub recovery_point: Offset,
    /// Where the log starts.
    pub log_start: Offset,
    /// Its high watermark.
    pub high_watermark: Offset,
}

/// What the files say.
#[derive(Debug, Default)]
struct Checkpoints {
    log_starts: Offsets,
    high_watermarks: Offsets,
    /// Logs that went since the last checkpoint: the files, and a checkpoint that was collected before, may speak of them.
    gone: BTreeSet<TopicPartition>,
}

impl DataDirectory {
    /// Opens a directory, with the usual [`Resources`]; makes it if it is not there. An empty `cluster_id` takes the one that is
    /// stored.
    ///
    /// # Errors
    /// When another process has it, or it belongs to another cluster or node.
    pub fn open(
        disk: Arc<dyn Disk>,
        path: &Path,
        cluster_id: &str,
        node_id: BrokerId,
    ) -> Result<Self, StorageError> {
        Self::open_with(disk, path, (cluster_id, node_id), &Resources::default())
    }

    /// As [`open`](Self::open), sharing `resources` with other directories.
    ///
    /// # Errors
    /// When another process has it, or it belongs to another cluster or node.
    pub fn open_with(
        disk: Arc<dyn Disk>,
        path: &Path,
        (cluster_id, node_id): (&str, BrokerId),
        resources: &Resources,
    ) -> Result<Self, StorageError> {
        create_durably(&*disk, path)?;
        let held = match disk.lock(path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(StorageError::Locked { path: path.to_owned() });
            }
            locked => locked.on("lock", path)?,
        };
        let identity = identity::claim(&*disk, path, cluster_id, node_id)?;
        let points = RecoveryPoints::read(&*disk, path)?;
        let shared = Shared::new(disk, path, resources.clone(), points);
        *lock(&shared.cleaned) = read_offsets(&*shared.disk, path, CLEANED)?;
        let checkpoints = Checkpoints {
            log_starts: read_offsets(&*shared.disk, path, LOG_STARTS)?,
            high_watermarks: read_offsets(&*shared.disk, path, HIGH_WATERMARKS)?,
            gone: BTreeSet::new(),
        };
        let mark = path.join(CLEAN);
        let was_clean = shared.disk.exists(&mark);
        if was_clean && !model::mutant!("M11") {
            // From here on a crash is a crash: the mark must be gone for good before anything is written.
            shared.disk.remove_file(&mark).on("remove", &mark)?;
            shared.disk.sync_directory(path).on("sync", path)?;
        }
        let found = find_logs(&shared)?;
        Ok(Self {
            shared: Arc::new(shared),
            identity,
            was_clean,
            checkpoints: Mutex::new(checkpoints),
            found: Mutex::new(found),
            _lock: held,
        })
    }

    /// Cluster and node of a directory, if it has been used before.
    ///
    /// # Errors
    /// When `meta.properties` is there and cannot be read.
    pub fn identity(
        disk: &dyn Disk,
        path: &Path,
    ) -> Result<Option<(String, BrokerId)>, StorageError> {
        let stored = identity::read(disk, path)?;
        Ok(stored.map(|identity| (identity.cluster_id, identity.node_id)))
    }

    /// What is advised to leave the page cache, over all directories that share their resources.
    #[must_use]
    pub fn drop_behind(&self) -> &Arc<DropBehind> {
        &self.shared.resources.behind
    }

    /// Whether the directory was closed cleanly before it was opened.
    #[must_use]
    pub const fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// The directory's lineage: another than before if it may have lost something since. Durable when it returns.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn lineage(&self, chance: &mut Chance) -> Result<u128, StorageError> {
        let lineage =
            lineage::claim(&*self.shared.disk, &self.shared.path, self.was_clean, chance)?;
        // A failure meanwhile has ended it.
        self.shared.check().map(|()| lineage)
    }

    #[cfg(test)]
    pub(crate) fn poison(&self) {
        self.shared.poison();
    }

    /// The cluster that it belongs to.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.identity.cluster_id
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The space on its disk.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn space(&self) -> io::Result<Space> {
        self.shared.disk.space(&self.shared.path)
    }

    /// The logs that were found and have not been opened, sorted. One whose id cannot be read has [`TopicId::NONE`].
    #[must_use]
    pub fn found(&self) -> Vec<(TopicPartition, TopicId)> {
        lock(&self.found).iter().map(|(partition, id)| (partition.clone(), *id)).collect()
    }

    /// Opens the log of `partition`, or makes it. One that is there under the same name with another topic id is put aside.
    /// After an unclean stop only what lies above the recovery point is read.
    ///
    /// # Errors
    /// When the directory has failed, or fails now.
    pub fn open_log(
        &self,
        partition: &TopicPartition,
        id: TopicId,
        options: Arc<LogOptions>,
        now: TimestampMs,
    ) -> Result<Log, StorageError> {
        self.shared.check()?;
        let home = Home::new(Arc::clone(&self.shared), partition);
        let found = lock(&self.found).remove(partition);
        let known = self.take_known(partition);
        let mut log = Log::empty(home.clone(), partition.clone(), options, now);
        match found {
            None => {
                self.forget_past(partition)?;
                self.shared
                    .disk
                    .create_directories(&home.directory)
                    .on("create", &home.directory)?;
                write_partition_metadata(&home, id)?;
            }
            Some(stored) if stored != id && stored != TopicId::NONE => {
                self.put_aside(partition, stored, "stray")?;
                self.forget_past(partition)?;
                self.shared
                    .disk
                    .create_directories(&home.directory)
                    .on("create", &home.directory)?;
                write_partition_metadata(&home, id)?;
            }
            Some(stored) => {
                if stored != id {
                    write_partition_metadata(&home, id)?;
                }
                log.load(&known)?;
            }
        }
        Ok(log)
    }

    /// The high watermark that the last checkpoint had.
    #[must_use]
    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<Offset> {
        lock(&self.checkpoints).high_watermarks.get(partition).copied()
    }

    /// Notes where these logs are, durably. Logs that are not told of and have not been opened keep what they had.
    ///
    /// # Errors
    /// When the directory has failed, or fails now.
    pub fn checkpoint(&self, logs: &[(TopicPartition, Checkpoint)]) -> Result<(), StorageError> {
        self.shared.check()?;
        let mut checkpoints = lock(&self.checkpoints);
        let Checkpoints { log_starts, high_watermarks, gone } = &mut *checkpoints;
        let unopened = lock(&self.found);
        let unopened = |partition: &TopicPartition| unopened.contains_key(partition);
        let update = |name, offsets: &mut Offsets, of: fn(&Checkpoint) -> Offset| {
            let mut all = offsets.clone();
            all.retain(|partition, _| unopened(partition));
            let known = logs.iter().filter(|(partition, _)| !gone.contains(partition));
            all.extend(known.map(|(partition, at)| (partition.clone(), of(at))));
            if all == *offsets {
                return Ok(());
            }
            write_offsets(&*self.shared.disk, &self.shared.path, name, &all)?;
            *offsets = all;
            Ok(())
        };
        let points = logs.iter().map(|(partition, at)| (partition, at.recovery_point));
        self.shared.recovery_points.write(self.shared.place(), unopened, points)?;
        update(LOG_STARTS, log_starts, |at| at.log_start)?;
        update(HIGH_WATERMARKS, high_watermarks, |at| at.high_watermark)?;
        gone.clear();
        Ok(())
    }

    /// Takes a log away: its directory is renamed at once and removed after `file.delete.delay.ms`.
    ///
    /// # Errors
    /// When the directory has failed, or fails now.
    pub fn delete_log(
        &self,
        partition: &TopicPartition,
        log: Log,
        now: TimestampMs,
    ) -> Result<(), StorageError> {
        self.shared.check()?;
        let due = now.plus(log.options().file_delete_delay_ms);
        let id = read_partition_metadata(&self.shared, &log.home.directory);
        log.give_up();
        drop(log);
        let aside = self.put_aside(partition, id, "delete")?;
        self.shared.doom(aside, due);
        lock(&self.checkpoints).gone.insert(partition.clone());
        set_cleaned(&self.shared, partition, None)
    }

    /// Puts a damaged log aside (`log`, if it could be opened), and begins an empty one in its place. What was put aside is never removed, but
    /// by the next of the same partition. Durable when it returns.
    ///
    /// # Errors
    /// When the directory has failed, or fails now.
    pub fn begin_anew(
        &self,
        partition: &TopicPartition,
        id: TopicId,
        (log, options): (Option<Log>, Arc<LogOptions>),
        now: TimestampMs,
    ) -> Result<Log, StorageError> {
        self.shared.check()?;
        self.forget_past(partition)?;
        if let Some(log) = log {
            log.give_up();
        }
        self.put_aside(partition, id, "damaged")?;
        let log = self.open_log(partition, id, options, now)?;
        let path = &self.shared.path;
        self.shared.disk.sync_directory(path).on("sync", path)?;
        Ok(log)
    }

    /// Forgets, durably, what checkpoints say of a log that is gone, before another of its name begins: a recovery point of the old one would
    /// vouch for what is yet to be written, a log start would cut it off. All that are gone are forgotten at once, so that a topic of many
    /// partitions that is made again writes the files once. (A log that is gone for good goes with the next checkpoint.)
    fn forget_past(&self, partition: &TopicPartition) -> Result<(), StorageError> {
        set_cleaned(&self.shared, partition, None)?;
        let mut checkpoints = lock(&self.checkpoints);
        let Checkpoints { log_starts, high_watermarks, gone } = &mut *checkpoints;
        let points = &self.shared.recovery_points;
        let is_noted = log_starts.contains_key(partition)
            || high_watermarks.contains_key(partition)
            || points.of(partition).is_some();
        if !is_noted && !gone.contains(partition) {
            return Ok(());
        }
        gone.insert(partition.clone());
        let (disk, path) = self.shared.place();
        points.forget((disk, path), partition, gone)?;
        for (name, offsets) in [(LOG_STARTS, log_starts), (HIGH_WATERMARKS, high_watermarks)] {
            if offsets.contains_key(partition) {
                let mut all = offsets.clone();
                all.retain(|partition, _| !gone.contains(partition));
                write_offsets(disk, path, name, &all)?;
                *offsets = all;
            }
        }
        Ok(())
    }

    /// Removes the files and directories of deleted segments and logs whose time has come.
    ///
    /// # Errors
    /// The first that could not be removed; the others are.
    pub fn remove_deleted(&self, now: TimestampMs) -> io::Result<()> {
        let mut outcome = Ok(());
        for path in self.shared.due(now) {
            let disk = &self.shared.disk;
            let is_directory = path.to_string_lossy().ends_with("-delete");
            let removed =
                if is_directory { disk.remove_directory(&path) } else { disk.remove_file(&path) };
            match removed {
                // It went with its directory.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => outcome = outcome.and(removed),
            }
        }
        outcome
    }

    /// Whether a failed sync or repair has taken the directory out of use until a restart.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.shared.is_failed()
    }

    /// Marks the directory as cleanly closed. Every log must have been closed, and noted by
    /// [`checkpoint`](Self::checkpoint) after that.
    ///
    /// # Errors
    /// When the directory has failed, or fails now.
    pub fn close_clean(&self) -> Result<(), StorageError> {
        self.shared.check()?;
        let mark = self.shared.path.join(CLEAN);
        self.shared.disk.replace(&mark, b"{\"version\":0,\"brokerEpoch\":-1}").on("write", &mark)
    }

    fn take_known(&self, partition: &TopicPartition) -> Known {
        let checkpoints = lock(&self.checkpoints);
        Known {
            recovery_point: self.shared.recovery_points.of(partition),
            log_start: checkpoints.log_starts.get(partition).copied(),
            is_clean: self.was_clean,
        }
    }

    /// Renames the directory of a log; says to what.
    fn put_aside(
        &self,
        partition: &TopicPartition,
        id: TopicId,
        why: &str,
    ) -> Result<PathBuf, StorageError> {
        let from = self.shared.path.join(partition.to_string());
        let suffix = format!("-{}.{:032x}-{why}", partition.partition, id.0.as_u128());
        // A name may have 255 bytes.
        let topic = partition.topic.as_str();
        let topic = &topic[..topic.len().min(255 - suffix.len())];
        let to = self.shared.path.join(format!("{topic}{suffix}"));
        if self.shared.disk.exists(&to) {
            self.shared.disk.remove_directory(&to).on("remove", &to)?;
        }
        // Not synced: a log that a power cut brings back is found, and is no topic's.
        self.shared.disk.rename(&from, &to).on("rename", &from)?;
        Ok(to)
    }
}

impl fmt::Debug for DataDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataDirectory").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

fn find_logs(shared: &Shared) -> Result<BTreeMap<TopicPartition, TopicId>, StorageError> {
    let mut found = BTreeMap::new();
    for entry in shared.disk.list(&shared.path).on("list", &shared.path)? {
        if !entry.is_directory {
            continue;
        }
        let path = shared.path.join(&entry.name);
        if entry.name.ends_with("-delete") {
            shared.doom(path, TimestampMs(i64::MIN));
        } else if let Some(partition) = parse_name(&entry.name) {
            let id = read_partition_metadata(shared, &path);
            found.insert(partition, id);
        }
    }
    Ok(found)
}

/// `topic-partition`, as Kafka names the directory of a log.
fn parse_name(name: &str) -> Option<TopicPartition> {
    let (topic, partition) = name.rsplit_once('-')?;
    let number: i32 = partition.parse().ok()?;
    let is_plain = number >= 0 && partition == number.to_string();
    is_plain.then_some(())?;
    Some(TopicPartition::new(TopicName::parse(topic).ok()?, PartitionId(number)))
}

/// Makes the directory, and its name outlive a power cut: what is synced in a directory is lost with it. Once it is used its name is known
/// to be safe.
fn create_durably(disk: &dyn Disk, path: &Path) -> Result<(), StorageError> {
    let is_used = disk.exists(&path.join(identity::NAME));
    disk.create_directories(path).on("create", path)?;
    for above in path.ancestors().skip(1).filter(|_| !is_used && !model::mutant!("M09")) {
        let above = if above == Path::new("") { Path::new(".") } else { above };
        match disk.sync_directory(above) {
            // What we may not open we have not made.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced.on("sync", above)?,
        }
    }
    Ok(())
}

/// Not synced: after a power cut the metadata of the cluster knows the id.
fn write_partition_metadata(home: &Home, id: TopicId) -> Result<(), StorageError> {
    let path = home.directory.join(PARTITION_METADATA);
    let file = home.disk().open(&path, true).on("open", &path)?;
    let text = format!("version: 0\ntopic_id: {id}");
    file.write_all_at(text.as_bytes(), 0).on("write", &path)
}

fn read_partition_metadata(shared: &Shared, directory: &Path) -> TopicId {
    let read = shared.disk.read_whole(&directory.join(PARTITION_METADATA)).ok();
    let text = read.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    properties::find(&text, ':', "topic_id").and_then(TopicId::parse).unwrap_or(TopicId::NONE)
}
