//! DescribeConfigs, versions 1 to 4: settings with their sources and synonyms; 3 adds types and words, 4 is flexible.

use metadata::options::{Described, describe_broker, describe_topic};
use model::{ErrorCode, TopicName};
use wire::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse,
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::{
        DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
    },
    text,
};

use super::resource;
use crate::dispatch::Context;

pub(crate) fn handle(cx: Context, asked: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = asked.resources.iter().map(|resource| {
        let answer = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match options_of(&cx, resource) {
            Ok(options) => {
                let wanted = options.iter().filter(|option| is_wanted(resource, option));
                answer.with_configs(wanted.map(|option| describe(&asked, option)).collect())
            }
            Err((code, message)) => {
                answer.with_error_code(code.code()).with_error_message(Some(text(&message)))
            }
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn options_of(
    cx: &Context,
    asked: &DescribeConfigsResource,
) -> Result<Vec<Described>, (ErrorCode, String)> {
    let name = asked.resource_name.as_str();
    let server = &cx.shared.options.server;
    match asked.resource_type {
        resource::TOPIC => {
            let name = TopicName::parse(name)
                .map_err(|invalid| (ErrorCode::InvalidTopicException, invalid.to_string()))?;
            let topic = cx.image.topic_named(&name).ok_or_else(|| {
                let message = "This server does not host this topic-partition.".to_owned();
                (ErrorCode::UnknownTopicOrPartition, message)
            })?;
            Ok(describe_topic(server, &cx.image, topic))
        }
        // The empty name is the cluster's default: only what is set for all brokers, and nothing can be yet.
        resource::BROKER if name.is_empty() => Ok(Vec::new()),
        resource::BROKER if name == cx.shared.options.node_id.to_string() => {
            Ok(describe_broker(server, &cx.image))
        }
        resource::BROKER => Err((
            ErrorCode::InvalidRequest,
            format!(
                "Unexpected broker id, expected {} or empty string, but received {name}",
                cx.shared.options.node_id
            ),
        )),
        // Nothing is set on these kinds; a tool that lists them sees an empty list, as with Kafka.
        resource::BROKER_LOGGER | resource::CLIENT_METRICS | resource::GROUP => Ok(Vec::new()),
        other => Err((ErrorCode::InvalidRequest, format!("Unsupported resource type: {other}"))),
    }
}

fn is_wanted(asked: &DescribeConfigsResource, option: &Described) -> bool {
    let keys = asked.configuration_keys.as_deref().unwrap_or_default();
    keys.is_empty() || keys.iter().any(|key| key.as_str() == option.name)
}

fn describe(asked: &DescribeConfigsRequest, option: &Described) -> DescribeConfigsResourceResult {
    let synonyms = option.synonyms.iter().filter(|_| asked.include_synonyms).map(|synonym| {
        DescribeConfigsSynonym::default()
            .with_name(text(&synonym.name))
            .with_value(synonym.value.as_deref().map(text))
            .with_source(synonym.source.wire())
    });
    DescribeConfigsResourceResult::default()
        .with_name(text(&option.name))
        .with_value(option.value.as_deref().map(text))
        .with_read_only(option.is_read_only)
        .with_config_source(option.source.wire())
        .with_is_sensitive(option.is_sensitive)
        .with_synonyms(synonyms.collect())
        .with_config_type(option.kind.wire())
        .with_documentation(asked.include_documentation.then(|| text(&option.doc)))
}
