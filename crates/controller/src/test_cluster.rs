//! For tests: controllers in one process, over an in-memory network whose links can be cut.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ::bytes::Bytes;
use metadata::{Publisher, options::ServerOptions};
use model::{BrokerId, ErrorCode, Pending, TimestampMs};
use storage::DataDirectory;
use world::{Chance, Clock, Disk, exec::Wait, real::SystemClock, sim::SimDisk};

use crate::{
    Controller, ControllerError, ControllerOptions, Loss, NewTopic, Peers, QuorumOptions,
    QuorumStatus, QuorumStorage, Registration, World,
};

/// The network: who can be reached by whom.
#[derive(Clone, Default)]
pub(crate) struct Net(Arc<Mutex<Links>>);

#[derive(Default)]
struct Links {
    nodes: BTreeMap<BrokerId, Controller>,
    cut: BTreeSet<BrokerId>,
    /// Messages to nodes that are gone.
    refused: usize,
    deaf: BTreeSet<BrokerId>,
}

impl Net {
    /// How many messages have found nobody to listen.
    pub(crate) fn refused(&self) -> usize {
        self.0.lock().unwrap().refused
    }

    /// Cuts a node off from all others, or ends that. Nobody is told.
    pub(crate) fn cut(&self, id: BrokerId, is_cut: bool) {
        let mut links = self.0.lock().unwrap();
        if is_cut {
            links.cut.insert(id)
        } else {
            links.cut.remove(&id)
        };
    }

    /// If `to` is gone: its sender, who is told so.
    fn refuse(&self, own: BrokerId, to: BrokerId) -> Option<Controller> {
        let mut links = self.0.lock().unwrap();
        if links.nodes.contains_key(&to) {
            return None;
        }
        links.refused += 1;
        links.nodes.get(&own).cloned()
    }

    /// What is sent to a node, answers included, is lost from now on; what it sends arrives. Nobody is told.
    pub(crate) fn deafen(&self, id: BrokerId, is_deaf: bool) {
        let mut links = self.0.lock().unwrap();
        if is_deaf {
            links.deaf.insert(id)
        } else {
            links.deaf.remove(&id)
        };
    }

    fn leave(&self, id: BrokerId) -> Vec<Controller> {
        let mut links = self.0.lock().unwrap();
        links.nodes.remove(&id);
        links.nodes.values().cloned().collect()
    }
}

/// One node's way into the network.
struct NetPeers {
    net: Net,
    own: BrokerId,
}

impl Peers for NetPeers {
    fn send(&self, to: BrokerId, message: Bytes, timeout: Duration) -> Pending<Bytes> {
        assert!(message.len() <= crate::PEER_MESSAGE_BYTES_MAX);
        let (reply, pending) = Pending::channel();
        let target = {
            let links = self.net.0.lock().unwrap();
            let is_cut = links.cut.contains(&self.own)
                || links.cut.contains(&to)
                || links.deaf.contains(&to);
            links.nodes.get(&to).cloned().filter(|_| !is_cut)
        };
        let net = self.net.clone();
        let own = self.own;
        tokio::spawn(async move {
            // What is cut off does not answer; what is gone refuses at once.
            let Some(target) = target else {
                match net.refuse(own, to) {
                    Some(sender) => sender.on_disconnected(to, Loss::Refused),
                    None => tokio::time::sleep(timeout).await,
                }
                return;
            };
            let answer = tokio::time::timeout(timeout, target.on_peer(message)).await;
            let is_cut = {
                let links = net.0.lock().unwrap();
                links.cut.contains(&own) || links.cut.contains(&to) || links.deaf.contains(&own)
            };
            if let Ok(Some(answer)) = answer
                && !is_cut
            {
                reply.send(answer);
            }
        });
        pending
    }
}

/// Counts how often it is looked at.
struct CountingClock {
    clock: SystemClock,
    looks: Arc<AtomicUsize>,
}

impl Clock for CountingClock {
    fn now(&self) -> world::Instant {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.clock.now()
    }

    fn wall(&self) -> TimestampMs {
        self.clock.wall()
    }
}

/// A node that runs.
pub(crate) struct TestNode {
    pub(crate) id: BrokerId,
    pub(crate) controller: Controller,
    pub(crate) publisher: Arc<Publisher>,
    net: Net,
    looks: Arc<AtomicUsize>,
    _directory: DataDirectory,
}

/// What nodes are started with.
pub(crate) struct Cluster {
    pub(crate) net: Net,
    pub(crate) voters: Vec<BrokerId>,
    pub(crate) election_timeout: Duration,
    pub(crate) log_bytes_max: u64,
    pub(crate) session: Duration,
    disks: BTreeMap<BrokerId, SimDisk>,
}

