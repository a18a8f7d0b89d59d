//! Random histories of a cluster: whatever brokers, leaders and operators ask for in whatever order, and wherever a controller dies, what must
//! always hold of the image does. Beside it stands who has all that was committed: [`Whole`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use metadata::{
    Fact, Image, NO_LEADER, PartitionState,
    options::{ServerOptions, min_insync_replicas},
};
use model::{BrokerEpoch, BrokerId, PartitionId, TopicId};
use world::{Chance, Clock, sim::SimClock};

use crate::{
    Answer, Change, ControllerOptions, Election, Heartbeat, IsrChange, NewTopic, OptionChange,
    QuorumOptions, Reassignment, Registration, Request, TopicChange, World,
    machine::{Machine, Outcome},
};

const HISTORIES: u64 = 300;
const STEPS: usize = 400;
const BROKERS: u64 = 5;
/// A controller has looked at all leaders by then, from its election on.
const LOOK_WITHIN: Duration = Duration::from_secs(6);

#[test]
fn what_must_always_hold_does_in_every_history() {
    for seed in 0..HISTORIES {
        let mut history = History::new(seed);
        for step in 0..STEPS {
            history.step(&format!("seed {seed} step {step}"));
        }
        history.check_facts(&format!("seed {seed}"));
    }
}

struct History {
    machine: Machine,
    clock: Arc<SimClock>,
    chance: Chance,
    image: Image,
    lives: u128,
    epochs: Vec<BrokerEpoch>,
    lineages: BTreeMap<BrokerId, u128>,
    whole: Whole,
    /// Only a part of a decision was kept: until then no controller may have looked at it.
    torn_until: Option<world::Instant>,
}

/// Who has all records of a partition that were committed, at worst: records are committed whenever they may be, a broker that may lose records
/// does, and whoever is not in sync gets none.
#[derive(Default)]
struct Whole {
    of: BTreeMap<(TopicId, PartitionId), BTreeSet<BrokerId>>,
    /// Have lost records in a life that the image does not show yet: as what it shows they do nothing any more.
    dead: BTreeSet<BrokerId>,
}

impl Whole {
    /// `broker` has lost what it had, and asks for a new life.
    fn lose(&mut self, broker: BrokerId) {
        self.dead.insert(broker);
        for whole in self.of.values_mut() {
            whole.remove(&broker);
        }
    }

    fn follow(&mut self, fact: &Fact, image: &Image, server: &ServerOptions) {
        if let Fact::RegisterBroker { id, .. } = fact {
            self.dead.remove(id);
        }
        for topic in image.topics() {
            let required = min_insync_replicas(server, image, topic);
            for (number, state) in topic.numbered() {
                let whole = self.of.entry((topic.id, number)).or_default();
                whole.retain(|id| state.replicas.contains(id));
                let mut eligible = state.isr.iter().chain(state.elr.iter());
                if state.is_led() && !eligible.any(|id| whole.contains(id)) {
                    // Somebody asked for it, or nobody who is left has all: this is the history now.
                    whole.clear();
                }
                if !state.is_led() || self.dead.contains(&state.leader) {
                    continue;
                }
                // A leader commits nothing while somebody is eligible, whatever it knows of the topic's options.
                if state.isr.len() >= required.min(state.replicas.len()) && state.elr.is_empty() {
                    whole.clear();
                }
                // Whoever is in sync under a leader has all that it has.
                whole.extend(state.isr.iter().filter(|id| !self.dead.contains(id)));
            }
        }
    }

    /// Whether `leader` may take over: it has all, or nobody who is left has.
    fn allows(&self, partition: (TopicId, PartitionId), state: &PartitionState) -> bool {
        let Some(whole) = self.of.get(&partition) else { return true };
        let is_left = whole.iter().any(|id| state.replicas.contains(id));
        !is_left || whole.contains(&state.leader) || self.dead.contains(&state.leader)
    }
}

/// What may take a replica in sync, or make one leader, that was not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum May {
    /// Nothing.
    Nothing,
    /// A leader's proposal.
    Expand,
    /// Somebody asked for it.
    ElectUncleanly,
}

impl History {
    fn new(seed: u64) -> Self {
        let clock = Arc::new(SimClock::new(model::TimestampMs(1_000)));
        let machine = machine(&clock, seed);
        let (chance, image) = (Chance::from_seed(seed), Image::default());
        let (lineages, whole) = (BTreeMap::new(), Whole::default());
        Self {
            machine,
            clock,
            chance,
            image,
            lives: 0,
            epochs: Vec::new(),
            lineages,
            whole,
            torn_until: None,
        }
    }

