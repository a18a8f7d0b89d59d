//! One simulated node: a disk that outlives its processes, and the process that runs on it.
//!
//! A process boots as `logmill` does (data directory, controller, replicas and coordinator, Kafka's face, jobs) with the simulated
//! network in place of sockets. It ends cleanly, or is killed, or loses power; what it leaves on the disk is what the next one finds.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use broker::{
    BrokerLinks, BrokerOptions, BrokerParts, ClusterTopics, ControllerProposals, Face, LocalLog,
    Membership, MembershipParts, Metrics, Transactions, publish,
};
use bytes::{Buf, BytesMut};
use controller::{Controller, ControllerOptions, Loss, QuorumOptions, QuorumStorage, Registration};
use coordinator::{Coordinator, GroupOptions};
use jobs::{Engine, EngineParts};
use metadata::{Publisher, options::ServerOptions};
use model::BrokerId;
use replication::{
    Housekeeper, ReplicaSet,
    fetcher::{FetcherOptions, Fetchers},
};
use storage::DataDirectory;
use wire::{parse_peer_request, peer_answer};
use world::{
    Chance, Clock, Disk,
    exec::{self, Mutex, Receiver, Sender, Wait},
    sim::{
        SimDisk,
        threads::{self, ProcessClock, ProcessId},
    },
};

use crate::{
    net::{Connection, Host, Net},
    watch::Watch,
    way::{NetLeaders, NetLinks, NetPeers},
};

const DATA: &str = "/data";
const CLUSTER: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

/// How long a node that stops waits for its leaderships to be handed over.
const LEAVE_PATIENCE: Duration = Duration::from_secs(15);
/// How long a message of another node may wait for its answer.
const PEER_PATIENCE: Duration = Duration::from_secs(60);

/// A node of a simulated cluster.
pub struct Node {
    host: Host,
    /// The hosts of those who vote.
    voters: Vec<Host>,
    net: Net,
    settings: Vec<(String, String)>,
    chance: Chance,
    /// What it keeps from process to process.
    pub disk: SimDisk,
    process: Option<Process>,
    lives: u32,
    watch: Watch,
}

/// A process of a node.
struct Process {
    id: ProcessId,
    clock: ProcessClock,
    stop: Sender<()>,
    state: Arc<Mutex<State>>,
}

/// How far a process has come.
enum State {
    Booting,
    Up(Inside),
    /// It has ended by itself, with this reason.
    Down(String),
}

/// What the checkers see of a process that serves.
#[derive(Clone)]
pub struct Inside {
    /// Its SQL engine.
    pub engine: Arc<Engine>,
    /// Its partitions.
    pub replicas: Arc<ReplicaSet>,
    /// Its image.
    pub publisher: Arc<Publisher>,
}

impl Node {
    /// A node that does not run yet, on an empty disk; `voters` make the quorum.
    #[must_use]
    pub fn new(
        (host, voters): (Host, Vec<Host>),
        net: Net,
        settings: Vec<(String, String)>,
        chance: Chance,
    ) -> Self {
        let (disk, process) = (SimDisk::new(), None);
        let watch = Watch::default();
        Self { host, voters, net, settings, chance, disk, process, lives: 0, watch }
    }

    /// The same, which `watch` is told of.
    #[must_use]
    pub fn watched(self, watch: &Watch) -> Self {
        Self { watch: watch.clone(), ..self }
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> Host {
        self.host
    }

    /// Starts a process on its disk.
    ///
    /// # Panics
    /// When one runs.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "one process at a time owns the disk");
        self.lives += 1;
        let id = threads::process(&format!("node-{}.{}", self.host.0, self.lives));
        let (stop, stopped) = exec::channel(1);
        let state = Arc::new(Mutex::new(State::Booting));
        let boot = Boot {
            host: self.host,
            voters: self.voters.clone(),
            net: self.net.clone(),
            process: id,
            settings: self.settings.clone(),
            disk: Arc::new(self.disk.mount()),
            clock: threads::clock(id),
            chance: Chance::from_seed(self.chance.bits()),
            watch: self.watch.clone(),
        };
        let of_main = Arc::clone(&state);
        threads::spawn_in(id, "main", move || {
            let reason = main(boot, &stopped, &of_main);
            *of_main.lock() = State::Down(reason);
        });
        self.process = Some(Process { id, clock: threads::clock(id), stop, state });
    }

