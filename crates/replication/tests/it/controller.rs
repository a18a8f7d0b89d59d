//! A small pure controller: real facts, real images, the rules that replication leans on and nothing else.
//!
//! ```text
//!   register   the life before leaves: out of the ISR if others are left, others lead what it led
//!   fence      likewise
//!   unfence    it leads where nobody could
//!   reassign   others hold the partition (KIP-455): what is added must be in sync before what is removed goes; called off, what was added goes
//!   alter      a leader's proposal of who is in sync (KIP-497, KIP-903), or a damaged replica's of who is besides itself
//! ```

use metadata::{Fact, Image, NO_LEADER, PartitionState, StateFact};
use model::{
    BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, PartitionEpoch, PartitionId, TopicId, TopicName,
};
use replication::IsrProposal;

pub(crate) struct Controller {
    pub(crate) image: Image,
    /// All that was ever decided: nodes follow it at their own pace.
    pub(crate) facts: Vec<Fact>,
    lives: u128,
}

pub(crate) fn topic_id() -> TopicId {
    TopicId::parse("AAAAAAAAAAAAAAAAAA001A").unwrap()
}

pub(crate) fn topic_name() -> TopicName {
    TopicName::parse("a").unwrap()
}

pub(crate) const PARTITION: PartitionId = PartitionId(0);

impl Controller {
    pub(crate) fn new() -> Self {
        let mut image = Image::default();
        image.set_version(model::Offset(0));
        Self { image, facts: Vec::new(), lives: 0 }
    }

    pub(crate) fn decide(&mut self, fact: Fact) {
        self.image.apply(&fact);
        self.facts.push(fact);
    }

    /// One partition of these replicas, all in sync, led by the first.
    pub(crate) fn create(&mut self, replicas: &[BrokerId], options: &[(&str, &str)]) {
        let id = topic_id();
        self.decide(Fact::Topic { name: topic_name(), id });
        for (name, value) in options {
            let (name, value) = ((*name).to_owned(), Some((*value).to_owned()));
            self.decide(Fact::TopicOption { topic: id, name, value });
        }
        self.put(StateFact {
            replicas: replicas.to_vec(),
            isr: replicas.to_vec(),
            leader: replicas[0],
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            adding: Vec::new(),
            removing: Vec::new(),
            elr: Vec::new(),
            last_leader: NO_LEADER,
        });
    }

    pub(crate) fn state(&self) -> Option<&PartitionState> {
        self.image.topic_by_id(topic_id())?.partition(PARTITION)
    }

    /// A life begins, fenced; answers its epoch.
    pub(crate) fn register(&mut self, id: BrokerId) -> BrokerEpoch {
        self.leave(id);
        self.lives += 1;
        let epoch = self.image.broker_epoch_next();
        self.decide(Fact::RegisterBroker {
            id,
            incarnation: self.lives,
            epoch,
            host: "localhost".to_owned(),
            port: 1,
            rack: None,
            lineage: 0,
            is_fenced: true,
            is_shutting_down: false,
        });
        epoch
    }

    pub(crate) fn fence(&mut self, id: BrokerId) {
        let Some(broker) = self.image.broker(id).filter(|broker| !broker.is_fenced) else { return };
        let epoch = broker.epoch;
        self.leave(id);
        self.decide(Fact::BrokerState { id, epoch, is_fenced: true, is_shutting_down: false });
    }

    pub(crate) fn unfence(&mut self, id: BrokerId) {
        let Some(broker) = self.image.broker(id).filter(|broker| broker.is_fenced) else { return };
        let epoch = broker.epoch;
        self.decide(Fact::BrokerState { id, epoch, is_fenced: false, is_shutting_down: false });
    }

    /// Another member of the ISR leads; answers whether there was one.
    pub(crate) fn elect(&mut self, id: BrokerId) -> bool {
        let Some(state) = self.state().map(PartitionState::to_fact) else { return false };
        let may = state.leader != id && state.isr.contains(&id) && self.image.is_active(id);
        if may {
            self.lead(id, state);
        }
        may
    }

    /// A replica that is not in sync leads alone: what it does not have is lost.
    pub(crate) fn elect_uncleanly(&mut self, id: BrokerId) {
        let state = self.state().unwrap().to_fact();
        assert!(self.image.is_active(id) && !state.isr.contains(&id), "an unclean election");
        self.lead(id, StateFact { isr: vec![id], ..state });
    }

    /// These are to hold the partition.
    pub(crate) fn reassign(&mut self, target: &[BrokerId]) {
        let state = self.state().unwrap().to_fact();
        let is_new = |id: &BrokerId| !state.replicas.contains(id) || state.adding.contains(id);
        let adding = target.iter().filter(|id| is_new(id)).copied().collect();
        let is_kept = |id: &BrokerId| !state.adding.contains(id) || state.isr.contains(id);
        let goes = |id: &&BrokerId| !target.contains(id) && is_kept(id);
        let removing: Vec<_> = state.replicas.iter().filter(goes).copied().collect();
        let replicas = target.iter().chain(&removing).copied().collect();
        self.put_next(&state, StateFact { replicas, adding, removing, ..state.clone() });
    }

