//! The private call between our nodes on a broker's own listener: how a leader reaches brokers that do not vote.

use bytes::Bytes;
use wire::{parse_peer_request, peer_answer};

use crate::broker::Shared;

/// The answer's frame. None ends the connection: the message is not answered, or is none.
pub(crate) async fn handle(shared: &Shared, frame: Bytes) -> Option<Bytes> {
    let (correlation, body) = parse_peer_request(&frame)?;
    let answer = shared.controller.on_peer(body).await?;
    Some(peer_answer(correlation, &answer))
}
