//! The header of a batch in a file, read without the batch.

use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs};
use records::{Batch, HEADER_BYTES, PREFIX_BYTES};

/// What a log must know of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) base: Offset,
    pub(crate) last: Offset,
    /// With the 12-byte prefix.
    pub(crate) size: u32,
    pub(crate) epoch: LeaderEpoch,
    pub(crate) crc: u32,
    pub(crate) max_timestamp: TimestampMs,
    pub(crate) producer: ProducerId,
    pub(crate) producer_epoch: ProducerEpoch,
    pub(crate) base_sequence: i32,
    pub(crate) record_count: i32,
    pub(crate) attributes: i16,
}

const TRANSACTIONAL_BIT: i16 = 1 << 4;
const CONTROL_BIT: i16 = 1 << 5;
/// Where the bytes under the CRC begin.
pub(crate) const CRC_FROM: usize = 21;

impl Head {
    /// The header at the front of `bytes`; none if it is none of format 2, or one that no log can hold.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let base = i64::from_be_bytes(field(header, 0));
        let length = u32::from_be_bytes(field(header, 8));
        let size = length.checked_add(PREFIX_BYTES as u32)?;
        let delta = i32::from_be_bytes(field(header, 23));
        let last = base.checked_add(i64::from(delta))?;
        let is_sane = header[16] == 2
            && size >= HEADER_BYTES as u32
            && i32::try_from(size).is_ok()
            && base >= 0
            && delta >= 0
            && last < i64::MAX;
        is_sane.then(|| Self {
            base: Offset(base),
            last: Offset(last),
            size,
            epoch: LeaderEpoch(i32::from_be_bytes(field(header, 12))),
            crc: u32::from_be_bytes(field(header, 17)),
            attributes: i16::from_be_bytes(field(header, 21)),
            max_timestamp: TimestampMs(i64::from_be_bytes(field(header, 35))),
            producer: ProducerId(i64::from_be_bytes(field(header, 43))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(field(header, 51))),
            base_sequence: i32::from_be_bytes(field(header, 53)),
            record_count: i32::from_be_bytes(field(header, 57)),
        })
    }

    /// The header of `batch`.
    pub(crate) fn of(batch: &Batch<'_>) -> Option<Self> {
        Self::parse(batch.bytes())
    }

    pub(crate) fn next(&self) -> Offset {
        self.last.plus(1)
    }

    /// Last offset minus base offset.
    pub(crate) fn delta(&self) -> i32 {
        i32::try_from(self.last.since(self.base)).expect("it was read from four bytes")
    }

    pub(crate) fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        self.base_sequence.wrapping_add(self.delta()) & i32::MAX
    }

    pub(crate) const fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    pub(crate) const fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }
}

fn field<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    header[at..].first_chunk().copied().expect("called with constants within the header")
}

#[cfg(test)]
mod tests {
    use records::{BatchBuilder, Codec};

    use super::*;

    #[test]
    fn it_says_what_the_batch_says() {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.base_offset(Offset(40)).leader_epoch(LeaderEpoch(3)).transactional(true);
        builder.producer(ProducerId(9), ProducerEpoch(1), i32::MAX);
        for timestamp in [7, 5] {
            builder.append(TimestampMs(timestamp), None, Some(b"v"), &[]);
        }
        let bytes = builder.finish();
        let batch = Batch::parse(&bytes).unwrap();
        let head = Head::of(&batch).unwrap();
        assert_eq!((head.base, head.last), (batch.base_offset(), batch.last_offset()));
        assert_eq!((head.next(), head.delta()), (Offset(42), 1));
        assert_eq!(head.size as usize, batch.size_bytes());
        assert_eq!((head.epoch, head.crc), (batch.leader_epoch(), batch.crc()));
        assert_eq!(head.max_timestamp, TimestampMs(7));
        assert_eq!(head.last_sequence(), 0);
        assert_eq!((head.producer, head.producer_epoch), (ProducerId(9), ProducerEpoch(1)));
        assert_eq!(head.record_count, 2);
        assert!(head.is_transactional());
        assert!(!head.is_control());
    }

    #[test]
    fn nonsense_is_no_header() {
        assert_eq!(Head::parse(&[0; 60]), None);
        assert_eq!(Head::parse(&[0; 61]), None);
        assert_eq!(Head::parse(&[0xff; 61]), None);
        let mut bytes = BatchBuilder::new(Codec::None).keep_last_offset_delta(0).finish();
        assert!(Head::parse(&bytes).is_some());
        bytes[23] = 0x80;
        assert_eq!(Head::parse(&bytes), None, "ends before it begins");
    }
}
