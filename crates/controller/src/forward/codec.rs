//! A request and its answer, as they travel between nodes.
//!
//! ```text
//!   ┌─────────┬──────────────────────────────────────────────────┐
//!   │ version │ JSON of one Request, or of one Answer            │
//!   │ u8 = 1  │ {"allocate_producer_ids":null}                   │
//!   └─────────┴──────────────────────────────────────────────────┘
//! ```
//! A variant or a field that is added later is unknown to an old node, which refuses it. serde_json bounds its recursion, and what it
//! makes of bytes is a small multiple of them: hostile bytes cost no more than their frame.

use ::bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Answer, Request};

/// None: it is longer than a message may be.
pub(crate) fn encode_request(request: &Request) -> Option<Bytes> {
    let bytes = encode(request);
    (bytes.len() + HEADROOM_BYTES <= crate::PEER_MESSAGE_BYTES_MAX).then_some(bytes)
}

pub(crate) fn decode_request(bytes: &[u8]) -> Option<Request> {
    decode(bytes)
}

pub(crate) fn encode_answer(answer: &Answer) -> Bytes {
    encode(answer)
}

pub(crate) fn decode_answer(bytes: &[u8]) -> Option<Answer> {
    decode(bytes)
}

fn encode<T: Serialize>(value: &T) -> Bytes {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value).expect("names, numbers and lists are always JSON");
    bytes.into()
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match bytes.split_first()? {
        (&VERSION, json) => serde_json::from_slice(json).ok(),
        _ => None,
    }
}

const VERSION: u8 = 1;
/// For the envelope around it.
const HEADROOM_BYTES: usize = 1024;