    fn step(&mut self, place: &str) {
        let (facts, may) = match self.chance.below(20) {
            0..=5 => {
                self.clock.advance(Duration::from_millis(self.chance.below(2_000)));
                let now = self.clock.now();
                self.torn_until = self.torn_until.filter(|until| now < *until);
                (self.machine.on_tick(&self.image, self.clock.now()), May::Nothing)
            }
            6 => {
                let broker = self.broker();
                self.machine.on_suspect(broker, crate::SUSPICION_GRACE, self.clock.now());
                (Vec::new(), May::Nothing)
            }
            7 => {
                self.replace_controller();
                (Vec::new(), May::Nothing)
            }
            _ => self.ask(),
        };
        // A controller that dies in between leaves a part of what it decided.
        let kept = if self.chance.below(15) == 0 {
            let kept = self.chance.below(facts.len() as u64 + 1) as usize;
            self.replace_controller();
            if kept < facts.len() {
                self.torn_until = Some(self.clock.now().plus(LOOK_WITHIN));
            }
            kept
        } else {
            facts.len()
        };
        for fact in facts.iter().take(kept) {
            let before = self.image.clone();
            self.image.apply(fact);
            self.check_leaders(&before, may, &format!("{place}: {fact:?}"));
            self.whole.follow(fact, &self.image, &self.machine.options.server);
            self.check(&before, may, &format!("{place}: {fact:?}"));
        }
        let version = self.image.version().plus(kept as i64);
        self.image.set_version(version);
        if self.torn_until.is_none() {
            self.check_led(place);
        }
    }

    fn replace_controller(&mut self) {
        self.machine = machine(&self.clock, self.chance.bits());
        self.machine.on_elected(&self.image, self.clock.now());
        self.torn_until = self.torn_until.map(|_| self.clock.now().plus(LOOK_WITHIN));
    }

    fn ask(&mut self) -> (Vec<Fact>, May) {
        let (request, may) = match self.chance.below(24) {
            0..=9 => (self.heartbeat(), May::Nothing),
            10..=12 => (self.registration(), May::Nothing),
            13 if self.image.topic_count() < 6 => (self.creation(), May::Nothing),
            13..=16 => (self.proposal(), May::Expand),
            17 => (self.alteration(), May::Nothing),
            18..=19 => (self.reassignment(), May::Nothing),
            20 if self.chance.below(4) == 0 => {
                (Request::UnregisterBroker(self.broker()), May::Nothing)
            }
            21 => {
                let kind = Election::Unclean;
                (Request::ElectLeaders { kind, partitions: None }, May::ElectUncleanly)
            }
            _ => {
                let kind = Election::Preferred;
                (Request::ElectLeaders { kind, partitions: None }, May::Nothing)
            }
        };
        let registered = match &request {
            Request::RegisterBroker(new) => Some((new.id, new.lineage)),
            _ => None,
        };
        let next = self.image.broker_epoch_next();
        let Outcome { facts, answer } = self.machine.decide(&self.image, request);
        if let Answer::RegisterBroker(Ok(epoch)) = answer
            && let Some((id, lineage)) = registered
        {
            assert_eq!(epoch, next);
            if self.image.broker(id).is_none_or(|known| known.lineage != lineage) {
                self.whole.lose(id);
            }
        }
        (facts, may)
    }

    fn broker(&mut self) -> BrokerId {
        BrokerId(1 + self.chance.below(BROKERS) as i32)
    }

    fn heartbeat(&mut self) -> Request {
        let broker = self.broker();
        let life = self.image.broker(broker).map_or(BrokerEpoch(0), |broker| broker.epoch);
        Request::Heartbeat(Heartbeat {
            broker,
            epoch: life,
            applied: self.image.version().plus(-(self.chance.below(3) as i64)),
            wants_fence: self.chance.below(12) == 0,
            wants_shutdown: self.chance.below(12) == 0,
        })
    }

    fn registration(&mut self) -> Request {
        self.lives += 1;
        let id = self.broker();
        let has_lost = self.chance.below(3) == 0;
        let lineage = self.lineages.entry(id).or_insert(1);
        *lineage += u128::from(has_lost);
        let lineage = *lineage;
        Request::RegisterBroker(Registration {
            id,
            lineage,
            cluster_id: "c".into(),
            incarnation: self.lives,
            host: "h".into(),
            ..Registration::default()
        })
    }

