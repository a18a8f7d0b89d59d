//! FindCoordinator, versions 0 to 6: which broker coordinates a group or (1) a transaction; 4 asks for many, 6 for share groups.
//!
//! The internal topic is made by the first who asks. Kafka answers COORDINATOR_NOT_AVAILABLE meanwhile; here the asker
//! waits for it, which is sooner done than asked again.

use std::time::Duration;

use metadata::{Broker, Image};
use model::{ErrorCode, TopicName};
use wire::messages::{
    BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, StrBytes,
    find_coordinator_response::Coordinator, text,
};

use crate::{dispatch::Context, internal_topics};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// How long the first asker waits for the internal topic.
const MAKING_MAX: Duration = Duration::from_secs(5);

pub(crate) async fn handle(cx: Context, asked: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let keys = if cx.version < 4 { vec![asked.key] } else { asked.coordinator_keys };
    let mut found = Vec::with_capacity(keys.len());
    if let Some(topic) = topic_of(asked.key_type)
        && cx.image.topic(topic).is_none()
    {
        make(&cx, topic).await;
    }
    let image = cx.shared.publisher.current();
    for key in keys {
        let result = find(&cx, &image, asked.key_type, key.as_str());
        found.push(answer(key, result));
    }

    if cx.version >= 4 {
        return FindCoordinatorResponse::default().with_coordinators(found);
    }
    let Coordinator { error_code, error_message, node_id, host, port, .. } =
        found.into_iter().next().unwrap_or_default();
    FindCoordinatorResponse::default()
        .with_error_code(error_code)
        .with_error_message(error_message)
        .with_node_id(node_id)
        .with_host(host)
        .with_port(port)
}

/// The internal topic whose leaders coordinate this kind.
fn topic_of(kind: i8) -> Option<&'static str> {
    match kind {
        GROUP => Some(TopicName::CONSUMER_OFFSETS),
        TRANSACTION => Some(TopicName::TRANSACTION_STATE),
        _ => None,
    }
}

/// Makes an internal topic, and waits until its partitions are led. Should another asker be first, that is as good; so it is if there are
/// too few brokers yet: the client asks again.
async fn make(cx: &Context, topic: &str) {
    let make = match topic {
        TopicName::TRANSACTION_STATE => internal_topics::transactions,
        _ => internal_topics::offsets,
    };
    let Some(topic) = make(&cx.shared.options, &cx.image) else { return };
    let made = cx.shared.controller.create_topics(vec![topic], false);
    // What came of it is seen in the image.
    let _ = world::exec::timeout(MAKING_MAX, made).await;
}

fn find<'a>(
    cx: &Context,
    image: &'a Image,
    kind: i8,
    key: &str,
) -> Result<&'a Broker, (ErrorCode, &'static str)> {
    let topic = topic_of(kind)
        .ok_or((ErrorCode::InvalidRequest, "This kind of coordinator is not served."))?;
    let partition = match kind {
        TRANSACTION => cx.shared.transactions.partition_for(key),
        _ => cx.shared.coordinator.partition_for(key),
    };
    let leader = image
        .topic(topic)
        .and_then(|topic| topic.partition(partition))
        .and_then(|state| image.broker(state.leader));
    leader
        .map(|broker| &**broker)
        .ok_or((ErrorCode::CoordinatorNotAvailable, "The coordinator is not available."))
}

fn answer(key: StrBytes, result: Result<&Broker, (ErrorCode, &'static str)>) -> Coordinator {
    let answer = Coordinator::default().with_key(key);
    match result {
        Ok(broker) => answer
            .with_node_id(BrokerId(broker.id.0))
            .with_host(text(&broker.host))
            .with_port(i32::from(broker.port)),
        Err((code, message)) => answer
            .with_node_id(BrokerId(-1))
            .with_port(-1)
            .with_error_code(code.code())
            .with_error_message(Some(text(message))),
    }
}
