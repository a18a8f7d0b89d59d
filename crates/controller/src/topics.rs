//! Topics: made and removed. Checks and words are Kafka's (`ReplicationControlManager`).

use std::collections::BTreeSet;

use metadata::{Fact, Image};
use model::{BrokerId, ErrorCode, PartitionId, TopicId, TopicName, limits};

use crate::{
    Answer, CreatedTopic, NewTopic, Refusal, TopicKey,
    leaders::Runs,
    machine::{Machine, Outcome},
    options,
    partitions::{check_replicas, new_state, take_room},
    placement::Placer,
};

pub(crate) fn create(
    machine: &mut Machine,
    image: &Image,
    topics: Vec<NewTopic>,
    validate_only: bool,
) -> Outcome {
    let mut seen = BTreeSet::new();
    let repeated: BTreeSet<&String> =
        topics.iter().map(|topic| &topic.name).filter(|name| !seen.insert(*name)).collect();
    // With the topics of this request: two of them may collide with one another.
    let mut scratch = image.clone();
    let mut facts = Vec::new();
    let mut room = limits::PARTITIONS_PER_REQUEST_MAX;
    let mut answers = Vec::with_capacity(topics.len());
    for new in &topics {
        let decided = if repeated.contains(&new.name) {
            let message = "Duplicate topic in request.";
            Err(Refusal::new(ErrorCode::InvalidRequest, message))
        } else {
            decide(machine, &scratch, new, &mut room)
        };
        answers.push(decided.map(|made| {
            made.iter().for_each(|fact| scratch.apply(fact));
            let created = created(machine, &scratch, &made, validate_only);
            facts.extend(made);
            created
        }));
    }
    if validate_only {
        facts.clear();
    }
    Outcome { facts, answer: Answer::CreateTopics(answers) }
}

/// The facts that make one topic.
fn decide(
    machine: &mut Machine,
    image: &Image,
    new: &NewTopic,
    room: &mut usize,
) -> Result<Vec<Fact>, Refusal> {
    let name = TopicName::parse(&new.name)
        .map_err(|invalid| Refusal::new(ErrorCode::InvalidTopicException, invalid.to_string()))?;
    if image.topic_named(&name).is_some() {
        let message = format!("Topic '{name}' already exists.");
        return Err(Refusal::new(ErrorCode::TopicAlreadyExists, message));
    }
    if let Some(other) = image.collision(&name) {
        let message = format!("Topic '{name}' collides with existing topic: {other}");
        return Err(Refusal::new(ErrorCode::InvalidTopicException, message));
    }
    let own = options::checked(&new.options)?;
    let id = new_id(machine, image);
    let mut facts = vec![Fact::Topic { name, id }];
    if new.assignment.is_empty() {
        facts.extend(place(machine, image, new, (id, room))?);
    } else {
        facts.extend(assign(image, new, (id, room))?);
    }
    facts.extend(own.into_iter().map(|(name, value)| Fact::TopicOption {
        topic: id,
        name,
        value: Some(value),
    }));
    Ok(facts)
}

/// The controller places the partitions.
fn place(
    machine: &mut Machine,
    image: &Image,
    new: &NewTopic,
    (id, room): (TopicId, &mut usize),
) -> Result<Vec<Fact>, Refusal> {
    let server = &machine.options.server;
    let partitions = match new.partitions {
        -1 => server.number("num.partitions"),
        count => i64::from(count),
    };
    let factor = match new.replication_factor {
        -1 => server.number("default.replication.factor"),
        factor => i64::from(factor),
    };
    let count = usize::try_from(partitions).ok().filter(|count| *count > 0).ok_or_else(|| {
        let message = "Number of partitions was set to an invalid non-positive value.";
        Refusal::new(ErrorCode::InvalidPartitions, message)
    })?;
    let factor = usize::try_from(factor).ok().filter(|factor| *factor > 0).ok_or_else(|| {
        let message = "Replication factor must be larger than 0, or -1 to use the default value.";
        Refusal::new(ErrorCode::InvalidReplicationFactor, message)
    })?;
    take_room(room, count)?;
    let placer = Placer::new(&mut machine.world.chance, image, factor)?;
    let mut runs = Runs::new(id);
    for (index, number) in (0..count).zip((0..).map(PartitionId)) {
        let replicas = placer.replicas(index);
        runs.push(number, new_state(image, replicas, ErrorCode::InvalidReplicationFactor)?);
    }
    Ok(runs.finish())
}

