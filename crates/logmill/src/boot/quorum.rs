//! Steps 1 and 3, which every node takes: its data directory, and its part in the quorum, as a voter or as an observer.

use std::{collections::BTreeMap, sync::Arc};

use broker::{TcpPeers, serve_peers};
use controller::{
    Controller, ControllerError, ControllerOptions, NoPeers, QuorumOptions, QuorumStorage, World,
};
use metadata::Publisher;
use model::BrokerId;
use storage::DataDirectory;
use tokio::{net::TcpListener, sync::watch};
use world::{Chance, Clock, Disk, real};

use super::{BootError, identity, until};
use crate::{figures::ClusterPage, settings::NodeSettings};

/// A node's part in the quorum.
pub(crate) struct Quorum {
    node: BrokerId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) directory: Arc<DataDirectory>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) controller: Controller,
    /// Ends the listener.
    halt: watch::Sender<bool>,
}

impl Quorum {
    /// Opens the data directory and takes part; other nodes are served on `listener`.
    ///
    /// # Errors
    /// [`BootError`]
    pub(crate) fn join(
        settings: &NodeSettings,
        listener: Option<TcpListener>,
    ) -> Result<Self, BootError> {
        let clock: Arc<dyn Clock> = Arc::new(real::SystemClock::new());
        let disk: Arc<dyn Disk> = Arc::new(real::OsDisk);
        let mut chance = Chance::from_system();
        let directory = identity::open_directory(disk.clone(), settings, &mut chance)?;
        let storage = QuorumStorage::open(&directory, disk, clock.clone())?;
        let publisher = Arc::new(Publisher::new());
        let world = World { clock: clock.clone(), chance };
        let controller =
            start_controller(storage, &publisher, world, (settings, directory.cluster_id()))?;
        let (halt, halted) = watch::channel(false);
        if let (Some(listener), Some(runtime)) = (listener, controller.runtime()) {
            runtime.spawn(serve_peers(controller.clone(), listener, until(halted)));
        }
        Ok(Self { node: settings.node, clock, directory, publisher, controller, halt })
    }

    pub(crate) fn page(&self) -> Arc<ClusterPage> {
        Arc::new(ClusterPage::new(self.node, self.publisher.clone(), self.controller.clone()))
    }

    /// Ends this node's part; the directory is still to be closed.
    pub(crate) fn leave(self) -> Arc<DataDirectory> {
        // Nobody may be listening any more.
        let _ = self.halt.send(true);
        self.controller.close();
        self.directory
    }
}

fn start_controller(
    storage: QuorumStorage,
    publisher: &Arc<Publisher>,
    world: World,
    (settings, cluster_id): (&NodeSettings, &str),
) -> Result<Controller, ControllerError> {
    let server = &settings.server;
    let options = |quorum| ControllerOptions {
        cluster_id: cluster_id.to_owned(),
        server: (**server).clone(),
        quorum,
    };
    if settings.voters.is_empty() {
        let options = options(QuorumOptions::alone(settings.node, server));
        return Controller::start(storage, Arc::new(NoPeers), publisher.clone(), world, options);
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