    /// Whether a process serves.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.process.as_ref().is_some_and(|it| matches!(*it.state.lock(), State::Up(_)))
    }

    /// Whether there is a process.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.process.is_some()
    }

    /// Why its process ended by itself, if it did.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        match &*self.process.as_ref()?.state.lock() {
            State::Down(reason) => Some(reason.clone()),
            State::Booting | State::Up(_) => None,
        }
    }

    /// What is within the process that serves.
    #[must_use]
    pub fn inside(&self) -> Option<Inside> {
        match &*self.process.as_ref()?.state.lock() {
            State::Up(inside) => Some(inside.clone()),
            State::Booting | State::Down(_) => None,
        }
    }

    /// What it believes, for whoever reads why a run failed.
    #[must_use]
    pub fn describe(&self) -> String {
        let Some(inside) = self.inside() else { return format!("node {} boots", self.host.0) };
        let image = inside.publisher.current();
        let mut said = format!("node {} at {:?}:", self.host.0, image.version());
        for broker in image.brokers() {
            said += &format!(" broker {} fenced {};", broker.id, broker.is_fenced);
        }
        for topic in image.topics() {
            for (number, state) in topic.numbered() {
                said += &format!(
                    " {}-{number:?} leader {} isr {:?};",
                    topic.name.as_str(),
                    state.leader,
                    state.isr
                );
            }
        }
        said
    }

    /// The id of its process.
    #[must_use]
    pub fn process(&self) -> Option<ProcessId> {
        self.process.as_ref().map(|process| process.id)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            self.watch.on_gone(broker_id(self.host));
            self.disk.crash_process();
            self.net.deafen(self.host);
            threads::kill(process.id);
        }
    }

    /// The plug is pulled.
    pub fn cut_power(&mut self) {
        if let Some(process) = self.process.take() {
            self.watch.on_gone(broker_id(self.host));
            self.disk.power_cut(&mut self.chance);
            self.net.silence(self.host);
            threads::kill(process.id);
        }
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) {
        if self.process.as_ref().is_some_and(|it| matches!(*it.state.lock(), State::Booting)) {
            // The signal ends it as it stands: it may wait for a quorum that it cannot reach.
            return self.kill();
        }
        let Some(process) = self.process.take() else { return };
        self.watch.on_gone(broker_id(self.host));
        // A process that has ended by itself hears nothing.
        let _ = process.stop.try_send(());
        while !matches!(*process.state.lock(), State::Down(_)) {
            exec::sleep(Duration::from_millis(10));
        }
        self.net.deafen(self.host);
        // Connections end with the process.
        threads::kill(process.id);
        self.disk.crash_process();
    }

    /// The machine is thrown away. What a process leaks holds on to its disk, and would outlive the run with all of it.
    pub fn discard(mut self) {
        self.kill();
        self.disk.erase();
    }

    /// SIGSTOP.
    pub fn pause(&self) {
        if let Some(process) = &self.process {
            threads::pause(process.id);
        }
    }

    /// SIGCONT.
    pub fn resume(&self) {
        if let Some(process) = &self.process {
            threads::resume(process.id);
        }
    }

    /// Makes the wall clock wrong.
    pub fn set_clock_error_ms(&self, error_ms: i64) {
        if let Some(process) = &self.process {
            process.clock.set_error_ms(error_ms);
        }
    }
}

/// What a process is made of.
struct Boot {
    host: Host,
    voters: Vec<Host>,
    net: Net,
    process: ProcessId,
    settings: Vec<(String, String)>,
    disk: Arc<dyn Disk>,
    clock: ProcessClock,
    chance: Chance,
    watch: Watch,
}

fn broker_id(host: Host) -> BrokerId {
    BrokerId(i32::from(host.0))
}

