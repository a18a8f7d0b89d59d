//! What a broker needs for transactions, started in order: producer ids, who writes markers, who decides.

use std::{io, sync::Arc};

use controller::Controller;
use coordinator::{Coordinator, TransactionCoordinator, TransactionOptions};
use metadata::{Publisher, options::ServerOptions};
use replication::ReplicaSet;
use world::Clock;

use crate::{LocalLog, LocalMarkers, ProducerIds};

/// The parts of a broker that make transactions. Clones are the same.
#[derive(Clone)]
pub struct Transactions {
    /// Who decides.
    pub coordinator: TransactionCoordinator,
    /// Who writes markers into the partitions led here.
    pub markers: LocalMarkers,
    /// Who hands out producer ids.
    pub producer_ids: ProducerIds,
}

impl Transactions {
    /// Over this node's `replicas`, beside its `groups`.
    ///
    /// # Errors
    /// The operating system has no thread to give.
    pub fn start(
        (replicas, publisher): (&Arc<ReplicaSet>, &Arc<Publisher>),
        groups: &Coordinator,
        controller: &Controller,
        clock: &Arc<dyn Clock>,
        server: &ServerOptions,
    ) -> io::Result<Self> {
        let here = (Arc::clone(replicas), Arc::clone(publisher));
        let markers = LocalMarkers::start(here, groups.clone(), Arc::clone(clock), server.node())?;
        let producer_ids = ProducerIds::new(controller.clone());
        let ids = producer_ids.clone();
        let coordinator = TransactionCoordinator::start(
            Arc::new(LocalLog::transactions(Arc::clone(replicas))),
            Arc::clone(clock),
            options(server),
            Arc::new(move || ids.next_now()),
            Arc::new(markers.clone()),
        )?;
        Ok(Self { coordinator, markers, producer_ids })
    }
}

fn options(server: &ServerOptions) -> TransactionOptions {
    let number = |name: &str| i32::try_from(server.number(name)).unwrap_or(i32::MAX);
    TransactionOptions {
        partitions: number("transaction.state.log.num.partitions"),
        timeout_ms_max: number("transaction.max.timeout.ms"),
        id_expiration_ms: server.number("transactional.id.expiration.ms"),
        expiry_interval_ms: server
            .number("transaction.remove.expired.transaction.cleanup.interval.ms"),
    }
}
