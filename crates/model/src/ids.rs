//! Identities: of brokers, topics, partitions and producers.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A broker's `node.id`.
    BrokerId(i32)
);
id!(
    /// A partition's number within its topic.
    PartitionId(i32)
);
id!(
    /// What the controller hands an idempotent producer (KIP-98); never handed out twice.
    ProducerId(i64)
);

impl ProducerId {
    /// A batch without idempotence.
    pub const NONE: Self = Self(-1);

    /// Whether a producer stands behind it.
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0 >= 0
    }
}

/// A topic's identity for life: a topic created again under the same name has another (KIP-516).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicId(pub Uuid);

impl TopicId {
    /// What Kafka sends where there is no topic id.
    pub const NONE: Self = Self(Uuid::nil());
}

impl fmt::Display for TopicId {
    /// Kafka's form: URL-safe base64 without padding, 22 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = self.0.as_u128();
        for digit in 0..22_u32 {
            // 22 digits of 6 bits are 132: the last digit carries the low 2 bits, shifted up by 4.
            let value =
                if digit == 21 { (bits << 4) & 0x3f } else { (bits >> (122 - 6 * digit)) & 0x3f };
            write!(f, "{}", char::from(ALPHABET[usize::try_from(value).unwrap_or(0)]))?;
        }
        Ok(())
    }
}

impl TopicId {
    /// Reads Kafka's 22-character form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 22 {
            return None;
        }
        let mut bits: u128 = 0;
        for (digit, byte) in text.bytes().enumerate() {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return None,
            };
            if digit == 21 {
                bits = (bits << 2) | u128::from(value >> 4);
            } else {
                bits = (bits << 6) | u128::from(value);
            }
        }
        Some(Self(Uuid::from_u128(bits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_id_reads_what_it_writes() {
        for bits in [0_u128, 1, u128::MAX, 0x0123_4567_89ab_cdef_0011_2233_4455_6677] {
            let id = TopicId(Uuid::from_u128(bits));
            assert_eq!(id.to_string().len(), 22);
            assert_eq!(TopicId::parse(&id.to_string()), Some(id));
        }
        assert_eq!(TopicId::NONE.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    }
}
