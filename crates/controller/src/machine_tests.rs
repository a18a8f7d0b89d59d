//! Decisions: what is refused, in Kafka's codes, and which facts the rest becomes.

use std::sync::Arc;

use metadata::{Fact, Image, options::ServerOptions};
use model::{BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionId, TopicId};
use world::{Chance, sim::SimClock};

use crate::{
    Answer, Change, ControllerOptions, Heartbeat, HeartbeatAnswer, IfThere, MorePartitions,
    NewTopic, OptionChange, QuorumOptions, Registration, Request, Stored, TopicChange, TopicKey,
    World,
    machine::{Machine, Outcome},
};

/// A machine and the image that its facts make.
struct Bench {
    machine: Machine,
    image: Image,
    /// Facts so far.
    next: Offset,
    lives: u128,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(SimClock::new(model::TimestampMs(1_000)));
        let world = World { clock, chance: Chance::from_seed(7) };
        let server = ServerOptions::new(BrokerId(1));
        let quorum = QuorumOptions::alone(BrokerId(1), &server);
        let options = ControllerOptions { cluster_id: "c".into(), server, quorum };
        let image = Image::default();
        let machine = Machine::new(world, options);
        let mut bench = Self { machine, image, next: Offset(0), lives: 0 };
        bench.register(1);
        bench
    }

    fn register(&mut self, id: i32) -> BrokerEpoch {
        self.lives += 1;
        let registration = Registration {
            id: BrokerId(id),
            cluster_id: "c".into(),
            incarnation: self.lives,
            host: "localhost".into(),
            ..Registration::default()
        };
        let epoch = match self.ask(Request::RegisterBroker(registration)) {
            Answer::RegisterBroker(epoch) => epoch.unwrap(),
            other => panic!("{other:?}"),
        };
        let (broker, applied) = (BrokerId(id), self.image.version());
        let (wants_fence, wants_shutdown) = (false, false);
        let beat = Heartbeat { broker, epoch, applied, wants_fence, wants_shutdown };
        assert!(matches!(
            self.ask(Request::Heartbeat(beat)),
            Answer::Heartbeat(Ok(HeartbeatAnswer { is_fenced: false, .. }))
        ));
        epoch
    }

    fn ask(&mut self, request: Request) -> Answer {
        let Outcome { facts, answer } = self.machine.decide(&self.image, request);
        for fact in facts {
            self.image.apply(&fact);
            self.image.set_version(self.next);
            self.next = self.next.plus(1);
        }
        answer
    }

    /// The codes that each topic gets.
    fn create(&mut self, topics: Vec<NewTopic>, validate_only: bool) -> Vec<ErrorCode> {
        match self.ask(Request::CreateTopics { topics, validate_only }) {
            Answer::CreateTopics(all) => all.into_iter().map(code).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn create_one(&mut self, topic: NewTopic) -> ErrorCode {
        self.create(vec![topic], false)[0]
    }

    fn delete(&mut self, keys: Vec<TopicKey>) -> Vec<ErrorCode> {
        match self.ask(Request::DeleteTopics(keys)) {
            Answer::DeleteTopics(all) => all.into_iter().map(code).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn grow(&mut self, more: MorePartitions) -> ErrorCode {
        match self.ask(Request::CreatePartitions { topics: vec![more], validate_only: false }) {
            Answer::CreatePartitions(mut all) => code(all.remove(0)),
            other => panic!("{other:?}"),
        }
    }

    fn alter(&mut self, changes: &[(&str, Change, Option<&str>)]) -> ErrorCode {
        let changes = changes.iter().map(|(name, change, value)| OptionChange {
            name: (*name).to_owned(),
            change: *change,
            value: value.map(str::to_owned),
        });
        let topics = vec![TopicChange { name: "a".into(), changes: changes.collect() }];
        match self.ask(Request::AlterTopicOptions { topics, validate_only: false }) {
            Answer::AlterTopicOptions(mut all) => code(all.remove(0)),
            other => panic!("{other:?}"),
        }
    }
}

fn code<T>(decided: Result<T, crate::Refusal>) -> ErrorCode {
    decided.map_or_else(|refusal| refusal.code, |_| ErrorCode::None)
}

fn topic(name: &str, partitions: i32, replication_factor: i16) -> NewTopic {
    NewTopic { name: name.into(), partitions, replication_factor, ..NewTopic::default() }
}

fn assigned(name: &str, assignment: &[(i32, &[i32])]) -> NewTopic {
    let ids = |replicas: &[i32]| replicas.iter().map(|id| BrokerId(*id)).collect();
    let assignment = assignment.iter().map(|(number, all)| (PartitionId(*number), ids(all)));
    NewTopic { assignment: assignment.collect(), ..topic(name, -1, -1) }
}

#[test]
fn a_topic_is_one_fact_and_its_partitions_another() {
    let mut bench = Bench::new();
    let Answer::CreateTopics(made) = bench
        .ask(Request::CreateTopics { topics: vec![topic("a", 10_000, 1)], validate_only: false })
    else {
        panic!("another answer")
    };
    let made = made.into_iter().next().unwrap().unwrap();
    assert_eq!((made.partitions, made.replication_factor), (10_000, 1));
    assert_eq!(bench.image.topic("a").unwrap().id, made.id);
    assert_eq!(bench.next, Offset(4), "a life, active, a topic, a run of partitions");
    assert!(made.options.iter().any(|option| option.name == "retention.ms"));
}

#[test]
fn kafkas_refusals_of_a_new_topic_hold() {
    let mut bench = Bench::new();
    assert_eq!(bench.create_one(topic("a.b", -1, -1)), ErrorCode::None);
    let refused = [
        (topic("a.b", 1, 1), ErrorCode::TopicAlreadyExists),
        (topic("a_b", 1, 1), ErrorCode::InvalidTopicException),
        (topic("", 1, 1), ErrorCode::InvalidTopicException),
        (topic("a/b", 1, 1), ErrorCode::InvalidTopicException),
        (topic("x", 0, 1), ErrorCode::InvalidPartitions),
        (topic("x", -2, 1), ErrorCode::InvalidPartitions),
        (topic("x", 1, 0), ErrorCode::InvalidReplicationFactor),
        (topic("x", 1, -2), ErrorCode::InvalidReplicationFactor),
        (topic("x", 1, 2), ErrorCode::InvalidReplicationFactor),
        (topic("x", 10_001, 1), ErrorCode::PolicyViolation),
        (assigned("x", &[(0, &[1]), (2, &[1])]), ErrorCode::InvalidReplicaAssignment),
        (assigned("x", &[(0, &[1, 1])]), ErrorCode::InvalidReplicaAssignment),
        (assigned("x", &[(0, &[])]), ErrorCode::InvalidReplicaAssignment),
        (assigned("x", &[(0, &[3])]), ErrorCode::InvalidReplicaAssignment),
        (NewTopic { partitions: 1, ..assigned("x", &[(0, &[1])]) }, ErrorCode::InvalidRequest),
        (
            NewTopic { options: vec![("retention.ms".into(), None)], ..topic("x", 1, 1) },
            ErrorCode::InvalidConfig,
        ),
        (
            NewTopic { options: vec![("retention".into(), Some("1".into()))], ..topic("x", 1, 1) },
            ErrorCode::InvalidConfig,
        ),
        (
            NewTopic {
                options: vec![("segment.bytes".into(), Some("1".into()))],
                ..topic("x", 1, 1)
            },
            ErrorCode::InvalidConfig,
        ),
    ];
    for (new, expected) in refused {
        let asked = format!("{new:?}");
        assert_eq!(bench.create_one(new), expected, "{asked}");
    }
    assert_eq!(bench.image.topic_count(), 1);
    assert_eq!(bench.create_one(assigned("x", &[(1, &[1]), (0, &[1])])), ErrorCode::None);
}

#[test]
fn topics_of_one_request_are_judged_each_by_itself() {
    let mut bench = Bench::new();
    let topics = vec![
        topic("a", 1, 1),
        topic("b", 1, 1),
        topic("a", 1, 1),
        topic("c.d", 1, 1),
        topic("c_d", 1, 1),
    ];
    assert_eq!(
        bench.create(topics, false),
        [
            ErrorCode::InvalidRequest,
            ErrorCode::None,
            ErrorCode::InvalidRequest,
            ErrorCode::None,
            ErrorCode::InvalidTopicException
        ]
    );
    assert!(bench.image.topic("a").is_none());
    let too_many = vec![topic("d", 6_000, 1), topic("e", 6_000, 1)];
    assert_eq!(bench.create(too_many, false), [ErrorCode::None, ErrorCode::PolicyViolation]);
}

#[test]
fn a_request_to_validate_makes_nothing() {
    let mut bench = Bench::new();
    assert_eq!(bench.create(vec![topic("a", 1, 1)], true), [ErrorCode::None]);
    assert_eq!(bench.image.topic_count(), 0);
}

#[test]
fn a_deleted_topic_made_again_has_another_id() {
    let mut bench = Bench::new();
    bench.create_one(topic("a", 1, 1));
    let first = bench.image.topic("a").unwrap().id;
    let unknown = TopicKey::Name("no".into());
    let keys = vec![TopicKey::Name("a".into()), unknown, TopicKey::Id(TopicId::NONE)];
    assert_eq!(
        bench.delete(keys),
        [ErrorCode::None, ErrorCode::UnknownTopicOrPartition, ErrorCode::UnknownTopicId]
    );
    bench.create_one(topic("a", 1, 1));
    assert_ne!(bench.image.topic("a").unwrap().id, first);
    let id = bench.image.topic("a").unwrap().id;
    let twice = vec![TopicKey::Name("a".into()), TopicKey::Id(id)];
    assert_eq!(bench.delete(twice), [ErrorCode::InvalidRequest, ErrorCode::InvalidRequest]);
    bench.machine.options.server.set("delete.topic.enable", "false").unwrap();
    assert_eq!(bench.delete(vec![TopicKey::Id(id)]), [ErrorCode::TopicDeletionDisabled]);
}

#[test]
fn partitions_only_grow() {
    let mut bench = Bench::new();
    bench.create_one(topic("a", 2, 1));
    let more = |count: i32| MorePartitions { name: "a".into(), count, assignment: None };
    assert_eq!(bench.grow(more(2)), ErrorCode::InvalidPartitions);
    assert_eq!(bench.grow(more(1)), ErrorCode::InvalidPartitions);
    assert_eq!(bench.grow(more(-1)), ErrorCode::InvalidPartitions);
    assert_eq!(bench.grow(more(20_000)), ErrorCode::PolicyViolation);
    let no = MorePartitions { name: "no".into(), ..more(3) };
    assert_eq!(bench.grow(no), ErrorCode::UnknownTopicOrPartition);
    let by_hand = |assignment: &[&[i32]]| MorePartitions {
        assignment: Some(
            assignment.iter().map(|all| all.iter().map(|id| BrokerId(*id)).collect()).collect(),
        ),
        ..more(4)
    };
    assert_eq!(bench.grow(by_hand(&[&[1]])), ErrorCode::InvalidReplicaAssignment);
    assert_eq!(bench.grow(by_hand(&[&[1], &[8]])), ErrorCode::InvalidReplicaAssignment);
    assert_eq!(bench.grow(by_hand(&[&[1], &[1]])), ErrorCode::None);
    assert_eq!(bench.image.topic("a").unwrap().partition_count(), 4);
    assert_eq!(bench.grow(more(5)), ErrorCode::None);
    assert_eq!(bench.image.topic("a").unwrap().partition_count(), 5);
}

#[test]
fn options_change_all_together_or_not_at_all() {
    let mut bench = Bench::new();
    bench.create_one(topic("a", 1, 1));
    let set = |name, value| (name, Change::Set, Some(value));
    assert_eq!(
        bench.alter(&[set("retention.ms", "5"), set("segment.bytes", "1")]),
        ErrorCode::InvalidConfig
    );
    assert!(bench.image.topic("a").unwrap().options.is_empty());
    assert_eq!(bench.alter(&[set("retention.ms", "5")]), ErrorCode::None);
    assert_eq!(
        bench.alter(&[("cleanup.policy", Change::Append, Some("compact"))]),
        ErrorCode::None
    );
    let options = |bench: &Bench| bench.image.topic("a").unwrap().options.clone();
    assert_eq!(options(&bench)["cleanup.policy"], "delete,compact");
    assert_eq!(
        bench.alter(&[("cleanup.policy", Change::Subtract, Some("delete"))]),
        ErrorCode::None
    );
    assert_eq!(options(&bench)["cleanup.policy"], "compact");
    assert_eq!(bench.alter(&[("retention.ms", Change::Delete, None)]), ErrorCode::None);
    assert!(!options(&bench).contains_key("retention.ms"));
    assert_eq!(bench.alter(&[("retention.ms", Change::Delete, None)]), ErrorCode::None);
    assert_eq!(
        bench.alter(&[("retention.ms", Change::Append, Some("1"))]),
        ErrorCode::InvalidConfig
    );
    assert_eq!(bench.alter(&[("retention.ms", Change::Set, None)]), ErrorCode::InvalidRequest);
    assert_eq!(
        bench.alter(&[set("retention.ms", "1"), set("retention.ms", "2")]),
        ErrorCode::InvalidRequest
    );
    assert_eq!(
        bench.alter(&[set("min.compaction.lag.ms", "9"), set("max.compaction.lag.ms", "3")]),
        ErrorCode::InvalidConfig
    );
}

#[test]
fn producer_ids_are_handed_out_once() {
    let mut bench = Bench::new();
    let mut next = || match bench.ask(Request::AllocateProducerIds) {
        Answer::AllocateProducerIds(ids) => ids,
        other => panic!("{other:?}"),
    };
    assert_eq!([next(), next()], [0..1000, 1000..2000]);
}

#[test]
fn a_lone_node_restarts_with_two_facts_however_many_partitions() {
    let mut bench = Bench::new();
    bench.create_one(topic("a", 10_000, 1));
    let before = bench.next;
    assert_eq!(bench.register(1), BrokerEpoch(1));
    assert_eq!(bench.next, before.plus(2));
    let topic = bench.image.topic("a").unwrap();
    // One reign ended, another began.
    assert!(topic.numbered().all(|(_, state)| state.leader_epoch == LeaderEpoch(2)));
    assert!(topic.numbered().all(|(_, state)| state.leader == BrokerId(1)));
}

#[test]
fn replicas_are_placed_on_as_many_brokers_as_asked() {
    let mut bench = Bench::new();
    bench.register(2);
    bench.register(3);
    assert_eq!(bench.create_one(topic("a", 6, 2)), ErrorCode::None);
    let topic = bench.image.topic("a").unwrap();
    for leader in 1..=3 {
        let led = topic.numbered().filter(|(_, state)| state.leader == BrokerId(leader));
        assert_eq!(led.count(), 2);
    }
}

#[test]
fn tables_and_jobs_keep_replace_or_refuse() {
    let mut bench = Bench::new();
    let mut put = |definition: &str, if_there| {
        let (name, definition) = ("t".to_owned(), definition.to_owned());
        match bench.ask(Request::PutTable { name, definition, if_there }) {
            Answer::Put(stored) => stored.map_err(|refusal| refusal.code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(put("1", IfThere::Refuse), Ok(Stored::Made));
    assert_eq!(put("2", IfThere::Refuse), Err(ErrorCode::DuplicateResource));
    assert_eq!(put("3", IfThere::Keep), Ok(Stored::Kept));
    assert_eq!(put("4", IfThere::Replace), Ok(Stored::Replaced));
    assert_eq!(bench.image.table("t"), Some("4"));
    for expected in [ErrorCode::None, ErrorCode::ResourceNotFound] {
        match bench.ask(Request::RemoveTable("t".into())) {
            Answer::Remove(removed) => assert_eq!(code(removed), expected),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        bench.ask(Request::RemoveJob("j".into())),
        Answer::Remove(Err(refusal)) if refusal.code == ErrorCode::ResourceNotFound
    ));
}

#[test]
fn no_fact_outgrows_its_request_by_much() {
    let mut bench = Bench::new();
    let request =
        Request::CreateTopics { topics: vec![topic("a", 10_000, 1)], validate_only: false };
    let Outcome { facts, .. } = bench.machine.decide(&bench.image, request);
    let bytes: usize = facts.iter().map(|fact: &Fact| fact.encode().len()).sum();
    assert!(bytes < 1_000, "{bytes} bytes for a topic of 10,000 partitions");
}
