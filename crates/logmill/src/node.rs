//! One node: the boot order, and the same list backwards.
//!
//!  1. data directory: lock, identity, which logs there are
//!  2. controller: metadata log, image; the node registers itself
//!  3. replicas and coordinator follow the image: logs open, groups load
//!  4. Kafka listener
//!  5. jobs
//!  6. HTTP listener
//!
//! Closing: 6, 5 (jobs rest), 4, coordinator, housekeeping, 2, 3 (logs close), 1 (the clean mark).

use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use broker::{Broker, BrokerOptions, BrokerParts, LocalLog, LocalTopics, Metrics, publish};
use controller::{
    Controller, ControllerOptions, NoPeers, QuorumOptions, QuorumStorage, Registration, World,
};
use coordinator::{Coordinator, GroupOptions};
use gateway::Gateway;
use jobs::{Engine, EngineParts};
use metadata::{Publisher, options::ServerOptions};
use model::{BrokerId, TopicId};
use replication::{Housekeeper, ReplicaSet};
use storage::DataDirectory;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, sync::watch, task::JoinHandle};
use world::{Chance, Clock, Disk, real};

use crate::figures::Figures;

const HOST: &str = "127.0.0.1";
const NODE: BrokerId = BrokerId(1);
/// How long HTTP clients may take to read what they have asked for when the node closes.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// What a node is told.
pub(crate) struct NodeOptions {
    /// None: a temporary folder, removed at the end.
    pub(crate) data: Option<PathBuf>,
    pub(crate) kafka_port: u16,
    pub(crate) http_port: u16,
    /// `key=value`, under Kafka's names.
    pub(crate) settings: Vec<String>,
}

