//! The same partitions, led by several nodes: leadership moves when told to, before a write takes effect or after it, and nobody who
//! asked is told which.
//!
//! As in a cluster, who leads a journal no longer may not append to it; a leader that was just elected does not know at once how far its
//! log is committed, and has too few replicas for its first write; a replica on another node lags until it is waited for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::BytesMut;
use flow::topics::{Leadership, PartitionEnds, Producer, ReadBatches, TopicFacts, Topics};
use model::{
    BrokerId, ErrorCode, Isolation, LeaderEpoch, Offset, ProducerId, TimestampMs, TopicName,
    TopicPartition,
};

use super::memory::Memory;

const NODES: i32 = 3;

/// When leadership moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moves {
    /// Before this write of the job's, counted from the beginning.
    pub(crate) at: u64,
    /// And every so many writes after it.
    pub(crate) again_after: Option<u64>,
    /// Of which topics: those whose name begins with one of these.
    pub(crate) of: &'static [&'static str],
    /// What becomes of the write; whoever made it is not told.
    pub(crate) fate: Fate,
}

/// What becomes of a write while leadership moves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// It never takes effect.
    Lost,
    /// It takes effect.
    Kept,
    /// It arrives so many writes later, if it went over a network.
    Late(u64),
}

/// The cluster.
pub(crate) struct Cluster {
    pub(crate) memory: Arc<Memory>,
    state: Mutex<State>,
}

/// A write on its way.
type Late = Box<dyn FnOnce(&Memory) + Send>;
/// What happens while a writer sleeps.
type Interlude = Box<dyn FnOnce() + Send>;

struct State {
    /// Before this write, with nobody's lock held.
    interlude: Option<(u64, Interlude)>,
    /// Before a read of this topic, likewise.
    before_read: Option<(&'static str, Interlude)>,
    late: Option<(u64, Late)>,
    moves: Moves,
    writes: u64,
    leaders: BTreeMap<TopicPartition, i32>,
    /// Just elected: no ends yet, no replicas yet.
    unsure: BTreeSet<TopicPartition>,
    lonely: BTreeSet<TopicPartition>,
    /// How far replicas have come.
    replicas: BTreeMap<(i32, TopicPartition), Offset>,
}

/// One node's view of it.
pub(crate) struct Member {
    cluster: Arc<Cluster>,
    node: i32,
}

impl Cluster {
    /// Over `memory`.
    pub(crate) fn new(memory: Arc<Memory>, moves: Moves) -> Arc<Self> {
        let leaders = memory.partitions().into_iter().zip((0..NODES).cycle()).collect();
        let state = Mutex::new(State {
            interlude: None,
            before_read: None,
            late: None,
            moves,
            writes: 0,
            leaders,
            unsure: BTreeSet::new(),
            lonely: BTreeSet::new(),
            replicas: BTreeMap::new(),
        });
        Arc::new(Self { memory, state })
    }

    /// The node that leads `partition`, as `Topics` and as its number.
    pub(crate) fn leader(self: &Arc<Self>, partition: &TopicPartition) -> (i32, Arc<Member>) {
        let node = self.state().leader(partition);
        (node, self.member(node))
    }

    /// Has `interlude` happen before write `at`, whose writer knows nothing of it.
    pub(crate) fn sleep_at(&self, at: u64, interlude: Interlude) {
        self.state().interlude = Some((at, interlude));
    }

    /// Has `interlude` happen before the next read of `topic`, whose reader knows nothing of it.
    pub(crate) fn sleep_before_read(&self, topic: &'static str, interlude: Interlude) {
        self.state().before_read = Some((topic, interlude));
    }

    /// One node's view.
    pub(crate) fn member(self: &Arc<Self>, node: i32) -> Arc<Member> {
        Arc::new(Member { cluster: Arc::clone(self), node })
    }

    /// Has `node` lead `partition` from now on.
    pub(crate) fn lead(&self, partition: &TopicPartition, node: i32) {
        let mut state = self.state();
        state.leaders.insert(partition.clone(), node);
        self.memory.elect(partition);
    }

