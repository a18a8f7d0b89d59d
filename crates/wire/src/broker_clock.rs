//! A broker's wall clock in its answer to DescribeLogDirs: a tagged field of ours (KIP-482).
//!
//! Kafka's protocol has no question for the time. Clients skip tags that they do not know, so this disturbs none; a broker of Apache Kafka
//! does not send it. It is there from version 2 on, where the answer can have tags.
//!
//! ```text
//!   tag 10001   ┌─────────────────────────────────────────────┐
//!               │ milliseconds since 1970, i64, big endian    │   as the broker's clock said when it answered
//!               └─────────────────────────────────────────────┘
//! ```

use bytes::Bytes;
use model::TimestampMs;

use crate::messages::DescribeLogDirsResponse;

/// Far from the tags that Kafka gives out, which count up from 0 in each message.
const TAG: i32 = 10_001;

/// `answer`, telling that it is `wall` here.
#[must_use]
pub fn with_broker_clock(
    mut answer: DescribeLogDirsResponse,
    wall: TimestampMs,
) -> DescribeLogDirsResponse {
    answer.unknown_tagged_fields.insert(TAG, Bytes::copy_from_slice(&wall.0.to_be_bytes()));
    answer
}

/// What the broker's clock said; none when it does not tell, or tells it in another way.
#[must_use]
pub fn broker_clock(answer: &DescribeLogDirsResponse) -> Option<TimestampMs> {
    let bytes = answer.unknown_tagged_fields.get(&TAG)?;
    Some(TimestampMs(i64::from_be_bytes(bytes.as_ref().try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Api, decode_response, encode_response};

    fn sent(version: i16) -> DescribeLogDirsResponse {
        let told = with_broker_clock(DescribeLogDirsResponse::default(), TimestampMs(-7));
        let mut frame = encode_response(Api::DescribeLogDirs, version, 1, &told).unwrap();
        let frame = frame.split_off(4).freeze(); // past the length
        decode_response(Api::DescribeLogDirs, version, frame).unwrap().1
    }

    #[test]
    fn a_clock_is_told_where_the_answer_can_have_tags() {
        assert_eq!(broker_clock(&sent(1)), None);
        for version in 2..=4 {
            assert_eq!(broker_clock(&sent(version)), Some(TimestampMs(-7)), "version {version}");
        }
    }

    #[test]
    fn a_clock_of_another_length_is_none() {
        for length in [0, 7, 9] {
            let mut told = DescribeLogDirsResponse::default();
            told.unknown_tagged_fields.insert(TAG, Bytes::from(vec![0; length]));
            assert_eq!(broker_clock(&told), None);
        }
    }
}
