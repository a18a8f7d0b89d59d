//! The answer to a Fetch, written around the records: they are never copied.
//!
//! Versions 4 to 18: 7 brings sessions (KIP-227), 12 is flexible, 13 names topics by id, 16 hints at leaders.
//!
//! ```text
//! throttle i32 | error i16, session i32 (7..) | topics [ name or id | partitions [
//!     index, error, high watermark, last stable, log start (5..), aborted [producer, first offset]?, replica (11..),
//!     length, RECORDS, tags ] ] | tags
//! ```
//! [`FetchAnswer::encode`] answers segments: encoded bytes, records as the caller holds them, encoded bytes, …

use bytes::{BufMut, Bytes, BytesMut};
use model::{ErrorCode, LeaderEpoch, Offset, ProducerId, TopicId};

use crate::{
    Api, LeaderHint,
    produce::{end_struct, put_count, put_endpoints, put_tag, put_text, put_varint},
};

/// A piece of a frame that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment<R> {
    /// Bytes of the protocol.
    Encoded(Bytes),
    /// Records, as the caller holds them.
    Records(R),
}

/// An answer whose records are an `R`: bytes, slices of a file, whatever the sender can send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchAnswer<R> {
    /// The whole request's error; then `topics` is empty.
    pub error: ErrorCode,
    /// The session, or 0.
    pub session_id: i32,
    /// What is there.
    pub topics: Vec<FetchTopicAnswer<R>>,
    /// Where the leaders named by hints listen: (node, host, port). Version 16 and later.
    pub endpoints: Vec<(i32, String, i32)>,
}

/// A topic's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchTopicAnswer<R> {
    /// The name, for versions up to 12.
    pub name: Box<str>,
    /// The id, from version 13 on.
    pub id: TopicId,
    /// What is there.
    pub partitions: Vec<FetchPartitionAnswer<R>>,
}

/// A partition's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPartitionAnswer<R> {
    /// Its number.
    pub index: i32,
    /// How it went.
    pub error: ErrorCode,
    /// Up to where all replicas have it, or -1.
    pub high_watermark: Offset,
    /// Up to where transactions are decided, or -1.
    pub last_stable: Offset,
    /// The log's start, or -1.
    pub log_start: Offset,
    /// Transactions aborted within the records: (producer, first offset). None for readers of uncommitted records.
    pub aborted: Option<Vec<(ProducerId, Offset)>>,
    /// Where the reader's log leaves ours: (epoch, end of that epoch). Version 12 and later.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// Who leads instead. Version 12 and later.
    pub leader: Option<LeaderHint>,
    /// The records, with their size in bytes.
    pub records: Option<(R, usize)>,
}

impl<R> FetchPartitionAnswer<R> {
    /// A refusal.
    #[must_use]
    pub const fn refused(index: i32, error: ErrorCode) -> Self {
        Self {
            index,
            error,
            high_watermark: Offset::NONE,
            last_stable: Offset::NONE,
            log_start: Offset::NONE,
            aborted: None,
            diverging: None,
            leader: None,
            records: None,
        }
    }
}

impl<R> FetchAnswer<R> {
    /// An answer without topics.
    #[must_use]
    pub const fn empty(error: ErrorCode, session_id: i32) -> Self {
        Self { error, session_id, topics: Vec::new(), endpoints: Vec::new() }
    }

    /// The whole frame, length prefix included, as segments; and its size.
    #[must_use]
    pub fn encode(self, version: i16, correlation: i32) -> (Vec<Segment<R>>, usize) {
        let mut writer = Writer {
            out: BytesMut::with_capacity(self.encoded_size_guess()),
            records: Vec::new(),
            records_bytes: 0,
            version,
            compact: Api::Fetch.is_flexible(version),
        };
        writer.answer(self, correlation);
        writer.finish()
    }

    fn encoded_size_guess(&self) -> usize {
        let partitions = self.topics.iter().flat_map(|topic| &topic.partitions);
        let aborted = |part: &FetchPartitionAnswer<R>| part.aborted.as_ref().map_or(0, Vec::len);
        let partitions: usize = partitions.map(|part| 80 + 17 * aborted(part)).sum();
        let topics: usize = self.topics.iter().map(|topic| 32 + topic.name.len()).sum();
        64 + topics + partitions + 64 * self.endpoints.len()
    }
}

