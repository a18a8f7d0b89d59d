//! What facts do to an image.

use model::{BrokerEpoch, LeaderEpoch, PartitionEpoch};

use super::*;

fn name(text: &str) -> TopicName {
    TopicName::parse(text).unwrap()
}

fn id(number: u128) -> TopicId {
    TopicId::parse(&format!("AAAAAAAAAAAAAAAAAA{number:03}A")).unwrap()
}

fn state(leader: i32) -> StateFact {
    StateFact {
        replicas: vec![BrokerId(leader)],
        isr: vec![BrokerId(leader)],
        leader: BrokerId(leader),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        adding: Vec::new(),
        removing: Vec::new(),
        elr: Vec::new(),
        last_leader: crate::NO_LEADER,
    }
}

fn topic_of(image: &mut Image, text: &str, number: u128, partitions: i32) {
    image.apply(&Fact::Topic { name: name(text), id: id(number) });
    image.apply(&run(number, 0, partitions, 1));
}

fn run(number: u128, first: i32, count: i32, leader: i32) -> Fact {
    Fact::Partitions { topic: id(number), first: PartitionId(first), count, state: state(leader) }
}

fn register(broker: i32) -> Fact {
    Fact::RegisterBroker {
        id: BrokerId(broker),
        incarnation: u128::MAX,
        epoch: BrokerEpoch(1),
        host: "localhost".into(),
        port: 9092,
        rack: None,
        lineage: 0,
        is_fenced: false,
        is_shutting_down: false,
    }
}

#[test]
fn a_clone_keeps_what_was_so() {
    let mut image = Image::default();
    topic_of(&mut image, "a", 1, 3);
    let before = image.clone();
    image.apply(&run(1, 3, 2, 1));
    image.apply(&Fact::RemoveTopic { id: id(1) });
    assert_eq!(before.topic("a").unwrap().partition_count(), 3);
    assert!(image.topic("a").is_none());
    assert_eq!((before.partition_count(), image.partition_count()), (3, 0));
}

#[test]
fn a_topic_made_again_is_another() {
    let mut image = Image::default();
    topic_of(&mut image, "a", 1, 1);
    image.apply(&Fact::TopicOption {
        topic: id(1),
        name: "retention.ms".into(),
        value: Some("1".into()),
    });
    image.apply(&Fact::RemoveTopic { id: id(1) });
    topic_of(&mut image, "a", 2, 1);
    assert!(image.topic_by_id(id(1)).is_none());
    assert!(image.topic("a").unwrap().options.is_empty());
}

#[test]
fn a_registration_begins_a_reign_on_what_the_broker_leads_and_nowhere_else() {
    let mut image = Image::default();
    topic_of(&mut image, "a", 1, 2);
    topic_of(&mut image, "b", 2, 1);
    image.apply(&run(2, 0, 1, 2));
    image.apply(&register(1));
    let epochs = |image: &Image, topic: &str| -> Vec<i32> {
        image.topic(topic).unwrap().numbered().map(|(_, state)| state.leader_epoch.0).collect()
    };
    assert_eq!(epochs(&image, "a"), [1, 1]);
    assert_eq!(epochs(&image, "b"), [0]);
    image.apply(&register(2));
    assert_eq!(epochs(&image, "b"), [1]);
}