/// Why a node does not start, or does not close cleanly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    #[error("setting '{0}' is not KEY=VALUE")]
    Setting(String),
    #[error("{0}")]
    Option(#[from] metadata::options::InvalidOption),
    #[error("data directory {path}: {source}")]
    Data { path: PathBuf, source: storage::StorageError },
    #[error("{0}")]
    Storage(#[from] storage::StorageError),
    #[error("{0}")]
    Quorum(#[from] controller::QuorumError),
    #[error("{0}")]
    Controller(#[from] controller::ControllerError),
    #[error("{0}")]
    Partitions(#[from] replication::PartitionError),
    #[error("the controller does not register this node{}", .0.as_ref().map_or(String::new(), |it| format!(": {it}")))]
    Registration(Option<controller::Refusal>),
    #[error(
        "port {port} on {HOST} cannot be listened on: {source}; another --{flag} picks another, 0 any"
    )]
    Port { port: u16, flag: &'static str, source: io::Error },
    #[error("{0}")]
    System(#[from] io::Error),
}

/// A running node.
pub(crate) struct Node {
    kafka: SocketAddr,
    http: SocketAddr,
    data: PathBuf,
    ready_in_ms: u128,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    broker: JoinHandle<()>,
    gateway: JoinHandle<()>,
    engine: Arc<Engine>,
    coordinator: Coordinator,
    controller: Controller,
    housekeeper: Housekeeper,
    replicas: Arc<ReplicaSet>,
    /// Removed last.
    temporary: Option<TempDir>,
}

impl Node {
    /// Starts a node and returns when it serves.
    ///
    /// # Errors
    /// [`NodeError`]
    pub(crate) fn start(options: &NodeOptions) -> Result<Self, NodeError> {
        let begun = Instant::now();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let temporary = match &options.data {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("logmill-").tempdir()?),
        };
        let data = match (&options.data, &temporary) {
            (Some(data), _) => data.clone(),
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => PathBuf::from("."),
        };
        let kafka = runtime.block_on(listen(options.kafka_port, "kafka-port"))?;
        let http = runtime.block_on(listen(options.http_port, "http-port"))?;
        let (kafka_at, http_at) = (kafka.local_addr()?, http.local_addr()?);
        let core = Core::open(&data, &options.settings, kafka_at)?;
        let (stop, stopped) = watch::channel(false);
        let broker = runtime.spawn(core.broker(kafka, until(stopped.clone())));
        let engine = core.engine(kafka_at);
        let gateway = Gateway { engine: engine.clone(), metrics: core.figures() };
        let gateway = runtime.spawn(async move {
            if let Err(error) = gateway::serve(gateway, http, until(stopped)).await {
                eprintln!("error: the HTTP listener failed: {error}");
            }
        });
        Ok(Self {
            kafka: kafka_at,
            http: http_at,
            data,
            ready_in_ms: begun.elapsed().as_millis(),
            runtime,
            stop,
            broker,
            gateway,
            engine,
            housekeeper: Housekeeper::start(core.replicas.clone())?,
            coordinator: core.coordinator,
            controller: core.controller,
            replicas: core.replicas,
            temporary,
        })
    }

    pub(crate) const fn kafka(&self) -> SocketAddr {
        self.kafka
    }

    pub(crate) const fn http(&self) -> SocketAddr {
        self.http
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) const fn ready_in_ms(&self) -> u128 {
        self.ready_in_ms
    }

    /// Runs `future` on this thread; the node goes on meanwhile.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Closes everything; the next start needs no recovery.
    ///
    /// # Errors
    /// What could not be closed: the next start recovers.
    pub(crate) fn close(self) -> Result<(), NodeError> {
        // Nobody may be listening any more: then it has stopped by itself.
        let _ = self.stop.send(true);
        self.engine.close();
        self.runtime.block_on(async {
            let (gateway, broker) = (self.gateway, self.broker);
            let stopped = gateway.abort_handle();
            if tokio::time::timeout(CLOSE_GRACE, gateway).await.is_err() {
                stopped.abort();
            }
            // A panic has been printed where it happened.
            let _ = broker.await;
        });
        self.coordinator.stop();
        self.housekeeper.stop();
        self.controller.close();
        self.replicas.close()?;
        drop(self.temporary);
        Ok(())
    }
}

/// Steps 1 to 3.
struct Core {
    clock: Arc<dyn Clock>,
    replicas: Arc<ReplicaSet>,
    publisher: Arc<Publisher>,
    controller: Controller,
    coordinator: Coordinator,
    options: Arc<BrokerOptions>,
    metrics: Arc<Metrics>,
}

impl Core {
    fn open(data: &Path, settings: &[String], kafka: SocketAddr) -> Result<Self, NodeError> {
        let clock: Arc<dyn Clock> = Arc::new(real::SystemClock::new());
        let disk: Arc<dyn Disk> = Arc::new(real::OsDisk);
        let mut chance = Chance::from_system();
        let directory = open_directory(disk.clone(), data, &mut chance)?;
        let server = Arc::new(server_options(data, settings)?);
        let replicas = ReplicaSet::new(directory.clone(), clock.clone(), (*server).clone());
        let publisher = Arc::new(Publisher::new());
        let coordinator = start_coordinator(&server, &replicas, &publisher, &clock, &mut chance)?;
        let cluster_id = directory.cluster_id().to_owned();
        let quorum = QuorumStorage::open(&directory, disk, clock.clone())?;
        let incarnation = chance.uuid();
        let controller = Controller::start(
            quorum,
            Arc::new(NoPeers),
            publisher.clone(),
            World { clock: clock.clone(), chance },
            ControllerOptions {
                cluster_id: cluster_id.clone(),
                server: (*server).clone(),
                quorum: QuorumOptions::alone(NODE, &server),
            },
        )?;
        let registration = Registration {
            id: NODE,
            cluster_id: cluster_id.clone(),
            incarnation,
            host: HOST.to_owned(),
            port: kafka.port(),
            rack: None,
        };
        match controller.join(registration, &publisher) {
            Some(Ok(_)) => {}
            Some(Err(refusal)) => return Err(NodeError::Registration(Some(refusal))),
            None => return Err(NodeError::Registration(None)),
        }
        // Only now, so that every partition is visited once, in the reign that has just begun.
        publish::subscribe(&publisher, replicas.clone(), coordinator.clone(), NODE);
        let options = BrokerOptions::new(server, &cluster_id, HOST, kafka.port());
        Ok(Self {
            clock,
            replicas,
            publisher,
            controller,
            coordinator,
            options: Arc::new(options),
            metrics: Arc::new(Metrics::default()),
        })
    }

    /// Step 4.
    fn broker(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        Broker::serve(self.parts(), listener, shutdown)
    }

    /// Step 5.
    fn engine(&self, kafka: SocketAddr) -> Arc<Engine> {
        let topics = LocalTopics::new(&self.parts());
        let port = kafka.port();
        Engine::start(EngineParts {
            topics: Arc::new(topics),
            controller: self.controller.clone(),
            publisher: self.publisher.clone(),
            clock: self.clock.clone(),
            chance: Chance::from_system(),
            own_addresses: vec![format!("{HOST}:{port}"), format!("localhost:{port}")],
        })
    }

    fn parts(&self) -> BrokerParts {
        BrokerParts {
            replicas: self.replicas.clone(),
            controller: self.controller.clone(),
            coordinator: self.coordinator.clone(),
            publisher: self.publisher.clone(),
            clock: self.clock.clone(),
            options: self.options.clone(),
            metrics: self.metrics.clone(),
        }
    }

    fn figures(&self) -> Arc<Figures> {
        Arc::new(Figures::new(self.metrics.clone(), self.replicas.clone(), self.publisher.clone()))
    }
}

fn open_directory(
    disk: Arc<dyn Disk>,
    data: &Path,
    chance: &mut Chance,
) -> Result<Arc<DataDirectory>, NodeError> {
    let failed = |source| NodeError::Data { path: data.to_owned(), source };
    let known = DataDirectory::identity(disk.as_ref(), data).map_err(failed)?;
    let cluster_id = known.map_or_else(
        || TopicId(uuid::Uuid::from_u128(chance.uuid())).to_string(),
        |(cluster_id, _)| cluster_id,
    );
    let directory = DataDirectory::open(disk, data, &cluster_id, NODE).map_err(failed)?;
    Ok(Arc::new(directory))
}

/// A lone node's defaults: Kafka's own, but one replica of everything and no wait for the first members of a group.
fn server_options(data: &Path, settings: &[String]) -> Result<ServerOptions, NodeError> {
    let mut server = ServerOptions::new(NODE);
    server.set("log.dirs", &data.display().to_string())?;
    server.set("offsets.topic.replication.factor", "1")?;
    server.set("group.initial.rebalance.delay.ms", "0")?;
    for setting in settings {
        let (name, value) =
            setting.split_once('=').ok_or_else(|| NodeError::Setting(setting.clone()))?;
        server.set(name.trim(), value.trim())?;
    }
    for name in server.unknown() {
        eprintln!("warning: setting '{name}' is not known and has no effect");
    }
    Ok(server)
}

fn start_coordinator(
    server: &ServerOptions,
    replicas: &Arc<ReplicaSet>,
    publisher: &Arc<Publisher>,
    clock: &Arc<dyn Clock>,
    chance: &mut Chance,
) -> Result<Coordinator, NodeError> {
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
    Ok(Coordinator::start(log, clock.clone(), chance.bits(), options, Arc::new(partitions))?)
}

async fn listen(port: u16, flag: &'static str) -> Result<TcpListener, NodeError> {
    let bound = TcpListener::bind((HOST, port)).await;
    bound.map_err(|source| NodeError::Port { port, flag, source })
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // The sender gone means the node is gone.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
