//! What all partitions of a node share.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use model::{BrokerId, TimestampMs};
use storage::DataDirectory;
use world::{Clock, Instant, exec::Mutex};

use super::Partition;
use crate::{
    IsrProposals, ReplicationFigures,
    fetcher::{Assignments, Losses},
};

/// What all partitions of a node share.
pub(crate) struct Home {
    pub(crate) directory: Arc<DataDirectory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) node: BrokerId,
    /// Brokers that are registered and not fenced, by the image that partitions follow.
    pub(crate) visible: Mutex<BTreeSet<BrokerId>>,
    /// `replica.lag.time.max.ms`.
    pub(crate) lag_max: Duration,
    /// Partitions that were written since housekeeping last looked.
    pub(crate) written: Mutex<Vec<Weak<Partition>>>,
    /// Partitions led here of which somebody is behind.
    pub(crate) watched: Mutex<Vec<Weak<Partition>>>,
    /// Partitions whose logs here were found damaged.
    pub(crate) damaged: Mutex<Vec<Weak<Partition>>>,
    /// Whom to fetch what from.
    pub(crate) assignments: Arc<Assignments>,
    /// Who of those does not answer any more.
    pub(crate) losses: Arc<Losses>,
    /// Where ISRs are proposed; a node that was told of nobody changes none.
    pub(crate) proposals: OnceLock<Arc<dyn IsrProposals>>,
    pub(crate) figures: Arc<ReplicationFigures>,
}

impl Home {
    pub(crate) fn wall(&self) -> TimestampMs {
        self.clock.wall()
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Tells housekeeping of one that was written.
    pub(crate) fn note_written(&self, partition: Weak<Partition>) {
        self.written.lock().push(partition);
    }

    /// Tells housekeeping of one whose log is damaged.
    pub(crate) fn note_damaged(&self, partition: Weak<Partition>) {
        self.damaged.lock().push(partition);
    }

    /// Tells housekeeping of one that waits for a follower.
    pub(crate) fn note_watched(&self, partition: Weak<Partition>) {
        self.watched.lock().push(partition);
    }
}
