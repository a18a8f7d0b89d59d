//! Reads partitions into fresh shards, on a thread of its own: a long partition must not keep the others' heartbeats waiting.

use model::{ErrorCode, Offset};

use super::{At, Loaded, Log, Reign, Shard};

/// Applies everything that lies in the partition to `shard`; answers where it ended.
///
/// # Errors
/// The log's.
pub(crate) fn load<S: Shard>(
    log: &dyn Log,
    reign: Reign,
    mut shard: S,
) -> Result<(S, Offset), ErrorCode> {
    let end = log.load(reign, &mut |loaded| match loaded {
        Loaded::Record(record, transaction) => {
            if !model::mutant!("M12")
                && let Some(decoded) = S::decode(record.key, record.value)
            {
                shard.apply(&decoded, At { offset: record.offset, transaction });
            }
        }
        Loaded::Marker(producer, marker) => shard.apply_marker(producer, marker),
    })?;
    Ok((shard, end))
}
