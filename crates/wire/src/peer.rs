//! The private call between our own nodes: key 30000, version 0, opaque bytes both ways. It is no row of the API table, so
//! nobody is told of it, and clients are refused by whoever does not serve it.
//!
//! ```text
//!   request   ┌────────┬─────────────┬─────────────┬─────────────┬────────────────┬──────┐
//!             │ length │ key = 30000 │ version = 0 │ correlation │ no client id   │ body │
//!             │ i32    │ i16         │ i16         │ i32         │ i16 = -1       │      │
//!             └────────┴─────────────┴─────────────┴─────────────┴────────────────┴──────┘
//!   answer    ┌────────┬─────────────┬──────┐
//!             │ length │ correlation │ body │      answers may come in any order
//!             └────────┴─────────────┴──────┘
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Far from Kafka's keys.
const KEY: i16 = 30_000;
const VERSION: i16 = 0;
const HEADER_BYTES: usize = 10;
const CORRELATION_BYTES: usize = 4;

/// A request's frame, length included.
///
/// # Panics
/// When the body is longer than a frame can be.
#[must_use]
pub fn peer_request(correlation: i32, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(4 + HEADER_BYTES + body.len());
    frame.put_i32(length(HEADER_BYTES + body.len()));
    frame.put_i16(KEY);
    frame.put_i16(VERSION);
    frame.put_i32(correlation);
    frame.put_i16(-1);
    frame.put_slice(body);
    frame.freeze()
}

/// Whether a request frame (without its length) is this call.
#[must_use]
pub fn is_peer_request(frame: &[u8]) -> bool {
    frame.starts_with(&KEY.to_be_bytes())
}

/// Correlation id and body of a request frame (without its length), if it is this call.
#[must_use]
pub fn parse_peer_request(frame: &Bytes) -> Option<(i32, Bytes)> {
    if frame.len() < HEADER_BYTES {
        return None;
    }
    let mut head = frame.clone();
    let (key, version) = (head.get_i16(), head.get_i16());
    let (correlation, client_id) = (head.get_i32(), head.get_i16());
    ((key, version, client_id) == (KEY, VERSION, -1)).then_some((correlation, head))
}

/// An answer's frame, length included.
///
/// # Panics
/// When the body is longer than a frame can be.
#[must_use]
pub fn peer_answer(correlation: i32, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(4 + CORRELATION_BYTES + body.len());
    frame.put_i32(length(CORRELATION_BYTES + body.len()));
    frame.put_i32(correlation);
    frame.put_slice(body);
    frame.freeze()
}

/// Correlation id and body of an answer's frame (without its length).
#[must_use]
pub fn parse_peer_answer(frame: &Bytes) -> Option<(i32, Bytes)> {
    let mut frame = frame.clone();
    (frame.len() >= CORRELATION_BYTES).then(|| (frame.get_i32(), frame))
}

fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("whoever sends keeps to the limit of frames")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Api;

    #[test]
    fn what_is_written_is_read_and_nobody_is_told_of_it() {
        let request = peer_request(7, b"body").slice(4..);
        assert_eq!(parse_peer_request(&request), Some((7, Bytes::from_static(b"body"))));
        let answer = peer_answer(7, b"body").slice(4..);
        assert_eq!(parse_peer_answer(&answer), Some((7, Bytes::from_static(b"body"))));
        assert!(Api::from_key(KEY).is_none());
    }

    #[test]
    fn other_frames_are_not_taken() {
        let request = peer_request(7, b"").slice(4..);
        for length in 0..request.len() {
            assert_eq!(parse_peer_request(&request.slice(..length)), None);
        }
        let mut other = request.to_vec();
        other[1] ^= 1;
        assert_eq!(parse_peer_request(&other.into()), None);
    }
}
