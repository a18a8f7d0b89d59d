//! The handle by which everyone asks the controller: typed questions, answers that come later.
//!
//! An answer comes once its facts are committed and all subscribers of the publisher have acted on them. A [`Pending`] that resolves to
//! `None` was not answered: the queue was full, the metadata log has failed, or the controller has closed. The request may then have
//! taken effect or not.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use metadata::{PartitionState, Publisher};
use model::{BrokerEpoch, BrokerId, ErrorCode, PartitionId, Pending, Reply, TopicId, TopicName};
use world::exec::{self, JoinHandle, Sender, TrySendError, Wait};

use crate::{
    Answer, ControllerError, ControllerOptions, CreatedTopic, Elected, Election, Heartbeat,
    HeartbeatAnswer, IfThere, IsrChange, MorePartitions, NewTopic, Quorum, Reassignment, Refusal,
    Registration, Request, Stored, TopicChange, TopicKey, World,
    driver::{Driver, Message, QUEUE_REQUESTS_MAX},
};

/// The controller. A clone is the same controller.
#[derive(Clone)]
pub struct Controller {
    queue: Sender<Message>,
    /// Taken by the one who closes.
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Controller {
    /// Loads the log of `quorum`, publishes the image that it makes, and decides from then on, on a thread of its own.
    ///
    /// # Errors
    /// [`ControllerError`]: the log cannot be read, is another cluster's, or there is no thread.
    pub fn start(
        quorum: Box<dyn Quorum>,
        publisher: Arc<Publisher>,
        world: World,
        options: ControllerOptions,
    ) -> Result<Self, ControllerError> {
        let (queue, requests) = exec::channel(QUEUE_REQUESTS_MAX);
        let driver = Driver::load(quorum, publisher, world, options)?;
        let thread = exec::spawn("controller", move || driver.run(&requests))
            .map_err(ControllerError::Thread)?;
        Ok(Self { queue, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Asks; `reply` is called on the controller's thread, or dropped uncalled.
    pub fn request(&self, request: Request, reply: Box<dyn FnOnce(Answer) + Send>) {
        match self.queue.try_send(Message::Request(request, reply)) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Makes topics.
    #[must_use]
    pub fn create_topics(
        &self,
        topics: Vec<NewTopic>,
        validate_only: bool,
    ) -> Pending<Vec<Result<CreatedTopic, Refusal>>> {
        self.ask(Request::CreateTopics { topics, validate_only }, |answer| match answer {
            Answer::CreateTopics(topics) => Some(topics),
            _ => None,
        })
    }

    /// Removes topics; answers what is gone.
    #[must_use]
    pub fn delete_topics(
        &self,
        topics: Vec<TopicKey>,
    ) -> Pending<Vec<Result<(TopicName, TopicId), Refusal>>> {
        self.ask(Request::DeleteTopics(topics), |answer| match answer {
            Answer::DeleteTopics(topics) => Some(topics),
            _ => None,
        })
    }

    /// Gives topics more partitions.
    #[must_use]
    pub fn create_partitions(
        &self,
        topics: Vec<MorePartitions>,
        validate_only: bool,
    ) -> Pending<Vec<Result<(), Refusal>>> {
        self.ask(Request::CreatePartitions { topics, validate_only }, |answer| match answer {
            Answer::CreatePartitions(topics) => Some(topics),
            _ => None,
        })
    }

    /// Changes topics' options.
    #[must_use]
    pub fn alter_topic_options(
        &self,
        topics: Vec<TopicChange>,
        validate_only: bool,
    ) -> Pending<Vec<Result<(), Refusal>>> {
        self.ask(Request::AlterTopicOptions { topics, validate_only }, |answer| match answer {
            Answer::AlterTopicOptions(topics) => Some(topics),
            _ => None,
        })
    }

    /// A block of 1,000 producer ids that nobody has had.
    #[must_use]
    pub fn allocate_producer_ids(&self) -> Pending<Range<i64>> {
        self.ask(Request::AllocateProducerIds, |answer| match answer {
            Answer::AllocateProducerIds(ids) => Some(ids),
            _ => None,
        })
    }

    /// Begins a broker's life.
    #[must_use]
    pub fn register_broker(
        &self,
        registration: Registration,
    ) -> Pending<Result<BrokerEpoch, Refusal>> {
        self.ask(Request::RegisterBroker(registration), |answer| match answer {
            Answer::RegisterBroker(epoch) => Some(epoch),
            _ => None,
        })
    }

    /// Begins the life of a lone node's broker and shows it until it is active: it has applied what `publisher` has published.
    /// Blocks. `None`: not answered.
    #[must_use]
    pub fn join(
        &self,
        registration: Registration,
        publisher: &Publisher,
    ) -> Option<Result<BrokerEpoch, Refusal>> {
        let broker = registration.id;
        let epoch = match self.register_broker(registration).wait()? {
            Ok(epoch) => epoch,
            Err(refusal) => return Some(Err(refusal)),
        };
        loop {
            let applied = publisher.current().version();
            let (wants_fence, wants_shutdown) = (false, false);
            let beat = Heartbeat { broker, epoch, applied, wants_fence, wants_shutdown };
            match self.heartbeat(beat).wait()? {
                Ok(told) if told.is_fenced => {}
                Ok(_) => return Some(Ok(epoch)),
                Err(refusal) => return Some(Err(refusal)),
            }
        }
    }

    /// Shows that a broker is alive.
    #[must_use]
    pub fn heartbeat(&self, heartbeat: Heartbeat) -> Pending<Result<HeartbeatAnswer, Refusal>> {
        self.ask(Request::Heartbeat(heartbeat), |answer| match answer {
            Answer::Heartbeat(told) => Some(told),
            _ => None,
        })
    }

    /// Takes a broker out of the cluster.
    #[must_use]
    pub fn unregister_broker(&self, id: BrokerId) -> Pending<Result<(), Refusal>> {
        self.ask(Request::UnregisterBroker(id), |answer| match answer {
            Answer::UnregisterBroker(gone) => Some(gone),
            _ => None,
        })
    }

    /// Proposes who is in sync in partitions that `broker` leads in its life `epoch`.
    #[must_use]
    pub fn alter_partition(
        &self,
        broker: BrokerId,
        epoch: BrokerEpoch,
        changes: Vec<IsrChange>,
    ) -> Pending<Result<Vec<Result<PartitionState, ErrorCode>>, Refusal>> {
        let request = Request::AlterPartition { broker, epoch, changes };
        self.ask(request, |answer| match answer {
            Answer::AlterPartition(states) => Some(states),
            _ => None,
        })
    }

    /// Elects leaders of the named partitions, or wherever it is needed.
    #[must_use]
    pub fn elect_leaders(
        &self,
        kind: Election,
        partitions: Option<Vec<(String, PartitionId)>>,
    ) -> Pending<Vec<Elected>> {
        self.ask(Request::ElectLeaders { kind, partitions }, |answer| match answer {
            Answer::ElectLeaders(elected) => Some(elected),
            _ => None,
        })
    }

    /// Gives partitions other replicas, or calls that off.
    #[must_use]
    pub fn alter_reassignments(
        &self,
        changes: Vec<Reassignment>,
        may_change_factor: bool,
    ) -> Pending<Vec<Result<(), Refusal>>> {
        let request = Request::AlterReassignments { changes, may_change_factor };
        self.ask(request, |answer| match answer {
            Answer::AlterReassignments(changes) => Some(changes),
            _ => None,
        })
    }

    /// Stores a table's definition (JSON that its owner understands).
    #[must_use]
    pub fn put_table(
        &self,
        name: &str,
        definition: String,
        if_there: IfThere,
    ) -> Pending<Result<Stored, Refusal>> {
        let name = name.to_owned();
        self.ask(Request::PutTable { name, definition, if_there }, stored)
    }

    /// Removes a table (RESOURCE_NOT_FOUND when there is none).
    #[must_use]
    pub fn remove_table(&self, name: &str) -> Pending<Result<(), Refusal>> {
        self.ask(Request::RemoveTable(name.to_owned()), removed)
    }

    /// Stores a job's definition (JSON that its owner understands).
    #[must_use]
    pub fn put_job(
        &self,
        id: &str,
        definition: String,
        if_there: IfThere,
    ) -> Pending<Result<Stored, Refusal>> {
        let id = id.to_owned();
        self.ask(Request::PutJob { id, definition, if_there }, stored)
    }

    /// Removes a job (RESOURCE_NOT_FOUND when there is none).
    #[must_use]
    pub fn remove_job(&self, id: &str) -> Pending<Result<(), Refusal>> {
        self.ask(Request::RemoveJob(id.to_owned()), removed)
    }

    /// Answers what is queued, closes the metadata log and ends the thread. Further requests are not answered.
    pub fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Blocks while the queue is full: the driver drains it. An error means that the thread has ended by itself.
            let _ = self.queue.send(Message::Close);
            let _ = thread.join();
        }
    }

    fn ask<T: Send + 'static>(
        &self,
        request: Request,
        pick: fn(Answer) -> Option<T>,
    ) -> Pending<T> {
        let (reply, pending): (Reply<T>, _) = Pending::channel();
        let answer = move |answer| {
            if let Some(value) = pick(answer) {
                reply.send(value);
            }
        };
        self.request(request, Box::new(answer));
        pending
    }
}

fn stored(answer: Answer) -> Option<Result<Stored, Refusal>> {
    match answer {
        Answer::Put(stored) => Some(stored),
        _ => None,
    }
}

fn removed(answer: Answer) -> Option<Result<(), Refusal>> {
    match answer {
        Answer::Remove(removed) => Some(removed),
        _ => None,
    }
}