    /// As before the reassignment under way; answers whether there was one that could be called off.
    pub(crate) fn call_off(&mut self) -> bool {
        let state = self.state().unwrap().to_fact();
        let stays = |id: &&BrokerId| !state.adding.contains(id);
        let isr: Vec<_> = state.isr.iter().filter(stays).copied().collect();
        let is_reassigned = !state.adding.is_empty() || !state.removing.is_empty();
        if !is_reassigned || isr.is_empty() {
            return false;
        }
        let replicas = state.replicas.iter().filter(stays).copied().collect();
        let (adding, removing) = (Vec::new(), Vec::new());
        self.put_next(&state, StateFact { replicas, isr, adding, removing, ..state.clone() });
        true
    }

    /// A leader's proposal; the checks and their order are the controller's.
    pub(crate) fn alter(
        &mut self,
        broker: (BrokerId, BrokerEpoch),
        proposal: &IsrProposal,
    ) -> Result<(), ErrorCode> {
        let is_its_life = |known: &metadata::Broker| known.epoch == broker.1;
        if !self.image.broker(broker.0).is_some_and(|known| is_its_life(known)) {
            return Err(ErrorCode::StaleBrokerEpoch);
        }
        let state = self.state().ok_or(ErrorCode::UnknownTopicId)?.to_fact();
        if proposal.leader_epoch < state.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        let is_leave = proposal.isr.iter().all(|(id, _)| *id != broker.0);
        if broker.0 != state.leader && !is_leave {
            return Err(ErrorCode::InvalidRequest);
        }
        if proposal.partition_epoch < state.partition_epoch {
            return Err(ErrorCode::InvalidUpdateVersion);
        }
        if is_leave {
            return self.leave_damaged(broker.0, state);
        }
        let is_eligible = |(id, epoch): &(BrokerId, Option<BrokerEpoch>)| {
            let member = self.image.broker(*id).filter(|member| member.is_active());
            member.is_some_and(|member| epoch.is_none_or(|epoch| epoch == member.epoch))
        };
        if !proposal.isr.iter().all(is_eligible) {
            return Err(ErrorCode::IneligibleReplica);
        }
        let isr = proposal.isr.iter().map(|(id, _)| *id).collect();
        self.put_next(&state, StateFact { isr, ..state.clone() });
        Ok(())
    }

    /// A new reign begins in any case: what was said in the present one counts no more.
    fn leave_damaged(&mut self, id: BrokerId, state: StateFact) -> Result<(), ErrorCode> {
        let isr: Vec<_> = state.isr.iter().filter(|member| **member != id).copied().collect();
        let can_lead = |other: &BrokerId| isr.contains(other) && self.image.is_active(*other);
        let stays = Some(state.leader).filter(can_lead);
        let next = stays.or_else(|| isr.iter().copied().find(can_lead));
        let leader = next.ok_or(ErrorCode::IneligibleReplica)?;
        self.lead(leader, StateFact { isr, ..state });
        Ok(())
    }

    fn leave(&mut self, id: BrokerId) {
        let Some(state) = self.state().map(PartitionState::to_fact) else { return };
        if !state.isr.contains(&id) {
            return;
        }
        let isr: Vec<_> = state.isr.iter().filter(|member| **member != id).copied().collect();
        let isr = if isr.is_empty() { state.isr.clone() } else { isr };
        let partition_epoch = state.partition_epoch.next();
        if state.leader != id {
            if isr != state.isr {
                self.put(StateFact { isr, partition_epoch, ..state });
            }
            return;
        }
        let next = isr.iter().find(|member| **member != id && self.image.is_active(**member));
        let leader = next.copied().unwrap_or(NO_LEADER);
        self.lead(leader, StateFact { isr, ..state });
    }

    fn lead(&mut self, leader: BrokerId, state: StateFact) {
        self.put(StateFact {
            leader,
            leader_epoch: state.leader_epoch.next(),
            partition_epoch: state.partition_epoch.next(),
            ..state
        });
    }

    /// What becomes of `before`: a reassignment ends if it can, and who has gone leads no more. A replica that goes ends the reign.
    fn put_next(&mut self, before: &StateFact, mut next: StateFact) {
        let has_all = next.adding.iter().all(|id| next.isr.contains(id));
        let stays = |id: &BrokerId| !next.removing.contains(id);
        if has_all && next.isr.iter().any(stays) {
            let those = |ids: &[BrokerId]| ids.iter().copied().filter(|id| stays(id)).collect();
            (next.isr, next.replicas) = (those(&next.isr), those(&next.replicas));
            (next.adding, next.removing) = (Vec::new(), Vec::new());
        }
        next.isr.retain(|id| next.replicas.contains(id));
        let can_lead = |id: &BrokerId| next.isr.contains(id) && self.image.is_active(*id);
        let mut candidates = [next.leader].into_iter().chain(next.replicas.iter().copied());
        next.leader = candidates.find(can_lead).unwrap_or(NO_LEADER);
        let has_lost_replica = before.replicas.iter().any(|id| !next.replicas.contains(id));
        if has_lost_replica || next.leader != before.leader {
            next.leader_epoch = before.leader_epoch.next();
        }
        if next != *before {
            next.partition_epoch = before.partition_epoch.next();
            self.put(next);
        }
    }

    fn put(&mut self, state: StateFact) {
        self.decide(Fact::Partitions { topic: topic_id(), first: PARTITION, count: 1, state });
    }
}
