//! A node of the quorum: its thread, its openraft, and the loop that tells the driver what this node is.
//!
//!  1. the log store and the newest snapshot are read, openraft starts
//!  2. a voter that has never voted makes the cluster: all voters write the same first entry, whoever is first is elected
//!  3. loop: commands of other threads; and, whenever openraft has moved, the role for the driver, snapshots, observers
//!  4. on close: openraft ends, then the disk thread, after what was queued

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use ::bytes::Bytes;
use model::{BrokerId, Pending, Reply};
use openraft::{
    Config, ServerState, SnapshotPolicy,
    async_runtime::{AsyncRuntime, Select3, WatchReceiver},
    errors::{InitializeError, RaftError},
};
use tokio::sync::{mpsc, oneshot};
use world::{
    Clock,
    exec::{self, JoinHandle, Wait},
};

use super::{
    ENTRY_BYTES_MAX, QuorumStatus, QuorumStorage,
    campaigns::Campaigns,
    log_store::LogStore,
    message::{Message, Status},
    network::Network,
    runtime::Runtime,
    service::Service,
    state_machine::StateMachine,
    status,
    types::{Group, Raft},
    watch::Watch,
};
use crate::{
    ControllerError, Loss, Peers, QuorumError, QuorumOptions,
    forward::Forwarder,
    inbox::{Asked, Inbox, Role},
};

/// What a node is made of.
pub(crate) struct QuorumParts {
    pub(crate) storage: QuorumStorage,
    pub(crate) options: QuorumOptions,
    pub(crate) cluster_id: String,
    pub(crate) peers: Arc<dyn Peers>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Election timeouts and the like grow from it.
    pub(crate) seed: u64,
    pub(crate) inbox: Arc<Inbox>,
}

/// What other threads ask of the quorum's.
pub(crate) enum Command {
    /// The driver of the leader: commit these groups, one after the other, and settle the ticket.
    Propose {
        ticket: u64,
        groups: Vec<Group>,
    },
    /// A request that this node does not decide.
    Forward(Asked),
    /// A message of another node.
    Peer(Bytes, Reply<Bytes>),
    /// The connection to this node is lost.
    Disconnected(BrokerId, Loss),
    Status(Reply<QuorumStatus>),
}

/// The running node.
pub(crate) struct Quorum {
    commands: mpsc::Sender<Command>,
    /// Dropped: the node ends.
    stop: oneshot::Sender<()>,
    runtime: Option<tokio::runtime::Handle>,
    thread: JoinHandle<()>,
}

impl Quorum {
    /// Starts the node's thread.
    ///
    /// # Errors
    /// There is no thread or no runtime, or the newest snapshot cannot be read.
    pub(crate) fn start(parts: QuorumParts) -> Result<Self, ControllerError> {
        let (commands, queue) = mpsc::channel(COMMANDS_MAX);
        let (started, start) = Pending::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = exec::spawn("quorum", move || {
            Runtime::seed(parts.seed);
            // Without an event queue `started` is dropped, which says so.
            let _ = exec::run_local(run(parts, queue, stopped, started));
        });
        let thread = thread.map_err(ControllerError::Thread)?;
        match start.wait() {
            Some(Ok(runtime)) => Ok(Self { commands, stop, runtime, thread }),
            Some(Err(error)) => Err(error),
            None => Err(ControllerError::Thread(io::Error::other("the quorum's thread has ended"))),
        }
    }

    pub(crate) fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// The runtime of the quorum's thread, for whoever serves its listener; a simulated thread has none.
    pub(crate) fn runtime(&self) -> Option<tokio::runtime::Handle> {
        self.runtime.clone()
    }

    /// Ends the thread; what was appended is synced, the log closed.
    pub(crate) fn close(self) {
        drop(self.stop);
        // An error means that the thread has ended by itself.
        let _ = self.thread.join();
    }
}

type Started = Reply<Result<Option<tokio::runtime::Handle>, ControllerError>>;

async fn run(
    parts: QuorumParts,
    mut queue: mpsc::Receiver<Command>,
    stopped: oneshot::Receiver<()>,
    started: Started,
) {
    let inbox = Arc::clone(&parts.inbox);
    let node = match Node::start(parts).await {
        Ok(node) => node,
        Err(error) => return started.send(Err(error)),
    };
    started.send(Ok(tokio::runtime::Handle::try_current().ok()));
    node.run(&mut queue, stopped).await;
    inbox.on_role(Role::Failed);
    // An error means that it has ended by itself.
    let _ = node.raft.shutdown().await;
}

struct Node {
    raft: Raft,
    options: QuorumOptions,
    log: LogStore,
    machine: StateMachine,
    service: Service,
    forwarder: Forwarder,
    network: Network,
    inbox: Arc<Inbox>,
    own_id: u64,
    campaigns: Campaigns,
    watch: Watch,
}

