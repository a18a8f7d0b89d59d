//! Step 2: sockets to listen on, bound before anything is told of them, so that port 0 works.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

use super::BootError;
use crate::settings::{Address, BrokerSettings, Http, NodeSettings};

/// What a node listens on.
pub(crate) struct Bound {
    /// For clients and other brokers; a broker has one.
    pub(crate) kafka: Option<TcpListener>,
    /// For the other nodes' quorum.
    pub(crate) controller: Option<TcpListener>,
    pub(crate) http: Option<TcpListener>,
}

impl Bound {
    /// Binds what `settings` say.
    ///
    /// # Errors
    /// The first that another process has.
    pub(crate) async fn bind(settings: &NodeSettings) -> Result<Self, BootError> {
        let kafka = match &settings.broker {
            Some(BrokerSettings { kafka, .. }) => {
                Some(bind(&kafka.address, "Kafka clients", "listeners or --kafka-port").await?)
            }
            None => None,
        };
        let controller = match &settings.controller {
            Some(listener) => Some(bind(&listener.address, "controllers", "listeners").await?),
            None => None,
        };
        let http = match &settings.http {
            Http::At(address) => {
                Some(bind(address, "HTTP", "logmill.http.listener or --http-port").await?)
            }
            Http::Perhaps(address) => perhaps(address).await,
            Http::Nowhere => None,
        };
        Ok(Self { kafka, controller, http })
    }
}

/// Where `listener` is, once it is.
pub(crate) fn at(listener: Option<&TcpListener>) -> io::Result<Option<SocketAddr>> {
    listener.map(TcpListener::local_addr).transpose()
}

async fn bind(
    address: &Address,
    whom: &'static str,
    how: &'static str,
) -> Result<TcpListener, BootError> {
    let bound = TcpListener::bind(address.to_bind()).await;
    bound.map_err(|source| BootError::Port { address: address.to_string(), whom, how, source })
}

/// The default port is nobody's wish: taken, it is done without.
async fn perhaps(address: &Address) -> Option<TcpListener> {
    match TcpListener::bind(address.to_bind()).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            eprintln!(
                "warning: no HTTP (SQL, jobs, health, metrics): {address}: {error}; logmill.http.listener=host:port puts it elsewhere"
            );
            None
        }
    }
}