impl Cluster {
    pub(crate) fn of(voters: i32) -> Self {
        Self {
            net: Net::default(),
            voters: (1..=voters).map(BrokerId).collect(),
            election_timeout: Duration::from_millis(300),
            log_bytes_max: u64::MAX,
            session: Duration::from_secs(9),
            disks: BTreeMap::new(),
        }
    }

    pub(crate) fn disk(&mut self, id: i32) -> SimDisk {
        self.disks.entry(BrokerId(id)).or_default().clone()
    }

    pub(crate) fn start(&mut self, id: i32) -> TestNode {
        self.try_start(id, "c").unwrap()
    }

    pub(crate) fn try_start(
        &mut self,
        id: i32,
        cluster_id: &str,
    ) -> Result<TestNode, ControllerError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk(id));
        let id = BrokerId(id);
        let looks = Arc::new(AtomicUsize::new(0));
        let clock = CountingClock { clock: SystemClock::new(), looks: Arc::clone(&looks) };
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let directory =
            DataDirectory::open(Arc::clone(&disk), Path::new("/data"), "d", id).unwrap();
        let storage = QuorumStorage::open(&directory, disk, Arc::clone(&clock))?;
        let publisher = Arc::new(Publisher::new());
        let mut server = ServerOptions::new(id);
        server.set("broker.session.timeout.ms", &self.session.as_millis().to_string()).unwrap();
        let mut quorum = QuorumOptions::new(id, self.voters.clone(), &server);
        quorum.election_timeout = self.election_timeout;
        quorum.log_bytes_between_snapshots_max = self.log_bytes_max;
        let peers = Arc::new(NetPeers { net: self.net.clone(), own: id });
        let world = World { clock, chance: Chance::from_seed(id.0 as u64) };
        let options = ControllerOptions { cluster_id: cluster_id.to_owned(), server, quorum };
        let controller = Controller::start(storage, peers, Arc::clone(&publisher), world, options)?;
        self.net.0.lock().unwrap().nodes.insert(id, controller.clone());
        let net = self.net.clone();
        Ok(TestNode { id, controller, publisher, net, looks, _directory: directory })
    }
}

impl TestNode {
    /// The process dies: its connections break, and the others notice.
    pub(crate) fn kill(self) {
        let others = self.net.leave(self.id);
        self.controller.close();
        for other in others {
            other.on_disconnected(self.id, Loss::Broken);
        }
    }

    /// How often it has asked for the time.
    pub(crate) fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }

    pub(crate) fn status(&self) -> QuorumStatus {
        self.controller.quorum().wait().unwrap()
    }

    pub(crate) fn is_leader(&self) -> bool {
        self.status().leader == Some(self.id)
    }

    /// Whether this node's image has `other` take part.
    pub(crate) fn trusts(&self, other: BrokerId) -> bool {
        self.publisher.current().broker(other).is_some_and(|broker| !broker.is_fenced)
    }

    pub(crate) fn has_topic(&self, name: &str) -> bool {
        self.publisher.current().topic(name).is_some()
    }

    /// Its broker begins a life, as soon as the one before counts as over.
    pub(crate) fn join(&self) {
        wait_until("a life begins", || self.begin_life());
    }

    fn begin_life(&self) -> bool {
        let registration = Registration {
            id: self.id,
            cluster_id: "c".to_owned(),
            incarnation: u128::from(Chance::from_system().bits()),
            host: "localhost".to_owned(),
            port: 9092,
            rack: None,
        };
        match self.controller.join(registration, &self.publisher).unwrap() {
            Ok(_) => true,
            Err(refusal) if refusal.code == ErrorCode::DuplicateBrokerRegistration => false,
            Err(refusal) => panic!("{refusal:?}"),
        }
    }

    /// Asks this node for a topic; none when there was no answer.
    pub(crate) fn create(&self, name: &str) -> Option<ErrorCode> {
        let topic = NewTopic {
            name: name.into(),
            partitions: 1,
            replication_factor: 1,
            ..NewTopic::default()
        };
        let answers = self.controller.create_topics(vec![topic], false).wait()?;
        Some(answers[0].as_ref().map_or_else(|refusal| refusal.code, |_| ErrorCode::None))
    }
}

/// Waits until `done`; a test that waits for ever is stopped with its name.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited a minute for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits for one leader that all of `nodes` know; answers its place among them.
pub(crate) fn leader_of(nodes: &[&TestNode]) -> usize {
    let mut found = None;
    wait_until("a leader", || {
        let leaders: BTreeSet<_> = nodes.iter().map(|node| node.status().leader).collect();
        found = nodes.iter().position(|node| leaders == BTreeSet::from([Some(node.id)]));
        found.is_some()
    });
    found.unwrap()
}
