//! Steps 2 and 6 to 9, and the closing: a node that serves.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use broker::{Broker, Membership};
use controller::Controller;
use coordinator::{Coordinator, TransactionCoordinator};
use gateway::Gateway;
use jobs::Engine;
use replication::{Housekeeper, ReplicaSet, fetcher::Fetchers};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, sync::watch, task::JoinHandle};

use super::{
    BootError,
    core::Core,
    listen::{Bound, at},
};
use crate::settings::{Address, NodeSettings};

/// How long HTTP clients may take to read what they have asked for when the node closes.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// How long a node that stops waits for its leaderships to be handed over.
const LEAVE_PATIENCE: Duration = Duration::from_secs(15);

/// A running node.
pub(crate) struct Node {
    advertised: Address,
    http: Option<SocketAddr>,
    data: PathBuf,
    ready_in_ms: u128,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    /// Ends the controller's listener: after the broker has left.
    halt: watch::Sender<bool>,
    broker: JoinHandle<()>,
    gateway: JoinHandle<()>,
    engine: Arc<Engine>,
    coordinator: Coordinator,
    transactions: TransactionCoordinator,
    membership: Membership,
    controller: Controller,
    housekeeper: Housekeeper,
    fetchers: Fetchers,
    replicas: Arc<ReplicaSet>,
    /// Removed last.
    temporary: Option<TempDir>,
}

impl Node {
    /// Starts a node and returns when it serves. `temporary` is removed when the node has closed.
    ///
    /// # Errors
    /// [`BootError`]
    pub(crate) fn start(
        settings: &NodeSettings,
        temporary: Option<TempDir>,
    ) -> Result<Self, BootError> {
        let begun = Instant::now();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let Bound { kafka, controller, http } = runtime.block_on(Bound::bind(settings))?;
        let kafka = kafka.ok_or_else(|| io::Error::other("a node without the role broker"))?;
        let kafka_at = kafka.local_addr()?;
        let http_at = at(http.as_ref())?;
        let advertised = told(&settings.advertised, kafka_at);
        let (stop, stopped) = watch::channel(false);
        let (halt, halted) = watch::channel(false);
        let core = Core::open(settings, &advertised, controller, until(halted))?;
        let broker = Broker::serve(core.parts(), kafka, until(stopped.clone()));
        let broker = runtime.spawn(broker);
        core.membership.await_active().map_err(BootError::Registration)?;
        let engine = core.engine(&advertised, kafka_at);
        let gateway = Gateway { engine: engine.clone(), metrics: core.figures() };
        let gateway = runtime.spawn(serve_http(gateway, http, until(stopped)));
        Ok(Self {
            advertised,
            http: http_at,
            data: settings.data.clone(),
            ready_in_ms: begun.elapsed().as_millis(),
            runtime,
            stop,
            halt,
            broker,
            gateway,
            engine,
            housekeeper: Housekeeper::start(core.replicas.clone())?,
            coordinator: core.coordinator,
            transactions: core.transactions.coordinator,
            membership: core.membership,
            controller: core.controller,
            fetchers: core.fetchers,
            replicas: core.replicas,
            temporary,
        })
    }

    /// What clients connect to.
    pub(crate) fn kafka(&self) -> String {
        self.advertised.to_string()
    }

    /// Where HTTP is, or "nowhere".
    pub(crate) fn http(&self) -> String {
        self.http.map_or_else(|| "nowhere".to_owned(), |at| at.to_string())
    }

    /// What a node says when it serves.
    pub(crate) fn greeting(&self) -> String {
        format!(
            "kafka on {}, http on {}, data in {}; ready in {} ms",
            self.kafka(),
            self.http(),
            self.data.display(),
            self.ready_in_ms
        )
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
    pub(crate) fn close(self) -> Result<(), BootError> {
        self.engine.close();
        if !self.membership.leave(LEAVE_PATIENCE) {
            eprintln!(
                "warning: leaderships were not handed over in time; others take over when the session is over"
            );
        }
        // Nobody may be listening any more: then it has stopped by itself.
        let _ = self.stop.send(true);
        self.runtime.block_on(async {
            let (gateway, broker) = (self.gateway, self.broker);
            let stopped = gateway.abort_handle();
            if tokio::time::timeout(CLOSE_GRACE, gateway).await.is_err() {
                stopped.abort();
            }
            // A panic has been printed where it happened.
            let _ = broker.await;
        });
        self.transactions.stop();
        self.coordinator.stop();
        self.fetchers.stop();
        self.housekeeper.stop();
        drop(self.membership);
        let _ = self.halt.send(true);
        self.controller.close();
        self.replicas.close()?;
        drop(self.temporary);
        Ok(())
    }
}

/// What clients are told: the port that was got where any was asked for.
fn told(advertised: &Address, kafka: SocketAddr) -> Address {
    let port = if advertised.port == 0 { kafka.port() } else { advertised.port };
    Address { host: advertised.host.clone(), port }
}

async fn serve_http(
    gateway: Gateway,
    listener: Option<TcpListener>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let Some(listener) = listener else { return };
    if let Err(error) = gateway::serve(gateway, listener, shutdown).await {
        eprintln!("error: the HTTP listener failed: {error}");
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // The sender gone means the node is gone.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
