//! The decisions about brokers and partitions, by traces: each line of `traces/*.txt` is told to the machine; what it answers stands behind
//! the arrow, and behind the bar which facts there would be and what they imply.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use metadata::{Fact, Image, PartitionState, Topic, options::ServerOptions};
use model::{BrokerEpoch, BrokerId, ErrorCode, Offset, PartitionId, TopicId, TopicName};
use world::{Chance, Clock, sim::SimClock};

use crate::{
    Answer, ControllerOptions, Election, Heartbeat, IsrChange, QuorumOptions, Reassignment,
    Refusal, Registration, Request, World, machine::Machine,
};

#[test]
fn a_broker_begins_fenced_and_is_fenced_when_it_is_silent() {
    replay(include_str!("traces/lives.txt"));
}

#[test]
fn who_is_in_sync_leads_next_and_the_last_in_sync_is_waited_for() {
    replay(include_str!("traces/elections.txt"));
}

#[test]
fn an_unclean_election_is_allowed_or_asked_for() {
    replay(include_str!("traces/unclean.txt"));
}

#[test]
fn who_left_while_nothing_could_be_committed_is_eligible() {
    replay(include_str!("traces/eligible.txt"));
}

#[test]
fn leaders_move_before_a_broker_stops() {
    replay(include_str!("traces/shutdown.txt"));
}

#[test]
fn a_proposal_of_who_is_in_sync_is_taken_or_refused_in_kafkas_words() {
    replay(include_str!("traces/isr.txt"));
}

#[test]
fn a_replica_whose_log_is_damaged_leaves_unless_it_is_the_last() {
    replay(include_str!("traces/leave.txt"));
}

#[test]
fn a_reassignment_adds_waits_and_removes() {
    replay(include_str!("traces/reassignments.txt"));
}

fn replay(trace: &str) {
    let mut stage = Stage::new();
    let mut seen = String::new();
    for line in trace.lines() {
        let told = line.split("=>").next().unwrap();
        let words: Vec<&str> = told.split_whitespace().collect();
        if line.starts_with('#') || words.is_empty() {
            seen.push_str(line);
        } else {
            let answer = stage.tell(&words);
            seen.push_str(&format!("{:<40}=> {answer}", told.trim_end()));
        }
        seen.push('\n');
    }
    assert!(seen == trace, "the trace has become:\n{seen}");
}

struct Stage {
    machine: Machine,
    clock: Arc<SimClock>,
    image: Image,
    lives: u128,
    /// Of the brokers' data directories.
    lineages: BTreeMap<BrokerId, u128>,
}

impl Stage {
    fn new() -> Self {
        let clock = Arc::new(SimClock::new(model::TimestampMs(1_000)));
        let world = World { clock: clock.clone(), chance: Chance::from_seed(7) };
        let mut server = ServerOptions::new(BrokerId(100));
        server.set("leader.imbalance.check.interval.seconds", "60").unwrap();
        let quorum = QuorumOptions::alone(BrokerId(100), &server);
        let options = ControllerOptions { cluster_id: "c".into(), server, quorum };
        let machine = Machine::new(world, options);
        Self { machine, clock, image: Image::default(), lives: 0, lineages: BTreeMap::new() }
    }

    fn tell(&mut self, words: &[&str]) -> String {
        match words {
            ["cluster", brokers] => self.cluster(brokers),
            ["topic", name, "replicas", replicas, options @ ..] => {
                self.topic(name, replicas, options)
            }
            ["time", seconds] => {
                let seconds: f64 = seconds.trim_end_matches('s').parse().unwrap();
                let passed = self.clock.now().since(world::Instant::default());
                self.clock.advance(Duration::from_secs_f64(seconds).saturating_sub(passed));
                "ok".into()
            }
            ["tick"] => {
                let facts = self.machine.on_tick(&self.image, self.clock.now());
                self.commit("done".into(), &facts)
            }
            ["elected"] => {
                self.machine.on_elected(&self.image, self.clock.now());
                "ok".into()
            }
            ["suspect", broker] => {
                self.machine.on_suspect(id(broker), crate::SUSPICION_GRACE, self.clock.now());
                "ok".into()
            }
            ["deadline"] => {
                let deadline = self.machine.next_deadline().expect("a look at the leaders");
                format!("{}s", deadline.since(world::Instant::default()).as_secs_f64())
            }
            ["state", partition] => {
                let (topic, number) = self.find(partition);
                state(topic.partition(number).unwrap())
            }
            other => {
                let request = self.request(other);
                let outcome = self.machine.decide(&self.image, request);
                self.commit(text(&outcome.answer), &outcome.facts)
            }
        }
    }

    /// Brokers that are registered and active, without words.
    fn cluster(&mut self, brokers: &str) -> String {
        for broker in brokers.split(',') {
            self.tell(&["register", broker]);
            self.tell(&["beat", broker]);
        }
        "ok".into()
    }

