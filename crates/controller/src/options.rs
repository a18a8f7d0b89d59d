//! Changes to topics' options: each topic's changes together or not at all.

use std::{collections::BTreeMap, sync::Arc};

use metadata::{
    Fact, Image, Topic,
    options::{Kind, ServerOptions, describe_topic, topic},
};
use model::ErrorCode;

use crate::{
    Answer, Change, OptionChange, Refusal, TopicChange,
    leaders::{self, Seeks},
    machine::Outcome,
};

pub(crate) fn alter(
    image: &Image,
    server: &ServerOptions,
    topics: Vec<TopicChange>,
    validate_only: bool,
) -> Outcome {
    let mut facts = Vec::new();
    let mut answers = Vec::with_capacity(topics.len());
    for (index, change) in topics.iter().enumerate() {
        let is_repeated = topics
            .iter()
            .enumerate()
            .any(|(other, earlier)| other != index && earlier.name == change.name);
        let decided = if is_repeated {
            let message = format!("Error due to duplicate config resource '{}'", change.name);
            Err(Refusal::new(ErrorCode::InvalidRequest, message))
        } else {
            alter_one(image, server, change)
        };
        answers.push(decided.map(|decided| facts.extend(decided)));
    }
    if validate_only {
        facts.clear();
    }
    Outcome { facts, answer: Answer::AlterTopicOptions(answers) }
}

fn alter_one(
    image: &Image,
    server: &ServerOptions,
    request: &TopicChange,
) -> Result<Vec<Fact>, Refusal> {
    let topic = image.topic(&request.name).ok_or_else(|| {
        let message = format!("The topic '{}' does not exist.", request.name);
        Refusal::new(ErrorCode::UnknownTopicOrPartition, message)
    })?;
    let mut options = BTreeMap::clone(&topic.options);
    let mut facts = Vec::new();
    for (index, change) in request.changes.iter().enumerate() {
        if request.changes[..index].iter().any(|earlier| earlier.name == change.name) {
            let message = format!("Error due to duplicate config keys: {}", change.name);
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        let value = new_value(topic, change)?;
        let old = match &value {
            Some(value) => options.insert(change.name.clone(), value.clone()),
            None => options.remove(&change.name),
        };
        if old != value {
            facts.push(Fact::TopicOption { topic: topic.id, name: change.name.clone(), value });
        }
    }
    topic::check_together(&options).map_err(invalid)?;
    // Who is eligible no longer where enough are in sync now: while somebody is, their leader commits nothing.
    let after = Topic { options: Arc::new(options), ..Topic::clone(topic) };
    let seeks = Seeks::of(image, server, &after);
    facts.extend(leaders::changed(topic, |state| {
        let is_wanted = state.is_led() && !state.elr.is_empty();
        is_wanted.then(|| seeks.change(state).decide(|id| image.is_active(id)))?
    }));
    Ok(facts)
}

/// What the option is to be; none: not set.
fn new_value(topic: &Topic, change: &OptionChange) -> Result<Option<String>, Refusal> {
    if change.change == Change::Delete {
        return Ok(None);
    }
    let Some(value) = &change.value else {
        let message = format!("Null value not supported for : {}", change.name);
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    };
    let row = topic::row(&change.name);
    let changed = match change.change {
        Change::Set | Change::Delete => value.clone(),
        Change::Append | Change::Subtract => {
            if row.is_none_or(|row| row.kind != Kind::List) {
                let message = format!(
                    "Can't {:?} to key {} because its type is not LIST.",
                    change.change, change.name
                );
                return Err(Refusal::new(ErrorCode::InvalidConfig, message));
            }
            let default = row.and_then(|row| row.default).unwrap_or_default();
            let present = topic.options.get(&change.name).map_or(default, String::as_str);
            if change.change == Change::Append {
                topic::append(present, value)
            } else {
                topic::subtract(present, value)
            }
        }
    };
    topic::check(&change.name, &changed).map_err(invalid)?;
    Ok(Some(changed))
}

/// Options of a topic to be made, checked.
pub(crate) fn checked(
    asked: &[(String, Option<String>)],
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut options = BTreeMap::new();
    for (name, value) in asked {
        let Some(value) = value else {
            let message = format!("Null value not supported for topic configs: {name}");
            return Err(Refusal::new(ErrorCode::InvalidConfig, message));
        };
        topic::check(name, value).map_err(invalid)?;
        options.insert(name.clone(), value.clone());
    }
    topic::check_together(&options).map_err(invalid)?;
    Ok(options)
}

/// What DescribeConfigs will tell of `topic`.
pub(crate) fn described(
    server: &ServerOptions,
    image: &Image,
    topic: &Topic,
) -> Vec<metadata::options::Described> {
    describe_topic(server, image, topic)
}

fn invalid(error: metadata::options::InvalidOption) -> Refusal {
    Refusal::new(ErrorCode::InvalidConfig, error.0)
}
