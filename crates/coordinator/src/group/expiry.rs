//! Offsets that nobody needs any more (`offsets.retention.minutes`, KIP-211), and groups that are left with none.
//!
//! ```text
//!   the group is …                                    its offsets' clock starts
//!   never joined, only commits                        when each was committed
//!   empty                                             when it became empty
//!   of consumers, stable, subscriptions known         when each was committed; not those of topics it reads
//!   anything else                                     never
//! ```
//! A place that a transaction under way commits to is left alone.
//! An offset that its committer gave an end ends then, where a clock runs at all.

use std::sync::Arc;

use model::TimestampMs;

use super::{
    classic::{Group, Phase},
    cx::Cx,
    offsets::{Offsets, tombstone},
    pending_offsets::PendingOffsets,
    record::{CommittedOffset, GroupRecord},
};

/// Writes the tombstones of what has expired in `group`; of the group itself if nothing is left of it.
pub(crate) fn expire(
    cx: &mut Cx<'_>,
    group: &Group,
    (offsets, pending): (&Offsets, &PendingOffsets),
) {
    let retention_ms = cx.core.options.offsets_retention_minutes.saturating_mul(60_000);
    let now = cx.now.wall;
    let mut is_any_left = pending.is_any_pending(&group.id);
    let mut expired = Vec::new();
    for (place, committed) in offsets.of(&group.id) {
        let is_over = clock_start(group, committed).is_some_and(|start| {
            committed.expire_time.map_or(now.since(start) >= retention_ms, |end| end <= now)
        });
        let is_pending = pending.is_pending(&group.id, &place.0, place.1);
        if is_over && !is_pending && !group.is_subscribed_to(&place.0) {
            expired.push(tombstone(&group.id, place));
        } else {
            is_any_left = true;
        }
    }
    for record in expired {
        cx.record(record);
    }
    if !is_any_left && group.is_vacant() {
        cx.record(GroupRecord::Group { group: Arc::clone(&group.id), value: None });
    }
}

/// Since when `committed` waits for its end; none while it cannot end.
fn clock_start(group: &Group, committed: &CommittedOffset) -> Option<TimestampMs> {
    match (&group.protocol_type, group.phase) {
        (None, _) => Some(committed.commit_time),
        (Some(_), Phase::Empty) => Some(group.state_time.unwrap_or(committed.commit_time)),
        (Some(_), Phase::Stable) if group.subscribed.is_some() => Some(committed.commit_time),
        (Some(_), _) => None,
    }
}
