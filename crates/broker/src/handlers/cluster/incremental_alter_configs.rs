//! IncrementalAlterConfigs, versions 0 and 1: settings of topics. Those of brokers cannot be changed while they run yet; to take one back that
//! nobody can have set is nothing (`kafka-reassign-partitions --verify` takes throttles back, asked or not).

use controller::{Change, OptionChange, Refusal, TopicChange};
use model::ErrorCode;
use wire::messages::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
    incremental_alter_configs_response::AlterConfigsResourceResponse,
    text,
};

use super::resource;
use crate::{dispatch::Context, handlers::unanswered};

pub(crate) async fn handle(
    cx: Context,
    asked: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let (mut changes, mut answers) = (Vec::new(), Vec::new());
    for resource in &asked.resources {
        match topic_change(resource, &asked.resources) {
            Ok(Some(change)) => changes.push((resource, change)),
            Ok(None) => answers.push(answer(resource, Ok(()))),
            Err(refusal) => answers.push(answer(resource, Err(refusal))),
        }
    }

    let topics = changes.iter().map(|(_, change)| change.clone()).collect();
    let changed = cx.shared.controller.alter_topic_options(topics, asked.validate_only).await;
    let changed = changed.unwrap_or_else(|| changes.iter().map(|_| Err(unanswered())).collect());

    let rest = changes.iter().zip(changed).map(|((resource, _), result)| answer(resource, result));
    answers.extend(rest);
    IncrementalAlterConfigsResponse::default().with_responses(answers)
}

/// None: there is nothing to change.
fn topic_change(
    asked: &AlterConfigsResource,
    all: &[AlterConfigsResource],
) -> Result<Option<TopicChange>, Refusal> {
    let invalid = |message: &str| Refusal::new(ErrorCode::InvalidRequest, message);
    let is_same = |other: &&AlterConfigsResource| {
        other.resource_type == asked.resource_type && other.resource_name == asked.resource_name
    };
    if all.iter().filter(is_same).count() > 1 {
        return Err(invalid("Each resource must appear at most once."));
    }
    match asked.resource_type {
        resource::TOPIC => {}
        resource::BROKER if asked.configs.iter().all(is_taken_back) => return Ok(None),
        resource::BROKER | resource::BROKER_LOGGER => {
            return Err(invalid("Settings of a broker cannot be changed while it runs."));
        }
        _ => return Err(invalid("Settings of this kind of resource cannot be changed.")),
    }
    let mut changes = Vec::with_capacity(asked.configs.len());
    for option in &asked.configs {
        if asked.configs.iter().filter(|other| other.name == option.name).count() > 1 {
            return Err(invalid("Error due to duplicate config keys"));
        }
        let change = Change::from_wire(option.config_operation)
            .ok_or_else(|| invalid("Unknown operation on a setting"))?;
        if option.value.is_none() && change != Change::Delete {
            return Err(invalid("Null value not supported for a setting"));
        }
        changes.push(OptionChange {
            name: option.name.to_string(),
            change,
            value: option.value.as_ref().map(ToString::to_string),
        });
    }
    Ok(Some(TopicChange { name: asked.resource_name.to_string(), changes }))
}

fn is_taken_back(option: &AlterableConfig) -> bool {
    Change::from_wire(option.config_operation) == Some(Change::Delete)
}

fn answer(
    asked: &AlterConfigsResource,
    result: Result<(), Refusal>,
) -> AlterConfigsResourceResponse {
    let answer = AlterConfigsResourceResponse::default()
        .with_resource_type(asked.resource_type)
        .with_resource_name(asked.resource_name.clone());
    match result {
        Ok(()) => answer.with_error_message(None),
        Err(Refusal { code, message }) => {
            answer.with_error_code(code.code()).with_error_message(Some(text(&message)))
        }
    }
}
