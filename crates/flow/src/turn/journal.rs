//! The job's own partition: entries appended, and read back whole at a take-over. Frame version 1.
//!
//!   record value:  version u8 = 1 | kind u8 | part u32 | parts u32 | entry u64 | payload … | CRC-32 of all before
//!
//! An entry larger than one record is cut into parts, so that a snapshot may be larger than a batch may. A crash can
//! leave an entry without its last parts; the reader lets go of it, and the next reign begins a new one.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use model::{ErrorCode, Isolation, Offset, TopicPartition};
use records::{Batch, BatchBuilder, Codec};

use super::{
    entry::{Entry, Reign},
    halt::Halt,
};
use crate::topics::Topics;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + 1 + 4 + 4 + 8;
const CRC_BYTES: usize = 4;
/// Payload bytes of one part: well below any topic's `max.message.bytes`.
const PART_BYTES_MAX: usize = 512 << 10;
/// Bytes read at once at a take-over.
const READ_BYTES_MAX: usize = 4 << 20;
/// The largest entry that is read back: a job's state must fit in memory anyway.
const ENTRY_BYTES_MAX: usize = 4 << 30;

/// The writing end, in one reign.
pub(crate) struct Journal {
    topics: Arc<dyn Topics>,
    partition: TopicPartition,
    reign: Reign,
    sequence: i32,
    entries: u64,
    builder: BatchBuilder,
}

impl Journal {
    /// Begins `reign` behind whatever is there: `entries` have been written so far.
    pub(crate) fn begin(
        topics: Arc<dyn Topics>,
        partition: TopicPartition,
        reign: Reign,
        entries: u64,
    ) -> Result<Self, Halt> {
        let builder = BatchBuilder::new(Codec::None);
        let mut journal = Self { topics, partition, reign, sequence: 0, entries, builder };
        journal.append(&Entry::Reign(reign))?;
        Ok(journal)
    }

    /// Shows that no other reign has begun: writes its own beginning once more, which changes nothing.
    pub(crate) fn confirm(&mut self) -> Result<(), Halt> {
        self.append(&Entry::Reign(self.reign)).map(drop)
    }

    /// In whose name it is written.
    pub(crate) const fn reign(&self) -> Reign {
        self.reign
    }

    /// Appends `entry`; answers the offset of its first record. Not synced.
    pub(crate) fn append(&mut self, entry: &Entry) -> Result<Offset, Halt> {
        let body = entry.encode().freeze();
        let parts = body.len().div_ceil(PART_BYTES_MAX).max(1);
        let mut first = None;
        for part in 0..parts {
            let start = part * PART_BYTES_MAX;
            let payload = body.slice(start..body.len().min(start + PART_BYTES_MAX));
            let record = self.frame(entry.kind(), part, parts, &payload);
            let offset = self.append_record(&record)?;
            first.get_or_insert(offset);
        }
        self.entries += 1;
        Ok(first.expect("an entry has at least one part"))
    }

    /// Makes every entry so far outlive a power cut.
    pub(crate) fn sync(&self) -> Result<(), Halt> {
        self.topics
            .sync(&self.partition)
            .map_err(|code| Halt::refused("sync", &self.partition, code))
    }

    /// Lets go of what lies before `before`.
    pub(crate) fn trim(&self, before: Offset) -> Result<(), Halt> {
        self.topics
            .trim(&self.partition, before)
            .map_err(|code| Halt::refused("trim", &self.partition, code))
    }

    fn append_record(&mut self, record: &[u8]) -> Result<Offset, Halt> {
        let now = self.topics.wall();
        self.builder.producer(self.reign.id, self.reign.epoch, self.sequence);
        self.builder.append(now, None, Some(record), &[]);
        self.sequence = self.sequence.checked_add(1).unwrap_or(0);
        self.topics
            .append_here(&self.partition, self.builder.finish())
            .map_err(|code| Halt::refused("append", &self.partition, code))
    }

