//! A cluster in memory: a controller, nodes, the way between them; and what must hold of it after every step.
//!
//! ```text
//!   committed    every record below a high watermark that anybody has shown: never another at its offset, never gone, while a member of the
//!                ISR keeps its power and no unclean leader is asked for
//!   watermark    never beyond the log of a member of the ISR
//! ```

use std::{collections::BTreeMap, path::Path, time::Duration};

use bytes::{Bytes, BytesMut};
use metadata::{NO_LEADER, PartitionState};
use model::{BrokerEpoch, BrokerId, ErrorCode, Isolation, ProducerEpoch, ProducerId, TimestampMs};
use records::{BatchBuilder, Codec};
use replication::{
    Acks, Ask, FetchRequest, LeaderSays, Offsets, PartitionError, Placed, ReplicaFetch,
    fetcher::{FetchAsk, FetchGot, GotPartition, LinkFault},
};
use storage::Origin;
use world::{Chance, Disk, sim::SimClock};

use crate::{controller::Controller, node::Node};

pub(crate) struct Cluster {
    pub(crate) controller: Controller,
    pub(crate) nodes: BTreeMap<BrokerId, Node>,
    pub(crate) clock: SimClock,
    /// Every record that anybody has shown as committed, from offset 0.
    pub(crate) committed: Vec<String>,
    /// Unclean leaders, and leaders who were the last in sync and lost power.
    pub(crate) losses: usize,
}

pub(crate) fn broker(id: i32) -> BrokerId {
    BrokerId(id)
}

impl Cluster {
    /// Nodes 1 to `count`, all up; the topic is on all of them.
    pub(crate) fn new(count: i32, options: &[(&str, &str)]) -> Self {
        let mut cluster = Self {
            controller: Controller::new(),
            nodes: (1..=count).map(|id| (broker(id), Node::new(broker(id)))).collect(),
            clock: SimClock::new(TimestampMs(1_000_000)),
            committed: Vec::new(),
            losses: 0,
        };
        for id in 1..=count {
            cluster.start(broker(id));
        }
        cluster.hear_all();
        let replicas: Vec<BrokerId> = cluster.nodes.keys().copied().collect();
        cluster.controller.create(&replicas, options);
        cluster.hear_all();
        for node in cluster.nodes.values() {
            // A node's first minute is not what is tried here.
            node.disk.sync_directory(Path::new("/")).unwrap();
            node.disk.sync_directory(Path::new("/data")).unwrap();
        }
        cluster
    }

    pub(crate) fn state(&self) -> &PartitionState {
        self.controller.state().unwrap()
    }

    pub(crate) fn is_up(&self, id: BrokerId) -> bool {
        self.nodes[&id].life.is_some()
    }

    // What happens to nodes.

    pub(crate) fn start(&mut self, id: BrokerId) {
        let epoch = self.controller.register(id);
        let node = self.nodes.get_mut(&id).unwrap();
        assert!(node.life.is_none(), "it is down");
        let heard = self.controller.facts.len();
        node.start(&self.clock, &self.controller.facts[..heard], epoch);
        self.check();
    }

    pub(crate) fn crash(&mut self, id: BrokerId) {
        let node = self.nodes.get_mut(&id).unwrap();
        node.life = None;
        // What recovery finds damaged it cuts, as if it had been torn.
        node.has_lost_power |= node.is_damaged;
        node.disk.crash_process();
    }

    pub(crate) fn power_cut(&mut self, id: BrokerId, chance: &mut Chance) {
        let node = self.nodes.get_mut(&id).unwrap();
        node.life = None;
        node.has_lost_power = true;
        node.disk.power_cut(chance);
    }

    pub(crate) fn hear(&mut self, id: BrokerId, count: usize) {
        self.nodes.get_mut(&id).unwrap().hear(&self.controller.facts, count);
        self.check();
    }

