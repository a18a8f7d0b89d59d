//! Steps 1 and 3 to 5: the parts that every face of the node shares.

use std::{collections::BTreeMap, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use broker::{
    BrokerOptions, BrokerParts, ClusterTopics, ControllerProposals, LocalLog, Membership,
    MembershipParts, Metrics, SocketBrokers, SocketLeaders, TcpPeers, Transactions, publish,
    serve_peers,
};
use controller::{
    Controller, ControllerOptions, NoPeers, QuorumOptions, QuorumStorage, Registration, World,
};
use coordinator::{Coordinator, GroupOptions};
use jobs::{Engine, EngineParts};
use metadata::{Publisher, options::ServerOptions};
use model::BrokerId;
use replication::{
    ReplicaSet,
    fetcher::{FetcherOptions, Fetchers},
};
use storage::DataDirectory;
use tokio::net::TcpListener;
use world::{Chance, Clock, Disk, real};

use super::{BootError, identity};
use crate::{
    figures::Figures,
    settings::{Address, NodeSettings},
};

/// What a node is made of.
pub(crate) struct Core {
    clock: Arc<dyn Clock>,
    pub(crate) replicas: Arc<ReplicaSet>,
    /// Follow the leaders of what others lead.
    pub(crate) fetchers: Fetchers,
    publisher: Arc<Publisher>,
    pub(crate) controller: Controller,
    pub(crate) membership: Membership,
    pub(crate) coordinator: Coordinator,
    pub(crate) transactions: Transactions,
    options: Arc<BrokerOptions>,
    metrics: Arc<Metrics>,
}

impl Core {
    /// Opens the data, starts the controller (served to other nodes on `listener` until `shutdown`), registers the broker, and has
    /// partitions and groups follow the image. Clients of the broker are told `advertised`.
    ///
    /// # Errors
    /// [`BootError`]
    pub(crate) fn open(
        settings: &NodeSettings,
        advertised: &Address,
        listener: Option<TcpListener>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Self, BootError> {
        if !settings.is_broker {
            return Err(BootError::Roles);
        }
        let clock: Arc<dyn Clock> = Arc::new(real::SystemClock::new());
        let disk: Arc<dyn Disk> = Arc::new(real::OsDisk);
        let mut chance = Chance::from_system();
        let directory = identity::open_directory(disk.clone(), settings, &mut chance)?;
        let server = settings.server.clone();
        let replicas = ReplicaSet::new(directory.clone(), clock.clone(), (*server).clone());
        let publisher = Arc::new(Publisher::new());
        let coordinator = start_coordinator(&server, &replicas, &publisher, &clock, &mut chance)?;
        let incarnation = chance.uuid();
        let controller = start_controller(
            &directory,
            disk,
            &publisher,
            World { clock: clock.clone(), chance },
            settings,
        )?;
        if let (Some(listener), Some(runtime)) = (listener, controller.runtime()) {
            runtime.spawn(serve_peers(controller.clone(), listener, shutdown));
        }
        let membership = Membership::begin(MembershipParts {
            registration: Registration {
                id: settings.node,
                cluster_id: directory.cluster_id().to_owned(),
                incarnation,
                host: advertised.host.clone(),
                port: advertised.port,
                rack: settings.rack.clone(),
            },
            interval: heartbeat_interval(&server),
            controller: controller.clone(),
            publisher: publisher.clone(),
            clock: clock.clone(),
        })?;
        membership.await_registered().map_err(BootError::Registration)?;
        let proposals =
            ControllerProposals::new(settings.node, controller.clone(), publisher.clone());
        replicas.propose_to(Arc::new(proposals));
        let leaders = SocketLeaders::new(settings.node, publisher.clone());
        let fetchers =
            Fetchers::start(&replicas, Arc::new(leaders), FetcherOptions::of(&settings.server))?;
        let here = (&replicas, &publisher);
        let transactions = Transactions::start(here, &coordinator, &controller, &clock, &server)?;
        // Only now, so that no partition is opened in the reign of the life before.
        let coordinators = (coordinator.clone(), Some(transactions.coordinator.clone()));
        publish::subscribe(&publisher, replicas.clone(), coordinators, settings.node);
        let Address { host, port } = advertised;
        let options = BrokerOptions::new(server, directory.cluster_id(), host, *port);
        Ok(Self {
            clock,
            replicas,
            fetchers,
            publisher,
            controller,
            membership,
            coordinator,
            transactions,
            options: Arc::new(options),
            metrics: Arc::new(Metrics::default()),
        })
    }

    /// What the Kafka face is made of.
    pub(crate) fn parts(&self) -> BrokerParts {
        BrokerParts {
            replicas: self.replicas.clone(),
            controller: self.controller.clone(),
            coordinator: self.coordinator.clone(),
            transactions: self.transactions.clone(),
            publisher: self.publisher.clone(),
            clock: self.clock.clone(),
            options: self.options.clone(),
            metrics: self.metrics.clone(),
        }
    }

    /// Step 7: the jobs. A table whose bootstrap servers are `advertised` or this machine's `kafka` is read in place.
    ///
    /// # Errors
    /// The system gives no thread to ask other brokers on.
    pub(crate) fn engine(
        &self,
        advertised: &Address,
        kafka: SocketAddr,
    ) -> Result<Arc<Engine>, BootError> {
        let port = kafka.port();
        let brokers = Arc::new(SocketBrokers::start(self.publisher.clone())?);
        Ok(Engine::start(EngineParts {
            topics: Arc::new(ClusterTopics::new(self.parts().local(), brokers)),
            controller: self.controller.clone(),
            publisher: self.publisher.clone(),
            clock: self.clock.clone(),
            chance: Chance::from_system(),
            own_addresses: vec![
                advertised.to_string(),
                kafka.to_string(),
                format!("127.0.0.1:{port}"),
                format!("localhost:{port}"),
            ],
        }))
    }

    pub(crate) fn figures(&self) -> Arc<Figures> {
        let (metrics, replicas) = (self.metrics.clone(), self.replicas.clone());
        Arc::new(Figures::new(metrics, replicas, self.publisher.clone(), self.controller.clone()))
    }
}

/// Step 3.
fn start_controller(
    directory: &DataDirectory,
    disk: Arc<dyn Disk>,
    publisher: &Arc<Publisher>,
    world: World,
    settings: &NodeSettings,
) -> Result<Controller, BootError> {
    let storage = QuorumStorage::open(directory, disk, world.clock.clone())?;
    let server = &settings.server;
    let options = |quorum| ControllerOptions {
        cluster_id: directory.cluster_id().to_owned(),
        server: (**server).clone(),
        quorum,
    };
    if settings.voters.is_empty() {
        let options = options(QuorumOptions::alone(settings.node, server));
        return Ok(Controller::start(
            storage,
            Arc::new(NoPeers),
            publisher.clone(),
            world,
            options,
        )?);
    }
    let voters: BTreeMap<BrokerId, String> =
        settings.voters.iter().map(|voter| (voter.id, voter.address.to_string())).collect();
    let ids = voters.keys().copied().collect();
    let options = options(QuorumOptions::new(settings.node, ids, server));
    let peers = Arc::new(TcpPeers::new(voters, publisher.clone(), world.clock.clone()));
    let controller = Controller::start(storage, peers.clone(), publisher.clone(), world, options)?;
    peers.attach(controller.clone());
    Ok(controller)
}

fn start_coordinator(
    server: &ServerOptions,
    replicas: &Arc<ReplicaSet>,
    publisher: &Arc<Publisher>,
    clock: &Arc<dyn Clock>,
    chance: &mut Chance,
) -> Result<Coordinator, BootError> {
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

fn heartbeat_interval(server: &ServerOptions) -> Duration {
    let ms = u64::try_from(server.number("broker.heartbeat.interval.ms")).unwrap_or(1);
    Duration::from_millis(ms.max(1))
}