    fn frame(&self, kind: u8, part: usize, parts: usize, payload: &[u8]) -> BytesMut {
        let number = |value: usize| u32::try_from(value).expect("parts are counted in thousands");
        let mut record = BytesMut::with_capacity(HEAD_BYTES + payload.len() + CRC_BYTES);
        record.extend_from_slice(&[VERSION, kind]);
        record.extend_from_slice(&number(part).to_be_bytes());
        record.extend_from_slice(&number(parts).to_be_bytes());
        record.extend_from_slice(&self.entries.to_be_bytes());
        record.extend_from_slice(payload);
        let crc = crc32fast::hash(&record);
        record.extend_from_slice(&crc.to_be_bytes());
        record
    }
}

/// Reads every whole entry of `partition`, in order, each with the offset of its first record.
pub(crate) fn load(
    topics: &dyn Topics,
    partition: &TopicPartition,
) -> Result<Vec<(Offset, Entry)>, Halt> {
    let refused = |code| Halt::refused("read", partition, code);
    let ends = topics.ends(partition).map_err(refused)?;
    let mut assembler = Assembler::default();
    let mut position = ends.log_start;
    let mut scratch = Vec::new();
    while position < ends.high_watermark {
        let read = topics
            .read(partition, position, READ_BYTES_MAX, Isolation::ReadUncommitted)
            .map_err(refused)?;
        if read.next <= position {
            return Err(refused(ErrorCode::OffsetNotAvailable));
        }
        let damaged =
            |offset, why| Halt::JournalDamaged { partition: partition.clone(), offset, why };
        let mut rest = read.bytes.as_ref();
        while let Ok(batch) = Batch::parse(rest) {
            rest = rest.get(batch.size_bytes()..).unwrap_or_default();
            if batch.is_control() || batch.next_offset() <= position {
                continue;
            }
            let records = batch.records(&mut scratch);
            for record in records.map_err(|error| damaged(position, error.to_string()))? {
                let record = record.map_err(|error| damaged(position, error.to_string()))?;
                if record.offset >= position {
                    let value = record.value.unwrap_or_default();
                    let taken = assembler.take(record.offset, value);
                    taken.map_err(|why| damaged(record.offset, why))?;
                }
            }
        }
        if !rest.is_empty() {
            return Err(damaged(position, "what follows is no batch".to_owned()));
        }
        position = read.next;
    }
    Ok(assembler.entries)
}

/// Puts the parts of entries together again.
#[derive(Default)]
struct Assembler {
    entries: Vec<(Offset, Entry)>,
    open: Option<Open>,
}

struct Open {
    first: Offset,
    entry: u64,
    next_part: u32,
    body: BytesMut,
}

impl Assembler {
    fn take(&mut self, offset: Offset, record: &[u8]) -> Result<(), String> {
        let Some(framed) = record.len().checked_sub(CRC_BYTES) else {
            return Err("a record is shorter than its CRC".to_owned());
        };
        let (framed, mut crc) = record.split_at(framed);
        if framed.len() < HEAD_BYTES || crc32fast::hash(framed) != crc.get_u32() {
            return Err("the CRC of a record is wrong".to_owned());
        }
        let (mut head, payload) = framed.split_at(HEAD_BYTES);
        if head.get_u8() != VERSION {
            return Err("a newer version wrote it".to_owned());
        }
        let (kind, part, parts) = (head.get_u8(), head.get_u32(), head.get_u32());
        let entry = head.get_u64();
        if part == 0 {
            self.open = Some(Open { first: offset, entry, next_part: 0, body: BytesMut::new() });
        }
        // Parts that do not follow are the rest of an entry whose beginning was trimmed: not ours to read.
        let follows = |open: &&mut Open| open.entry == entry && open.next_part == part;
        let Some(open) = self.open.as_mut().filter(follows) else { return Ok(()) };
        if open.body.len() + payload.len() > ENTRY_BYTES_MAX {
            return Err("an entry is larger than any state may be".to_owned());
        }
        open.body.extend_from_slice(payload);
        open.next_part += 1;
        if open.next_part == parts {
            let open = self.open.take().expect("it is open");
            let body: Bytes = open.body.freeze();
            self.entries.push((open.first, Entry::decode(kind, body)?));
        }
        Ok(())
    }
}
