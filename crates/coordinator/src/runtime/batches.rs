//! Records of one outcome as record batches, none larger than a partition takes.

use bytes::BytesMut;
use model::{ErrorCode, TimestampMs, Verification};
use records::{BatchBuilder, Codec, control};

use super::{Batching, Shard};
use crate::limits;

/// One batch, and how many of the outcome's records it holds.
pub(crate) struct Encoded {
    pub(crate) batch: BytesMut,
    pub(crate) record_count: usize,
}

/// Encodes `records` in order; a marker and a barrier are batches of none of them.
///
/// # Errors
/// RECORD_LIST_TOO_LARGE when they must be one batch and are more, or when one alone is.
pub(crate) fn encode<S: Shard>(
    records: &[S::Record],
    batching: Batching,
    wall: TimestampMs,
) -> Result<Vec<Encoded>, ErrorCode> {
    if let Batching::End(producer, marker, coordinator_epoch) = batching {
        assert!(records.is_empty(), "a marker stands alone in its batch");
        let batch = control::marker(marker, coordinator_epoch, producer.id, producer.epoch, wall);
        return Ok(vec![Encoded { batch, record_count: 0 }]);
    }
    if batching == Batching::Barrier {
        assert!(records.is_empty(), "a barrier stands alone in its batch");
        let mut builder = builder(batching);
        builder.append(wall, Some(&S::barrier()), None, &[]);
        return Ok(vec![Encoded { batch: builder.finish(), record_count: 0 }]);
    }
    let mut batches = Vec::new();
    let mut builder = builder(batching);
    let (mut record_count, mut size_bytes) = (0_usize, 0_usize);
    for record in records {
        let (key, value) = S::encode(record);
        let more_bytes = RECORD_BYTES + key.len() + value.as_ref().map_or(0, Vec::len);
        if size_bytes + more_bytes > limits::BATCH_BYTES_MAX {
            if batching != Batching::Split || record_count == 0 {
                return Err(ErrorCode::RecordListTooLarge);
            }
            batches.push(Encoded { batch: builder.finish(), record_count });
            (record_count, size_bytes) = (0, 0);
        }
        builder.append(wall, Some(&key), value.as_deref(), &[]);
        record_count += 1;
        size_bytes += more_bytes;
    }
    if record_count > 0 {
        batches.push(Encoded { batch: builder.finish(), record_count });
    }
    Ok(batches)
}

/// What the log is told of who may append.
pub(crate) const fn verification(batching: Batching) -> Verification {
    match batching {
        Batching::InTransaction(_, verification) => verification,
        Batching::Whole | Batching::Split | Batching::End(..) | Batching::Barrier => {
            Verification::Waived
        }
    }
}

fn builder(batching: Batching) -> BatchBuilder {
    let mut builder = BatchBuilder::new(Codec::None);
    if let Batching::InTransaction(producer, _) = batching {
        // As Kafka's coordinator: an epoch and no sequence. Retries of these are harmless.
        builder.producer(producer.id, producer.epoch, -1).transactional(true);
    }
    builder
}

/// The most that a record's own fields take beside key and value.
const RECORD_BYTES: usize = 32;
