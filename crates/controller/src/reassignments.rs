//! Other replicas for a partition (KIP-455): what is to come is added, and what is to go stays until all of it is in sync.
//!
//! ```text
//!   replicas 1 2 3 ──to 3 4──▶ replicas 3 4 1 2   adding 4   removing 1 2 ──4 is in sync──▶ replicas 3 4
//!                                       └──called off──▶ replicas 3 1 2
//! ```
//! Where nothing is added it ends at once, if one of those that stay is in sync. The end is [`Change`]'s affair.

use metadata::{Fact, Image, PartitionState, Topic, options::ServerOptions};
use model::{BrokerId, ErrorCode};

use crate::{
    Answer, Reassignment, Refusal, change::Change, leaders::Seeks, machine::Outcome,
    partitions::check_replicas,
};

pub(crate) fn alter(
    image: &Image,
    server: &ServerOptions,
    changes: &[Reassignment],
    may_change_factor: bool,
) -> Outcome {
    let mut scratch = image.clone();
    let mut facts = Vec::new();
    let mut answers = Vec::with_capacity(changes.len());
    for change in changes {
        let decided = decide(&scratch, server, change, may_change_factor);
        answers.push(decided.map(|fact| {
            fact.iter().for_each(|fact| scratch.apply(fact));
            facts.extend(fact);
        }));
    }
    Outcome { facts, answer: Answer::AlterReassignments(answers) }
}

fn decide(
    image: &Image,
    server: &ServerOptions,
    asked: &Reassignment,
    may_change_factor: bool,
) -> Result<Option<Fact>, Refusal> {
    let unknown = |message: String| Refusal::new(ErrorCode::UnknownTopicOrPartition, message);
    let name = &asked.topic;
    let topic = image
        .topic(name)
        .ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
    let state = topic
        .partition(asked.partition)
        .ok_or_else(|| unknown(format!("Unable to find partition {name}:{}.", asked.partition)))?;
    let change = Seeks::of(image, server, topic).change(state);
    let change = match &asked.replicas {
        None => call_off(state, change)?,
        Some(target) => begin(image, (state, change), target, may_change_factor)?,
    };
    let next = change.decide(|id| image.is_active(id));
    Ok(next.map(|state| fact(topic, asked, state)))
}

fn fact(topic: &Topic, asked: &Reassignment, state: metadata::StateFact) -> Fact {
    Fact::Partitions { topic: topic.id, first: asked.partition, count: 1, state }
}

fn begin<'a>(
    image: &Image,
    (state, change): (&'a PartitionState, Change<'a>),
    target: &[BrokerId],
    may_change_factor: bool,
) -> Result<Change<'a>, Refusal> {
    check_replicas(image, target, target.len())?;
    let factor = settled(state).count();
    if !may_change_factor && target.len() != factor {
        let message = format!(
            "The replication factor is changed from {factor} to {}, which the request does not allow.",
            target.len()
        );
        return Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message));
    }
    // Of what a reassignment before this one adds, who is not in sync is still to be waited for, or is not needed any more.
    let is_new = |id: &BrokerId| !state.replicas.contains(id) || state.adding.contains(id);
    let adding: Vec<BrokerId> = target.iter().filter(|id| is_new(id)).copied().collect();
    let is_kept = |id: &BrokerId| !state.adding.contains(id) || state.isr.contains(id);
    let removing = state.replicas.iter().filter(|id| !target.contains(id) && is_kept(id));
    let removing: Vec<BrokerId> = removing.copied().collect();
    let replicas = target.iter().chain(&removing).copied().collect();
    Ok(change.with_replicas(replicas, adding, removing))
}

fn call_off<'a>(state: &PartitionState, change: Change<'a>) -> Result<Change<'a>, Refusal> {
    if !state.is_reassigned() {
        let message = "No partition reassignment is in progress.";
        return Err(Refusal::new(ErrorCode::NoReassignmentInProgress, message));
    }
    let stays = |id: &&BrokerId| !state.adding.contains(id);
    let isr: Vec<BrokerId> = state.isr.iter().filter(stays).copied().collect();
    if isr.is_empty() {
        let message = "None of the replicas from before the reassignment is in sync.";
        return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    }
    let replicas = state.replicas.iter().filter(stays).copied().collect();
    Ok(change.with_replicas(replicas, Vec::new(), Vec::new()).with_isr(isr))
}

/// The replicas as they were before the reassignment under way, if there is one.
fn settled(state: &PartitionState) -> impl Iterator<Item = &BrokerId> {
    state.replicas.iter().filter(|id| !state.adding.contains(id))
}