impl Node {
    async fn start(parts: QuorumParts) -> Result<Self, ControllerError> {
        let QuorumParts { storage, options, cluster_id, peers, clock, inbox, seed } = parts;
        let QuorumStorage { journal, found, checkpoints, writes_in_place } = storage;
        let own_id = node_id(options.node);
        let writer = QuorumStorage::writer(journal, writes_in_place);
        let log = LogStore::new(found, writer.map_err(ControllerError::Thread)?);
        let machine =
            StateMachine::open(checkpoints, log.clone(), Arc::clone(&clock), Arc::clone(&inbox))?;
        let is_mute = Arc::new(AtomicBool::new(false));
        let cluster_id = cluster_id.into();
        let network = Network { peers, own_id, cluster_id, is_mute: is_mute.clone() };
        let config = Arc::new(config(&options).validate().map_err(failed)?);
        let raft = Raft::new(own_id, config, network.clone(), log.clone(), machine.clone());
        let raft = raft.await.map_err(failed)?;
        let forwarder =
            Forwarder::new(raft.clone(), network.clone(), &options, clock, Arc::clone(&inbox));
        let service = Service::new(raft.clone(), network.clone(), forwarder.clone());
        let campaigns = Campaigns::new(raft.clone(), own_id, options.election_timeout, !seed);
        let watched = (raft.clone(), own_id, Arc::clone(&inbox), is_mute);
        let watch = Watch::new(watched, options.election_timeout);
        let node = Self {
            raft,
            options,
            log,
            machine,
            service,
            forwarder,
            network,
            inbox,
            own_id,
            campaigns,
            watch,
        };
        node.take_part().await?;
        Ok(node)
    }

