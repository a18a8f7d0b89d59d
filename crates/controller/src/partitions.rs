//! Partitions: how many, where, and led by whom. For topics to be made and for those that grow.

use std::collections::BTreeSet;

use metadata::{Fact, Image, NO_LEADER, StateFact};
use model::{BrokerId, ErrorCode, LeaderEpoch, PartitionEpoch, PartitionId, limits};

use crate::{
    Answer, MorePartitions, Refusal,
    leaders::Runs,
    machine::{Machine, Outcome},
    placement::Placer,
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
    // Replicas that a reassignment adds do not count yet.
    let factor = topic
        .partitions
        .front()
        .map_or(1, |state| state.replicas.len() - state.adding.len().min(state.replicas.len() - 1));
    let mut runs = Runs::new(topic.id);
    let numbers = (present..more.count).map(PartitionId);
    match &more.assignment {
        None => {
            let placer = Placer::new(&mut machine.world.chance, image, factor)?;
            for (index, number) in numbers.enumerate() {
                let replicas = placer.replicas(index);
                runs.push(number, new_state(image, replicas, ErrorCode::InvalidReplicationFactor)?);
            }
        }
        Some(assignment) if assignment.len() != added => {
            let message = format!(
                "Attempted to add {added} additional partition(s), but only {} assignment(s) were specified.",
                assignment.len()
            );
            return refuse(ErrorCode::InvalidReplicaAssignment, message);
        }
        Some(assignment) => {
            for (number, replicas) in numbers.zip(assignment) {
                check_replicas(image, replicas, factor)?;
                let otherwise = ErrorCode::InvalidReplicaAssignment;
                runs.push(number, new_state(image, replicas.clone(), otherwise)?);
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

/// A new partition's state: of its replicas those are in sync that are active.
pub(crate) fn new_state(
    image: &Image,
    replicas: Vec<BrokerId>,
    otherwise: ErrorCode,
) -> Result<StateFact, Refusal> {
    let isr: Vec<BrokerId> = replicas.iter().filter(|id| image.is_active(**id)).copied().collect();
    let Some(leader) = isr.first().copied() else {
        let message =
            "All brokers specified for a partition are currently fenced or in controlled shutdown.";
        return Err(Refusal::new(otherwise, message));
    };
    Ok(StateFact {
        replicas,
        isr,
        leader,
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        adding: Vec::new(),
        removing: Vec::new(),
        elr: Vec::new(),
        last_leader: NO_LEADER,
    })
}
