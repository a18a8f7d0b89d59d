//! Topic names, parsed and hence legal.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// A legal topic name: 1 to 249 of `[a-zA-Z0-9._-]`, neither `.` nor `..`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicName(Arc<str>);

/// Why a text is not a topic name; the message is the one Apache Kafka gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName(pub String);

impl TopicName {
    /// Consumer groups and their offsets.
    pub const CONSUMER_OFFSETS: &'static str = "__consumer_offsets";
    /// Transactions and their states.
    pub const TRANSACTION_STATE: &'static str = "__transaction_state";
    /// The prefix of every topic of Logmill's own.
    pub const OWN_PREFIX: &'static str = "__logmill";

    const LENGTH_MAX: usize = 249;

    /// Checks `text` by Kafka's rules.
    ///
    /// # Errors
    /// [`InvalidName`] with Kafka's own wording.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let why = if text.is_empty() {
            "the empty string is not allowed".to_owned()
        } else if text == "." || text == ".." {
            format!("'{text}' is not allowed")
        } else if text.len() > Self::LENGTH_MAX {
            format!(
                "the length of '{text}' is longer than the max allowed length {}",
                Self::LENGTH_MAX
            )
        } else if !text.bytes().all(legal) {
            format!(
                "'{text}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
            )
        } else {
            return Ok(Self(text.into()));
        };
        Err(InvalidName(why))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether clients may not write to it.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(&*self.0, Self::CONSUMER_OFFSETS | Self::TRANSACTION_STATE)
            || self.0.starts_with(Self::OWN_PREFIX)
    }

    /// The form in which `.` and `_` are one: two topics with the same form would share a metric name.
    #[must_use]
    pub fn collision_form(&self) -> String {
        self.0.replace('.', "_")
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TopicName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for TopicName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<TopicName> for String {
    fn from(name: TopicName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic name is invalid: {}", self.0)
    }
}

impl std::error::Error for InvalidName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_rules_hold() {
        for legal in ["a", "a.b_c-9", "..a", &"x".repeat(249)] {
            assert!(TopicName::parse(legal).is_ok(), "{legal}");
        }
        for illegal in ["", ".", "..", "a b", "a/b", "ä", &"x".repeat(250)] {
            assert!(TopicName::parse(illegal).is_err(), "{illegal}");
        }
    }
}
