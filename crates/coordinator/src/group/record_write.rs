//! Writes [`GroupRecord`]s, in the versions that Kafka writes.

use bytes::BufMut;
use model::TimestampMs;

use super::record::{CommittedOffset, GroupRecord, SavedGroup, SavedMember};
use crate::limits::TEXT_BYTES_MAX;

/// OffsetCommitKey.
const OFFSET_KEY_VERSION: i16 = 1;
/// GroupMetadataKey.
const GROUP_KEY_VERSION: i16 = 2;
/// The one OffsetCommitValue that has an expire time.
const OFFSET_VALUE_VERSION_WITH_EXPIRY: i16 = 1;
/// The last OffsetCommitValue that older brokers read too.
const OFFSET_VALUE_VERSION: i16 = 3;
/// The last GroupMetadataValue that older brokers read too.
const GROUP_VALUE_VERSION: i16 = 3;

impl GroupRecord {
    /// The record's key.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        match self {
            Self::Offset { group, topic, partition, .. } => {
                key.put_i16(OFFSET_KEY_VERSION);
                put_text(&mut key, group);
                put_text(&mut key, topic);
                key.put_i32(*partition);
            }
            Self::Group { group, .. } => {
                key.put_i16(GROUP_KEY_VERSION);
                put_text(&mut key, group);
            }
        }
        key
    }

    /// The record's value; none for a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<Vec<u8>> {
        match self {
            Self::Offset { value, .. } => value.as_ref().map(offset_value),
            Self::Group { value, .. } => value.as_ref().map(group_value),
        }
    }
}

fn offset_value(committed: &CommittedOffset) -> Vec<u8> {
    let mut value = Vec::with_capacity(32 + committed.metadata.len());
    let version = match committed.expire_time {
        Some(_) => OFFSET_VALUE_VERSION_WITH_EXPIRY,
        None => OFFSET_VALUE_VERSION,
    };
    value.put_i16(version);
    value.put_i64(committed.offset.0);
    if version == OFFSET_VALUE_VERSION {
        value.put_i32(committed.leader_epoch.0);
    }
    put_text(&mut value, &committed.metadata);
    value.put_i64(committed.commit_time.0);
    if let Some(TimestampMs(time)) = committed.expire_time {
        value.put_i64(time);
    }
    value
}

fn group_value(group: &SavedGroup) -> Vec<u8> {
    let mut value = Vec::new();
    value.put_i16(GROUP_VALUE_VERSION);
    put_text(&mut value, &group.protocol_type);
    value.put_i32(group.generation);
    put_text_or_null(&mut value, group.protocol.as_deref());
    put_text_or_null(&mut value, group.leader.as_deref());
    value.put_i64(group.state_time.unwrap_or(TimestampMs::NONE).0);
    put_length(&mut value, group.members.len());
    for member in &group.members {
        put_member(&mut value, member);
    }
    value
}

fn put_member(value: &mut Vec<u8>, member: &SavedMember) {
    put_text(value, &member.id);
    put_text_or_null(value, member.instance_id.as_deref());
    put_text(value, &member.client_id);
    put_text(value, &member.client_host);
    value.put_i32(member.rebalance_timeout_ms);
    value.put_i32(member.session_timeout_ms);
    put_bytes(value, &member.subscription);
    put_bytes(value, &member.assignment);
}

/// Texts longer than the schema's length are refused where they come in; cut rather than corrupt the record if one slips by.
fn put_text(into: &mut Vec<u8>, text: &str) {
    debug_assert!(text.len() <= TEXT_BYTES_MAX, "checked where the text comes in");
    let text = &text[..text.floor_char_boundary_at(TEXT_BYTES_MAX)];
    into.put_i16(i16::try_from(text.len()).expect("cut to what the length can say"));
    into.put_slice(text.as_bytes());
}

fn put_text_or_null(into: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_text(into, text),
        None => into.put_i16(-1),
    }
}

fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    put_length(into, bytes.len());
    into.put_slice(bytes);
}

fn put_length(into: &mut Vec<u8>, length: usize) {
    into.put_i32(i32::try_from(length).expect("a request's part is smaller than a frame"));
}

/// `str::floor_char_boundary`, for the compilers that do not have it yet.
trait FloorCharBoundary {
    fn floor_char_boundary_at(&self, index: usize) -> usize;
}

impl FloorCharBoundary for str {
    fn floor_char_boundary_at(&self, index: usize) -> usize {
        if self.len() <= index {
            return self.len();
        }
        (0..=index).rev().find(|index| self.is_char_boundary(*index)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::{LeaderEpoch, Offset};

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn commit(expire_time: Option<TimestampMs>) -> GroupRecord {
        GroupRecord::Offset {
            group: "g".into(),
            topic: "t".into(),
            partition: 3,
            value: Some(CommittedOffset {
                offset: Offset(42),
                leader_epoch: LeaderEpoch(5),
                metadata: "m".into(),
                commit_time: TimestampMs(256),
                expire_time,
            }),
        }
    }

    /// Spelt out from Kafka's schemas: `OffsetCommitKey` version 1 and `OffsetCommitValue` versions 3 and 1.
    #[test]
    fn offset_records_are_kafkas_bytes() {
        let record = commit(None);
        assert_eq!(hex(&record.key()), ["0001", "000167", "000174", "00000003"].concat());
        let value = ["0003", "000000000000002a", "00000005", "00016d", "0000000000000100"].concat();
        assert_eq!(hex(&record.value().unwrap()), value);
        let value =
            ["0001", "000000000000002a", "00016d", "0000000000000100", "0000000000000101"].concat();
        assert_eq!(hex(&commit(Some(TimestampMs(257))).value().unwrap()), value);
    }

    /// Spelt out from Kafka's schemas: `GroupMetadataKey` version 2 and `GroupMetadataValue` version 3.
    #[test]
    fn group_records_are_kafkas_bytes() {
        let member = SavedMember {
            id: "a-1".into(),
            instance_id: None,
            client_id: "a".into(),
            client_host: "/h".into(),
            rebalance_timeout_ms: 60_000,
            session_timeout_ms: 10_000,
            subscription: Bytes::from_static(&[1, 2]),
            assignment: Bytes::from_static(&[3]),
        };
        let mut group = SavedGroup {
            protocol_type: "consumer".into(),
            generation: 7,
            protocol: Some("range".into()),
            leader: Some("a-1".into()),
            state_time: Some(TimestampMs(255)),
            members: vec![member],
        };
        let record = GroupRecord::Group { group: "g".into(), value: Some(group.clone()) };
        assert_eq!(hex(&record.key()), "0002000167");
        let value = [
            "0003",
            "0008636f6e73756d6572",
            "00000007",
            "000572616e6765",
            "0003612d31",
            "00000000000000ff",
            "00000001",
            "0003612d31",
            "ffff",
            "000161",
            "00022f68",
            "0000ea60",
            "00002710",
            "000000020102",
            "0000000103",
        ];
        assert_eq!(hex(&record.value().unwrap()), value.concat());
        group.members.clear();
        (group.protocol, group.leader, group.state_time) = (None, None, None);
        let empty = GroupRecord::Group { group: "g".into(), value: Some(group) };
        let value = [
            "0003",
            "0008636f6e73756d6572",
            "00000007",
            "ffff",
            "ffff",
            "ffffffffffffffff",
            "00000000",
        ];
        assert_eq!(hex(&empty.value().unwrap()), value.concat());
        assert_eq!(GroupRecord::Group { group: "g".into(), value: None }.value(), None);
    }
}
