//! Kafka's protocol: frames, headers, the API table, bounded decoding.
//!
//! A server deframes ([`Deframer`]), reads the header ([`RequestHeader::parse`]), and decodes ([`decode_request`], or
//! [`ProduceRequest::parse`], which borrows); it answers with [`encode_response`], [`ProduceAnswer`] or
//! [`FetchAnswer`]. A client encodes with [`encode_request`] and decodes with [`decode_response`].
//!
//! ```
//! use bytes::Bytes;
//! use wire::{Api, Request, RequestHeader, decode_request, encode_request, messages::HeartbeatRequest};
//!
//! let asked = HeartbeatRequest::default().with_generation_id(7);
//! let mut frame = encode_request(Api::Heartbeat, 4, 1, "me", &asked)?;
//! let mut body = frame.split_off(4).freeze(); // past the length
//! let header = RequestHeader::parse(&body)?;
//! let Request::Heartbeat(seen) = decode_request(&header, body.split_off(header.size_bytes))? else { panic!() };
//! assert_eq!(seen, asked);
//! # Ok::<(), wire::WireError>(())
//! ```
//!
//! What this crate is not: it opens no socket, and it does not know what a request means. It is the only crate that
//! knows `kafka-protocol`.

mod api;
mod bounded;
mod broker_clock;
mod cursor;
mod error;
mod fetch;
mod frame;
mod header;
pub mod messages;
mod peer;
mod produce;
mod request;
mod response;

pub use api::{Api, Versions};
pub use broker_clock::{broker_clock, with_broker_clock};
pub use cursor::Cursor;
pub use error::WireError;
pub use fetch::{FetchAnswer, FetchPartitionAnswer, FetchTopicAnswer, Segment};
pub use frame::{Deframer, FrameLimits};
pub use header::RequestHeader;
pub use peer::{is_peer_request, parse_peer_answer, parse_peer_request, peer_answer, peer_request};
pub use produce::{
    LeaderHint, ProduceAnswer, ProducePartition, ProducePartitionAnswer, ProduceRequest,
    ProduceTopic, ProduceTopicAnswer, RecordError, TopicKey,
};
pub use request::{Request, decode_request, encode_request};
pub use response::{decode_response, encode_response};
