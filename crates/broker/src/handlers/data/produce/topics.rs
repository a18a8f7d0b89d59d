//! The partitions that a connection writes to, looked up once per image.
//!
//! A producer writes to the same few partitions all the time; without this each request would parse names and search maps.

use std::sync::Arc;

use metadata::{Image, Topic};
use model::{ErrorCode, Offset, TopicId, TopicName};
use replication::Partition;
use wire::TopicKey;

use super::Cut;
use crate::{
    broker::Shared,
    resolve::{self, Named},
};

/// Topics that one connection keeps at hand.
const TOPICS_MAX: usize = 64;
/// Partitions of one topic that it keeps at hand.
const PARTITIONS_MAX: usize = 4_096;

pub(super) struct Topics {
    /// Of the image that all entries are from.
    version: Offset,
    entries: Vec<Entry>,
}

pub(super) struct Entry {
    topic: Arc<Topic>,
    partitions: Vec<Option<Arc<Partition>>>,
}

/// A topic of the request.
pub(super) enum Resolved<'a> {
    /// It is there.
    Found(&'a mut Entry),
    /// It is not; this is what the client called it.
    Missing(Box<str>, TopicId, ErrorCode),
}

impl Default for Topics {
    fn default() -> Self {
        Self { version: Offset::NONE, entries: Vec::new() }
    }
}

impl Topics {
    /// The topic that `key` names; its name lies in `cut`.
    pub(super) fn resolve(&mut self, image: &Image, key: &TopicKey, cut: &Cut) -> Resolved<'_> {
        if self.version != image.version() || self.entries.len() > TOPICS_MAX {
            self.version = image.version();
            self.entries.clear();
        }
        let named = match key {
            TopicKey::Name(range) => {
                Named::Name(std::str::from_utf8(cut.peek(range)).unwrap_or_default())
            }
            TopicKey::Id(id) => Named::Id(*id),
        };
        let is_it = |entry: &Entry| match named {
            Named::Name(name) => entry.topic.name.as_str() == name,
            Named::Id(id) => entry.topic.id == id,
        };
        if let Some(index) = self.entries.iter().position(is_it) {
            return Resolved::Found(&mut self.entries[index]);
        }
        match (resolve::topic(image, named), named) {
            (Ok(topic), _) => {
                let entry = Entry { topic: Arc::clone(topic), partitions: Vec::new() };
                self.entries.push(entry);
                let last = self.entries.len() - 1;
                Resolved::Found(&mut self.entries[last])
            }
            (Err(error), Named::Name(name)) => Resolved::Missing(name.into(), TopicId::NONE, error),
            (Err(error), Named::Id(id)) => Resolved::Missing("".into(), id, error),
        }
    }
}

impl Resolved<'_> {
    pub(super) fn name(&self) -> Result<&TopicName, ErrorCode> {
        match self {
            Self::Found(entry) => Ok(&entry.topic.name),
            Self::Missing(.., error) => Err(*error),
        }
    }

    /// The partition `index`, if this broker has it.
    pub(super) fn partition(
        &mut self,
        shared: &Shared,
        index: i32,
    ) -> Result<Arc<Partition>, ErrorCode> {
        let entry = match self {
            Self::Found(entry) => entry,
            Self::Missing(.., error) => return Err(*error),
        };
        let place = usize::try_from(index).ok().filter(|place| *place < PARTITIONS_MAX);
        if let Some(Some(Some(known))) = place.map(|place| entry.partitions.get(place)) {
            return Ok(Arc::clone(known));
        }
        let found = resolve::partition(shared, &entry.topic, index)?;
        if let Some(place) = place {
            if entry.partitions.len() <= place {
                entry.partitions.resize(place + 1, None);
            }
            entry.partitions[place] = Some(Arc::clone(&found));
        }
        Ok(found)
    }

    /// The name and id for the answer.
    pub(super) fn into_names(self) -> (Box<str>, TopicId) {
        match self {
            Self::Found(entry) => (entry.topic.name.as_str().into(), entry.topic.id),
            Self::Missing(name, id, _) => (name, id),
        }
    }
}
