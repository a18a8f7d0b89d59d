//! The request header, read by hand.
//!
//! ```text
//! v1:  key i16 | version i16 | correlation i32 | client id: i16 length (-1 null), bytes
//! v2:  the same, then a tag section (flexible versions of the API). The client id stays i16-length.
//! ```

use crate::{Api, Cursor, WireError};

/// Who asks what, in which version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The API.
    pub api: Api,
    /// A version that is served, or any version of ApiVersions (then see [`RequestHeader::is_version_served`]).
    pub version: i16,
    /// Sent back with the answer.
    pub correlation: i32,
    /// Where the client id lies within the frame; none for null.
    pub client_id: Option<(usize, usize)>,
    /// Where the body begins.
    pub size_bytes: usize,
}

impl RequestHeader {
    /// Reads the header at the front of `frame` (the length prefix is gone).
    ///
    /// ApiVersions of an unknown version parses: it must be answered in v0 (KIP-511). Every other unknown key or
    /// version is an error, and the connection's end.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn parse(frame: &[u8]) -> Result<Self, WireError> {
        let mut cursor = Cursor::new(frame);
        let key = cursor.i16()?;
        let version = cursor.i16()?;
        let correlation = cursor.i32()?;
        let api = Api::from_key(key).ok_or(WireError::UnknownApi { key })?;
        let served = api.served().contains(version);
        if !served && api != Api::ApiVersions {
            return Err(WireError::UnsupportedVersion { key, version });
        }
        let client = cursor.string(false)?;
        let end = cursor.position();
        let client_id = client.map(|text| (end - text.len(), end));
        if served && api.is_flexible(version) {
            cursor.skip_tags()?;
        }
        Ok(Self { api, version, correlation, client_id, size_bytes: cursor.position() })
    }

    /// Whether the version is in the API's row. Only ApiVersions can say no.
    #[must_use]
    pub const fn is_version_served(&self) -> bool {
        self.api.served().contains(self.version)
    }

    /// The client id in `frame`, the one that was parsed; empty for null.
    #[must_use]
    pub fn client_id<'a>(&self, frame: &'a [u8]) -> &'a str {
        let bytes = self.client_id.and_then(|(start, end)| frame.get(start..end));
        bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_read() {
        let v1 = [0, 12, 0, 3, 0, 0, 0, 9, 0, 2, b'm', b'e', 0xaa];
        let header = RequestHeader::parse(&v1).unwrap();
        assert_eq!((header.api, header.version, header.correlation), (Api::Heartbeat, 3, 9));
        assert_eq!((header.client_id(&v1), header.size_bytes), ("me", 12));
        let v2 = [0, 12, 0, 4, 0, 0, 0, 9, 0xff, 0xff, 1, 5, 2, 1, 1, 0xaa];
        let header = RequestHeader::parse(&v2).unwrap();
        assert_eq!((header.client_id(&v2), header.size_bytes), ("", 15));
    }

    #[test]
    fn only_api_versions_survives_an_unknown_version() {
        let too_new = [0, 18, 0x7f, 0xff, 0, 0, 0, 1, 0xff, 0xff];
        assert!(!RequestHeader::parse(&too_new).unwrap().is_version_served());
        for (key, version) in [(0_i16, 2_i16), (0, 14), (4, 0), (-1, 0), (12, -1), (17, 0)] {
            let mut frame = Vec::new();
            frame.extend(key.to_be_bytes());
            frame.extend(version.to_be_bytes());
            frame.extend([0, 0, 0, 1, 0xff, 0xff, 0]);
            assert!(RequestHeader::parse(&frame).is_err(), "{key} {version}");
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let whole = [0, 12, 0, 4, 0, 0, 0, 9, 0, 2, b'm', b'e', 1, 5, 2, 1, 1];
        assert!(RequestHeader::parse(&whole).is_ok());
        for end in 0..whole.len() {
            assert!(RequestHeader::parse(&whole[..end]).is_err(), "{end}");
        }
    }
}
