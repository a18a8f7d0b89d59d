//! UnregisterBroker, version 0 (KIP-631): takes a broker out of the cluster that will not come back.

use controller::Refusal;
use model::BrokerId;
use wire::messages::{UnregisterBrokerRequest, UnregisterBrokerResponse, text};

use crate::{
    dispatch::Context,
    handlers::{unanswered, within},
};

/// The request does not say how long it may take.
const TIMEOUT_MS: i32 = 30_000;

pub(crate) async fn handle(
    cx: Context,
    asked: UnregisterBrokerRequest,
) -> UnregisterBrokerResponse {
    let pending = cx.shared.controller.unregister_broker(BrokerId(asked.broker_id.0));
    let answer = UnregisterBrokerResponse::default();
    match within(TIMEOUT_MS, pending).await.unwrap_or_else(|| Err(unanswered())) {
        Ok(()) => answer.with_error_message(None),
        Err(Refusal { code, message }) => {
            answer.with_error_code(code.code()).with_error_message(Some(text(&message)))
        }
    }
}
