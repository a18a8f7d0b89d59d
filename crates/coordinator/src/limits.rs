//! The coordinator's ceilings that are no setting of Kafka's.

use std::time::Duration;

/// Requests that may wait for the coordinator's thread. One more is refused with COORDINATOR_NOT_AVAILABLE, which clients retry.
pub(crate) const QUEUE_REQUESTS_MAX: usize = 4_096;
/// What all groups of a process may hold: members, announced members, committed offsets. Past it new ones are refused.
pub(crate) const GROUPS_BYTES_MAX: usize = 64 << 20;
/// What all transactional ids of a process may hold. Past it new ones, and new partitions of open transactions, are refused.
pub(crate) const TRANSACTIONS_BYTES_MAX: usize = 64 << 20;
/// How long after a marker was not written it is tried again; the same for a record that ends a transaction.
pub(crate) const MARKERS_RETRY_MS: i64 = 100;
/// What a thing in a map costs beside its own text, roughly.
pub(crate) const ENTRY_BYTES: usize = 128;
/// Members of one group that were told their id and have not come back with it.
pub(crate) const PENDING_MEMBERS_MAX: usize = 10_000;
/// Kafka's strings in records have a signed 16-bit length.
pub(crate) const TEXT_BYTES_MAX: usize = i16::MAX as usize;
/// One batch of coordinator records: what a partition takes by default, less room for the header.
pub(crate) const BATCH_BYTES_MAX: usize = model::limits::BATCH_BYTES_MAX - 1_024;
/// How long an answer waits for its records to be committed: Kafka's `offsets.commit.timeout.ms`.
pub(crate) const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long after a failed load the next one starts.
pub(crate) const LOAD_RETRY: Duration = Duration::from_secs(1);
/// How long a parked join of a new member lives: its connection is muted, so its end cannot be seen (Kafka's five minutes).
pub(crate) const NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_secs(300);

const _: () = assert!(
    BATCH_BYTES_MAX < model::limits::BATCH_BYTES_MAX,
    "a batch must fit a partition's default"
);