#[test]
fn a_broker_leads_nothing_while_fenced_and_again_what_waits_for_it() {
    let mut image = Image::default();
    topic_of(&mut image, "a", 1, 3);
    let mut both = state(1);
    (both.replicas, both.isr) = (vec![BrokerId(1), BrokerId(2)], vec![BrokerId(1), BrokerId(2)]);
    image.apply(&Fact::Partitions {
        topic: id(1),
        first: PartitionId(2),
        count: 1,
        state: both.clone(),
    });
    image.apply(&register(1));
    let led = |image: &Image| -> Vec<(i32, i32, i32)> {
        let numbers = |state: &PartitionState| {
            (state.leader.0, state.leader_epoch.0, state.partition_epoch.0)
        };
        image.topic("a").unwrap().numbered().map(|(_, state)| numbers(state)).collect()
    };
    assert_eq!(led(&image), [(1, 1, 1), (1, 1, 1), (1, 1, 1)]);
    let change = |epoch, is_fenced, is_shutting_down| Fact::BrokerState {
        id: BrokerId(1),
        epoch: BrokerEpoch(epoch),
        is_fenced,
        is_shutting_down,
    };
    image.apply(&change(0, true, false)); // of another life
    assert_eq!(led(&image), [(1, 1, 1), (1, 1, 1), (1, 1, 1)]);
    image.apply(&change(1, false, true));
    assert_eq!(led(&image), [(-1, 2, 2), (-1, 2, 2), (-1, 2, 2)]);
    image.apply(&change(1, true, false));
    assert_eq!(led(&image), [(-1, 2, 2), (-1, 2, 2), (-1, 2, 2)]);
    // Where another is in sync too, the controller decides.
    image.apply(&change(1, false, false));
    assert_eq!(led(&image), [(1, 3, 3), (1, 3, 3), (-1, 2, 2)]);
    image.apply(&Fact::UnregisterBroker { id: BrokerId(1), epoch: BrokerEpoch(1) });
    assert_eq!(led(&image), [(-1, 4, 4), (-1, 4, 4), (-1, 2, 2)]);
    assert_eq!((image.brokers().count(), image.broker_epoch_next()), (0, BrokerEpoch(2)));
}

#[test]
fn names_that_differ_in_dots_and_underscores_collide() {
    let mut image = Image::default();
    topic_of(&mut image, "a.b", 1, 1);
    assert_eq!(image.collision(&name("a_b")), Some(&name("a.b")));
    assert_eq!(image.collision(&name("a.b")), None);
    image.apply(&Fact::RemoveTopic { id: id(1) });
    assert_eq!(image.collision(&name("a_b")), None);
}

#[test]
fn facts_about_nothing_change_nothing() {
    let mut image = Image::default();
    image.apply(&run(9, 0, 3, 1));
    image.apply(&Fact::RemoveTopic { id: id(9) });
    topic_of(&mut image, "a", 1, 1);
    image.apply(&run(1, 5, 1, 1)); // a gap
    image.apply(&run(1, -3, 2, 1));
    assert_eq!(image.partition_count(), 1);
}

#[test]
fn an_image_made_from_its_own_facts_is_the_same() {
    let mut image = Image::default();
    topic_of(&mut image, "a", 1, 5);
    topic_of(&mut image, "b", 2, 1);
    image.apply(&run(1, 2, 1, 2));
    image.apply(&register(1));
    image.apply(&Fact::Table { name: "t".into(), definition: "{}".into() });
    image.apply(&Fact::Job { id: "j".into(), definition: "{}".into() });
    image.apply(&Fact::ProducerIds { next: model::ProducerId(2000) });
    image.apply(&Fact::Cluster { id: "c".into() });
    image.apply(&Fact::BrokerOption { broker: None, name: "n".into(), value: Some("v".into()) });
    let facts: Vec<Fact> = image.facts().collect();
    let mut again = Image::default();
    for fact in &facts {
        again.apply(&Fact::decode(&fact.encode()).unwrap());
    }
    assert_eq!(again.facts().collect::<Vec<_>>(), facts);
    assert_eq!(again.topic("a").unwrap().partitions[2], image.topic("a").unwrap().partitions[2]);
    assert_eq!(again.topic("a").unwrap().partitions[4].leader_epoch, LeaderEpoch(1));
    assert_eq!(again.partition_count(), 6);
    // five partitions in three runs, not five facts
    let runs = |fact: &&Fact| matches!(fact, Fact::Partitions { .. });
    assert_eq!(facts.iter().filter(runs).count(), 4);
}

#[test]
fn a_wide_topic_is_not_copied_for_each_fact() {
    let mut image = Image::default();
    topic_of(&mut image, "wide", 1, 10_000);
    let before = image.clone();
    image.apply(&run(1, 17, 1, 2));
    let (old, new) = (before.topic("wide").unwrap(), image.topic("wide").unwrap());
    assert_eq!(old.partitions[17].leader, BrokerId(1));
    assert_eq!(new.partitions[17].leader, BrokerId(2));
    assert!(Arc::ptr_eq(&old.partitions[9_999], &new.partitions[9_999]));
}
