//! Steps 4 to 8, which a node of role broker takes: a member that keeps data and serves clients.
//!
//! The Kafka listener is served before the broker registers: one that does not vote gets its image from the quorum's leader over it. Clients wait
//! until the partitions follow the image.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use broker::{
    Broker, BrokerOptions, BrokerParts, ClusterTopics, ControllerProposals, LocalLog, Membership,
    MembershipParts, Metrics, SocketBrokers, SocketLeaders, Transactions, publish,
};
use controller::Registration;
use coordinator::{Coordinator, GroupOptions, TransactionCoordinator};
use jobs::{Engine, EngineParts};
use metadata::{Publisher, options::ServerOptions};
use replication::{
    Housekeeper, ReplicaSet,
    fetcher::{FetcherOptions, Fetchers},
};
use tokio::{net::TcpListener, runtime::Runtime, sync::watch, task::JoinHandle};
use world::{Chance, Clock};

use super::{BootError, quorum::Quorum, until};
use crate::{
    figures::BrokerPage,
    settings::{Address, BrokerSettings, NodeSettings},
};

/// How long a broker that stops waits for its leaderships to be handed over.
const LEAVE_PATIENCE: Duration = Duration::from_secs(15);

/// What a broker is, beside its part in the quorum.
pub(crate) struct BrokerRole {
    /// What clients connect to.
    pub(crate) advertised: Address,
    pub(crate) engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    kafka: JoinHandle<()>,
    coordinator: Coordinator,
    transactions: TransactionCoordinator,
    membership: Membership,
    housekeeper: Housekeeper,
    /// Follow the leaders of what others lead.
    fetchers: Fetchers,
    replicas: Arc<ReplicaSet>,
}

impl BrokerRole {
    /// Registers the broker with `quorum`, has partitions and groups follow the image, serves clients on `listener` until `stopped`, and
    /// returns when it may lead.
    ///
    /// # Errors
    /// [`BootError`]
    pub(crate) fn start(
        (settings, own): (&NodeSettings, &BrokerSettings),
        quorum: &Quorum,
        listener: TcpListener,
        (runtime, stopped): (&Runtime, watch::Receiver<bool>),
    ) -> Result<Self, BootError> {
        let kafka_at = listener.local_addr()?;
        let advertised = told(&own.advertised, kafka_at);
        let parts = parts(settings, &advertised, quorum)?;
        let (open, opened) = watch::channel(false);
        let (may_open, stopped) = (until(opened), until(stopped));
        let served = Broker::serve_once(parts.clone(), listener, may_open, stopped);
        let kafka = runtime.spawn(served);
        let membership = register((settings, own), &advertised, quorum)?;
        let BrokerParts { replicas, coordinator, transactions, publisher, .. } = parts.clone();
        let proposals =
            ControllerProposals::new(settings.node, parts.controller.clone(), publisher.clone());
        replicas.propose_to(Arc::new(proposals));
        let leaders = SocketLeaders::new(settings.node, publisher.clone());
        let fetchers =
            Fetchers::start(&replicas, Arc::new(leaders), FetcherOptions::of(&settings.server))?;
        // Only now, so that no partition is opened in the reign of the life before.
        let coordinators = (coordinator.clone(), Some(transactions.coordinator.clone()));
        publish::subscribe(&publisher, replicas.clone(), coordinators, settings.node);
        open.send_replace(true);
        membership.await_active().map_err(BootError::Registration)?;
        Ok(Self {
            engine: start_engine(&parts, &advertised, kafka_at)?,
            advertised,
            metrics: parts.metrics,
            kafka,
            coordinator,
            transactions: transactions.coordinator,
            membership,
            housekeeper: Housekeeper::start(replicas.clone())?,
            fetchers,
            replicas,
        })
    }

    pub(crate) fn page(&self) -> Arc<BrokerPage> {
        Arc::new(BrokerPage::new(self.metrics.clone(), self.replicas.clone()))
    }

    /// Jobs rest, and what the broker leads is handed over; clients are still served.
    pub(crate) fn leave(&self) {
        self.engine.close();
        if !self.membership.leave(LEAVE_PATIENCE) {
            eprintln!(
                "warning: leaderships were not handed over in time; others take over when the session is over"
            );
        }
    }

