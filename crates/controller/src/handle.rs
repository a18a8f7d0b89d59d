//! The handle by which everyone asks the controller: typed questions, answers that come later.
//!
//! On the node that leads the quorum a request is decided here, else it is passed on to the one that leads; whoever asks sees no difference. An
//! answer comes once its facts are committed and applied on the node that decided; when that is this one, all subscribers of the publisher
//! have acted on them. A [`Pending`] that resolves to `None` was not answered: the queue was full, nobody led in time, the metadata log has
//! failed, or the controller has closed. The request may then have taken effect or not.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::bytes::Bytes;
use metadata::{Image, PartitionState, Publisher};
use model::{BrokerEpoch, BrokerId, ErrorCode, PartitionId, Pending, Reply, TopicId, TopicName};
use tokio::sync::mpsc::Sender;
use world::{
    Chance, Clock,
    exec::{self, JoinHandle, Wait},
};

use crate::{
    Answer, ControllerError, ControllerOptions, CreatedTopic, Elected, Election, Heartbeat,
    HeartbeatAnswer, IfThere, IsrChange, Loss, MorePartitions, NewTopic, Peers, QuorumStatus,
    QuorumStorage, Reassignment, Refusal, Registration, Request, Stored, TopicChange, TopicKey,
    World,
    driver::Driver,
    inbox::{Asked, Inbox, Role},
    machine::Machine,
    raft::{Command, Quorum, QuorumParts},
};

/// The controller. A clone is the same controller.
#[derive(Clone)]
pub struct Controller {
    inbox: Arc<Inbox>,
    commands: Sender<Command>,
    runtime: Option<tokio::runtime::Handle>,
    clock: Arc<dyn Clock>,
    /// Taken by the one who closes.
    threads: Arc<Mutex<Option<Threads>>>,
}

/// The driver's thread, and the quorum's.
type Threads = (JoinHandle<()>, Quorum);

impl Controller {
    /// Takes part in the quorum from then on, on threads of its own: `storage` is this node's log, `peers` the way to the
    /// other nodes. The image of the newest snapshot is published at once, each later one when it is applied.
    ///
    /// # Errors
    /// [`ControllerError`]: the log cannot be read, is another cluster's, or there is no thread.
    pub fn start(
        storage: QuorumStorage,
        peers: Arc<dyn Peers>,
        publisher: Arc<Publisher>,
        world: World,
        options: ControllerOptions,
    ) -> Result<Self, ControllerError> {
        storage.check_cluster(&options.cluster_id)?;
        let World { clock, mut chance } = world;
        let inbox = Arc::new(Inbox::default());
        let quorum = Quorum::start(QuorumParts {
            storage,
            options: options.quorum.clone(),
            cluster_id: options.cluster_id.clone(),
            peers,
            clock: Arc::clone(&clock),
            seed: chance.bits(),
            inbox: Arc::clone(&inbox),
        })?;
        let (commands, runtime) = (quorum.commands(), quorum.runtime());
        let world = World { clock: Arc::clone(&clock), chance: Chance::from_seed(chance.bits()) };
        let driver = Driver {
            inbox: Arc::clone(&inbox),
            commands: commands.clone(),
            publisher,
            clock: Arc::clone(&clock),
            machine: Machine::new(world, options),
            newest: Image::default(),
            applied: Image::default(),
            role: Role::Following,
            in_flight: None,
            next_ticket: 0,
        };
        let thread = exec::spawn("controller", move || driver.run());
        let thread = thread.map_err(ControllerError::Thread)?;
        let threads = Arc::new(Mutex::new(Some((thread, quorum))));
        Ok(Self { inbox, commands, runtime, clock, threads })
    }

    /// Asks; `reply` is called on one of the controller's threads, or dropped uncalled.
    pub fn request(&self, request: Request, reply: Box<dyn FnOnce(Answer) + Send>) {
        let deadline = self.clock.now().plus(REQUEST_TIMEOUT);
        self.inbox.ask(Asked { request, reply, deadline, is_forwarded: false });
    }

    /// Answers a message that another node has sent through its [`Peers`]. Unanswered while the queue is full.
    #[must_use]
    pub fn on_peer(&self, message: Bytes) -> Pending<Bytes> {
        let (reply, pending) = Pending::channel();
        // Dropping the reply says so.
        let _ = self.commands.try_send(Command::Peer(message, reply));
        pending
    }

    /// Who sent `message`, by its own word: whose connection it is that breaks later.
    #[must_use]
    pub fn sender(message: &Bytes) -> Option<BrokerId> {
        crate::raft::sender(message).and_then(|id| i32::try_from(id).ok()).map(BrokerId)
    }

    /// The connection to or from `node` is lost: if it leads, this node waits for it no longer.
    pub fn on_disconnected(&self, node: BrokerId, loss: Loss) {
        // A hint that is lost costs an election timeout.
        let _ = self.commands.try_send(Command::Disconnected(node, loss));
    }

    /// The quorum as this node sees it.
    #[must_use]
    pub fn quorum(&self) -> Pending<QuorumStatus> {
        let (reply, pending) = Pending::channel();
        let _ = self.commands.try_send(Command::Status(reply));
        pending
    }

    /// The runtime of the quorum's thread: the controller's listener is served there, apart from the data path. A simulated node
    /// has none.
    #[must_use]
    pub fn runtime(&self) -> Option<tokio::runtime::Handle> {
        self.runtime.clone()
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

    /// Ends both threads and closes the metadata log. What is queued and further requests are not answered.
    pub fn close(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((driver, quorum)) = threads {
            self.inbox.close();
            // An error means that the thread has ended by itself.
            let _ = driver.join();
            quorum.close();
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

/// After this long nobody waits for an answer any more: Kafka's `default.api.timeout.ms` of an admin client is twice it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
