//! Partitions: how many, where, and led by whom. For topics to be made and for those that grow.

use std::collections::BTreeSet;

use metadata::{Fact, Image, StateFact};
use model::{BrokerId, ErrorCode, LeaderEpoch, PartitionEpoch, PartitionId, TopicId, limits};

use crate::{
    Answer, MorePartitions, Refusal,
    machine::{Machine, Outcome},
    placement,
};

pub(crate) fn create(
    machine: &mut Machine,
    image: &Image,
    topics: Vec<MorePartitions>,
    validate_only: bool,
) -> Outcome {
    let mut facts = Vec::new();
    let mut answers = Vec::with_capacity(topics.len());
    let mut seen = BTreeSet::new();
    let repeated: BTreeSet<String> =
        topics.iter().filter(|topic| !seen.insert(&topic.name)).map(|t| t.name.clone()).collect();
    let mut room = limits::PARTITIONS_PER_REQUEST_MAX;
    for more in &topics {
        let decided = if repeated.contains(&more.name) {
            let message = "Duplicate topic in request.";
            Err(Refusal::new(ErrorCode::InvalidRequest, message))
        } else {
            grow(machine, image, more, &mut room)
        };
        answers.push(decided.map(|decided| facts.extend(decided)));
    }
    if validate_only {
        facts.clear();
    }
    Outcome { facts, answer: Answer::CreatePartitions(answers) }
}

fn grow(
    machine: &mut Machine,
    image: &Image,
    more: &MorePartitions,
    room: &mut usize,
) -> Result<Vec<Fact>, Refusal> {
    let topic = image.topic(&more.name).ok_or_else(|| {
        let message = "This server does not host this topic-partition.";
        Refusal::new(ErrorCode::UnknownTopicOrPartition, message)
    })?;
    let present = topic.partition_count();
    let refuse = |code, message: String| Err(Refusal::new(code, message));
    if more.count == present {
        let message = format!("Topic already has {present} partition(s).");
        return refuse(ErrorCode::InvalidPartitions, message);
    }
    if more.count < present {
        let message = format!(
            "The topic {} currently has {present} partition(s); {} would not be an increase.",
            more.name, more.count
        );
        return refuse(ErrorCode::InvalidPartitions, message);
    }
    let added = more.count.abs_diff(present) as usize;
    take_room(room, added)?;
    let factor = topic.partitions.front().map_or(1, |state| state.replicas.len());
    let mut runs = Runs::new(topic.id, PartitionId(present));
    match &more.assignment {
        None => {
            let placer = Placer::new(machine, image, factor)?;
            (0..added).for_each(|number| runs.push(placer.replicas(number)));
        }
        Some(assignment) if assignment.len() != added => {
            let message = format!(
                "Attempted to add {added} additional partition(s), but only {} assignment(s) were specified.",
                assignment.len()
            );
            return refuse(ErrorCode::InvalidReplicaAssignment, message);
        }
        Some(assignment) => {
            for replicas in assignment {
                check_replicas(image, replicas, factor)?;
                runs.push(replicas.clone());
            }
        }
    }
    Ok(runs.finish())
}

/// Takes `partitions` from what the request may still make (Kafka's R-11).
pub(crate) fn take_room(room: &mut usize, partitions: usize) -> Result<(), Refusal> {
    match room.checked_sub(partitions) {
        Some(left) => {
            *room = left;
            Ok(())
        }
        None => Err(Refusal::new(
            ErrorCode::PolicyViolation,
            format!(
                "Excessively large number of partitions per request: the limit is {}.",
                limits::PARTITIONS_PER_REQUEST_MAX
            ),
        )),
    }
}

/// A manual assignment names brokers that exist, each once, `factor` of them.
pub(crate) fn check_replicas(
    image: &Image,
    replicas: &[BrokerId],
    factor: usize,
) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    if replicas.is_empty() {
        return refuse("The manual partition assignment includes an empty replica list.".into());
    }
    let distinct: BTreeSet<&BrokerId> = replicas.iter().collect();
    if distinct.len() != replicas.len() {
        let message = "The manual partition assignment includes a broker more than once.";
        return refuse(message.into());
    }
    if let Some(unknown) = replicas.iter().find(|id| image.broker(**id).is_none()) {
        return refuse(format!(
            "The manual partition assignment includes broker {unknown}, but no such broker is registered."
        ));
    }
    if replicas.len() != factor {
        return refuse(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with previous partitions, which have {factor} replica(s).",
            replicas.len()
        ));
    }
    Ok(())
}

/// Places new partitions over the brokers that are registered.
pub(crate) struct Placer {
    brokers: Vec<BrokerId>,
    start: usize,
    factor: usize,
}

impl Placer {
    pub(crate) fn new(
        machine: &mut Machine,
        image: &Image,
        factor: usize,
    ) -> Result<Self, Refusal> {
        let brokers: Vec<BrokerId> = image.brokers().map(|broker| broker.id).collect();
        if factor > brokers.len() {
            let message = format!(
                "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot be reached because only {} broker(s) are registered.",
                brokers.len()
            );
            return Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message));
        }
        let start = machine.world.chance.below(brokers.len() as u64) as usize;
        Ok(Self { brokers, start, factor })
    }

    pub(crate) fn replicas(&self, number: usize) -> Vec<BrokerId> {
        placement::replicas(&self.brokers, self.start, number, self.factor)
    }
}

/// New partitions in order; neighbours with equal replicas become one fact.
pub(crate) struct Runs {
    topic: TopicId,
    first: PartitionId,
    count: i32,
    replicas: Vec<BrokerId>,
    facts: Vec<Fact>,
}

impl Runs {
    pub(crate) fn new(topic: TopicId, first: PartitionId) -> Self {
        Self { topic, first, count: 0, replicas: Vec::new(), facts: Vec::new() }
    }

    pub(crate) fn push(&mut self, replicas: Vec<BrokerId>) {
        if self.count > 0 && self.replicas != replicas {
            self.end_run();
        }
        self.replicas = replicas;
        self.count += 1;
    }

    pub(crate) fn finish(mut self) -> Vec<Fact> {
        if self.count > 0 {
            self.end_run();
        }
        self.facts
    }

    fn end_run(&mut self) {
        let state = StateFact {
            replicas: self.replicas.clone(),
            isr: self.replicas.clone(),
            leader: *self.replicas.first().expect("a partition has a replica"),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
        };
        let (topic, first, count) = (self.topic, self.first, self.count);
        self.facts.push(Fact::Partitions { topic, first, count, state });
        self.first = PartitionId(first.0 + count);
        self.count = 0;
    }
}
