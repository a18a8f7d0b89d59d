//! One partition of a Fetch: where to read, and what came of it.

use std::sync::Arc;

use metadata::Image;
use model::{ErrorCode, LeaderEpoch, Offset, PartitionId, TopicId, TopicName};
use replication::{DirtySet, Fetched, Interest, Offsets, Partition, PartitionError, Slot};
use storage::Chunk;
use wire::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};

use crate::{broker::Shared, resolve};

/// Which partition, as the client names it: by name, or by id from version 13 on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key {
    Name(Arc<str>, PartitionId),
    Id(TopicId, PartitionId),
}

/// A partition to read from. Kept by a session between its requests.
pub(crate) struct Target {
    pub(crate) key: Key,
    pub(crate) from: Offset,
    /// Where a follower's log begins.
    pub(crate) log_start: Offset,
    pub(crate) bytes_max: usize,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    pub(crate) last_fetched_epoch: Option<LeaderEpoch>,
    /// What the session's client was told last; none: nothing, or an error.
    pub(crate) told: Option<Told>,
    /// Whether the next fetch looks at it.
    pub(super) is_due: bool,
    /// Whether the partition that was found marks it when it moves.
    is_subscribed: bool,
    /// The partition under the image of that version.
    found: Option<(Offset, Result<Arc<Partition>, ErrorCode>)>,
}

/// What an incremental answer leaves out when it is still so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) high_watermark: Offset,
    pub(crate) log_start: Offset,
}

/// What came of reading a target.
pub(crate) enum Outcome {
    Read(Fetched),
    Refused(ErrorCode),
    /// A follower asks for what the log does not have; it is told where the log starts.
    OutOfRange(Offset),
}

impl From<Result<Fetched, PartitionError>> for Outcome {
    fn from(read: Result<Fetched, PartitionError>) -> Self {
        read.map_or_else(|error| Self::Refused(error.code()), Self::Read)
    }
}

impl Key {
    /// Those of `topic` that a request of `version` forgets.
    pub(super) fn forgotten(
        topic: &ForgottenTopic,
        version: i16,
    ) -> impl Iterator<Item = Self> + use<'_> {
        let name: Arc<str> = topic.topic.as_str().into();
        topic.partitions.iter().map(move |index| {
            let index = PartitionId(*index);
            if version >= 13 {
                Self::Id(TopicId(topic.topic_id), index)
            } else {
                Self::Name(Arc::clone(&name), index)
            }
        })
    }

    pub(crate) fn index(&self) -> PartitionId {
        match self {
            Self::Name(_, index) | Self::Id(_, index) => *index,
        }
    }
}

impl Target {
    /// The targets of one topic of a request of `version`.
    pub(crate) fn of(topic: &FetchTopic, version: i16) -> impl Iterator<Item = Self> {
        let name: Arc<str> = topic.topic.as_str().into();
        let id = TopicId(topic.topic_id);
        let epoch = |epoch: i32| (epoch >= 0).then_some(LeaderEpoch(epoch));
        topic.partitions.iter().map(move |asked: &FetchPartition| {
            let index = PartitionId(asked.partition);
            Self {
                key: if version >= 13 {
                    Key::Id(id, index)
                } else {
                    Key::Name(Arc::clone(&name), index)
                },
                from: Offset(asked.fetch_offset),
                log_start: Offset(asked.log_start_offset),
                bytes_max: usize::try_from(asked.partition_max_bytes).unwrap_or(0),
                leader_epoch: epoch(asked.current_leader_epoch),
                last_fetched_epoch: epoch(asked.last_fetched_epoch),
                told: None,
                is_due: false,
                is_subscribed: false,
                found: None,
            }
        })
    }

    /// The topic's name, by the image where the client gave its id.
    pub(crate) fn name(&self, image: &Image) -> Option<TopicName> {
        match &self.key {
            Key::Name(name, _) => TopicName::parse(name).ok(),
            Key::Id(id, _) => image.topic_by_id(*id).map(|topic| topic.name.clone()),
        }
    }

    #[cfg(test)]
    pub(super) fn set_found(&mut self, partition: Arc<Partition>) {
        self.found = Some((Offset(0), Ok(partition)));
    }

    /// Takes over what a session's client says anew of this partition.
    pub(crate) fn update(&mut self, newer: Self) {
        let found = self.found.take();
        let Self { told, is_due, is_subscribed, .. } = *self;
        *self = Self { told, is_due, is_subscribed, found, ..newer };
    }

    /// Lets the partition mark the target whenever it moves, from where it stood when it was read.
    pub(super) fn subscribe(
        &mut self,
        at: (&Arc<DirtySet>, Slot),
        interest: Interest,
        seen: &Offsets,
    ) {
        if !self.is_subscribed
            && let Some((_, Ok(partition))) = &self.found
        {
            partition.subscribe(at, interest, seen);
            self.is_subscribed = true;
        }
    }

    pub(super) fn unsubscribe(&mut self, set: &Arc<DirtySet>) {
        if std::mem::take(&mut self.is_subscribed)
            && let Some((_, Ok(partition))) = &self.found
        {
            partition.unsubscribe(set);
        }
    }

    /// The next reader subscribes as what it is: its subscription takes the place of the last one.
    pub(super) fn forget_subscription(&mut self) {
        self.is_subscribed = false;
    }

    /// The partition, looked up once per image.
    pub(crate) fn find(
        &mut self,
        shared: &Shared,
        image: &Image,
    ) -> Result<Arc<Partition>, ErrorCode> {
        if let Some((version, found)) = &self.found
            && *version == image.version()
            // A partition that could not be opened may be by now; all else changes with the image only.
            && !matches!(found, Err(ErrorCode::KafkaStorageError))
        {
            return found.clone();
        }
        let named = match &self.key {
            Key::Name(name, _) => resolve::Named::Name(name),
            Key::Id(id, _) => resolve::Named::Id(*id),
        };
        let found = resolve::topic(image, named)
            .and_then(|topic| resolve::partition(shared, topic, self.key.index().0));
        let is_same = |(_, before): &(Offset, Result<Arc<Partition>, ErrorCode>)| matches!((before, &found), (Ok(before), Ok(found)) if Arc::ptr_eq(before, found));
        self.is_subscribed &= self.found.as_ref().is_some_and(is_same);
        self.found = Some((image.version(), found.clone()));
        found
    }
}

impl Outcome {
    /// Bytes of records.
    pub(crate) fn size_bytes(&self) -> usize {
        self.chunk().map_or(0, |chunk| chunk.size_bytes)
    }

    /// Whether the client must hear of it at once.
    pub(crate) fn is_urgent(&self) -> bool {
        match self {
            Self::Read(fetched) => fetched.diverging.is_some(),
            Self::Refused(_) | Self::OutOfRange(_) => true,
        }
    }

    /// What its reader learns but for the records; none: an error.
    pub(super) fn told(&self) -> Option<Told> {
        let Self::Read(Fetched { offsets, .. }) = self else { return None };
        Some(Told { high_watermark: offsets.high_watermark, log_start: offsets.log_start })
    }

    fn chunk(&self) -> Option<&Chunk> {
        match self {
            Self::Read(fetched) => Some(&fetched.chunk),
            Self::Refused(_) | Self::OutOfRange(_) => None,
        }
    }
}
