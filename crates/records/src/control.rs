//! Transaction markers: control batches of one record that end a producer's transaction on a partition.
//!
//! ```text
//! key   version i16 = 0 │ type i16: 0 abort, 1 commit
//! value version i16 = 0 │ coordinator epoch i32
//! ```

use bytes::BytesMut;
use model::{ProducerEpoch, ProducerId, TimestampMs};

use crate::{BatchBuilder, Codec, Record};

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Marker {
    /// Undone.
    Abort,
    /// Done.
    Commit,
}

/// The batch that marks the end of the transaction of `producer` in a partition.
#[must_use]
pub fn marker(
    marker: Marker,
    coordinator_epoch: i32,
    producer: ProducerId,
    epoch: ProducerEpoch,
    now: TimestampMs,
) -> BytesMut {
    let kind: i16 = match marker {
        Marker::Abort => 0,
        Marker::Commit => 1,
    };
    let [high, low] = kind.to_be_bytes();
    let [a, b, c, d] = coordinator_epoch.to_be_bytes();
    let mut builder = BatchBuilder::new(Codec::None);
    builder.producer(producer, epoch, -1).transactional(true).control(true);
    builder.append(now, Some(&[0, 0, high, low]), Some(&[0, 0, a, b, c, d]), &[]);
    builder.finish()
}

/// The marker in a record of a control batch, with its coordinator's epoch; `None` for other control records.
#[must_use]
pub fn parse(record: &Record<'_>) -> Option<(Marker, i32)> {
    let (version, rest) = record.key?.split_first_chunk::<2>()?;
    if i16::from_be_bytes(*version) < 0 {
        return None;
    }
    let marker = match i16::from_be_bytes(*rest.first_chunk()?) {
        0 => Marker::Abort,
        1 => Marker::Commit,
        _ => return None,
    };
    let (_version, rest) = record.value?.split_first_chunk::<2>()?;
    Some((marker, i32::from_be_bytes(*rest.first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Batch;

    #[test]
    fn a_marker_reads_back_and_looks_as_kafkas() {
        for sent in [Marker::Abort, Marker::Commit] {
            let bytes = marker(sent, 12, ProducerId(4), ProducerEpoch(3), TimestampMs(99));
            let batch = Batch::parse(&bytes).unwrap();
            assert!(batch.is_crc_right());
            assert!(batch.is_control());
            assert!(batch.is_transactional());
            assert_eq!((batch.base_sequence(), batch.last_sequence()), (-1, -1));
            let mut scratch = Vec::new();
            let record = batch.records(&mut scratch).unwrap().next().unwrap().unwrap();
            assert_eq!(parse(&record), Some((sent, 12)));
        }
    }

    #[test]
    fn other_control_records_are_no_markers() {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.control(true).append(TimestampMs(0), Some(&[0, 0, 0, 2]), Some(&[0; 8]), &[]);
        builder.append(TimestampMs(0), Some(&[0]), Some(&[0; 8]), &[]);
        builder.append(TimestampMs(0), None, None, &[]);
        let bytes = builder.finish();
        let mut scratch = Vec::new();
        for record in Batch::parse(&bytes).unwrap().records(&mut scratch).unwrap() {
            assert_eq!(parse(&record.unwrap()), None);
        }
    }
}
