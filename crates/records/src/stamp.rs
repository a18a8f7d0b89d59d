//! What the broker writes into a batch that a client sent.
//!
//! All of these ask for a whole batch, as [`crate::Batch::parse`] has found it; on fewer bytes than a header they do nothing.

use model::{LeaderEpoch, Offset, TimestampMs};

use crate::{
    HEADER_BYTES,
    batch::{LOG_APPEND_TIME_BIT, at},
    crc32c,
};

/// Sets base offset and leader epoch: both lie outside the CRC.
pub fn offset_and_epoch(batch: &mut [u8], base: Offset, epoch: LeaderEpoch) {
    put(batch, 0, base.0.to_be_bytes());
    put(batch, at::LEADER_EPOCH, epoch.0.to_be_bytes());
}

/// Makes `now` the timestamp of every record (attribute bit 3, max timestamp), and sets the CRC anew.
pub fn log_append_time(batch: &mut [u8], now: TimestampMs) {
    let Some(attributes) = batch.get(at::ATTRIBUTES..).and_then(|rest| rest.first_chunk()) else {
        return;
    };
    let attributes = i16::from_be_bytes(*attributes) | LOG_APPEND_TIME_BIT;
    put(batch, at::ATTRIBUTES, attributes.to_be_bytes());
    put(batch, at::MAX_TIMESTAMP, now.0.to_be_bytes());
    checksum(batch);
}

/// Corrects the max timestamp of a batch whose producer had it wrong, and sets the CRC anew.
pub fn max_timestamp(batch: &mut [u8], max: TimestampMs) {
    put(batch, at::MAX_TIMESTAMP, max.0.to_be_bytes());
    checksum(batch);
}

/// Sets the producer of a batch that was built before its place in the producer's sequence was known, and the CRC anew.
pub fn producer(
    batch: &mut [u8],
    id: model::ProducerId,
    epoch: model::ProducerEpoch,
    base_sequence: i32,
) {
    put(batch, at::PRODUCER_ID, id.0.to_be_bytes());
    put(batch, at::PRODUCER_EPOCH, epoch.0.to_be_bytes());
    put(batch, at::BASE_SEQUENCE, base_sequence.to_be_bytes());
    checksum(batch);
}

/// Makes a batch that was built ahead, all its records of one moment, the next one of its producer: of `now`, with this id, epoch and base
/// sequence if it has one. For loads that send the same records again and again.
pub fn afresh(
    batch: &mut [u8],
    now: TimestampMs,
    producer: Option<(model::ProducerId, model::ProducerEpoch, i32)>,
) {
    put(batch, at::BASE_TIMESTAMP, now.0.to_be_bytes());
    put(batch, at::MAX_TIMESTAMP, now.0.to_be_bytes());
    if let Some((id, epoch, base_sequence)) = producer {
        put(batch, at::PRODUCER_ID, id.0.to_be_bytes());
        put(batch, at::PRODUCER_EPOCH, epoch.0.to_be_bytes());
        put(batch, at::BASE_SEQUENCE, base_sequence.to_be_bytes());
    }
    checksum(batch);
}

/// Sets the CRC to that of the bytes.
pub(crate) fn checksum(batch: &mut [u8]) {
    if batch.len() < HEADER_BYTES {
        return;
    }
    let crc = crc32c(batch.get(at::ATTRIBUTES..).unwrap_or_default());
    put(batch, at::CRC, crc.to_be_bytes());
}

/// Writes `value` at `at`, if there is room.
pub(crate) fn put<const N: usize>(batch: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(place) = batch.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<N>()) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, BatchBuilder, Codec, TimestampType};

    #[test]
    fn offset_and_epoch_leave_the_crc_right() {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.append(TimestampMs(5), None, Some(b"v"), &[]);
        let mut bytes = builder.finish();
        offset_and_epoch(&mut bytes, Offset(1 << 40), LeaderEpoch(9));
        let batch = Batch::parse(&bytes).unwrap();
        assert!(batch.is_crc_right());
        assert_eq!((batch.base_offset(), batch.leader_epoch()), (Offset(1 << 40), LeaderEpoch(9)));
    }

    #[test]
    fn log_append_time_is_the_time_of_every_record() {
        let mut builder = BatchBuilder::new(Codec::Zstd);
        for timestamp in [5, 3] {
            builder.append(TimestampMs(timestamp), None, Some(b"v"), &[]);
        }
        let mut bytes = builder.finish();
        log_append_time(&mut bytes, TimestampMs(77));
        let batch = Batch::parse(&bytes).unwrap();
        assert!(batch.is_crc_right());
        assert_eq!(batch.timestamp_type(), TimestampType::LogAppendTime);
        let mut scratch = Vec::new();
        for record in batch.records(&mut scratch).unwrap() {
            assert_eq!(record.unwrap().timestamp, TimestampMs(77));
        }
    }

    #[test]
    fn short_bytes_are_left_alone() {
        for length in 0..HEADER_BYTES {
            let mut bytes = vec![0; length];
            log_append_time(&mut bytes, TimestampMs(1));
            offset_and_epoch(&mut bytes, Offset(1), LeaderEpoch(1));
        }
    }
}