    fn creation(&mut self) -> Request {
        let name = format!("t{}", self.chance.below(8));
        let unclean = self.chance.below(4) == 0;
        let mut options = vec![self.min_in_sync()];
        if unclean {
            options.push(("unclean.leader.election.enable".into(), Some("true".into())));
        }
        let topic = NewTopic {
            name,
            partitions: 1 + self.chance.below(6) as i32,
            replication_factor: 1 + self.chance.below(3) as i16,
            options,
            ..NewTopic::default()
        };
        Request::CreateTopics { topics: vec![topic], validate_only: false }
    }

    fn min_in_sync(&mut self) -> (String, Option<String>) {
        ("min.insync.replicas".into(), Some((1 + self.chance.below(3)).to_string()))
    }

    fn alteration(&mut self) -> Request {
        let Some((_, topic, ..)) = self.partition() else { return self.creation() };
        let (name, value) = self.min_in_sync();
        let changes = vec![OptionChange { name, value, change: Change::Set }];
        let topics = vec![TopicChange { name: topic, changes }];
        Request::AlterTopicOptions { topics, validate_only: false }
    }

    /// Any partition, if there is one.
    fn partition(&mut self) -> Option<(TopicId, String, PartitionId, PartitionState)> {
        let topics: Vec<_> = self.image.topics().cloned().collect();
        let topic = topics.get(self.chance.below(topics.len() as u64) as usize)?;
        let number = PartitionId(self.chance.below(topic.partitions.len() as u64) as i32);
        let state = topic.partition(number)?.clone();
        Some((topic.id, topic.name.as_str().to_owned(), number, state))
    }

    fn proposal(&mut self) -> Request {
        let Some((topic, _, partition, state)) = self.partition() else { return self.creation() };
        if self.whole.dead.contains(&state.leader) {
            return self.heartbeat();
        }
        let members =
            state.replicas.iter().filter(|id| **id == state.leader || self.chance.below(3) > 0);
        let life = |id: BrokerId| self.image.broker(id).map_or(BrokerEpoch(0), |b| b.epoch);
        let isr = members.map(|id| (*id, life(*id))).collect();
        let (leader_epoch, partition_epoch) = (state.leader_epoch, state.partition_epoch);
        let change = IsrChange { topic, partition, leader_epoch, partition_epoch, isr };
        let (broker, epoch) = (state.leader, life(state.leader));
        Request::AlterPartition { broker, epoch, changes: vec![change] }
    }

    fn reassignment(&mut self) -> Request {
        let Some((_, topic, partition, _)) = self.partition() else { return self.creation() };
        let mut replicas: Vec<BrokerId> = (0..3).map(|_| self.broker()).collect();
        replicas.sort_unstable_by_key(|id| (id.0 * 7) % 5);
        replicas.dedup();
        let replicas = (self.chance.below(4) > 0).then_some(replicas);
        let changes = vec![Reassignment { topic, partition, replicas }];
        Request::AlterReassignments { changes, may_change_factor: true }
    }

    fn check(&mut self, before: &Image, may: May, place: &str) {
        for topic in self.image.topics() {
            for (number, state) in topic.numbered() {
                let place = format!("{place}: {}-{number} {state:?}", topic.name);
                check_state(&self.image, state, &place);
                let old = before.topic_by_id(topic.id).and_then(|topic| topic.partition(number));
                if let Some(old) = old {
                    let is_unclean_allowed = may == May::ElectUncleanly
                        || topic.options.contains_key("unclean.leader.election.enable");
                    check_step(
                        old,
                        state,
                        (may, is_unclean_allowed),
                        &format!("{place} was {old:?}"),
                    );
                }
            }
        }
        for broker in self.image.brokers() {
            let is_new = before.broker(broker.id).is_none_or(|old| old.epoch != broker.epoch);
            if is_new {
                assert!(self.epochs.iter().all(|epoch| *epoch < broker.epoch), "{place}");
                self.epochs.push(broker.epoch);
            }
        }
    }

    /// Whoever comes to lead has all that was committed, if anybody who is left has.
    fn check_leaders(&self, before: &Image, may: May, place: &str) {
        for topic in self.image.topics() {
            // A proposal may take in whoever leads next, having all, when it ends a reassignment.
            let is_unclean =
                may != May::Nothing || topic.options.contains_key("unclean.leader.election.enable");
            for (number, state) in topic.numbered().filter(|(_, state)| state.is_led()) {
                let was = before.topic_by_id(topic.id).and_then(|topic| topic.partition(number));
                let Some(was) = was.filter(|was| was.leader != state.leader) else { continue };
                let is_right = is_unclean || self.whole.allows((topic.id, number), state);
                assert!(is_right, "{:?} have all; {place}: {was:?} {state:?}", self.whole.of);
            }
        }
    }