struct Writer<R> {
    out: BytesMut,
    /// Records, and where among the encoded bytes they belong.
    records: Vec<(usize, R)>,
    records_bytes: usize,
    version: i16,
    compact: bool,
}

impl<R> Writer<R> {
    fn answer(&mut self, answer: FetchAnswer<R>, correlation: i32) {
        let Self { version, compact, .. } = *self;
        self.out.put_i32(0); // the length, set at the end
        self.out.put_i32(correlation);
        end_struct(&mut self.out, compact);
        self.out.put_i32(0); // throttled for 0 ms
        if version >= 7 {
            self.out.put_i16(answer.error.code());
            self.out.put_i32(answer.session_id);
        }
        put_count(&mut self.out, compact, answer.topics.len());
        for topic in answer.topics {
            if version >= 13 {
                self.out.put_slice(topic.id.0.as_bytes());
            } else {
                put_text(&mut self.out, compact, Some(&topic.name));
            }
            put_count(&mut self.out, compact, topic.partitions.len());
            for partition in topic.partitions {
                self.partition(partition);
            }
            end_struct(&mut self.out, compact);
        }
        if version >= 16 && !answer.endpoints.is_empty() {
            let mut value = BytesMut::new();
            put_endpoints(&mut value, &answer.endpoints);
            put_varint(&mut self.out, 1);
            put_tag(&mut self.out, 0, &value);
        } else {
            end_struct(&mut self.out, compact);
        }
    }

    fn partition(&mut self, partition: FetchPartitionAnswer<R>) {
        let Self { version, compact, ref mut out, .. } = *self;
        out.put_i32(partition.index);
        out.put_i16(partition.error.code());
        out.put_i64(partition.high_watermark.0);
        out.put_i64(partition.last_stable.0);
        if version >= 5 {
            out.put_i64(partition.log_start.0);
        }
        match &partition.aborted {
            None if compact => out.put_u8(0),
            None => out.put_i32(-1),
            Some(aborted) => {
                put_count(out, compact, aborted.len());
                for (producer, first) in aborted {
                    out.put_i64(producer.0);
                    out.put_i64(first.0);
                    end_struct(out, compact);
                }
            }
        }
        if version >= 11 {
            out.put_i32(-1); // no preferred read replica
        }
        let size = partition.records.as_ref().map_or(0, |(_, size)| *size);
        put_count(out, compact, size);
        if let Some((records, size)) = partition.records.filter(|(_, size)| *size > 0) {
            self.records.push((self.out.len(), records));
            self.records_bytes += size;
        }
        if compact {
            self.partition_tags(partition.diverging, partition.leader);
        }
    }

    fn partition_tags(
        &mut self,
        diverging: Option<(LeaderEpoch, Offset)>,
        leader: Option<LeaderHint>,
    ) {
        let count = u32::from(diverging.is_some()) + u32::from(leader.is_some());
        put_varint(&mut self.out, count);
        if let Some((epoch, end)) = diverging {
            let mut value = [0; 13];
            value[..4].copy_from_slice(&epoch.0.to_be_bytes());
            value[4..12].copy_from_slice(&end.0.to_be_bytes());
            put_tag(&mut self.out, 0, &value);
        }
        if let Some(leader) = leader {
            put_tag(&mut self.out, 1, &leader.tag());
        }
    }

    /// Cuts what is encoded at the places of the records. The encoded segments share one allocation.
    fn finish(self) -> (Vec<Segment<R>>, usize) {
        let Self { mut out, records, records_bytes, .. } = self;
        let total = out.len() + records_bytes;
        let length = u32::try_from(total - 4).expect("a fetch answers at most 2 GiB");
        out[..4].copy_from_slice(&length.to_be_bytes());
        let mut segments = Vec::with_capacity(2 * records.len() + 1);
        let mut cut = 0;
        for (position, records) in records {
            segments.push(Segment::Encoded(out.split_to(position - cut).freeze()));
            segments.push(Segment::Records(records));
            cut = position;
        }
        segments.push(Segment::Encoded(out.freeze()));
        (segments, total)
    }
}
