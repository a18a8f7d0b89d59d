//! What a broker needs for transactions, started in order: producer ids, who writes markers, who reaches other brokers, who decides.

use std::{io, sync::Arc};

use controller::Controller;
use coordinator::{Coordinator, TransactionCoordinator, TransactionOptions};
use metadata::{Publisher, options::ServerOptions};
use replication::ReplicaSet;
use world::Clock;

use super::{LocalMarkers, Outgoing};
use crate::{BrokerLinks, LocalLog, ProducerIds, SocketLinks};

/// The parts of a broker that make transactions. Clones are the same.
#[derive(Clone)]
pub struct Transactions {
    /// Who decides.
    pub coordinator: TransactionCoordinator,
    /// Who writes markers into the partitions led here.
    pub markers: LocalMarkers,
    /// Who carries markers and questions to whichever broker leads.
    pub outgoing: Outgoing,
    /// Who hands out producer ids.
    pub producer_ids: ProducerIds,
}

impl Transactions {
    /// Over this node's `replicas`, beside its `groups`; other brokers are reached over sockets.
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
        let links = SocketLinks::new(server.node(), Arc::clone(publisher));
        let here = (replicas, publisher, Arc::new(links) as Arc<dyn BrokerLinks>);
        Self::start_linked(here, groups, controller, clock, server)
    }

    /// As [`start`](Self::start), where other brokers are reached by `links`.
    ///
    /// # Errors
    /// The operating system has no thread to give.
    pub fn start_linked(
        (replicas, publisher, links): (&Arc<ReplicaSet>, &Arc<Publisher>, Arc<dyn BrokerLinks>),
        groups: &Coordinator,
        controller: &Controller,
        clock: &Arc<dyn Clock>,
        server: &ServerOptions,
    ) -> io::Result<Self> {
        let markers = LocalMarkers::new(Arc::clone(replicas), groups.clone(), Arc::clone(clock));
        let outgoing =
            Outgoing::start(server.node(), markers.clone(), links, Arc::clone(publisher))?;
        let producer_ids = ProducerIds::new(controller.clone());
        let ids = producer_ids.clone();
        let coordinator = TransactionCoordinator::start(
            Arc::new(LocalLog::transactions(Arc::clone(replicas))),
            Arc::clone(clock),
            options(server),
            Arc::new(move || ids.next_now()),
            Arc::new(outgoing.clone()),
        )?;
        Ok(Self { coordinator, markers, outgoing, producer_ids })
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
