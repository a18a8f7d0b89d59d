//! The aborted transactions of a segment, by where their marker lies.
//!
//! ```text
//! version i16 = 0 │ producer id i64 │ first offset i64 │ last offset i64 │ last stable offset i64      34 bytes
//! ```
//!
//! The file is there only when a transaction was aborted. It is small and read whole.

use std::io;

use model::{Offset, ProducerId};

use crate::{
    StorageError,
    error::IoContext,
    home::Home,
    segment::name::{Kind, Stage},
};

/// Bytes of an entry.
pub(crate) const ENTRY_BYTES: usize = 34;

/// One aborted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub(crate) producer: ProducerId,
    /// Of its first record.
    pub(crate) first: Offset,
    /// Of its marker.
    pub(crate) last: Offset,
    /// The last stable offset once it had ended: no later entry matters to readers below it.
    pub(crate) last_stable: Offset,
}

impl Aborted {
    pub(crate) fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let fields = [self.producer.0, self.first.0, self.last.0, self.last_stable.0];
        for (place, field) in bytes[2..].chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let (version, fields) = bytes.split_first_chunk::<2>()?;
        if i16::from_be_bytes(*version) != 0 {
            return None;
        }
        let (fields, _) = fields.as_chunks::<8>();
        let field = |number: usize| fields.get(number).map(|bytes| i64::from_be_bytes(*bytes));
        Some(Self {
            producer: ProducerId(field(0)?),
            first: Offset(field(1)?),
            last: Offset(field(2)?),
            last_stable: Offset(field(3)?),
        })
    }
}

/// All entries of the segment at `base`, in the order of their markers. A part of an entry at the end is not there.
pub(crate) fn read(home: &Home, base: Offset) -> Result<Vec<Aborted>, StorageError> {
    let path = home.path(base, Kind::TransactionIndex);
    let bytes = match home.disk().read_whole(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.on("read", &path)?,
    };
    let (entries, _torn) = bytes.as_chunks::<ENTRY_BYTES>();
    entries
        .iter()
        .map(|entry| {
            Aborted::decode(entry)
                .ok_or_else(|| StorageError::corrupt(&path, "an entry has an unknown version"))
        })
        .collect()
}

/// Appends `aborted` as entry `number` of the segment at `base`.
pub(crate) fn write(
    home: &Home,
    base: Offset,
    number: u32,
    aborted: &Aborted,
) -> Result<(), StorageError> {
    let path = home.path(base, Kind::TransactionIndex);
    let file = home.disk().open(&path, true).on("open", &path)?;
    let position = u64::from(number) * ENTRY_BYTES as u64;
    file.write_all_at(&aborted.encode(), position).on("write", &path)
}

/// Writes all `entries` of the segment at `base` into a file at `stage`, also if there are none.
pub(crate) fn write_all(
    home: &Home,
    base: Offset,
    stage: Stage,
    entries: &[Aborted],
) -> Result<(), StorageError> {
    let path = home.staged(base, Kind::TransactionIndex, stage);
    let bytes: Vec<u8> = entries.iter().flat_map(Aborted::encode).collect();
    let file = home.disk().open(&path, true).on("open", &path)?;
    file.truncate(0).on("truncate", &path)?;
    file.write_all_at(&bytes, 0).on("write", &path)?;
    file.sync().on("sync", &path)
}

/// Drops the entries whose marker lies at or after `offset`; says how many are left.
pub(crate) fn truncate(home: &Home, base: Offset, offset: Offset) -> Result<u32, StorageError> {
    let path = home.path(base, Kind::TransactionIndex);
    if !home.disk().exists(&path) {
        return Ok(0);
    }
    let kept = match read(home, base) {
        Ok(entries) => count_below(&entries, base, offset),
        // What cannot be read is written anew by whoever replays the log.
        Err(StorageError::Corrupt { .. }) => 0,
        Err(error) => return Err(error),
    };
    let file = home.disk().open(&path, true).on("open", &path)?;
    file.truncate(kept as u64 * ENTRY_BYTES as u64).on("truncate", &path)?;
    Ok(u32::try_from(kept).unwrap_or(u32::MAX))
}

/// How many entries there are before the first whose marker lies at or after `offset`. Where that lies at the end of what was synced, a power cut
/// may have left holes behind it, whose zeros name small offsets: an entry that does not follow the one before it ends the list too.
fn count_below(entries: &[Aborted], base: Offset, offset: Offset) -> usize {
    let mut last = base.plus(-1);
    let is_next = |entry: &&Aborted| {
        let follows = entry.first < entry.last && entry.last > last;
        last = entry.last;
        follows && entry.last < offset
    };
    entries.iter().take_while(is_next).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by simulation: an entry that the power took, before one that it left, was kept as an aborted transaction from offset 0.
    #[test]
    fn a_hole_that_a_power_cut_left_is_no_entry() {
        let entry = |first, last| Aborted {
            producer: ProducerId(1),
            first: Offset(first),
            last: Offset(last),
            last_stable: Offset(last + 1),
        };
        let hole = Aborted::decode(&[0; ENTRY_BYTES]).unwrap();
        let count = |entries: &[Aborted], offset| count_below(entries, Offset(5), Offset(offset));
        assert_eq!(count(&[entry(5, 6), hole, entry(9, 12)], 8), 1);
        assert_eq!(count(&[hole, entry(9, 12)], 8), 0);
        assert_eq!(count(&[entry(5, 6), entry(3, 7), entry(9, 12)], 12), 2);
        assert_eq!(count(&[entry(5, 6), entry(3, 7), entry(9, 12)], 13), 3);
    }

    #[test]
    fn an_entry_lies_as_kafka_has_it() {
        let entry = Aborted {
            producer: ProducerId(1),
            first: Offset(2),
            last: Offset(3),
            last_stable: Offset(4),
        };
        let bytes = entry.encode();
        assert_eq!(bytes[..10], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(bytes[33], 4);
        assert_eq!(Aborted::decode(&bytes), Some(entry));
        assert_eq!(Aborted::decode(&[1; ENTRY_BYTES]), None);
    }
}
