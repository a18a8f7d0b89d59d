//! The broker: what its handlers share.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use controller::Controller;
use coordinator::{Coordinator, TransactionCoordinator};
use metadata::Publisher;
use model::limits::FRAMES_BYTES_MAX;
use replication::ReplicaSet;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use world::Clock;

use crate::{
    BrokerOptions, LocalMarkers, LocalParts, Metrics, Outgoing, Transactions, budget::Budget,
    fetch::Sessions, producer_ids::ProducerIds, server,
};

/// What a broker is made of. Clones are the same.
#[derive(Clone)]
pub struct BrokerParts {
    /// The partitions that are here.
    pub replicas: Arc<ReplicaSet>,
    /// Who decides about topics.
    pub controller: Controller,
    /// Who decides about groups.
    pub coordinator: Coordinator,
    /// Who decides about transactions, and does what they need.
    pub transactions: Transactions,
    /// Where the image is found.
    pub publisher: Arc<Publisher>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Settings.
    pub options: Arc<BrokerOptions>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl BrokerParts {
    /// Those of them that need no socket.
    #[must_use]
    pub fn local(&self) -> LocalParts {
        LocalParts {
            replicas: Arc::clone(&self.replicas),
            controller: self.controller.clone(),
            coordinator: self.coordinator.clone(),
            producer_ids: self.transactions.producer_ids.clone(),
            publisher: Arc::clone(&self.publisher),
            clock: Arc::clone(&self.clock),
            options: Arc::clone(&self.options),
        }
    }
}

/// Kafka's face of one node.
pub struct Broker;

impl Broker {
    /// Serves clients on `listener` until `shutdown` is done, then closes every connection.
    ///
    /// Runs on the tokio runtime it is called on; with the multi-threaded flavour a slow disk holds up no other connection.
    pub async fn serve(parts: BrokerParts, listener: TcpListener, shutdown: impl Future) {
        Self::serve_once(parts, listener, std::future::ready(()), shutdown).await;
    }

    /// As [`serve`](Self::serve), but clients are answered only once `may_open` is done. Other nodes are served from the
    /// beginning: a broker that does not vote gets its image over this listener.
    pub async fn serve_once(
        parts: BrokerParts,
        listener: TcpListener,
        may_open: impl Future,
        shutdown: impl Future,
    ) {
        server::serve(Arc::new(Shared::new(parts)), listener, may_open, shutdown).await;
    }
}

/// What every connection shares.
pub(crate) struct Shared {
    pub(crate) replicas: Arc<ReplicaSet>,
    pub(crate) controller: Controller,
    pub(crate) coordinator: Coordinator,
    pub(crate) transactions: TransactionCoordinator,
    pub(crate) markers: LocalMarkers,
    pub(crate) outgoing: Outgoing,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Arc<BrokerOptions>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) budget: Budget,
    pub(crate) sessions: Sessions,
    pub(crate) producer_ids: ProducerIds,
    /// How long a peer may be silent, or refuse to take what we send.
    pub(crate) patience: Duration,
    /// For connections of other nodes: their frames are not charged to the budget.
    pub(crate) nodes: Semaphore,
    /// Whether clients are answered.
    open: watch::Sender<bool>,
    stopping: AtomicBool,
}

impl Shared {
    pub(crate) fn new(parts: BrokerParts) -> Self {
        let BrokerParts {
            replicas,
            controller,
            coordinator,
            transactions,
            publisher,
            clock,
            options,
            metrics,
        } = parts;
        let Transactions { coordinator: transactions, markers, outgoing, producer_ids } =
            transactions;
        let patience = Duration::from_millis(options.connections_max_idle_ms);
        Self {
            replicas,
            producer_ids,
            controller,
            coordinator,
            transactions,
            markers,
            outgoing,
            publisher,
            clock,
            options,
            metrics,
            budget: Budget::new(FRAMES_BYTES_MAX),
            sessions: Sessions::default(),
            patience,
            nodes: Semaphore::new(NODE_CONNECTIONS_MAX),
            open: watch::Sender::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.open.borrow()
    }

    /// Waits until clients are answered.
    pub(crate) async fn opened(&self) {
        // The sender is in `self`.
        let _ = self.open.subscribe().wait_for(|is_open| *is_open).await;
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// The quorum's leader, and those that it replaces, with a connection each.
const NODE_CONNECTIONS_MAX: usize = 64;
