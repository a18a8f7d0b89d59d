//! Produce, read where it lies, and its answer.
//!
//! Versions 3 to 13: 9 is flexible, 13 names topics by id (KIP-516). The codec would copy nothing either, but it
//! allocates per topic and partition, and it cannot hand out records as `BytesMut`, which the log stamps in place.
//!
//! ```text
//! transactional id? | acks i16 | timeout i32 | topics [ name (..=12) or id (13..) | partitions [ index i32 | records? ] ]
//! ```

use std::ops::Range;

use bytes::{BufMut, BytesMut};
use model::{ErrorCode, LeaderEpoch, Offset, TimestampMs, TopicId};

use crate::{Api, Cursor, WireError};

/// A Produce request; its parts are byte ranges of the frame's body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProduceRequest {
    /// The transactional id; none for null.
    pub transactional_id: Option<Range<usize>>,
    /// As sent: -1, 0, 1, or nonsense.
    pub acks: i16,
    /// How long to wait for replication.
    pub timeout_ms: i32,
    /// The topics, each a range of `partitions`.
    pub topics: Vec<ProduceTopic>,
    /// The partitions of all topics, in order.
    pub partitions: Vec<ProducePartition>,
}

/// A topic of a Produce request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceTopic {
    /// Its name or id.
    pub key: TopicKey,
    /// Its partitions, as indexes into [`ProduceRequest::partitions`].
    pub partitions: Range<usize>,
}

/// How a request names a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicKey {
    /// By name: where it lies in the body. It is UTF-8.
    Name(Range<usize>),
    /// By id.
    Id(TopicId),
}

/// A partition of a Produce request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartition {
    /// Its number.
    pub index: i32,
    /// Where its records lie in the body; none for null. Ranges ascend and do not overlap.
    pub records: Option<Range<usize>>,
}

impl ProduceRequest {
    /// Reads `body`, the bytes after the header, into `self`, whose memory is used again.
    ///
    /// # Errors
    /// [`WireError`]: the connection's end.
    pub fn parse(&mut self, body: &[u8], version: i16) -> Result<(), WireError> {
        self.topics.clear();
        self.partitions.clear();
        let compact = Api::Produce.is_flexible(version);
        let mut cursor = Cursor::new(body);
        let transactional_id = cursor.string(compact)?;
        self.transactional_id = transactional_id.map(|text| behind(&cursor, text.len()));
        self.acks = cursor.i16()?;
        self.timeout_ms = cursor.i32()?;
        let topics = checked_count(&mut cursor, compact, if compact { 4 } else { 6 })?;
        for _ in 0..topics {
            self.topic(&mut cursor, version, compact)?;
        }
        if compact { cursor.skip_tags() } else { Ok(()) }
    }

    /// Whether `body` carries a transactional id, by its first bytes alone.
    #[must_use]
    pub fn is_transactional(body: &[u8], version: i16) -> bool {
        if Api::Produce.is_flexible(version) {
            body.first().is_some_and(|length| *length != 0)
        } else {
            body.first_chunk().is_some_and(|length| i16::from_be_bytes(*length) >= 0)
        }
    }

    fn topic(
        &mut self,
        cursor: &mut Cursor<'_>,
        version: i16,
        compact: bool,
    ) -> Result<(), WireError> {
        let key = if version >= 13 {
            TopicKey::Id(TopicId(uuid::Uuid::from_bytes(cursor.uuid()?)))
        } else {
            let name = cursor.string(compact)?.ok_or(WireError::malformed("null topic name"))?;
            TopicKey::Name(behind(cursor, name.len()))
        };
        let first = self.partitions.len();
        let partitions = checked_count(cursor, compact, if compact { 6 } else { 8 })?;
        for _ in 0..partitions {
            let index = cursor.i32()?;
            let records = cursor.blob(compact)?.map(|bytes| behind(cursor, bytes.len()));
            self.partitions.push(ProducePartition { index, records });
            if compact {
                cursor.skip_tags()?;
            }
        }
        self.topics.push(ProduceTopic { key, partitions: first..self.partitions.len() });
        if compact { cursor.skip_tags() } else { Ok(()) }
    }
}

/// The `length` bytes that `cursor` has just passed.
fn behind(cursor: &Cursor<'_>, length: usize) -> Range<usize> {
    cursor.position() - length..cursor.position()
}

