//! The image: everything that the cluster agrees on, at one offset of the metadata log.

mod apply;
mod broker;
mod facts;
mod reigns;
mod topic;

use std::sync::Arc;

use imbl::{HashMap, OrdMap};
use model::{BrokerEpoch, BrokerId, Offset, ProducerId, TopicId, TopicName};

pub use broker::Broker;
pub use topic::{PartitionState, Topic};

/// An image. A clone costs a few pointers and shares everything; a reader holds one (in an `Arc`) for one request.
#[derive(Clone, Debug)]
pub struct Image {
    version: Offset,
    cluster_id: Arc<str>,
    topics: OrdMap<TopicName, Arc<Topic>>,
    names: HashMap<TopicId, TopicName>,
    /// Only names with a '.' or a '_' in them: form without the difference → name.
    collision_forms: HashMap<String, TopicName>,
    partition_count: usize,
    brokers: OrdMap<BrokerId, Arc<Broker>>,
    broker_epoch_next: BrokerEpoch,
    broker_options: OrdMap<(Option<BrokerId>, String), String>,
    producer_ids_next: ProducerId,
    tables: OrdMap<String, Arc<str>>,
    jobs: OrdMap<String, Arc<str>>,
}

impl Default for Image {
    fn default() -> Self {
        Self {
            version: Offset::NONE,
            cluster_id: "".into(),
            topics: OrdMap::new(),
            names: HashMap::new(),
            collision_forms: HashMap::new(),
            partition_count: 0,
            brokers: OrdMap::new(),
            broker_epoch_next: BrokerEpoch(0),
            broker_options: OrdMap::new(),
            producer_ids_next: ProducerId(0),
            tables: OrdMap::new(),
            jobs: OrdMap::new(),
        }
    }
}

impl Image {
    /// The offset of the newest record in it; -1 before the first.
    #[must_use]
    pub fn version(&self) -> Offset {
        self.version
    }

    /// Notes that all records up to `version` are in it.
    ///
    /// # Panics
    /// If the image would go back.
    pub fn set_version(&mut self, version: Offset) {
        assert!(version >= self.version, "an image never goes back");
        self.version = version;
    }

    /// The cluster's id; empty before the first record.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// The topic of this name. (A text that is no legal name names no topic.)
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(&TopicName::parse(name).ok()?)
    }

    /// The topic of this name, already parsed.
    #[must_use]
    pub fn topic_named(&self, name: &TopicName) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// The topic with this id.
    #[must_use]
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.topics.get(self.names.get(&id)?)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// How many topics there are.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// How many partitions all topics have together.
    #[must_use]
    pub fn partition_count(&self) -> usize {
        self.partition_count
    }

    /// The topic that `name` would share its metric names with ('.' and '_' are one there), if it is another.
    #[must_use]
    pub fn collision(&self, name: &TopicName) -> Option<&TopicName> {
        self.collision_forms.get(&name.collision_form()).filter(|other| *other != name)
    }

    /// All registered brokers, by id.
    pub fn brokers(&self) -> impl Iterator<Item = &Arc<Broker>> {
        self.brokers.values()
    }

    /// The broker with this id.
    #[must_use]
    pub fn broker(&self, id: BrokerId) -> Option<&Arc<Broker>> {
        self.brokers.get(&id)
    }

    /// Whether `id` is registered, in touch and staying: it may lead partitions and be in sync.
    #[must_use]
    pub fn is_active(&self, id: BrokerId) -> bool {
        self.broker(id).is_some_and(|broker| broker.is_active())
    }

    /// Whether clients see `id`: it is registered and not fenced.
    #[must_use]
    pub fn is_visible(&self, id: BrokerId) -> bool {
        self.broker(id).is_some_and(|broker| !broker.is_fenced)
    }

    /// The epoch of the next life of any broker.
    #[must_use]
    pub fn broker_epoch_next(&self) -> BrokerEpoch {
        self.broker_epoch_next
    }

    /// A broker option set while running: for one broker, or (`None`) for all.
    #[must_use]
    pub fn broker_option(&self, broker: Option<BrokerId>, name: &str) -> Option<&str> {
        self.broker_options.get(&(broker, name.to_owned())).map(String::as_str)
    }

    /// The first producer id that is free.
    #[must_use]
    pub fn producer_ids_next(&self) -> ProducerId {
        self.producer_ids_next
    }

    /// All tables, by name, with the JSON that their owner understands.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tables.iter().map(|(name, definition)| (name.as_str(), &**definition))
    }

    /// The table of this name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&str> {
        self.tables.get(name).map(|definition| &**definition)
    }

    /// All jobs, by id, with the JSON that their owner understands.
    pub fn jobs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.jobs.iter().map(|(id, definition)| (id.as_str(), &**definition))
    }

    /// The job with this id.
    #[must_use]
    pub fn job(&self, id: &str) -> Option<&str> {
        self.jobs.get(id).map(|definition| &**definition)
    }
}
