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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode_response, messages::FetchResponse};

    fn partition(index: i32, records: Option<&'static [u8]>) -> FetchPartitionAnswer<Bytes> {
        FetchPartitionAnswer {
            high_watermark: Offset(11),
            last_stable: Offset(10),
            log_start: Offset(3),
            records: records.map(|bytes| (Bytes::from_static(bytes), bytes.len())),
            ..FetchPartitionAnswer::refused(index, ErrorCode::None)
        }
    }

    fn answer() -> FetchAnswer<Bytes> {
        let mut committed = partition(4, Some(b"xyz"));
        committed.aborted = Some(vec![(ProducerId(8), Offset(5)), (ProducerId(9), Offset(6))]);
        let mut elsewhere = FetchPartitionAnswer::refused(1, ErrorCode::NotLeaderOrFollower);
        elsewhere.leader = Some(LeaderHint { id: 2, epoch: LeaderEpoch(7) });
        let mut diverging = partition(2, None);
        diverging.diverging = Some((LeaderEpoch(1), Offset(9)));
        let topic = |name: &str, bits, partitions| FetchTopicAnswer {
            name: name.into(),
            id: TopicId(uuid::Uuid::from_u128(bits)),
            partitions,
        };
        FetchAnswer {
            error: ErrorCode::None,
            session_id: 77,
            topics: vec![
                topic("a", 1, vec![partition(0, Some(b"first records")), elsewhere]),
                topic("b", 2, vec![diverging, partition(3, Some(b"")), committed]),
            ],
            endpoints: vec![(2, "host".to_owned(), 9092)],
        }
    }

    #[test]
    fn the_codec_reads_what_is_written_in_every_version() {
        for version in 4..=18 {
            let (segments, size) = answer().encode(version, 42);
            let records = segments.iter().filter(|part| matches!(part, Segment::Records(_)));
            assert_eq!(records.count(), 2, "only records that are there have a segment");
            let mut frame = BytesMut::new();
            for segment in segments {
                match segment {
                    Segment::Encoded(bytes) | Segment::Records(bytes) => frame.put(bytes),
                }
            }
            assert_eq!(frame.len(), size);
            let mut frame = frame.freeze();
            let length = u32::from_be_bytes(frame.split_to(4)[..].try_into().unwrap());
            assert_eq!(length as usize, frame.len());
            let (correlation, seen): (i32, FetchResponse) =
                decode_response(Api::Fetch, version, frame).unwrap();
            assert_eq!(correlation, 42);
            check(&seen, version);
        }
    }

    fn check(seen: &FetchResponse, version: i16) {
        assert_eq!(seen.session_id, if version >= 7 { 77 } else { 0 });
        let [a, b] = &seen.responses[..] else { panic!("two topics") };
        if version >= 13 {
            assert_eq!(a.topic_id, uuid::Uuid::from_u128(1));
        } else {
            assert_eq!(a.topic.as_str(), "a");
        }
        assert_eq!(a.partitions[0].records.as_deref(), Some(&b"first records"[..]));
        assert_eq!(a.partitions[0].high_watermark, 11);
        assert_eq!(a.partitions[0].aborted_transactions, None);
        assert_eq!(a.partitions[1].error_code, 6);
        let hint = a.partitions[1].current_leader.leader_id.0;
        assert_eq!(hint, if version >= 12 { 2 } else { -1 });
        assert_eq!(seen.node_endpoints.len(), usize::from(version >= 16));
        let diverging = b.partitions[0].diverging_epoch.end_offset;
        assert_eq!(diverging, if version >= 12 { 9 } else { -1 });
        assert_eq!(b.partitions[1].records.as_deref(), Some(&b""[..]));
        let aborted = b.partitions[2].aborted_transactions.as_ref().unwrap();
        assert_eq!((aborted[1].producer_id.0, aborted[1].first_offset), (9, 6));
        assert_eq!(b.partitions[2].records.as_deref(), Some(&b"xyz"[..]));
    }
}
