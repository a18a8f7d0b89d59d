//! Elections that somebody asks for (KIP-460): back to the preferred leader, or to any that is alive.

use metadata::{Fact, Image, NO_LEADER, options::ServerOptions};
use model::{ErrorCode, PartitionId};

use crate::{Answer, Elected, Election, Refusal, change::Seek, leaders::Seeks, machine::Outcome};

pub(crate) fn elect(
    image: &Image,
    server: &ServerOptions,
    kind: Election,
    partitions: Option<Vec<(String, PartitionId)>>,
) -> Outcome {
    let is_all = partitions.is_none();
    let partitions = partitions.unwrap_or_else(|| all(image));
    let mut scratch = image.clone();
    let mut facts = Vec::new();
    let mut answers = Vec::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        let outcome = decide(&scratch, server, kind, &topic, partition).map(|fact| {
            scratch.apply(&fact);
            facts.push(fact);
        });
        let is_needed = !matches!(&outcome, Err(why) if why.code == ErrorCode::ElectionNotNeeded);
        if is_needed || !is_all {
            answers.push(Elected { topic, partition, outcome });
        }
    }
    Outcome { facts, answer: Answer::ElectLeaders(answers) }
}

fn all(image: &Image) -> Vec<(String, PartitionId)> {
    let of_topic = |topic: &metadata::Topic| {
        let name = topic.name.as_str().to_owned();
        topic.numbered().map(|(number, _)| (name.clone(), number)).collect::<Vec<_>>()
    };
    image.topics().flat_map(|topic| of_topic(topic)).collect()
}

fn decide(
    image: &Image,
    server: &ServerOptions,
    kind: Election,
    name: &str,
    partition: PartitionId,
) -> Result<Fact, Refusal> {
    let unknown = |message: String| Refusal::new(ErrorCode::UnknownTopicOrPartition, message);
    let topic = image.topic(name).ok_or_else(|| unknown(format!("No such topic as {name}")))?;
    let state = topic
        .partition(partition)
        .ok_or_else(|| unknown(format!("No such partition as {name}-{partition}")))?;
    let (seek, is_needed) = match kind {
        Election::Preferred => (Seek::Preferred, state.replicas.first() != Some(&state.leader)),
        Election::Unclean => (Seek::Unclean, !state.is_led()),
    };
    if !is_needed {
        let message = "Leader election not needed for topic partition.";
        return Err(Refusal::new(ErrorCode::ElectionNotNeeded, message));
    }
    let change = Seeks::of(image, server, topic).change(state);
    let next = change.seek(seek).decide(|id| image.is_active(id));
    match next.filter(|next| next.leader != NO_LEADER) {
        Some(state) => Ok(Fact::Partitions { topic: topic.id, first: partition, count: 1, state }),
        None if kind == Election::Preferred => Err(Refusal::new(
            ErrorCode::PreferredLeaderNotAvailable,
            "The preferred leader was not available.",
        )),
        None => Err(Refusal::new(
            ErrorCode::EligibleLeadersNotAvailable,
            "Eligible topic partition leaders are not available.",
        )),
    }
}