/// The process's first thread. Answers why it ended.
fn main(boot: Boot, stopped: &Receiver<()>, state: &Mutex<State>) -> String {
    let (watch, node) = (boot.watch.clone(), broker_id(boot.host));
    let running = match Running::boot(boot) {
        Ok(running) => running,
        Err(reason) => return reason,
    };
    watch.on_up(node, running.inside.clone());
    *state.lock() = State::Up(running.inside.clone());
    let _ = stopped.recv();
    running.close()
}

/// The parts that `logmill` wires, without sockets.
struct Running {
    inside: Inside,
    membership: Membership,
    fetchers: Fetchers,
    coordinator: Coordinator,
    transactions: Transactions,
    controller: Controller,
    housekeeper: Housekeeper,
}

impl Running {
    fn boot(boot: Boot) -> Result<Self, String> {
        let Boot { host, voters, net, process, settings, disk, clock, mut chance, watch } = boot;
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let node = broker_id(host);
        let server = Arc::new(server_options(node, &settings)?);
        let directory = DataDirectory::open(disk.clone(), Path::new(DATA), CLUSTER, node);
        let directory = Arc::new(directory.map_err(said)?);
        let replicas = ReplicaSet::new(directory.clone(), clock.clone(), (*server).clone());
        let publisher = Arc::new(Publisher::new());
        watch.follow(&publisher);
        let coordinator = coordinator(&server, &replicas, &publisher, &clock, chance.bits())?;
        let quorum = QuorumStorage::open(&directory, disk, clock.clone()).map_err(said)?;
        let incarnation = chance.uuid();
        let lineage = directory.lineage(&mut chance).map_err(said)?;
        let peers = NetPeers::new(net.clone(), host);
        let controller = Controller::start(
            quorum,
            Arc::new(peers.clone()),
            publisher.clone(),
            controller::World { clock: clock.clone(), chance: Chance::from_seed(chance.bits()) },
            ControllerOptions {
                cluster_id: CLUSTER.to_owned(),
                server: (*server).clone(),
                quorum: QuorumOptions::new(
                    node,
                    voters.iter().copied().map(broker_id).collect(),
                    &server,
                ),
            },
        )
        .map_err(said)?;
        peers.attach(controller.clone());
        let served = Arc::new(Served { controller: controller.clone(), face: OnceLock::new() });
        let serving = Arc::clone(&served);
        net.listen(host, process, Arc::new(move |connection| serving.serve(&connection)));
        let (address, port) = (format!("node-{}", host.0), 9092);
        let registration = Registration {
            id: node,
            cluster_id: CLUSTER.to_owned(),
            incarnation,
            host: address.clone(),
            port,
            rack: None,
            lineage,
        };
        let membership = Membership::begin(MembershipParts {
            registration,
            interval: heartbeat_interval(&server),
            controller: controller.clone(),
            publisher: publisher.clone(),
            directory: directory.clone(),
            clock: clock.clone(),
        });
        let membership = membership.map_err(said)?;
        membership.await_registered().map_err(refused)?;
        let proposals = ControllerProposals::new(node, controller.clone(), publisher.clone());
        replicas.propose_to(Arc::new(proposals));
        let leaders = NetLeaders { net: net.clone(), node, publisher: publisher.clone() };
        let following = FetcherOptions::of(&server);
        let fetchers = Fetchers::start(&replicas, Arc::new(leaders), following).map_err(said)?;
        let links = Arc::new(NetLinks::new(net.clone(), host));
        let here = (&replicas, &publisher, links.clone() as Arc<dyn BrokerLinks>);
        let transactions =
            Transactions::start_linked(here, &coordinator, &controller, &clock, &server)
                .map_err(said)?;
        let coordinators = (coordinator.clone(), Some(transactions.coordinator.clone()));
        publish::subscribe(&publisher, replicas.clone(), coordinators, node);
        let options = BrokerOptions::new(server, CLUSTER, &address, port);
        let parts = || BrokerParts {
            replicas: replicas.clone(),
            controller: controller.clone(),
            coordinator: coordinator.clone(),
            transactions: transactions.clone(),
            publisher: publisher.clone(),
            clock: clock.clone(),
            options: Arc::new(options.clone()),
            metrics: Arc::new(Metrics::default()),
        };
        // The first is the only one.
        let _ = served.face.set(Face::new(parts()));
        membership.await_active().map_err(refused)?;
        let engine = Engine::start(EngineParts {
            topics: Arc::new(ClusterTopics::new(parts().local(), links)),
            controller: controller.clone(),
            publisher: publisher.clone(),
            clock: clock.clone(),
            chance: Chance::from_seed(chance.bits()),
            own_addresses: vec![format!("{address}:{port}")],
        });
        let housekeeper = Housekeeper::start(replicas.clone()).map_err(said)?;
        let inside = Inside { engine, replicas, publisher };
        Ok(Self {
            inside,
            membership,
            fetchers,
            coordinator,
            transactions,
            controller,
            housekeeper,
        })
    }