    /// Everybody hears of everything, and who is fenced and alive is unfenced.
    pub(crate) fn hear_all(&mut self) {
        for id in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.hear(id, usize::MAX);
            self.unfence(id);
        }
        for id in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.hear(id, usize::MAX);
        }
    }

    /// A fenced node that has heard of its registration is active again; it leads what waits for it alone.
    pub(crate) fn unfence(&mut self, id: BrokerId) {
        let node = &self.nodes[&id];
        let is_due = node.life.as_ref().is_some_and(|life| node.heard >= life.registered_at);
        if !is_due || self.controller.image.is_active(id) {
            return;
        }
        let waits = self.controller.state().is_some_and(|state| state.awaits(id));
        self.controller.unfence(id);
        if waits && self.nodes[&id].has_lost_power {
            self.on_loss(id);
        }
    }

    pub(crate) fn fence(&mut self, id: BrokerId) {
        self.controller.fence(id);
    }

    pub(crate) fn elect_uncleanly(&mut self, id: BrokerId) {
        self.controller.elect_uncleanly(id);
        self.on_loss(id);
    }

    /// `leader` begins a reign in which records may be missing: what it has is what counts from now on.
    fn on_loss(&mut self, leader: BrokerId) {
        self.losses += 1;
        for node in self.nodes.values_mut() {
            node.is_suspect = true;
        }
        self.nodes.get_mut(&leader).unwrap().hear(&self.controller.facts, usize::MAX);
        let node = self.nodes.get_mut(&leader).unwrap();
        node.is_suspect = false;
        node.has_lost_power = false;
        let (start, values) = node.readable().unwrap();
        self.committed.truncate(usize::try_from(start.0).unwrap());
        self.committed.extend(values);
        self.check();
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.clock.advance(time);
        for id in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.tick(id);
        }
    }

    pub(crate) fn tick(&mut self, id: BrokerId) {
        if let Some(life) = &self.nodes[&id].life {
            life.replicas.tick(world::Clock::now(&self.clock));
        }
        self.check();
    }

    // What nodes say to one another.

    /// The follower sends its next request to `leader`, or takes in the answer to the last one. `spoil` may change what is on the way.
    pub(crate) fn fetch(
        &mut self,
        follower: BrokerId,
        leader: BrokerId,
        spoil: impl FnOnce(Result<FetchGot, LinkFault>) -> Result<FetchGot, LinkFault>,
    ) {
        let now = world::Clock::now(&self.clock);
        let Some(life) = &mut self.nodes.get_mut(&follower).unwrap().life else { return };
        if let Some(answer) = life.answers.remove(&leader) {
            life.fetchers.get_mut(&leader).unwrap().on_answer(answer, now);
        } else if let Some(ask) = life.ask(leader) {
            let epoch = life.epoch;
            let answer = spoil(self.serve(leader, (follower, epoch), &ask));
            let life = self.nodes.get_mut(&follower).unwrap().life.as_mut().unwrap();
            life.answers.insert(leader, answer);
        }
        self.check();
    }

    /// As a leader's broker answers: without sessions, every request is a full one.
    fn serve(
        &self,
        leader: BrokerId,
        (follower, epoch): (BrokerId, BrokerEpoch),
        ask: &FetchAsk,
    ) -> Result<FetchGot, LinkFault> {
        let Some(life) = &self.nodes[&leader].life else {
            return Err(LinkFault::Failed("it is down".to_owned()));
        };
        let known = life.image.broker(follower).filter(|known| known.epoch == epoch);
        let Some(known) = known else {
            let (session_id, partitions) = (0, Vec::new());
            return Ok(FetchGot { error: ErrorCode::StaleBrokerEpoch, session_id, partitions });
        };
        let mut partitions = Vec::new();
        for (key, asked) in &ask.partitions {
            let fetch = ReplicaFetch {
                replica: follower,
                broker_epoch: epoch,
                is_eligible: known.is_active(),
                log_start: asked.log_start,
                read: request(asked),
            };
            let found = life.replicas.find_by_id(key.topic, key.partition);
            let (said, records) = match found {
                None => (LeaderSays::Refused(ErrorCode::UnknownTopicId), Bytes::new()),
                Some(partition) => said(partition.read_for_replica(fetch)),
            };
            partitions.push(GotPartition { key: *key, said, records });
        }
        Ok(FetchGot { error: ErrorCode::None, session_id: 0, partitions })
    }

    /// Fetches without faults until nobody has anything to say any more.
    pub(crate) fn fetch_round(&mut self) {
        for follower in self.nodes.keys().copied().collect::<Vec<_>>() {
            let leader = self.state().leader;
            if leader != NO_LEADER && leader != follower {
                self.fetch(follower, leader, |answer| answer);
                self.fetch(follower, leader, |answer| answer);
            }
        }
    }

    /// The controller decides on the oldest proposal of `id`; `fate` says what becomes of it and its answer.
    pub(crate) fn propose(&mut self, id: BrokerId, fate: Fate) -> bool {
        let Some(life) = &self.nodes[&id].life else { return false };
        let mut waiting = life.proposals.0.lock().unwrap();
        if waiting.is_empty() {
            return false;
        }
        let (proposal, answer) = waiting.remove(0);
        drop(waiting);
        let epoch = life.epoch;
        let decided = match fate {
            Fate::Refused => Err(ErrorCode::OperationNotAttempted),
            Fate::Lost => Err(ErrorCode::RequestTimedOut),
            Fate::Decided | Fate::AnswerLost => self.controller.alter((id, epoch), &proposal),
        };
        answer(if fate == Fate::AnswerLost { Err(ErrorCode::RequestTimedOut) } else { decided });
        self.check();
        true
    }

    /// Until all is replicated to all: everybody is a replica, is up, hears, fetches, proposes.
    pub(crate) fn settle(&mut self) {
        for id in self.nodes.keys().copied().collect::<Vec<_>>() {
            if !self.is_up(id) {
                self.start(id);
            }
        }
        let all: Vec<BrokerId> = self.nodes.keys().copied().collect();
        for _ in 0..60 {
            let state = self.state();
            if state.replicas.len() < all.len() || !state.removing.is_empty() {
                self.controller.reassign(&all);
            }
            self.hear_all();
            self.fetch_round();
            for id in self.nodes.keys().copied().collect::<Vec<_>>() {
                while self.propose(id, Fate::Decided) {}
            }
            self.pass(Duration::from_millis(1500));
        }
        let leader = self.state().leader;
        let end = self.nodes[&leader].partition().unwrap().offsets().log_end;
        assert_eq!(self.state().isr.len(), self.nodes.len(), "all are in sync");
        for node in self.nodes.values() {
            let offsets = node.partition().unwrap().offsets();
            assert_eq!((offsets.log_end, offsets.high_watermark), (end, end), "{}", node.id);
        }
    }

    // What clients do.

    pub(crate) fn append(
        &self,
        id: BrokerId,
        values: &[String],
        producer: Option<i32>,
        acks: Acks,
    ) -> Result<Placed, PartitionError> {
        let partition = self.nodes[&id].partition().ok_or(PartitionError::Gone)?;
        partition.append(batch(values, producer), acks, Origin::Client)
    }

    /// Appends one record to the leader, which is up.
    pub(crate) fn put(&self, value: &str) -> Placed {
        let leader = self.state().leader;
        self.append(leader, &[value.to_owned()], None, Acks::Leader).unwrap()
    }

    // What must hold.

    /// After every step.
    pub(crate) fn check(&mut self) {
        if self.controller.state().is_none() {
            return;
        }
        let leader = self.state().leader;
        self.clear_suspects(leader);
        for node in self.nodes.values() {
            let Some((start, values)) = node.readable().filter(|_| !node.is_suspect) else {
                continue;
            };
            let start = usize::try_from(start.0).unwrap();
            let known = self.committed.len().min(start + values.len());
            assert_eq!(
                values[..known - start],
                self.committed[start..known],
                "broker {} shows other records as committed",
                node.id
            );
            self.committed.extend(values.into_iter().skip(known - start));
        }
        self.check_leader(leader);
        let isr = self.state().isr.to_vec();
        for member in isr.iter().filter(|_| isr.len() > 1) {
            let node = self.nodes.get_mut(member).unwrap();
            // Up and not alone in sync: a leader has found that it has everything again.
            node.has_lost_power &= node.life.is_none();
        }
    }

    fn check_leader(&self, leader: BrokerId) {
        let state = self.state();
        let Some(partition) = self.nodes.get(&leader).and_then(Node::partition) else { return };
        let offsets = partition.offsets();
        if offsets.leader_epoch != state.leader_epoch {
            return; // it has not heard of its reign yet
        }
        let count = i64::try_from(self.committed.len()).unwrap();
        assert!(offsets.log_end.0 >= count, "broker {leader} leads without what is committed");
        for member in state.isr.iter().filter(|member| self.is_up(**member)) {
            let theirs = offsets_of(&self.nodes[member]);
            assert!(
                theirs.log_end >= offsets.high_watermark,
                "the high watermark {} is beyond the log of broker {member}, which ends at {}",
                offsets.high_watermark,
                theirs.log_end
            );
        }
    }

    /// Who has all of an unclean leader's log, and shows nothing else, is one of the others again.
    fn clear_suspects(&mut self, leader: BrokerId) {
        let Some(leading) = self.nodes.get(&leader).filter(|node| !node.is_suspect) else { return };
        let Some((_, values)) = leading.readable() else { return };
        let Some(partition) = leading.partition() else { return };
        let offsets = partition.offsets();
        for node in self.nodes.values_mut().filter(|node| node.is_suspect) {
            let Some((start, theirs)) = node.readable() else { continue };
            let ours = offsets_of(node);
            let is_same = start == offsets.log_start
                && theirs.len() <= values.len()
                && theirs == values[..theirs.len()];
            if is_same
                && ours.leader_epoch == offsets.leader_epoch
                && ours.log_end == offsets.log_end
            {
                node.is_suspect = false;
                node.is_damaged = false;
            }
        }
    }
}