    fn topic(&mut self, name: &str, replicas: &str, options: &[&str]) -> String {
        let topic = crate::NewTopic {
            name: name.to_owned(),
            partitions: -1,
            replication_factor: -1,
            assignment: (0..)
                .map(PartitionId)
                .zip(replicas.split('/'))
                .map(|(number, list)| (number, ids(list)))
                .collect(),
            options: match options {
                ["unclean"] => vec![("unclean.leader.election.enable".into(), Some("true".into()))],
                ["min", min] => vec![("min.insync.replicas".into(), Some((*min).to_owned()))],
                _ => Vec::new(),
            },
        };
        let request = Request::CreateTopics { topics: vec![topic], validate_only: false };
        let outcome = self.machine.decide(&self.image, request);
        self.commit(text(&outcome.answer), &outcome.facts)
    }

    fn request(&mut self, words: &[&str]) -> Request {
        match words {
            ["register", broker, rest @ ..] => {
                if *rest != ["again"] {
                    self.lives += 1;
                }
                let cluster_id = if let ["cluster", id] = rest { id } else { "c" };
                if *rest == ["lossy"] {
                    *self.lineages.entry(id(broker)).or_insert(1) += 1;
                }
                Request::RegisterBroker(Registration {
                    id: id(broker),
                    cluster_id: cluster_id.to_owned(),
                    incarnation: self.lives,
                    host: "h".into(),
                    lineage: *self.lineages.entry(id(broker)).or_insert(1),
                    ..Registration::default()
                })
            }
            ["beat", broker, rest @ ..] => {
                let broker = id(broker);
                let mut beat = Heartbeat {
                    broker,
                    epoch: self.epoch(broker),
                    applied: self.image.version(),
                    wants_fence: rest.contains(&"fence"),
                    wants_shutdown: rest.contains(&"stop"),
                };
                match rest {
                    ["at", offset, ..] => beat.applied = Offset(offset.parse().unwrap()),
                    ["life", epoch] => beat.epoch = BrokerEpoch(epoch.parse().unwrap()),
                    _ => {}
                }
                Request::Heartbeat(beat)
            }
            ["min", topic, min] => Request::AlterTopicOptions {
                topics: vec![crate::TopicChange {
                    name: (*topic).to_owned(),
                    changes: vec![crate::OptionChange {
                        name: "min.insync.replicas".into(),
                        value: Some((*min).to_owned()),
                        change: crate::Change::Set,
                    }],
                }],
                validate_only: false,
            },
            ["unregister", broker] => Request::UnregisterBroker(id(broker)),
            ["isr", partition, "by", broker, "is", members, rest @ ..] => {
                self.alter(partition, id(broker), members, rest)
            }
            ["elect", kind, partitions @ ..] => {
                let kind = match *kind {
                    "preferred" => Election::Preferred,
                    _ => Election::Unclean,
                };
                let named = partitions.iter().map(|partition| named(partition)).collect();
                let partitions = (!partitions.is_empty()).then_some(named);
                Request::ElectLeaders { kind, partitions }
            }
            ["reassign", partition, "to", replicas, rest @ ..] => {
                let (topic, partition) = named(partition);
                let replicas = (*replicas != "nothing-new").then(|| ids(replicas));
                let changes = vec![Reassignment { topic, partition, replicas }];
                let may_change_factor = *rest != ["same", "factor"];
                Request::AlterReassignments { changes, may_change_factor }
            }
            other => panic!("{other:?} is no line of a trace"),
        }
    }

    fn alter(&self, partition: &str, broker: BrokerId, members: &str, rest: &[&str]) -> Request {
        let (topic, number) = self.find(partition);
        let state = topic.partition(number);
        let life = |member: BrokerId| match rest {
            ["life", of, epoch] if id(of) == member => BrokerEpoch(epoch.parse().unwrap()),
            _ => self.epoch(member),
        };
        let mut change = IsrChange {
            topic: topic.id,
            partition: number,
            leader_epoch: state.map_or_else(Default::default, |state| state.leader_epoch),
            partition_epoch: state.map_or_else(Default::default, |state| state.partition_epoch),
            isr: ids(members).into_iter().map(|member| (member, life(member))).collect(),
        };
        match rest {
            ["reign", epoch] => change.leader_epoch.0 = epoch.parse().unwrap(),
            ["version", epoch] => change.partition_epoch.0 = epoch.parse().unwrap(),
            ["unknown", "topic"] => change.topic = TopicId::NONE,
            _ => {}
        }
        let epoch = match rest {
            ["from", "life", epoch] => BrokerEpoch(epoch.parse().unwrap()),
            _ => self.epoch(broker),
        };
        Request::AlterPartition { broker, epoch, changes: vec![change] }
    }