    fn close(self) -> String {
        self.inside.engine.close();
        // Not in time: others take over when the session is over.
        let _ = self.membership.leave(LEAVE_PATIENCE);
        self.transactions.coordinator.stop();
        self.coordinator.stop();
        self.fetchers.stop();
        self.housekeeper.stop();
        drop(self.membership);
        self.controller.close();
        self.inside.replicas.close().map_or_else(said, |()| "closed".to_owned())
    }
}

/// Who answers what arrives at a node.
struct Served {
    controller: Controller,
    /// Once the broker serves.
    face: OnceLock<Face>,
}

impl Served {
    /// One connection, on a thread of its own.
    fn serve(&self, connection: &Connection) {
        let host = u8::try_from(connection.peer().0 % 250).unwrap_or(0);
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)), 1024);
        let mut loopback = None;
        let mut peer = None;
        while let Ok(mut frame) = connection.receive(None) {
            frame.advance(4); // its length
            let answer = if let Some((correlation, body)) = parse_peer_request(&frame) {
                peer = Controller::sender(&body).or(peer);
                let answer = self.controller.on_peer(body).wait_for(PEER_PATIENCE).flatten();
                answer.map(|answer| Some(peer_answer(correlation, &answer)))
            } else {
                let Some(face) = self.face.get() else { return };
                let loopback = loopback.get_or_insert_with(|| face.connect(address));
                exec::block_on(loopback.answer(BytesMut::from(&frame[..]))).ok()
            };
            let is_over = match answer {
                Some(Some(answer)) => connection.send(answer).is_err(),
                Some(None) => false,
                None => true,
            };
            if is_over {
                return;
            }
        }
        if let Some(peer) = peer {
            self.controller.on_disconnected(peer, Loss::Broken);
        }
    }
}

fn heartbeat_interval(server: &ServerOptions) -> Duration {
    let ms = u64::try_from(server.number("broker.heartbeat.interval.ms")).unwrap_or(1);
    Duration::from_millis(ms.max(1))
}

fn refused(refusal: controller::Refusal) -> String {
    format!("not registered: {refusal:?}")
}

fn server_options(node: BrokerId, settings: &[(String, String)]) -> Result<ServerOptions, String> {
    let mut server = ServerOptions::new(node);
    server.set("log.dirs", DATA).map_err(said)?;
    for (name, value) in settings {
        server.set(name, value).map_err(said)?;
    }
    Ok(server)
}

fn coordinator(
    server: &ServerOptions,
    replicas: &Arc<ReplicaSet>,
    publisher: &Arc<Publisher>,
    clock: &Arc<dyn Clock>,
    seed: u64,
) -> Result<Coordinator, String> {
    let number = |name: &str| i32::try_from(server.number(name)).unwrap_or(i32::MAX);
    let options = GroupOptions {
        offsets_partitions: number("offsets.topic.num.partitions"),
        initial_rebalance_delay_ms: number("group.initial.rebalance.delay.ms"),
        offsets_retention_minutes: server.number("offsets.retention.minutes"),
        ..GroupOptions::default()
    };
    let log = Arc::new(LocalLog::new(replicas.clone()));
    let images = publisher.clone();
    let partitions = move |topic: &str| {
        images.current().topic(topic).and_then(|topic| i32::try_from(topic.partitions.len()).ok())
    };
    Coordinator::start(log, clock.clone(), seed, options, Arc::new(partitions)).map_err(said)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn said(error: impl ToString) -> String {
    error.to_string()
}
