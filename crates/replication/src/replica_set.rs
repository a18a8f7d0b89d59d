//! All partitions of this node. Follows the metadata image; found by name and by id without a lock.
//!
//! Started: partitions appear at once and open in the background, or when they are first needed. Closed, in this order:
//!  1. what is still to be opened is opened (an unclean log is not to be called clean);
//!  2. every partition stops answering, wakes who waits, syncs and closes its log;
//!  3. recovery points, log starts and high watermarks are recorded;
//!  4. the directory is marked as cleanly closed, if all of that worked. (The metadata log must be closed before.)

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use arc_swap::ArcSwap;
use imbl::HashMap;
use metadata::{
    Delta, Image, PartitionState, Topic,
    options::{ServerOptions, effective},
};
use model::{BrokerId, PartitionId, TopicId, TopicName, TopicPartition};
use storage::{DataDirectory, StorageError};
use world::{Clock, Instant, Space, exec::Mutex};

use crate::{
    IsrProposals, Partition, PartitionError, ReplicationFigures,
    fetcher::{Assignments, Losses},
    housekeeping::Schedule,
    opener::Opener,
    partition::{Home, PartitionOptions},
};

/// All partitions of this node.
pub struct ReplicaSet {
    pub(crate) home: Arc<Home>,
    server: ServerOptions,
    index: ArcSwap<Index>,
    pub(crate) opener: Arc<Opener>,
    pub(crate) schedule: Mutex<Schedule>,
}

#[derive(Clone, Default)]
struct Index {
    names: HashMap<TopicName, Arc<TopicReplicas>>,
    ids: HashMap<TopicId, Arc<TopicReplicas>>,
}

/// A topic's partitions on this node, by number.
struct TopicReplicas {
    name: TopicName,
    id: TopicId,
    options: Arc<PartitionOptions>,
    partitions: Vec<Option<Arc<Partition>>>,
}

impl ReplicaSet {
    /// No partitions yet; those of the image come with [`Self::apply`].
    #[must_use]
    pub fn new(
        directory: Arc<DataDirectory>,
        clock: Arc<dyn Clock>,
        server: ServerOptions,
    ) -> Arc<Self> {
        let lag_ms = u64::try_from(server.number("replica.lag.time.max.ms")).unwrap_or(0);
        let schedule = Mutex::new(Schedule::new(&server, clock.now()));
        let threads = server.number("num.recovery.threads.per.data.dir");
        let home = Home {
            directory,
            clock,
            node: server.node(),
            visible: Mutex::default(),
            lag_max: Duration::from_millis(lag_ms),
            written: Mutex::default(),
            watched: Mutex::default(),
            damaged: Mutex::default(),
            assignments: Arc::default(),
            losses: Arc::default(),
            proposals: OnceLock::new(),
            figures: Arc::default(),
        };
        Arc::new(Self {
            home: Arc::new(home),
            server,
            index: ArcSwap::default(),
            opener: Opener::new(usize::try_from(threads).unwrap_or(1).max(1)),
            schedule,
        })
    }

    /// The partition of this name, if it is here.
    #[must_use]
    pub fn find(&self, name: &TopicPartition) -> Option<Arc<Partition>> {
        self.index.load().names.get(&name.topic)?.partition(name.partition).cloned()
    }

    /// The partition with this topic id and number, if it is here.
    #[must_use]
    pub fn find_by_id(&self, id: TopicId, partition: PartitionId) -> Option<Arc<Partition>> {
        self.index.load().ids.get(&id)?.partition(partition).cloned()
    }

