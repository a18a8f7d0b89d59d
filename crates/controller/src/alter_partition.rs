//! Leaders propose who is in sync; a proposal is taken as it is or refused, each partition by itself.
//!
//! Checks and their order are Kafka's (`ReplicationControlManager.alterPartition`). A member must be active, and in the life in which it caught up
//! (KIP-903): one that died and came back between the proposal and here may have lost what it had.
//!
//! Besides, and not in Kafka: a replica whose log is damaged **leaves**. It proposes who is in sync without itself, whether it leads, follows, or is
//! out of the ISR already. It is taken out, another leads what it led, and a new reign begins in any case: a position that it fetched from before cannot
//! bring it back, for that names the old reign. Then it may drop its log. The last that is in sync and alive cannot leave.

use metadata::{Fact, Image, NO_LEADER, PartitionState, StateFact, options::ServerOptions};
use model::{BrokerEpoch, BrokerId, ErrorCode};

use crate::{Answer, IsrChange, brokers, change::Change, leaders::Seeks, machine::Outcome};

pub(crate) fn alter(
    image: &Image,
    server: &ServerOptions,
    broker: BrokerId,
    epoch: BrokerEpoch,
    changes: &[IsrChange],
) -> Outcome {
    if let Err(refusal) = brokers::check_epoch(image, broker, epoch) {
        return Outcome::refused(Answer::AlterPartition(Err(refusal)));
    }
    // Changes of one partition in one request see one another.
    let mut scratch = image.clone();
    let mut facts = Vec::new();
    let mut answers = Vec::with_capacity(changes.len());
    for change in changes {
        let decided = decide(&scratch, server, broker, change);
        answers.push(match decided {
            Err(code) => Err(code),
            Ok((state, fact)) => {
                fact.iter().for_each(|fact| scratch.apply(fact));
                facts.extend(fact);
                // The change is made, but its asker leads no longer.
                if state.leader == broker { Ok(state) } else { Err(ErrorCode::NewLeaderElected) }
            }
        });
    }
    Outcome { facts, answer: Answer::AlterPartition(Ok(answers)) }
}

fn decide(
    image: &Image,
    server: &ServerOptions,
    broker: BrokerId,
    change: &IsrChange,
) -> Result<(PartitionState, Option<Fact>), ErrorCode> {
    let topic = image.topic_by_id(change.topic).ok_or(ErrorCode::UnknownTopicId)?;
    let state = topic.partition(change.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let begun = || Seeks::of(image, server, topic).change(state);
    let next = if is_leave(broker, state, change) {
        check_leave(state, change)?;
        Some(leave(image, broker, begun())?)
    } else {
        check(image, broker, state, change)?;
        let isr = change.isr.iter().map(|(id, _)| *id).collect();
        begun().with_isr(isr).decide(|id| image.is_active(id))
    };
    let Some(next) = next else { return Ok((state.clone(), None)) };
    let after = PartitionState::from_fact(&next);
    let (topic, first) = (topic.id, change.partition);
    Ok((after, Some(Fact::Partitions { topic, first, count: 1, state: next })))
}

/// Whether a replica proposes exactly who is in sync besides itself.
fn is_leave(broker: BrokerId, state: &PartitionState, change: &IsrChange) -> bool {
    let others = || state.isr.iter().filter(|id| **id != broker);
    let is_named = |id: &BrokerId| change.isr.iter().any(|(member, _)| member == id);
    state.replicas.contains(&broker)
        && !change.isr.is_empty()
        && change.isr.len() == others().count()
        && others().all(is_named)
}

fn check_leave(state: &PartitionState, change: &IsrChange) -> Result<(), ErrorCode> {
    check_reign(state, change)?;
    if change.partition_epoch < state.partition_epoch {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    Ok(())
}

fn leave(image: &Image, broker: BrokerId, change: Change<'_>) -> Result<StateFact, ErrorCode> {
    let can_lead = |id| id != broker && image.is_active(id);
    let next = change.without(broker).in_new_reign().decide(can_lead);
    next.filter(|next| next.leader != NO_LEADER).ok_or(ErrorCode::IneligibleReplica)
}

fn check_reign(state: &PartitionState, change: &IsrChange) -> Result<(), ErrorCode> {
    let is_ahead =
        change.leader_epoch > state.leader_epoch || change.partition_epoch > state.partition_epoch;
    if is_ahead {
        // The asker knows more than this controller, which therefore is one no longer.
        return Err(ErrorCode::NotController);
    }
    if change.leader_epoch < state.leader_epoch && !model::mutant!("M27") {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    Ok(())
}

fn check(
    image: &Image,
    broker: BrokerId,
    state: &PartitionState,
    change: &IsrChange,
) -> Result<(), ErrorCode> {
    check_reign(state, change)?;
    if broker != state.leader && !model::mutant!("M27") {
        return Err(ErrorCode::InvalidRequest);
    }
    let is_outdated = change.partition_epoch < state.partition_epoch && !model::mutant!("M18");
    if is_outdated && !model::mutant!("M27") {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    let is_member = |id: BrokerId| change.isr.iter().filter(|(member, _)| *member == id).count();
    let are_replicas = change.isr.iter().all(|(id, _)| state.replicas.contains(id));
    let are_distinct = change.isr.iter().all(|(id, _)| is_member(*id) == 1);
    if !are_replicas || !are_distinct || is_member(state.leader) == 0 {
        return Err(ErrorCode::InvalidRequest);
    }
    let is_eligible = |id: BrokerId, epoch: BrokerEpoch| {
        let member = image.broker(id).filter(|member| member.is_active());
        member.is_some_and(|member| {
            epoch == BrokerEpoch::NONE || epoch == member.epoch || model::mutant!("M19")
        })
    };
    if change.isr.iter().all(|(id, epoch)| is_eligible(*id, *epoch)) {
        Ok(())
    } else {
        Err(ErrorCode::IneligibleReplica)
    }
}