    /// Asked between two decisions: a broker's own fact stands before those of what it leads from then on.
    fn check_led(&self, place: &str) {
        let can_lead = |id: &BrokerId| self.image.is_active(*id) && !self.whole.dead.contains(id);
        for state in self.image.topics().flat_map(|topic| topic.partitions.iter()) {
            let mut eligible = state.isr.iter().chain(state.elr.iter());
            assert!(
                state.is_led() || !eligible.any(can_lead),
                "who can lead leads; {place}: {state:?}"
            );
        }
    }

    fn check_facts(&self, place: &str) {
        let facts: Vec<Fact> = self.image.facts().collect();
        let mut again = Image::default();
        for fact in &facts {
            again.apply(&Fact::decode(&fact.encode()).unwrap());
        }
        assert_eq!(again.facts().collect::<Vec<_>>(), facts, "{place}");
        assert_eq!(partitions(&again), partitions(&self.image), "{place}");
        assert_eq!(again.broker_epoch_next(), self.image.broker_epoch_next(), "{place}");
    }
}

fn check_state(image: &Image, state: &PartitionState, place: &str) {
    let in_order: Vec<BrokerId> =
        state.replicas.iter().filter(|id| state.isr.contains(id)).copied().collect();
    assert_eq!(*state.isr, *in_order, "in sync are replicas, in their order; {place}");
    assert!(!state.isr.is_empty(), "somebody is in sync; {place}");
    if state.leader == NO_LEADER {
        assert!(state.isr.len() == 1, "only the last is waited for; {place}");
    } else {
        assert!(state.isr.contains(&state.leader), "the leader is in sync; {place}");
        assert!(image.is_active(state.leader), "the leader is active; {place}");
        assert!(state.isr.iter().all(|id| image.is_active(*id)), "as all in sync; {place}");
    }
    let is_outside = |id: &BrokerId| state.replicas.contains(id) && !state.isr.contains(id);
    assert!(state.elr.iter().all(is_outside), "eligible is who is not in sync; {place}");
    assert_eq!(state.last_leader == NO_LEADER, state.is_led(), "{place}");
    assert!(state.adding.iter().all(|id| state.replicas.contains(id)), "{place}");
    assert!(state.removing.iter().all(|id| state.replicas.contains(id)), "{place}");
}

fn check_step(
    old: &PartitionState,
    new: &PartitionState,
    (may, is_unclean_allowed): (May, bool),
    place: &str,
) {
    assert!(new.leader_epoch >= old.leader_epoch, "{place}");
    assert!(new.partition_epoch >= old.partition_epoch, "{place}");
    if new != old {
        assert_eq!(new.partition_epoch, old.partition_epoch.next(), "{place}");
    }
    if new.leader != old.leader {
        assert_eq!(new.leader_epoch, old.leader_epoch.next(), "{place}");
    }
    if !is_unclean_allowed {
        let was_last = |id: &BrokerId| *id == old.last_leader || *id == old.leader;
        let was_in_sync =
            |id: &BrokerId| old.isr.contains(id) || old.elr.contains(id) || was_last(id);
        if new.leader != NO_LEADER && new.leader != old.leader && may != May::Expand {
            assert!(was_in_sync(&new.leader), "a clean leader was in sync; {place}");
        }
        if may == May::Nothing {
            assert!(new.isr.iter().all(was_in_sync), "only leaders take in; {place}");
        }
    }
}

fn partitions(image: &Image) -> BTreeMap<(String, PartitionId), PartitionState> {
    let of = |topic: &metadata::Topic| {
        let name = topic.name.as_str().to_owned();
        topic.numbered().map(|(n, state)| ((name.clone(), n), state.clone())).collect::<Vec<_>>()
    };
    image.topics().flat_map(|topic| of(topic)).collect()
}

fn machine(clock: &Arc<SimClock>, seed: u64) -> Machine {
    let world = World { clock: clock.clone(), chance: Chance::from_seed(seed) };
    let mut server = ServerOptions::new(BrokerId(100));
    server.set("leader.imbalance.check.interval.seconds", "5").unwrap();
    let quorum = QuorumOptions::alone(BrokerId(100), &server);
    Machine::new(world, ControllerOptions { cluster_id: "c".into(), server, quorum })
}
