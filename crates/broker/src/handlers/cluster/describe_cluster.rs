//! DescribeCluster, versions 0 to 2: 1 asks for brokers or controllers, 2 for fenced brokers too.

use std::sync::Arc;

use metadata::Broker;
use model::ErrorCode;
use wire::messages::{
    self, DescribeClusterRequest, DescribeClusterResponse,
    describe_cluster_response::DescribeClusterBroker, text,
};

use crate::{
    dispatch::Context,
    handlers::{operations, topics::metadata::any_broker},
};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(crate) fn handle(cx: Context, asked: DescribeClusterRequest) -> DescribeClusterResponse {
    let refusal = match asked.endpoint_type {
        BROKERS => None,
        CONTROLLERS => Some((
            ErrorCode::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
        )),
        _ => Some((ErrorCode::UnsupportedEndpointType, "Unsupported endpoint type")),
    };
    if let Some((error, message)) = refusal {
        return DescribeClusterResponse::default()
            .with_error_code(error.code())
            .with_error_message(Some(text(message)));
    }

    let is_asked = |broker: &&Arc<Broker>| !broker.is_fenced || asked.include_fenced_brokers;
    let brokers = cx.image.brokers().filter(is_asked).map(|broker| {
        DescribeClusterBroker::default()
            .with_broker_id(messages::BrokerId(broker.id.0))
            .with_host(text(&broker.host))
            .with_port(i32::from(broker.port))
            .with_rack(broker.rack.as_deref().map(text))
            .with_is_fenced(broker.is_fenced)
    });
    let answer = DescribeClusterResponse::default()
        .with_cluster_id(text(&cx.shared.options.cluster_id))
        .with_controller_id(messages::BrokerId(any_broker(&cx.image)))
        .with_brokers(brokers.collect());
    if asked.include_cluster_authorized_operations {
        answer.with_cluster_authorized_operations(operations::CLUSTER)
    } else {
        answer
    }
}
