//! Steps 3 to 5: the parts that every face of the node shares.

use std::{net::SocketAddr, sync::Arc};

use broker::{
    BrokerOptions, BrokerParts, ClusterTopics, LocalLog, Metrics, SocketBrokers, Transactions,
    publish,
};
use controller::{Controller, ControllerOptions, QuorumOfOne, Registration, World};
use coordinator::{Coordinator, GroupOptions};
use jobs::{Engine, EngineParts};
use metadata::{Publisher, options::ServerOptions};
use replication::ReplicaSet;
use storage::DataDirectory;
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
    publisher: Arc<Publisher>,
    pub(crate) controller: Controller,
    pub(crate) coordinator: Coordinator,
    pub(crate) transactions: Transactions,
    options: Arc<BrokerOptions>,
    metrics: Arc<Metrics>,
}

impl Core {
    /// Opens the data, starts the controller, registers the broker, and has partitions and groups follow the image. Clients of the
    /// broker are told `advertised`.
    ///
    /// # Errors
    /// [`BootError`]
    pub(crate) fn open(settings: &NodeSettings, advertised: &Address) -> Result<Self, BootError> {
        if settings.voters.len() > 1 {
            return Err(BootError::Several(settings.voters.len()));
        }
        if !settings.is_broker || !settings.is_controller {
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
            &server,
        )?;
        let registration = Registration {
            id: settings.node,
            cluster_id: directory.cluster_id().to_owned(),
            incarnation,
            host: advertised.host.clone(),
            port: advertised.port,
            rack: settings.rack.clone(),
        };
        match controller.join(registration, &publisher) {
            Some(Ok(_)) => {}
            Some(Err(refusal)) => return Err(BootError::Registration(Some(refusal))),
            None => return Err(BootError::Registration(None)),
        }
        let here = (&replicas, &publisher);
        let transactions = Transactions::start(here, &coordinator, &controller, &clock, &server)?;
        // Only now, so that every partition is visited once, in the reign that has just begun.
        let coordinators = (coordinator.clone(), Some(transactions.coordinator.clone()));
        publish::subscribe(&publisher, replicas.clone(), coordinators, settings.node);
        let Address { host, port } = advertised;
        let options = BrokerOptions::new(server, directory.cluster_id(), host, *port);
        Ok(Self {
            clock,
            replicas,
            publisher,
            controller,
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
        Arc::new(Figures::new(self.metrics.clone(), self.replicas.clone(), self.publisher.clone()))
    }
}

/// Step 3.
fn start_controller(
    directory: &Arc<DataDirectory>,
    disk: Arc<dyn Disk>,
    publisher: &Arc<Publisher>,
    world: World,
    server: &Arc<ServerOptions>,
) -> Result<Controller, BootError> {
    let quorum = QuorumOfOne::open(directory, disk, world.clock.clone(), server)?;
    let cluster_id = directory.cluster_id().to_owned();
    let options = ControllerOptions { cluster_id, server: (**server).clone() };
    Ok(Controller::start(Box::new(quorum), publisher.clone(), world, options)?)
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
