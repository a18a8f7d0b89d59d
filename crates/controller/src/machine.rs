//! The controller's machine: a request and the newest image become an [`Outcome`]. A façade; each noun has its file.
//!
//! Told: the newest image (with facts that are being committed), the offset that the next fact will have. Answers: which facts would
//! be so, and what to say once they are. It changes nothing but its chance: state changes in `Image::apply` alone.

use std::sync::Arc;

use metadata::{Fact, Image, options::ServerOptions};
use model::Offset;
use world::{Chance, Clock};

use crate::{
    Answer, QuorumOptions, Request, brokers, options, partitions, producer_ids, stored, topics,
};

/// Where time and chance come from.
pub struct World {
    /// For what is stamped.
    pub clock: Arc<dyn Clock>,
    /// For topic ids and first replicas.
    pub chance: Chance,
}

/// What the controller is told once.
#[derive(Clone, Debug)]
pub struct ControllerOptions {
    /// Of the data directory.
    pub cluster_id: String,
    /// `num.partitions`, `default.replication.factor`, `delete.topic.enable`, and what topics fall back to.
    pub server: ServerOptions,
    /// Who votes, and how patient they are.
    pub quorum: QuorumOptions,
}

/// What a request comes to.
pub(crate) struct Outcome {
    /// In order; they commit together.
    pub(crate) facts: Vec<Fact>,
    /// To give once they are committed.
    pub(crate) answer: Answer,
}

pub(crate) struct Machine {
    pub(crate) world: World,
    pub(crate) options: ControllerOptions,
}

impl Machine {
    pub(crate) fn new(world: World, options: ControllerOptions) -> Self {
        Self { world, options }
    }

    pub(crate) fn cluster_id(&self) -> &str {
        &self.options.cluster_id
    }

    /// Decides `request`; the first of its facts would get offset `next`.
    pub(crate) fn decide(&mut self, image: &Image, next: Offset, request: Request) -> Outcome {
        match request {
            Request::CreateTopics { topics, validate_only } => {
                topics::create(self, image, topics, validate_only)
            }
            Request::DeleteTopics(keys) => topics::delete(self, image, keys),
            Request::CreatePartitions { topics, validate_only } => {
                partitions::create(self, image, topics, validate_only)
            }
            Request::AlterTopicOptions { topics, validate_only } => {
                options::alter(image, topics, validate_only)
            }
            Request::AllocateProducerIds => producer_ids::allocate(image),
            Request::RegisterBroker(registration) => brokers::register(next, registration),
            Request::PutTable { name, definition, if_there } => {
                stored::put_table(image, name, definition, if_there)
            }
            Request::RemoveTable(name) => stored::remove_table(image, name),
            Request::PutJob { id, definition, if_there } => {
                stored::put_job(image, id, definition, if_there)
            }
            Request::RemoveJob(id) => stored::remove_job(image, id),
        }
    }
}