/// The client has placed the partitions.
fn assign(
    image: &Image,
    new: &NewTopic,
    (id, room): (TopicId, &mut usize),
) -> Result<Vec<Fact>, Refusal> {
    if new.replication_factor != -1 {
        let message = "A manual partition assignment was specified, but replication factor was not set to -1.";
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    if new.partitions != -1 {
        let message =
            "A manual partition assignment was specified, but numPartitions was not set to -1.";
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    take_room(room, new.assignment.len())?;
    let mut assignment: Vec<&(PartitionId, Vec<BrokerId>)> = new.assignment.iter().collect();
    assignment.sort_by_key(|(partition, _)| *partition);
    let is_dense = assignment.iter().zip(0..).all(|((partition, _), number)| partition.0 == number);
    if !is_dense {
        let message = "partitions should be a consecutive 0-based integer sequence";
        return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    }
    let factor = assignment.first().map_or(1, |(_, replicas)| replicas.len());
    let mut runs = Runs::new(id);
    for (number, replicas) in assignment {
        check_replicas(image, replicas, factor)?;
        let otherwise = ErrorCode::InvalidReplicaAssignment;
        runs.push(*number, new_state(image, replicas.clone(), otherwise)?);
    }
    Ok(runs.finish())
}

/// Never one that Kafka reserves (they begin with zeros), never one that its text form would begin with a dash.
fn new_id(machine: &mut Machine, image: &Image) -> TopicId {
    loop {
        let bits = machine.world.chance.uuid();
        let id = TopicId(uuid::Uuid::from_u128(bits));
        if bits > 100 && !id.to_string().starts_with('-') && image.topic_by_id(id).is_none() {
            return id;
        }
    }
}

fn created(machine: &Machine, image: &Image, facts: &[Fact], validate_only: bool) -> CreatedTopic {
    let Some(Fact::Topic { name, id }) = facts.first() else {
        unreachable!("a topic's first fact is the topic")
    };
    let topic = image.topic_named(name).expect("its facts were applied");
    let factor = topic.partitions.front().map_or(0, |state| state.replicas.len());
    CreatedTopic {
        name: name.clone(),
        id: if validate_only { TopicId::NONE } else { *id },
        partitions: topic.partition_count(),
        replication_factor: i16::try_from(factor).unwrap_or(i16::MAX),
        options: options::described(&machine.options.server, image, topic),
    }
}

pub(crate) fn delete(machine: &Machine, image: &Image, keys: Vec<TopicKey>) -> Outcome {
    let is_enabled = machine.options.server.is_true("delete.topic.enable");
    let found: Vec<Result<(TopicName, TopicId), Refusal>> =
        keys.iter().map(|key| find(image, key)).collect();
    let mut seen = BTreeSet::new();
    let repeated: BTreeSet<TopicId> = found
        .iter()
        .filter_map(|topic| Some(topic.as_ref().ok()?.1))
        .filter(|id| !seen.insert(*id))
        .collect();
    let decide = |topic: (TopicName, TopicId)| {
        if !is_enabled {
            let message = "Topic deletion is disabled.";
            return Err(Refusal::new(ErrorCode::TopicDeletionDisabled, message));
        }
        if repeated.contains(&topic.1) {
            let message = "Duplicate topic in request.";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        Ok(topic)
    };
    let answers: Vec<_> = found.into_iter().map(|topic| topic.and_then(decide)).collect();
    let facts = answers.iter().flatten().map(|(_, id)| Fact::RemoveTopic { id: *id }).collect();
    Outcome { facts, answer: Answer::DeleteTopics(answers) }
}

fn find(image: &Image, key: &TopicKey) -> Result<(TopicName, TopicId), Refusal> {
    let topic = match key {
        TopicKey::Name(name) => image.topic(name).ok_or_else(|| {
            let message = "This server does not host this topic-partition.";
            Refusal::new(ErrorCode::UnknownTopicOrPartition, message)
        }),
        TopicKey::Id(id) => image.topic_by_id(*id).ok_or_else(|| {
            Refusal::new(ErrorCode::UnknownTopicId, "This server does not host this topic ID.")
        }),
    };
    topic.map(|topic| (topic.name.clone(), topic.id))
}