    /// All partitions, in order of their names.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Partition>> {
        let index = self.index.load();
        let mut topics: Vec<&Arc<TopicReplicas>> = index.names.values().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        topics.into_iter().flat_map(|topic| topic.partitions.iter().flatten().cloned()).collect()
    }

    /// Whether the disk has failed: everything here is offline until a restart.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.home.directory.is_failed()
    }

    /// The space on the disk that they lie on; none when it does not tell.
    #[must_use]
    pub fn disk_space(&self) -> Option<Space> {
        self.home.directory.space().ok()
    }

    /// Where leaders here propose who is in sync. To be told before anything is led with followers; the first call counts.
    pub fn propose_to(&self, proposals: Arc<dyn IsrProposals>) {
        let _ = self.home.proposals.set(proposals);
    }

    /// What to fetch from whom, as the image says: for fetchers ([`crate::fetcher`]).
    #[must_use]
    pub fn assignments(&self) -> &Arc<Assignments> {
        &self.home.assignments
    }

    /// Which leaders this node has just lost, as its fetchers find.
    #[must_use]
    pub fn losses(&self) -> &Arc<Losses> {
        &self.home.losses
    }

    /// What replication has counted.
    #[must_use]
    pub fn figures(&self) -> &Arc<ReplicationFigures> {
        &self.home.figures
    }

    /// This node.
    #[must_use]
    pub fn node(&self) -> BrokerId {
        self.home.node
    }

    /// The time that its partitions go by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.home.clock
    }

    /// Follows a published image. Called by the publisher, one change after another.
    pub fn apply(&self, image: &Image, delta: &Delta) {
        if !delta.touches_topics() {
            return;
        }
        if delta.touches_brokers() {
            let visible = image.brokers().filter(|broker| !broker.is_fenced);
            *self.home.visible.lock() = visible.map(|broker| broker.id).collect();
        }
        let mut index = Index::clone(&self.index.load());
        if delta.is_everything {
            self.remove_missing(&mut index, image);
            self.remove_strays(image);
        }
        for (name, id) in &delta.removed {
            self.remove(&mut index, name, *id);
        }
        let mut made = Vec::new();
        let mut known = KnownOptions::new();
        for id in Self::touched(image, delta) {
            let Some(topic) = image.topic_by_id(id) else { continue };
            let options = match index.ids.get(&id) {
                Some(old) if !delta.touches_options_of(id) => Arc::clone(&old.options),
                _ => self.options(image, topic, &mut known),
            };
            made.extend(self.put(&mut index, topic, options));
        }
        self.index.store(Arc::new(index));
        if !delta.is_everything && made.len() <= OPEN_AT_ONCE_MAX {
            for partition in &made {
                // One that cannot be opened says so to whoever asks it something.
                let _ = partition.ensure_open();
            }
        } else {
            self.opener.open(made);
        }
    }

    /// Topics of which something may differ.
    fn touched(image: &Image, delta: &Delta) -> Vec<TopicId> {
        if delta.is_everything || delta.broker_options || !delta.brokers.is_empty() {
            return image.topics().map(|topic| topic.id).collect();
        }
        let mut ids: Vec<TopicId> = delta.created.iter().copied().collect();
        ids.extend(delta.partitions.iter().map(|run| run.topic));
        ids.extend(&delta.topic_options);
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Topics that set the same options share what these come to.
    fn options(
        &self,
        image: &Image,
        topic: &Topic,
        known: &mut KnownOptions,
    ) -> Arc<PartitionOptions> {
        let options = known.entry(Arc::clone(&topic.options)).or_insert_with(|| {
            Arc::new(PartitionOptions::new(effective(&self.server, image, topic)))
        });
        Arc::clone(options)
    }

    /// Brings a topic's partitions up to the image; answers those that are new.
    fn put(
        &self,
        index: &mut Index,
        topic: &Topic,
        options: Arc<PartitionOptions>,
    ) -> Vec<Arc<Partition>> {
        let old = index.ids.get(&topic.id);
        let mut made = Vec::new();
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for (number, state) in topic.numbered() {
            let present = old.and_then(|old| old.partition(number));
            partitions.push(match present {
                Some(partition) if state.replicas.contains(&self.home.node) => {
                    partition.follow(state, &options);
                    Some(Arc::clone(partition))
                }
                Some(partition) => {
                    // What cannot be removed now is a stray, and is removed at the next start.
                    let _ = partition.delete();
                    None
                }
                None if state.replicas.contains(&self.home.node) => {
                    let partition = self.make(topic, number, state, &options);
                    made.push(Arc::clone(&partition));
                    Some(partition)
                }
                None => None,
            });
        }
        let (name, id) = (topic.name.clone(), topic.id);
        let replicas = Arc::new(TopicReplicas { name, id, options, partitions });
        index.names.insert(topic.name.clone(), Arc::clone(&replicas));
        index.ids.insert(topic.id, replicas);
        made
    }

    fn make(
        &self,
        topic: &Topic,
        number: PartitionId,
        state: &PartitionState,
        options: &Arc<PartitionOptions>,
    ) -> Arc<Partition> {
        let name = TopicPartition::new(topic.name.clone(), number);
        let (options, home) = (Arc::clone(options), Arc::clone(&self.home));
        Partition::new(name, topic.id, state.clone(), options, home)
    }

    fn remove(&self, index: &mut Index, name: &TopicName, id: TopicId) {
        let Some(topic) = index.ids.remove(&id) else { return };
        if index.names.get(name).is_some_and(|present| present.id == id) {
            index.names.remove(name);
        }
        for partition in topic.partitions.iter().flatten() {
            // What cannot be removed now is a stray, and is removed at the next start.
            let _ = partition.delete();
        }
    }

    /// Topics that a loaded image no longer has.
    fn remove_missing(&self, index: &mut Index, image: &Image) {
        let missing = index.ids.values().filter(|topic| image.topic_by_id(topic.id).is_none());
        let missing: Vec<_> = missing.map(|topic| (topic.name.clone(), topic.id)).collect();
        for (name, id) in missing {
            self.remove(index, &name, id);
        }
    }

    /// Logs on the disk whose topic is deleted, or is another by now: the node was down, or died in between.
    fn remove_strays(&self, image: &Image) {
        for (name, id) in self.home.directory.found() {
            // An id that cannot be read was not synced before the power went: the name must do.
            let topic = match id {
                TopicId::NONE => image.topic_named(&name.topic),
                id => image.topic_by_id(id).filter(|topic| topic.name == name.topic),
            };
            let is_ours = topic
                .and_then(|topic| topic.partition(name.partition))
                .is_some_and(|state| state.replicas.contains(&self.home.node));
            if !is_ours && name.topic.as_str() != METADATA_TOPIC {
                // What cannot be removed is tried again at the next start; it is put aside if its name is needed.
                let _ = self.remove_stray(&name, id);
            }
        }
    }

    fn remove_stray(&self, name: &TopicPartition, id: TopicId) -> Result<(), StorageError> {
        let (directory, now) = (&self.home.directory, self.home.clock.wall());
        let log = directory.open_log(name, id, Arc::default(), now)?;
        directory.delete_log(name, log, now)
    }

    /// `logmill.log.cache.window.bytes`.
    pub(crate) fn cache_window_bytes(&self) -> i64 {
        self.server.number("logmill.log.cache.window.bytes")
    }

    /// Does what time asks for. For a node without a [`crate::Housekeeper`]: tests.
    pub fn tick(&self, now: Instant) {
        crate::housekeeping::tick(self, now);
    }

    /// Closes everything cleanly; see the head of this file. Nothing is served afterwards.
    ///
    /// # Errors
    /// What could not be closed: the next start recovers it.
    pub fn close(&self) -> Result<(), PartitionError> {
        self.opener.wait();
        let (mut checkpoints, mut outcome) = (Vec::new(), Ok(()));
        for partition in self.all() {
            let (checkpoint, closed) = partition.close();
            checkpoints.extend(checkpoint);
            outcome = outcome.and(closed);
        }
        self.home.directory.checkpoint(&checkpoints)?;
        outcome?;
        Ok(self.home.directory.close_clean()?)
    }
}

impl TopicReplicas {
    fn partition(&self, partition: PartitionId) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(partition.0).ok()?)?.as_ref()
    }
}

/// What topics' own options come to.
type KnownOptions = BTreeMap<Arc<BTreeMap<String, String>>, Arc<PartitionOptions>>;

/// New partitions that are opened before the change is called applied. More of them open in the background, and those of a start
/// always: one of them may have to be recovered, and nobody waits for it but who needs it.
const OPEN_AT_ONCE_MAX: usize = 8;
/// The controller's log lies in the same directory.
const METADATA_TOPIC: &str = "__cluster_metadata";
