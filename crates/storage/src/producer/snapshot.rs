//! The producers of a log at one offset, in a file: Kafka's format, version 1.
//!
//! ```text
//! version i16 = 1 │ crc u32 (CRC-32C of what follows) │ count i32, each:
//!   producer id i64 │ epoch i16 │ last sequence i32 │ last offset i64 │ offset delta i32 │ timestamp i64
//!   │ coordinator epoch i32 │ open transaction's first offset i64 (-1: none)                     46 bytes
//! ```
//!
//! Of each producer only the newest batch is kept. The file of `S.snapshot` holds what the batches below `S` say.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut};
use model::{Offset, ProducerEpoch, ProducerId, TimestampMs};

use super::{Entry, Seen};

const VERSION: i16 = 1;
const ENTRY_BYTES: usize = 46;
/// A snapshot of no producers has exactly this size, and need not be read.
pub(crate) const EMPTY_BYTES: u64 = 10;

/// The file's bytes.
pub(crate) fn encode<'a>(
    producers: impl ExactSizeIterator<Item = (&'a ProducerId, &'a Entry)>,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(EMPTY_BYTES as usize + producers.len() * ENTRY_BYTES);
    bytes.put_i16(VERSION);
    bytes.put_u32(0);
    bytes.put_i32(i32::try_from(producers.len()).expect("each takes memory"));
    for (id, entry) in producers {
        let none = Seen {
            last_sequence: -1,
            last_offset: Offset::NONE,
            delta: 0,
            timestamp: TimestampMs::NONE,
        };
        let last = entry.last().copied().unwrap_or(none);
        bytes.put_i64(id.0);
        bytes.put_i16(entry.epoch.0);
        bytes.put_i32(last.last_sequence);
        bytes.put_i64(last.last_offset.0);
        bytes.put_i32(last.delta);
        bytes.put_i64(entry.last_timestamp.0);
        bytes.put_i32(entry.coordinator_epoch);
        bytes.put_i64(entry.transaction_start.unwrap_or(Offset::NONE).0);
    }
    let crc = crc32c::crc32c(&bytes[6..]);
    bytes[2..6].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// What the file says; or what is wrong with it.
pub(crate) fn decode(
    mut bytes: &[u8],
    now: TimestampMs,
) -> Result<BTreeMap<ProducerId, Box<Entry>>, &'static str> {
    if bytes.len() < EMPTY_BYTES as usize {
        return Err("too short");
    }
    if bytes.get_i16() != VERSION {
        return Err("unknown version");
    }
    if bytes.get_u32() != crc32c::crc32c(bytes) {
        return Err("wrong crc");
    }
    let count = usize::try_from(bytes.get_i32()).map_err(|_| "negative count")?;
    if count.checked_mul(ENTRY_BYTES) != Some(bytes.len()) {
        return Err("count and size disagree");
    }
    let (entries, _) = bytes.as_chunks::<ENTRY_BYTES>();
    Ok(entries.iter().map(|entry| decode_entry(entry, now)).collect())
}

fn decode_entry(bytes: &[u8; ENTRY_BYTES], now: TimestampMs) -> (ProducerId, Box<Entry>) {
    let mut bytes = bytes.as_slice();
    let id = ProducerId(bytes.get_i64());
    let epoch = ProducerEpoch(bytes.get_i16());
    let last_sequence = bytes.get_i32();
    let last_offset = Offset(bytes.get_i64());
    let delta = bytes.get_i32().max(0);
    let timestamp = TimestampMs(bytes.get_i64());
    let mut entry = Entry::new(epoch, now);
    if last_sequence >= 0 && last_offset >= Offset::ZERO {
        entry.add(epoch, Seen { last_sequence, last_offset, delta, timestamp });
        entry.is_cut = true;
    }
    entry.last_timestamp = timestamp;
    entry.coordinator_epoch = bytes.get_i32();
    entry.transaction_start = Some(Offset(bytes.get_i64())).filter(|start| *start >= Offset::ZERO);
    (id, Box::new(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let mut entry = Entry::new(ProducerEpoch(2), TimestampMs(50));
        let timestamp = TimestampMs(9);
        entry.add(
            ProducerEpoch(2),
            Seen { last_sequence: 14, last_offset: Offset(100), delta: 4, timestamp },
        );
        entry.is_cut = true;
        entry.coordinator_epoch = 6;
        entry.transaction_start = Some(Offset(96));
        entry
    }

    #[test]
    fn a_snapshot_reads_back() {
        let producers = BTreeMap::from([
            (ProducerId(7), entry()),
            (ProducerId(8), Entry::new(ProducerEpoch(0), TimestampMs(50))),
        ]);
        let bytes = encode(producers.iter());
        assert_eq!(bytes.len(), EMPTY_BYTES as usize + 2 * ENTRY_BYTES);
        let read = decode(&bytes, TimestampMs(50)).unwrap();
        assert_eq!(
            read.into_iter().map(|(id, entry)| (id, *entry)).collect::<BTreeMap<_, _>>(),
            producers
        );
    }

    #[test]
    fn an_empty_one_has_its_size() {
        assert_eq!(encode(BTreeMap::new().iter()).len() as u64, EMPTY_BYTES);
    }

    #[test]
    fn damage_is_seen() {
        let producers = BTreeMap::from([(ProducerId(7), entry())]);
        let bytes = encode(producers.iter());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(decode(&damaged, TimestampMs(0)).is_err(), "byte {at}");
            assert!(decode(&bytes[..at], TimestampMs(0)).is_err(), "cut at {at}");
        }
    }
}
