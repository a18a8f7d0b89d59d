//! Reads [`GroupRecord`]s in every version that a broker since 0.9 has written. The bytes may come from anywhere: a log that
//! was carried over from Apache Kafka, or a damaged one.

use std::sync::Arc;

use bytes::Bytes;
use model::{LeaderEpoch, Offset, TimestampMs};
use wire::{Cursor, WireError};

use super::record::{CommittedOffset, GroupRecord, SavedGroup, SavedMember};

/// Why a record is none of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Every record of the topic has a key.
    #[error("record without a key")]
    NoKey,
    /// A kind of record that this coordinator does not keep: KIP-848 groups, share groups.
    #[error("key of version {0}")]
    OtherKey(i16),
    /// A transaction in a state that does not exist.
    #[error("transaction in state {0}")]
    UnknownState(i8),
    /// A topic with a name that no topic can have.
    #[error("illegal topic name '{0}'")]
    IllegalName(String),
    /// A version newer than we know.
    #[error("value of version {0}")]
    UnknownValue(i16),
    /// The bytes do not follow the schema.
    #[error(transparent)]
    Malformed(#[from] WireError),
}

impl GroupRecord {
    /// Reads a key and its value.
    ///
    /// # Errors
    /// [`DecodeError`]; none of them is a reason to stop loading.
    pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, DecodeError> {
        let mut key = Cursor::new(key.ok_or(DecodeError::NoKey)?);
        match key.i16()? {
            0 | 1 => {
                let (group, topic) = (text(&mut key, false)?, text(&mut key, false)?);
                let partition = key.i32()?;
                let value = value.map(offset_value).transpose()?;
                Ok(Self::Offset { group, topic, partition, value })
            }
            2 => {
                let group = text(&mut key, false)?;
                Ok(Self::Group { group, value: value.map(group_value).transpose()? })
            }
            other => Err(DecodeError::OtherKey(other)),
        }
    }
}

/// The first version of both values with compact strings and tags.
const FLEXIBLE: i16 = 4;

fn offset_value(value: &[u8]) -> Result<CommittedOffset, DecodeError> {
    let mut value = Cursor::new(value);
    let version = known_version(&mut value)?;
    let offset = Offset(value.i64()?);
    let leader_epoch = if version >= 3 { LeaderEpoch(value.i32()?) } else { LeaderEpoch::NONE };
    let metadata = text(&mut value, version >= FLEXIBLE)?;
    let commit_time = TimestampMs(value.i64()?);
    let expire_time = if version == 1 { time_or_none(value.i64()?) } else { None };
    Ok(CommittedOffset { offset, leader_epoch, metadata, commit_time, expire_time })
}

fn group_value(value: &[u8]) -> Result<SavedGroup, DecodeError> {
    let mut value = Cursor::new(value);
    let version = known_version(&mut value)?;
    let compact = version >= FLEXIBLE;
    let protocol_type = value.string(compact)?.unwrap_or_default().to_owned();
    let generation = value.i32()?;
    let protocol = value.string(compact)?.map(str::to_owned);
    let leader = value.string(compact)?.map(Arc::from);
    let state_time = if version >= 2 { time_or_none(value.i64()?) } else { None };
    let claimed = value.length(compact)?.unwrap_or(0);
    let mut members = Vec::new(); // grows with what is there, not with what is claimed
    for _ in 0..claimed {
        members.push(member(&mut value, version)?);
    }
    Ok(SavedGroup { protocol_type, generation, protocol, leader, state_time, members })
}