/// A count of elements of at least `size_min` bytes each.
fn checked_count(
    cursor: &mut Cursor<'_>,
    compact: bool,
    size_min: usize,
) -> Result<usize, WireError> {
    let count = cursor.length(compact)?.ok_or(WireError::malformed("null array"))?;
    if count <= cursor.remaining() / size_min { Ok(count) } else { Err(WireError::Truncated) }
}

/// The answer to a Produce, written topic by topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProduceAnswer {
    /// One per topic of the request, in its order.
    pub topics: Vec<ProduceTopicAnswer>,
    /// Where the leaders named by hints listen: (node, host, port). Version 10 and later.
    pub endpoints: Vec<(i32, String, i32)>,
}

/// A topic's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceTopicAnswer {
    /// The name, for versions up to 12.
    pub name: Box<str>,
    /// The id, from version 13 on.
    pub id: TopicId,
    /// One per partition of the request, in its order.
    pub partitions: Vec<ProducePartitionAnswer>,
}

/// A partition's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartitionAnswer {
    /// Its number.
    pub index: i32,
    /// How it went.
    pub error: ErrorCode,
    /// The offset of the first record, or -1.
    pub base_offset: Offset,
    /// The broker's time under `LogAppendTime`, or -1.
    pub append_time: TimestampMs,
    /// The log's start, or -1.
    pub log_start: Offset,
    /// The records that made the batch fail.
    pub record_errors: Vec<RecordError>,
    /// Why, in words.
    pub message: Option<String>,
    /// Who leads instead (KIP-951).
    pub leader: Option<LeaderHint>,
}

/// A record that made its batch fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Its index within the batch.
    pub index: i32,
    /// Why.
    pub message: Option<String>,
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderHint {
    /// The leader's node id, or -1.
    pub id: i32,
    /// Its epoch.
    pub epoch: LeaderEpoch,
}

impl ProducePartitionAnswer {
    /// A refusal.
    #[must_use]
    pub const fn refused(index: i32, error: ErrorCode) -> Self {
        Self {
            index,
            error,
            base_offset: Offset::NONE,
            append_time: TimestampMs::NONE,
            log_start: Offset::NONE,
            record_errors: Vec::new(),
            message: None,
            leader: None,
        }
    }
}

impl ProduceAnswer {
    /// The whole frame, length prefix included.
    #[must_use]
    pub fn encode(&self, version: i16, correlation: i32) -> BytesMut {
        let compact = Api::Produce.is_flexible(version);
        let partitions: usize = self.topics.iter().map(|topic| topic.partitions.len()).sum();
        let mut out = BytesMut::with_capacity(64 + 64 * self.topics.len() + 48 * partitions);
        out.put_i32(0); // the length, set at the end
        out.put_i32(correlation);
        if compact {
            out.put_u8(0);
        }
        put_count(&mut out, compact, self.topics.len());
        for topic in &self.topics {
            if version >= 13 {
                out.put_slice(topic.id.0.as_bytes());
            } else {
                put_text(&mut out, compact, Some(&topic.name));
            }
            put_count(&mut out, compact, topic.partitions.len());
            for partition in &topic.partitions {
                partition.encode(&mut out, version, compact);
            }
            end_struct(&mut out, compact);
        }
        out.put_i32(0); // throttled for 0 ms
        self.encode_endpoints(&mut out, version, compact);
        set_length(&mut out);
        out
    }

    fn encode_endpoints(&self, out: &mut BytesMut, version: i16, compact: bool) {
        if version < 10 || self.endpoints.is_empty() {
            return end_struct(out, compact);
        }
        let mut value = BytesMut::new();
        put_endpoints(&mut value, &self.endpoints);
        put_varint(out, 1);
        put_tag(out, 0, &value);
    }
}

impl ProducePartitionAnswer {
    fn encode(&self, out: &mut BytesMut, version: i16, compact: bool) {
        out.put_i32(self.index);
        out.put_i16(self.error.code());
        out.put_i64(self.base_offset.0);
        out.put_i64(self.append_time.0);
        if version >= 5 {
            out.put_i64(self.log_start.0);
        }
        if version >= 8 {
            put_count(out, compact, self.record_errors.len());
            for RecordError { index, message } in &self.record_errors {
                out.put_i32(*index);
                put_text(out, compact, message.as_deref());
                end_struct(out, compact);
            }
            put_text(out, compact, self.message.as_deref());
        }
        let Some(leader) = self.leader.filter(|_| version >= 10) else {
            return end_struct(out, compact);
        };
        put_varint(out, 1);
        put_tag(out, 0, &leader.tag());
    }
}