    /// Moves the leaders of topics whose name begins with one of `of`.
    pub(crate) fn move_leaders(&self, of: &[&str]) {
        self.state().move_leaders(&self.memory, of);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A write to `partition`, if need be only by who leads it: carried out, unless leadership moves meanwhile.
    fn write<T>(
        &self,
        partition: &TopicPartition,
        only_by: Option<i32>,
        carry_out: impl FnOnce(&Memory) -> Result<T, ErrorCode> + Send + 'static,
    ) -> Result<T, ErrorCode> {
        let mut state = self.state();
        state.writes += 1;
        let writes = state.writes;
        if let Some((_, interlude)) = state.interlude.take_if(|(at, _)| *at < writes) {
            drop(state);
            interlude();
            state = self.state();
        }
        if let Some((_, late)) = state.late.take_if(|(at, _)| *at <= writes) {
            late(&self.memory);
        }
        if only_by.is_some_and(|node| state.leader(partition) != node) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let moves = state.moves;
        if state.writes > moves.at {
            state.moves.at = moves.again_after.map_or(u64::MAX, |writes| moves.at + writes);
            match moves.fate {
                Fate::Kept => drop(carry_out(&self.memory)?),
                Fate::Late(writes) if only_by.is_none() => {
                    let arrives = move |memory: &Memory| drop(carry_out(memory));
                    state.late = Some((state.writes + writes, Box::new(arrives)));
                }
                Fate::Lost | Fate::Late(_) => {}
            }
            state.move_leaders(&self.memory, moves.of);
            return Err(ErrorCode::RequestTimedOut);
        }
        if state.lonely.remove(partition) {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        drop(state);
        carry_out(&self.memory)
    }
}

impl State {
    fn leader(&self, partition: &TopicPartition) -> i32 {
        // Made on the way: led by the first node.
        self.leaders.get(partition).copied().unwrap_or(0)
    }

    fn move_leaders(&mut self, memory: &Memory, of: &[&str]) {
        for (partition, leader) in &mut self.leaders {
            if of.iter().any(|name| partition.topic.as_str().starts_with(name)) {
                *leader = (*leader + 1) % NODES;
                memory.elect(partition);
                self.unsure.insert(partition.clone());
                self.lonely.insert(partition.clone());
            }
        }
    }
}

impl Member {
    fn leads(&self, partition: &TopicPartition) -> bool {
        self.cluster.state().leader(partition) == self.node
    }

    /// How far this node can read `partition`.
    fn reach(&self, partition: &TopicPartition) -> Offset {
        if self.leads(partition) {
            return Offset(i64::MAX);
        }
        let key = (self.node, partition.clone());
        self.cluster.state().replicas.get(&key).copied().unwrap_or(Offset::ZERO)
    }
}

impl Topics for Member {
    fn wall(&self) -> TimestampMs {
        self.cluster.memory.wall()
    }

    fn topic(&self, topic: &TopicName) -> Option<TopicFacts> {
        self.cluster.memory.topic(topic)
    }

    fn leadership(&self, partition: &TopicPartition) -> Option<Leadership> {
        let leader = self.cluster.state().leader(partition);
        let epoch = self.cluster.memory.epoch(partition);
        Some(Leadership { leader: Some(BrokerId(leader)), epoch, is_here: leader == self.node })
    }

    fn create(
        &self,
        topic: &TopicName,
        partitions: i32,
        options: &[(&str, &str)],
    ) -> Result<TopicFacts, ErrorCode> {
        self.cluster.memory.create(topic, partitions, options)
    }

    fn ends(&self, partition: &TopicPartition) -> Result<PartitionEnds, ErrorCode> {
        if self.cluster.state().unsure.remove(partition) {
            return Err(ErrorCode::OffsetNotAvailable);
        }
        self.cluster.memory.ends(partition)
    }

    fn offset_for_time(
        &self,
        partition: &TopicPartition,
        time: TimestampMs,
    ) -> Result<Option<Offset>, ErrorCode> {
        self.cluster.memory.offset_for_time(partition, time)
    }

    fn read(
        &self,
        partition: &TopicPartition,
        from: Offset,
        bytes_max: usize,
        isolation: Isolation,
    ) -> Result<ReadBatches, ErrorCode> {
        let is_of = |(topic, _): &mut (&str, Interlude)| *topic == partition.topic.as_str();
        let interlude = self.cluster.state().before_read.take_if(is_of);
        if let Some((_, interlude)) = interlude {
            interlude();
        }
        if from >= self.reach(partition) {
            let bytes = bytes::Bytes::new();
            let (leader_epoch, readable_end) = (LeaderEpoch::NONE, from);
            return Ok(ReadBatches {
                bytes,
                next: from,
                leader_epoch,
                aborted: Vec::new(),
                readable_end,
            });
        }
        self.cluster.memory.read(partition, from, bytes_max, isolation)
    }

    fn append(&self, partition: &TopicPartition, batch: BytesMut) -> Result<Offset, ErrorCode> {
        let of = partition.clone();
        self.cluster.write(partition, None, move |memory| memory.append(&of, batch))
    }

    fn append_here(
        &self,
        partition: &TopicPartition,
        batch: BytesMut,
    ) -> Result<Offset, ErrorCode> {
        let of = partition.clone();
        self.cluster.write(partition, Some(self.node), move |memory| memory.append(&of, batch))
    }

    fn fence(&self, partition: &TopicPartition, producer: Producer) -> Result<Offset, ErrorCode> {
        let of = partition.clone();
        self.cluster.write(partition, None, move |memory| memory.fence(&of, producer))
    }

    fn sync(&self, partition: &TopicPartition) -> Result<(), ErrorCode> {
        self.cluster.memory.sync(partition)
    }

    fn trim(&self, partition: &TopicPartition, before: Offset) -> Result<(), ErrorCode> {
        let of = partition.clone();
        self.cluster.write(partition, Some(self.node), move |memory| memory.trim(&of, before))
    }

    fn wait(&self, positions: &[(TopicPartition, Offset)], timeout: Duration) -> bool {
        for (partition, _) in positions {
            let end = self.cluster.memory.ends(partition).map_or(Offset::ZERO, |ends| ends.log_end);
            let key = (self.node, partition.clone());
            self.cluster.state().replicas.insert(key, end);
        }
        self.cluster.memory.wait(positions, timeout)
    }

    fn commit(&self, _: &str, _: &[(TopicPartition, Offset)]) {}

    fn committed(&self, _: &str, _: &TopicPartition) -> Result<Option<Offset>, ErrorCode> {
        Ok(None)
    }

    fn end_of_epoch(
        &self,
        partition: &TopicPartition,
        epoch: LeaderEpoch,
    ) -> Result<Option<Offset>, ErrorCode> {
        self.cluster.memory.end_of_epoch(partition, epoch)
    }

    fn new_producer_id(&self) -> Result<ProducerId, ErrorCode> {
        self.cluster.memory.new_producer_id()
    }
}