/// What becomes of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Decided,
    /// Not done, and the leader is told so.
    Refused,
    /// Not done, and nobody tells.
    Lost,
    /// Done, and nobody tells.
    AnswerLost,
}

fn offsets_of(node: &Node) -> replication::Offsets {
    node.partition().map(|partition| partition.offsets()).unwrap_or_default()
}

fn request(asked: &Ask) -> FetchRequest {
    FetchRequest {
        from: asked.from,
        bytes_max: 300,
        at_least_one: true,
        isolation: Isolation::ReadUncommitted,
        current_leader_epoch: Some(asked.epoch),
        last_fetched_epoch: asked.last_epoch,
    }
}

fn said(read: Result<replication::Fetched, PartitionError>) -> (LeaderSays, Bytes) {
    match read {
        Ok(fetched) => {
            if let Some((epoch, end)) = fetched.diverging {
                return (LeaderSays::Diverging(epoch, end), Bytes::new());
            }
            let Offsets { high_watermark, log_start, .. } = fetched.offsets;
            let records = fetched.chunk.into_bytes().unwrap();
            (LeaderSays::Records { high_watermark, log_start }, records)
        }
        Err(PartitionError::OffsetOutOfRange { start, .. }) => {
            (LeaderSays::OutOfRange { log_start: start }, Bytes::new())
        }
        Err(error) => (LeaderSays::Refused(error.code()), Bytes::new()),
    }
}

/// One batch; `producer` is the first sequence number of the one idempotent producer there is.
pub(crate) fn batch(values: &[String], producer: Option<i32>) -> BytesMut {
    let mut builder = BatchBuilder::new(Codec::None);
    if let Some(sequence) = producer {
        builder.producer(ProducerId(7), ProducerEpoch(0), sequence);
    }
    for value in values {
        builder.append(TimestampMs(1_000_000), Some(b"key"), Some(value.as_bytes()), &[]);
    }
    builder.finish()
}