    fn epoch(&self, broker: BrokerId) -> BrokerEpoch {
        self.image.broker(broker).map_or(BrokerEpoch(99), |broker| broker.epoch)
    }

    fn find(&self, partition: &str) -> (Arc<Topic>, PartitionId) {
        let (topic, number) = named(partition);
        (Arc::clone(self.image.topic(&topic).expect("a topic of the trace")), number)
    }

    fn commit(&mut self, answer: String, facts: &[Fact]) -> String {
        let before = self.image.clone();
        for fact in facts {
            self.image.apply(fact);
            self.image.set_version(self.image.version().plus(1));
        }
        let changes = changes(&before, &self.image);
        if changes.is_empty() { answer } else { format!("{answer} | {}", changes.join("; ")) }
    }
}

/// What is other now.
fn changes(before: &Image, after: &Image) -> Vec<String> {
    let states = |image: &Image| -> BTreeMap<BrokerId, String> {
        image.brokers().map(|broker| (broker.id, broker_state(broker))).collect()
    };
    let (old, new) = (states(before), states(after));
    let mut all: Vec<String> = new
        .iter()
        .filter(|(id, state)| old.get(id) != Some(state))
        .map(|(id, state)| format!("broker {id} {state}"))
        .collect();
    let gone = old.keys().filter(|id| !new.contains_key(id));
    all.extend(gone.map(|id| format!("broker {id} gone")));
    for topic in after.topics() {
        for (number, new) in topic.numbered() {
            let old = before.topic(topic.name.as_str()).and_then(|topic| topic.partition(number));
            if old != Some(new) {
                all.push(format!("{}-{number} {}", topic.name, state(new)));
            }
        }
    }
    all
}

fn broker_state(broker: &metadata::Broker) -> String {
    match (broker.is_fenced, broker.is_shutting_down) {
        (true, _) => "fenced".into(),
        (false, true) => "shutting down".into(),
        (false, false) => "active".into(),
    }
}

fn state(state: &PartitionState) -> String {
    let mut text = format!(
        "leader {} reign {} version {} replicas {} isr {}",
        state.leader,
        state.leader_epoch,
        state.partition_epoch,
        list(&state.replicas),
        list(&state.isr)
    );
    if !state.elr.is_empty() {
        text.push_str(&format!(" elr {}", list(&state.elr)));
    }
    if !state.adding.is_empty() {
        text.push_str(&format!(" adding {}", list(&state.adding)));
    }
    if !state.removing.is_empty() {
        text.push_str(&format!(" removing {}", list(&state.removing)));
    }
    text
}

fn text(answer: &Answer) -> String {
    let outcome = |refusal: Option<&Refusal>| {
        refusal.map_or(ErrorCode::None, |refusal| refusal.code).to_string()
    };
    match answer {
        Answer::RegisterBroker(Ok(epoch)) => format!("epoch {epoch}"),
        Answer::Heartbeat(Ok(told)) => {
            let mut text = if told.is_fenced { "fenced" } else { "active" }.to_owned();
            if !told.is_caught_up {
                text.push_str(", behind");
            }
            if told.should_shut_down {
                text.push_str(", stop");
            }
            text
        }
        Answer::AlterPartition(Ok(states)) => match &states[0] {
            Ok(_) => "NONE".into(),
            Err(code) => code.to_string(),
        },
        Answer::RegisterBroker(Err(refusal))
        | Answer::Heartbeat(Err(refusal))
        | Answer::AlterPartition(Err(refusal)) => outcome(Some(refusal)),
        Answer::UnregisterBroker(gone) => outcome(gone.as_ref().err()),
        Answer::AlterReassignments(all) => outcome(all[0].as_ref().err()),
        Answer::CreateTopics(all) => outcome(all[0].as_ref().err()),
        Answer::AlterTopicOptions(all) => outcome(all[0].as_ref().err()),
        Answer::ElectLeaders(all) => {
            let each = all.iter().map(|elected| {
                let code = outcome(elected.outcome.as_ref().err());
                format!("{}-{} {code}", elected.topic, elected.partition)
            });
            let each: Vec<String> = each.collect();
            if each.is_empty() { "nothing".into() } else { each.join(", ") }
        }
        other => panic!("{other:?} is not asked for in traces"),
    }
}

fn named(partition: &str) -> (String, PartitionId) {
    let (topic, number) = partition.rsplit_once('-').expect("topic-number");
    assert!(TopicName::parse(topic).is_ok());
    (topic.to_owned(), PartitionId(number.parse().unwrap()))
}

fn id(text: &str) -> BrokerId {
    BrokerId(text.parse().unwrap())
}

fn ids(list: &str) -> Vec<BrokerId> {
    list.split(',').map(id).collect()
}

fn list(ids: &[BrokerId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