fn member(value: &mut Cursor<'_>, version: i16) -> Result<SavedMember, DecodeError> {
    let compact = version >= FLEXIBLE;
    let id = text(value, compact)?;
    let instance_id = if version >= 3 { value.string(compact)?.map(Arc::from) } else { None };
    let (client_id, client_host) = (text(value, compact)?, text(value, compact)?);
    let rebalance_timeout_ms = if version >= 1 { Some(value.i32()?) } else { None };
    let session_timeout_ms = value.i32()?;
    let subscription = blob(value, compact)?;
    let assignment = blob(value, compact)?;
    if compact {
        value.skip_tags()?;
    }
    Ok(SavedMember {
        id,
        instance_id,
        client_id,
        client_host,
        rebalance_timeout_ms: rebalance_timeout_ms.unwrap_or(session_timeout_ms),
        session_timeout_ms,
        subscription,
        assignment,
    })
}

fn known_version(value: &mut Cursor<'_>) -> Result<i16, DecodeError> {
    match value.i16()? {
        version @ 0..=FLEXIBLE => Ok(version),
        version => Err(DecodeError::UnknownValue(version)),
    }
}

fn text(from: &mut Cursor<'_>, compact: bool) -> Result<Arc<str>, WireError> {
    Ok(from.string(compact)?.unwrap_or_default().into())
}

fn blob(from: &mut Cursor<'_>, compact: bool) -> Result<Bytes, WireError> {
    Ok(Bytes::copy_from_slice(from.blob(compact)?.unwrap_or_default()))
}

fn time_or_none(time: i64) -> Option<TimestampMs> {
    (time >= 0).then_some(TimestampMs(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> GroupRecord {
        let member = |id: &str, instance_id: Option<Arc<str>>| SavedMember {
            id: id.into(),
            instance_id,
            client_id: "client".into(),
            client_host: "/127.0.0.1".into(),
            rebalance_timeout_ms: 1,
            session_timeout_ms: 2,
            subscription: Bytes::from_static(b"subscription"),
            assignment: Bytes::new(),
        };
        GroupRecord::Group {
            group: "grüppe".into(),
            value: Some(SavedGroup {
                protocol_type: "consumer".into(),
                generation: i32::MAX,
                protocol: Some("range".into()),
                leader: Some("a".into()),
                state_time: Some(TimestampMs(1)),
                members: vec![member("a", None), member("b", Some("static".into()))],
            }),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let record = group();
        let value = record.value();
        assert_eq!(GroupRecord::decode(Some(&record.key()), value.as_deref()), Ok(record));
    }

    #[test]
    fn older_and_newer_versions_are_read() {
        let key = [0, 0, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 9];
        let mut oldest = vec![0, 0];
        oldest.extend(7_i64.to_be_bytes());
        oldest.extend([0, 0]);
        oldest.extend(8_i64.to_be_bytes());
        let mut flexible = vec![0, 4];
        flexible.extend(7_i64.to_be_bytes());
        flexible.extend((-1_i32).to_be_bytes());
        flexible.push(1);
        flexible.extend(8_i64.to_be_bytes());
        flexible.extend([1, 0, 1, 0xff]); // a tag of a later Kafka
        for value in [oldest, flexible] {
            let Ok(GroupRecord::Offset { partition: 9, value: Some(committed), .. }) =
                GroupRecord::decode(Some(&key), Some(&value))
            else {
                panic!("not read: {value:?}");
            };
            assert_eq!((committed.offset, committed.commit_time), (Offset(7), TimestampMs(8)));
        }
        let other = [0, 3, 0, 1, b'g'];
        assert_eq!(GroupRecord::decode(Some(&other), None), Err(DecodeError::OtherKey(3)));
    }

    #[test]
    fn cut_and_twisted_records_are_errors_and_no_more() {
        let record = group();
        let (key, value) = (record.key(), record.value().unwrap());
        for length in 0..value.len() {
            assert!(GroupRecord::decode(Some(&key), Some(&value[..length])).is_err());
        }
        for at in 0..value.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut twisted = value.clone();
                twisted[at] ^= bits;
                let _ = GroupRecord::decode(Some(&key), Some(&twisted));
            }
        }
        for length in 0..key.len() {
            assert!(GroupRecord::decode(Some(&key[..length]), None).is_err());
        }
    }
}