impl LeaderHint {
    /// The value of the tag that carries it, in Produce and in Fetch: both fields and an empty tag section.
    pub(crate) fn tag(self) -> [u8; 9] {
        let mut value = [0; 9];
        value[..4].copy_from_slice(&self.id.to_be_bytes());
        value[4..8].copy_from_slice(&self.epoch.0.to_be_bytes());
        value
    }
}

pub(crate) fn put_endpoints(out: &mut BytesMut, endpoints: &[(i32, String, i32)]) {
    put_count(out, true, endpoints.len());
    for (node, host, port) in endpoints {
        out.put_i32(*node);
        put_text(out, true, Some(host));
        out.put_i32(*port);
        put_text(out, true, None); // no rack
        out.put_u8(0);
    }
}

pub(crate) fn put_varint(out: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

pub(crate) fn put_tag(out: &mut BytesMut, number: u32, value: &[u8]) {
    put_varint(out, number);
    put_varint(out, small(value.len()));
    out.put_slice(value);
}

pub(crate) fn put_count(out: &mut BytesMut, compact: bool, count: usize) {
    if compact { put_varint(out, small(count) + 1) } else { out.put_u32(small(count)) }
}

/// A string; cut at 32,767 bytes, which only a message in words could reach.
pub(crate) fn put_text(out: &mut BytesMut, compact: bool, text: Option<&str>) {
    let text = text.map(|text| {
        let end =
            (0..=text.len().min(i16::MAX as usize)).rev().find(|&at| text.is_char_boundary(at));
        &text[..end.unwrap_or(0)]
    });
    match (compact, text) {
        (true, Some(text)) => put_varint(out, small(text.len()) + 1),
        (true, None) => out.put_u8(0),
        (false, Some(text)) => out.put_u16(text.len() as u16),
        (false, None) => out.put_i16(-1),
    }
    out.put_slice(text.unwrap_or_default().as_bytes());
}

/// The empty tag section, where there is one.
pub(crate) fn end_struct(out: &mut BytesMut, compact: bool) {
    if compact {
        out.put_u8(0);
    }
}

pub(crate) fn set_length(out: &mut BytesMut) {
    let length = small(out.len() - 4);
    out[..4].copy_from_slice(&length.to_be_bytes());
}

fn small(size: usize) -> u32 {
    u32::try_from(size).expect("answers hold as many elements as a frame of at most 100 MiB asks")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode_response, messages::ProduceResponse};

    #[test]
    fn the_codec_reads_the_answer_in_every_version() {
        let done = ProducePartitionAnswer {
            base_offset: Offset(100),
            log_start: Offset(5),
            ..ProducePartitionAnswer::refused(0, ErrorCode::None)
        };
        let refused = ProducePartitionAnswer {
            record_errors: vec![RecordError { index: 3, message: Some("null key".to_owned()) }],
            message: Some("bad".to_owned()),
            leader: Some(LeaderHint { id: 2, epoch: LeaderEpoch(7) }),
            ..ProducePartitionAnswer::refused(1, ErrorCode::InvalidRecord)
        };
        let answer = ProduceAnswer {
            topics: vec![ProduceTopicAnswer {
                name: "t".into(),
                id: TopicId(uuid::Uuid::from_u128(9)),
                partitions: vec![done, refused],
            }],
            endpoints: vec![(2, "host".to_owned(), 9092)],
        };
        for version in 3..=13 {
            let mut frame = answer.encode(version, 42).freeze();
            let length = u32::from_be_bytes(frame.split_to(4)[..].try_into().unwrap());
            assert_eq!(length as usize, frame.len());
            let (correlation, seen): (i32, ProduceResponse) =
                decode_response(Api::Produce, version, frame).unwrap();
            assert_eq!(correlation, 42);
            let parts = &seen.responses[0].partition_responses;
            assert_eq!((parts[0].base_offset, parts[0].error_code), (100, 0));
            assert_eq!((parts[1].base_offset, parts[1].error_code), (-1, 87));
            assert_eq!(parts[1].record_errors.len(), usize::from(version >= 8));
            let hint = parts[1].current_leader.leader_epoch;
            assert_eq!(hint, if version >= 10 { 7 } else { -1 });
            assert_eq!(seen.node_endpoints.len(), usize::from(version >= 10));
        }
    }

    #[test]
    fn long_words_are_cut_at_a_character() {
        let mut out = BytesMut::new();
        put_text(&mut out, false, Some(&"ä".repeat(20_000)));
        assert_eq!(out.len(), 2 + 32_766);
    }
}