    /// Ends once clients are told to go. The logs stay open as long as the image may change.
    pub(crate) fn stop(self, runtime: &Runtime) -> Arc<ReplicaSet> {
        // A panic has been printed where it happened.
        let _ = runtime.block_on(self.kafka);
        self.transactions.stop();
        self.coordinator.stop();
        self.fetchers.stop();
        self.housekeeper.stop();
        drop(self.membership);
        self.replicas
    }
}

/// What clients are told: the port that was got where any was asked for.
fn told(advertised: &Address, kafka: SocketAddr) -> Address {
    let port = if advertised.port == 0 { kafka.port() } else { advertised.port };
    Address { host: advertised.host.clone(), port }
}

/// What the Kafka face is made of.
fn parts(
    settings: &NodeSettings,
    advertised: &Address,
    quorum: &Quorum,
) -> Result<BrokerParts, BootError> {
    let Quorum { clock, directory, publisher, controller, .. } = quorum;
    let server = &settings.server;
    let replicas = ReplicaSet::new(directory.clone(), clock.clone(), (**server).clone());
    let coordinator = start_coordinator(server, &replicas, publisher, clock)?;
    let here = (&replicas, publisher);
    let transactions = Transactions::start(here, &coordinator, controller, clock, server)?;
    let Address { host, port } = advertised;
    let options = BrokerOptions::new(server.clone(), directory.cluster_id(), host, *port);
    Ok(BrokerParts {
        replicas,
        controller: controller.clone(),
        coordinator,
        transactions,
        publisher: publisher.clone(),
        clock: clock.clone(),
        options: Arc::new(options),
        metrics: Arc::new(Metrics::default()),
    })
}

/// Step 4. Returns when this node's image shows the broker.
fn register(
    (settings, own): (&NodeSettings, &BrokerSettings),
    advertised: &Address,
    quorum: &Quorum,
) -> Result<Membership, BootError> {
    let membership = Membership::begin(MembershipParts {
        registration: Registration {
            id: settings.node,
            cluster_id: quorum.directory.cluster_id().to_owned(),
            incarnation: Chance::from_system().uuid(),
            host: advertised.host.clone(),
            port: advertised.port,
            rack: own.rack.clone(),
            lineage: quorum.directory.lineage(&mut Chance::from_system())?,
        },
        interval: heartbeat_interval(&settings.server),
        controller: quorum.controller.clone(),
        publisher: quorum.publisher.clone(),
        directory: quorum.directory.clone(),
        clock: quorum.clock.clone(),
    })?;
    membership.await_registered().map_err(BootError::Registration)?;
    Ok(membership)
}

/// Step 8. A table whose bootstrap servers are `advertised` or this machine's `kafka` is read in place.
fn start_engine(
    parts: &BrokerParts,
    advertised: &Address,
    kafka: SocketAddr,
) -> Result<Arc<Engine>, BootError> {
    let port = kafka.port();
    let brokers = Arc::new(SocketBrokers::start(parts.publisher.clone())?);
    Ok(Engine::start(EngineParts {
        topics: Arc::new(ClusterTopics::new(parts.local(), brokers)),
        controller: parts.controller.clone(),
        publisher: parts.publisher.clone(),
        clock: parts.clock.clone(),
        chance: Chance::from_system(),
        own_addresses: vec![
            advertised.to_string(),
            kafka.to_string(),
            format!("127.0.0.1:{port}"),
            format!("localhost:{port}"),
        ],
    }))
}

fn start_coordinator(
    server: &ServerOptions,
    replicas: &Arc<ReplicaSet>,
    publisher: &Arc<Publisher>,
    clock: &Arc<dyn Clock>,
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
    Ok(Coordinator::start(
        log,
        clock.clone(),
        Chance::from_system().bits(),
        options,
        Arc::new(partitions),
    )?)
}

fn heartbeat_interval(server: &ServerOptions) -> Duration {
    let ms = u64::try_from(server.number("broker.heartbeat.interval.ms")).unwrap_or(1);
    Duration::from_millis(ms.max(1))
}