    /// Step 2; and a lone voter need not wait for the timeout of an election.
    async fn take_part(&self) -> Result<(), ControllerError> {
        let voters: BTreeSet<u64> = self.options.voters.iter().map(|id| node_id(*id)).collect();
        if !voters.contains(&self.own_id) {
            return Ok(());
        }
        let is_alone = voters.len() == 1;
        match self.raft.initialize(voters).await {
            Ok(()) => {
                self.campaigns.on_start();
                Ok(())
            }
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) if is_alone => {
                self.raft.trigger().elect(false).await.map_err(failed)
            }
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {
                self.campaigns.on_start();
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn run(&self, queue: &mut mpsc::Receiver<Command>, stopped: oneshot::Receiver<()>) {
        let mut metrics = self.raft.metrics();
        let mut stopped = std::pin::pin!(stopped);
        loop {
            if !self.on_moved().await {
                return;
            }
            let command = std::pin::pin!(queue.recv());
            let moved = std::pin::pin!(metrics.changed());
            let next = Runtime::select3(stopped.as_mut(), command, moved);
            let next = match self.inbox.role() {
                // A leader that nobody answers is told nothing; it must see that itself.
                Role::Leading(_) if self.options.voters.len() > 1 => {
                    let beat = self.options.election_timeout / HEARTBEATS_PER_TIMEOUT;
                    Runtime::timeout(beat, next).await.ok()
                }
                _ => Some(next.await),
            };
            match next {
                Some(Select3::First(_) | Select3::Second(None) | Select3::Third(Err(_))) => return,
                Some(Select3::Second(Some(command))) => self.on_command(command),
                Some(Select3::Third(Ok(()))) | None => {}
            }
        }
    }

    fn on_command(&self, command: Command) {
        match command {
            Command::Propose { ticket, groups } => self.propose(ticket, groups),
            Command::Forward(asked) => self.forwarder.forward(asked),
            Command::Peer(bytes, reply) => {
                self.watch.on_message();
                self.service.serve(bytes, reply);
            }
            Command::Disconnected(id, loss) => {
                self.watch.on_disconnected(node_id(id), loss);
                self.campaigns.on_disconnected(node_id(id));
            }
            Command::Status(reply) => self.tell_status(reply),
        }
    }

    /// The leader's word, or what this node knows itself.
    fn tell_status(&self, reply: Reply<QuorumStatus>) {
        let own = status::of(&self.raft);
        let Some(leader) = own.leader.map(node_id).filter(|leader| *leader != self.own_id) else {
            return reply.send(own);
        };
        let network = self.network.clone();
        drop(Runtime::spawn(async move {
            let told = match network.send(leader, &Message::Status, STATUS_TIMEOUT).await {
                Some(Status::Done(body)) => status::decode(&body),
                _ => None,
            };
            reply.send(told.unwrap_or(own));
        }));
    }

    fn propose(&self, ticket: u64, groups: Vec<Group>) {
        let (raft, inbox) = (self.raft.clone(), Arc::clone(&self.inbox));
        drop(Runtime::spawn(async move {
            let mut is_applied = true;
            for group in groups {
                let written = raft.client_write(group).await;
                is_applied &= written.is_ok_and(|response| response.data);
                if !is_applied {
                    break;
                }
            }
            inbox.on_settled(ticket, is_applied);
        }));
    }

    /// Step 3. Answers whether the node goes on.
    async fn on_moved(&self) -> bool {
        let (state, term, members, is_running) = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            let nodes = metrics.membership_config.membership().nodes().map(|(id, ())| *id);
            let members: BTreeSet<u64> = nodes.collect();
            let is_running = metrics.running_state.is_ok();
            (metrics.state, metrics.current_term, members, is_running)
        };
        if !is_running {
            return false;
        }
        let role = match state {
            ServerState::Leader if self.machine.applied_term() == term => Role::Leading(term),
            ServerState::Leader => Role::Taking,
            _ => Role::Following,
        };
        let before = self.inbox.role();
        self.inbox.on_role(role);
        self.watch.on_looked(before, role);
        if matches!(role, Role::Leading(_)) {
            self.let_observe(&members);
        }
        let grown = self.machine.snapshot_bytes().max(GROWN_BYTES_LEAST);
        if self.log.grown_bytes() >= grown.min(self.options.log_bytes_between_snapshots_max) {
            self.log.note_snapshot();
            return self.raft.trigger().snapshot().await.is_ok();
        }
        true
    }

    /// Brokers that have registered and are no members observe from now on. One at a time; the next when the membership has changed.
    fn let_observe(&self, members: &BTreeSet<u64>) {
        let image = self.machine.image();
        let new = image.brokers().map(|broker| node_id(broker.id)).find(|id| !members.contains(id));
        if let Some(id) = new {
            let raft = self.raft.clone();
            drop(Runtime::spawn(async move {
                // One that fails (another change is under way) is tried again when the node has moved.
                let _ = raft.add_learner(id, (), false).await;
            }));
        }
    }
}

fn config(options: &QuorumOptions) -> Config {
    let timeout = u64::try_from(options.election_timeout.as_millis()).unwrap_or(u64::MAX).max(50);
    Config {
        cluster_name: "logmill".to_owned(),
        heartbeat_interval: timeout / u64::from(HEARTBEATS_PER_TIMEOUT),
        // A voter waits for the leader's lease, which is the longer of the two, and then for a time between them: 1.25 to 1.5 times `timeout`. A vote must come,
        // with its voter's sync, within the shorter.
        election_timeout_min: timeout / 2,
        election_timeout_max: timeout * 3 / 4,
        enable_pre_vote: Some(true),
        enable_leader_restore: Some(false),
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: ENTRIES_BEHIND_SNAPSHOT,
        install_snapshot_timeout: SNAPSHOT_TIMEOUT_MS,
        // A node that comes back with an empty disk is told everything anew.
        allow_log_reversion: Some(true),
        ..Config::default()
    }
}

fn node_id(id: BrokerId) -> u64 {
    u64::from(id.0.unsigned_abs())
}

fn failed(error: impl std::fmt::Display) -> ControllerError {
    QuorumError::Raft(error.to_string()).into()
}

/// Commands that may wait for the quorum's thread.
pub(crate) const COMMANDS_MAX: usize = 4096;
/// Below this much log a snapshot is not worth its file.
const GROWN_BYTES_LEAST: u64 = 1 << 20;
/// Entries that stay when a snapshot has been taken, for those who are a little behind.
const ENTRIES_BEHIND_SNAPSHOT: u64 = 256;
/// A heartbeat may be lost or late four times in a row.
const HEARTBEATS_PER_TIMEOUT: u32 = 5;
/// For the leader's word on how far everyone is.
const STATUS_TIMEOUT: Duration = Duration::from_secs(1);
/// For one part of a snapshot, its writing included.
const SNAPSHOT_TIMEOUT_MS: u64 = 30_000;

const _: () =
    assert!(GROWN_BYTES_LEAST as usize <= ENTRY_BYTES_MAX, "an entry is a snapshot's worth");

#[cfg(test)]
mod tests {
    use metadata::options::ServerOptions;

    use super::*;

    #[test]
    fn openraft_takes_every_election_timeout_and_waits_about_as_long() {
        for timeout in ["50", "300", "1000", "10000"] {
            let mut server = ServerOptions::new(BrokerId(1));
            server.set("controller.quorum.election.timeout.ms", timeout).unwrap();
            let config = config(&QuorumOptions::alone(BrokerId(1), &server)).validate().unwrap();
            let timeout: u64 = timeout.parse().unwrap();
            let waits = [config.election_timeout_min, config.election_timeout_max]
                .map(|random| config.election_timeout_max + random);
            assert!(waits[0] >= timeout && waits[1] <= timeout * 3 / 2, "{waits:?} for {timeout}");
            assert!(config.heartbeat_interval * 4 < waits[0], "four may be late");
        }
    }
}
