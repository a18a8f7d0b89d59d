//! A value that carries the instant it was due, through a broker and perhaps a job, to its reader.
//!
//! ```text
//! plain  due u64, nanoseconds from the run's origin │ payload
//! JSON   {"due":"20 digits of the same","pad":"payload"}
//! ```

use std::{io::Write, time::Duration};

const PLAIN_BYTES: usize = 8;
const DIGITS: usize = 20;
const JSON_HEAD: &[u8] = br#"{"due":""#;
const JSON_MIDDLE: &[u8] = br#"","pad":""#;
const JSON_TAIL: &[u8] = br#""}"#;

/// A value, and where its instant is written.
pub(super) struct Stamped {
    value: Vec<u8>,
    is_json: bool,
}

impl Stamped {
    /// Around `payload`, of its size, or of the least size that an instant needs.
    pub(super) fn new(payload: &[u8], is_json: bool) -> Self {
        let mut value = Vec::with_capacity(payload.len());
        if is_json {
            value.extend_from_slice(JSON_HEAD);
            value.resize(JSON_HEAD.len() + DIGITS, b'0');
            value.extend_from_slice(JSON_MIDDLE);
            let pad = payload.len().saturating_sub(value.len() + JSON_TAIL.len());
            value.extend_from_slice(payload.get(..pad).unwrap_or_default());
            value.extend_from_slice(JSON_TAIL);
        } else {
            value.extend_from_slice(payload);
            value.resize(payload.len().max(PLAIN_BYTES), 0);
        }
        Self { value, is_json }
    }

    /// The value with the instant `due` after the origin.
    pub(super) fn at(&mut self, due: Duration) -> &[u8] {
        let nanos = u64::try_from(due.as_nanos()).unwrap_or(u64::MAX);
        if self.is_json {
            let mut place = self.value.get_mut(JSON_HEAD.len()..).unwrap_or_default();
            write!(place, "{nanos:0DIGITS$}").expect("the value has room for the digits");
        } else if let Some(place) = self.value.first_chunk_mut() {
            *place = nanos.to_be_bytes();
        }
        &self.value
    }
}

/// The instant in a value, plain or as JSON in whatever layout a job writes it.
pub(super) fn due(value: &[u8]) -> Option<Duration> {
    if value.first() != Some(&b'{') {
        return value.first_chunk().map(|bytes| Duration::from_nanos(u64::from_be_bytes(*bytes)));
    }
    let text = std::str::from_utf8(value).ok()?;
    let (_, after) = text.split_once(r#""due""#)?;
    let digits = after.trim_start_matches([':', ' ', '"']).get(..DIGITS)?;
    digits.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_comes_through_plain_and_as_json() {
        for is_json in [false, true] {
            let mut stamped = Stamped::new(&[b'x'; 100], is_json);
            for nanos in [0, 1, 123_456_789, 86_400_000_000_000] {
                let nanos = Duration::from_nanos(nanos);
                let value = stamped.at(nanos).to_vec();
                assert_eq!(value.len(), 100);
                assert_eq!(due(&value), Some(nanos));
                if is_json {
                    let parsed: serde_json::Value = serde_json::from_slice(&value).unwrap();
                    assert_eq!(due(parsed.to_string().as_bytes()), Some(nanos));
                }
            }
        }
        assert_eq!(due(b"{}"), None);
        assert_eq!(due(b"short"), None);
    }
}
