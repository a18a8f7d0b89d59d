//! DeleteTopics, versions 1 to 6: 5 has words for errors, 6 takes ids.

use controller::{Refusal, TopicKey};
use model::{ErrorCode, TopicId};
use wire::messages::{
    DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
    delete_topics_response::DeletableTopicResult, text,
};

use crate::{
    dispatch::Context,
    handlers::{unanswered, within},
};

pub(crate) async fn handle(cx: Context, asked: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name =
        asked.topic_names.iter().map(|name| Target { name: Some(name.clone()), id: TopicId::NONE });
    let by_state = asked
        .topics
        .iter()
        .map(|topic| Target { name: topic.name.clone(), id: TopicId(topic.topic_id) });
    let targets: Vec<Target> = by_name.chain(by_state).collect();

    let (mut keys, mut answers) = (Vec::new(), Vec::new());
    for target in &targets {
        match target.key(&cx, &targets) {
            Ok(key) => keys.push((target, key)),
            Err(refusal) => answers.push(target.refused(&refusal)),
        }
    }

    let deleted =
        cx.shared.controller.delete_topics(keys.iter().map(|(_, key)| key.clone()).collect());
    let deleted = within(asked.timeout_ms, deleted).await;
    let deleted = deleted.unwrap_or_else(|| keys.iter().map(|_| Err(unanswered())).collect());

    answers.extend(keys.iter().zip(deleted).map(|((target, _), result)| {
        match result {
            Ok((name, id)) => DeletableTopicResult::default()
                .with_name(Some(TopicName(text(name.as_str()))))
                .with_topic_id(id.0),
            Err(refusal) => target.refused(&refusal),
        }
    }));
    DeleteTopicsResponse::default().with_responses(answers)
}

#[derive(PartialEq)]
struct Target {
    name: Option<TopicName>,
    id: TopicId,
}

impl Target {
    fn key(&self, cx: &Context, all: &[Self]) -> Result<TopicKey, Refusal> {
        if !cx.shared.options.delete_topics {
            let code = if cx.version < 3 {
                ErrorCode::InvalidRequest
            } else {
                ErrorCode::TopicDeletionDisabled
            };
            return Err(Refusal::new(code, "This broker does not allow topic deletion."));
        }
        if all.iter().filter(|other| *other == self).count() > 1 {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic in request."));
        }
        match (&self.name, self.id) {
            (Some(name), TopicId::NONE) => Ok(TopicKey::Name(name.to_string())),
            (None, id) if id != TopicId::NONE => Ok(TopicKey::Id(id)),
            _ => Err(Refusal::new(
                ErrorCode::InvalidRequest,
                "Exactly one of topic name and topic id must be given.",
            )),
        }
    }

    fn refused(&self, refusal: &Refusal) -> DeletableTopicResult {
        DeletableTopicResult::default()
            .with_name(self.name.clone())
            .with_topic_id(self.id.0)
            .with_error_code(refusal.code.code())
            .with_error_message(Some(text(&refusal.message)))
    }
}
