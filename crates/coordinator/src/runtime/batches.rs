//! Records of one outcome as record batches, none larger than a partition takes.

use bytes::BytesMut;
use model::{ErrorCode, TimestampMs};
use records::{BatchBuilder, Codec};

use super::Shard;
use crate::limits;

/// One batch, and how many of the outcome's records it holds.
pub(crate) struct Encoded {
    pub(crate) batch: BytesMut,
    pub(crate) record_count: usize,
}

/// Encodes `records` in order.
///
/// # Errors
/// RECORD_LIST_TOO_LARGE when they must be one batch and are more, or when one alone is.
pub(crate) fn encode<S: Shard>(
    records: &[S::Record],
    is_atomic: bool,
    wall: TimestampMs,
) -> Result<Vec<Encoded>, ErrorCode> {
    let mut batches = Vec::new();
    let mut builder = BatchBuilder::new(Codec::None);
    let (mut record_count, mut size_bytes) = (0_usize, 0_usize);
    for record in records {
        let (key, value) = S::encode(record);
        let more_bytes = RECORD_BYTES + key.len() + value.as_ref().map_or(0, Vec::len);
        if size_bytes + more_bytes > limits::BATCH_BYTES_MAX {
            if is_atomic || record_count == 0 {
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

/// The most that a record's own fields take beside key and value.
const RECORD_BYTES: usize = 32;
