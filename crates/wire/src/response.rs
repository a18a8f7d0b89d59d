//! A response: its frame, header and body.
//!
//! ```text
//! length i32 | correlation i32 | tag section (0) in flexible versions | body
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable};

use crate::{Api, Cursor, WireError, api::Versions};

/// The whole frame that answers request `correlation`, length prefix included.
///
/// # Errors
/// [`WireError::Encode`] when `body` holds a field that `version` lacks: a fault of the handler.
pub fn encode_response(
    api: Api,
    version: i16,
    correlation: i32,
    body: &impl Encodable,
) -> Result<BytesMut, WireError> {
    let fault = |error: &dyn std::fmt::Display| {
        WireError::Encode(format!("{} v{version}: {error}", api.name()))
    };
    let tags = api.has_response_tags(version);
    let body_size = body.compute_size(version).map_err(|error| fault(&error))?;
    let size = 4 + usize::from(tags) + body_size;
    let mut frame = BytesMut::with_capacity(4 + size);
    frame.put_i32(i32::try_from(size).map_err(|error| fault(&error))?);
    frame.put_i32(correlation);
    if tags {
        frame.put_u8(0);
    }
    body.encode(&mut frame, version).map_err(|error| fault(&error))?;
    assert_eq!(frame.len(), 4 + size, "the codec's size is what it writes");
    Ok(frame)
}

/// Reads a response frame (the length prefix is gone): its correlation id and its body. Array counts are **not**
/// checked against the bytes beforehand: for answers of a broker that the caller trusts.
///
/// # Errors
/// [`WireError`].
pub fn decode_response<T: Decodable>(
    api: Api,
    version: i16,
    mut frame: Bytes,
) -> Result<(i32, T), WireError> {
    let Versions { first, last } = api.served();
    if !(first..=last).contains(&version) {
        return Err(WireError::UnsupportedVersion { key: api.key(), version });
    }
    let mut cursor = Cursor::new(&frame);
    let correlation = cursor.i32()?;
    if api.has_response_tags(version) {
        cursor.skip_tags()?;
    }
    let mut body = frame.split_off(cursor.position());
    let message = T::decode(&mut body, version)
        .map_err(|error| WireError::Decode(format!("{} v{version}: {error}", api.name())))?;
    Ok((correlation, message))
}
