//! Why bytes are not a message. The peer is at fault in every variant but [`WireError::Encode`].

/// What is wrong with a frame, or with an answer of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The frame ends within a field.
    #[error("the frame ends within a field")]
    Truncated,
    /// The length prefix is negative or above the ceiling.
    #[error("a frame of {length} bytes is above the ceiling of {max}")]
    FrameLength {
        /// As claimed.
        length: i64,
        /// What is allowed.
        max: usize,
    },
    /// A count or a length contradicts the bytes that are there.
    #[error("malformed {what}")]
    Malformed {
        /// The field or the rule.
        what: &'static str,
    },
    /// Decoding would cost more memory than one request may.
    #[error("decoding costs more than {max} bytes")]
    TooCostly {
        /// What is allowed.
        max: usize,
    },
    /// No such API here.
    #[error("unknown api key {key}")]
    UnknownApi {
        /// As claimed.
        key: i16,
    },
    /// The API is known, this version of it is not served.
    #[error("version {version} of api key {key} is not served")]
    UnsupportedVersion {
        /// The API.
        key: i16,
        /// As claimed.
        version: i16,
    },
    /// The codec refused the bytes.
    #[error("undecodable: {0}")]
    Decode(String),
    /// An answer holds a field that its version lacks, or is too long: our fault.
    #[error("unencodable: {0}")]
    Encode(String),
}

impl WireError {
    pub(crate) const fn malformed(what: &'static str) -> Self {
        Self::Malformed { what }
    }
}
