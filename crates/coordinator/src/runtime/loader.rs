//! Reads partitions into fresh shards, on a thread of its own: a long partition must not keep the others' heartbeats waiting.

use model::ErrorCode;

use super::{Log, Shard, machine::Load};

/// Applies every record of the partition to `shard`.
///
/// # Errors
/// The log's.
pub(crate) fn load<S: Shard>(log: &dyn Log, load: Load, mut shard: S) -> Result<S, ErrorCode> {
    log.load(load.partition, &mut |record| {
        if !model::mutant!("M12")
            && let Some(record) = S::decode(record.key, record.value)
        {
            shard.apply(&record);
        }
    })?;
    Ok(shard)
}
