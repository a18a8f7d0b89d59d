//! One partition of a Fetch: where to read, and what came of it.

use std::sync::Arc;

use metadata::Image;
use model::{ErrorCode, LeaderEpoch, Offset, PartitionId, TopicId, TopicName};
use replication::{Fetched, Partition, PartitionError};
use storage::Chunk;
use wire::messages::fetch_request::{FetchPartition, FetchTopic};

use crate::{broker::Shared, resolve};

/// Which partition, as the client names it: by name, or by id from version 13 on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key {
    Name(Arc<str>, PartitionId),
    Id(TopicId, PartitionId),
}

/// A partition to read from. Kept by a session between its requests.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) key: Key,
    pub(crate) from: Offset,
    pub(crate) bytes_max: usize,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    pub(crate) last_fetched_epoch: Option<LeaderEpoch>,
    /// What the session's client was told last; none: nothing, or an error.
    pub(crate) told: Option<Told>,
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
                bytes_max: usize::try_from(asked.partition_max_bytes).unwrap_or(0),
                leader_epoch: epoch(asked.current_leader_epoch),
                last_fetched_epoch: epoch(asked.last_fetched_epoch),
                told: None,
                found: None,
            }
        })
    }

    /// The partition, as last looked up.
    pub(crate) fn found(&self) -> Option<&Arc<Partition>> {
        self.found.as_ref().and_then(|(_, found)| found.as_ref().ok())
    }

    /// The topic's name, by the image where the client gave its id.
    pub(crate) fn name(&self, image: &Image) -> Option<TopicName> {
        match &self.key {
            Key::Name(name, _) => TopicName::parse(name).ok(),
            Key::Id(id, _) => image.topic_by_id(*id).map(|topic| topic.name.clone()),
        }
    }

    /// Takes over what a session's client says anew of this partition.
    pub(crate) fn update(&mut self, newer: Self) {
        let told = self.told;
        let found = self.found.take();
        *self = Self { told, found, ..newer };
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

    fn chunk(&self) -> Option<&Chunk> {
        match self {
            Self::Read(fetched) => Some(&fetched.chunk),
            Self::Refused(_) | Self::OutOfRange(_) => None,
        }
    }
}
