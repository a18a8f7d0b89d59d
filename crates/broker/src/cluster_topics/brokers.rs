//! The seam to the other brokers: one request to one of them, and its answer.
//!
//! Implemented by [`super::SocketBrokers`] over sockets, and by whoever simulates a network.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::{BrokerId, ErrorCode, Pending};
use wire::{
    Api,
    messages::{Decodable, Encodable},
};
use world::exec::Wait;

/// Other brokers of the cluster.
pub trait Brokers: Send + Sync {
    /// Sends `call` to `broker`, where the image says that it listens. The answer is a frame without its length, or why there is none:
    /// whether the request was carried out is not known then. Never blocks; an answer that nobody waits for is let go, not the request.
    fn ask(&self, broker: BrokerId, call: Call) -> Pending<Result<Bytes, ErrorCode>>;
}

/// A request on its way.
#[derive(Debug)]
pub struct Call {
    /// What is asked.
    pub api: Api,
    /// In which version: one that every broker of a cluster speaks.
    pub version: i16,
    /// The frame, with its length; its correlation id is 0 until it is sent.
    pub frame: BytesMut,
}

/// How long an answer may take. Longer than any wait that is asked of a broker.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);
const CLIENT_ID: &str = "logmill-jobs";

/// The frame that asks `request`.
///
/// # Errors
/// It does not fit the version.
pub(super) fn call(
    (api, version): (Api, i16),
    request: &impl Encodable,
) -> Result<Call, ErrorCode> {
    let frame = wire::encode_request(api, version, 0, CLIENT_ID, request);
    let frame = frame.map_err(|_| ErrorCode::InvalidRequest)?;
    Ok(Call { api, version, frame })
}

/// Asks, and waits for the answer.
///
/// # Errors
/// `NETWORK_EXCEPTION` and whatever the seam says; `UNKNOWN_SERVER_ERROR` for an answer that is none.
pub(super) fn ask<A: Decodable>(
    brokers: &dyn Brokers,
    broker: BrokerId,
    (api, version): (Api, i16),
    request: &impl Encodable,
) -> Result<A, ErrorCode> {
    let asked = brokers.ask(broker, call((api, version), request)?);
    let frame = asked.wait_for(ANSWER_MAX).flatten().unwrap_or(Err(ErrorCode::NetworkException))?;
    let answer = wire::decode_response(api, version, frame);
    answer.map(|(_, answer)| answer).map_err(|_| ErrorCode::UnknownServerError)
}

/// Nothing, if `number` is success.
///
/// # Errors
/// The code, as it is to be taken when another broker says it: its disk is not ours, and an image that does not know a topic yet is
/// older than ours.
pub(super) fn check(number: i16) -> Result<(), ErrorCode> {
    match ErrorCode::from_code(number).unwrap_or(ErrorCode::UnknownServerError) {
        ErrorCode::None => Ok(()),
        ErrorCode::KafkaStorageError => Err(ErrorCode::NotLeaderOrFollower),
        ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId => {
            Err(ErrorCode::LeaderNotAvailable)
        }
        code => Err(code),
    }
}
