//! Steps 2 and 9, the order of the others, and the closing: a node that serves.

use std::{
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use gateway::Gateway;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, sync::watch, task::JoinHandle};

use super::{
    BootError,
    broker::BrokerRole,
    listen::{Bound, at},
    quorum::Quorum,
    until,
};
use crate::settings::NodeSettings;

/// How long HTTP clients may take to read what they have asked for when the node closes.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// A running node.
pub(crate) struct Node {
    places: Places,
    ready_in_ms: u128,
    runtime: Runtime,
    /// Ends the listeners for clients.
    stop: watch::Sender<bool>,
    gateway: JoinHandle<()>,
    /// None: a controller alone.
    broker: Option<BrokerRole>,
    quorum: Quorum,
    /// Removed last.
    temporary: Option<TempDir>,
}

/// Where what is.
struct Places {
    quorum: Option<SocketAddr>,
    http: Option<SocketAddr>,
    data: PathBuf,
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
        let places = Places {
            quorum: at(controller.as_ref())?,
            http: at(http.as_ref())?,
            data: settings.data.clone(),
        };
        let (stop, stopped) = watch::channel(false);
        let quorum = Quorum::join(settings, controller)?;
        let mut gateway = Gateway::default().with_page(quorum.page());
        let mut broker = None;
        if let (Some(own), Some(kafka)) = (&settings.broker, kafka) {
            let serving = (&runtime, stopped.clone());
            let role = BrokerRole::start((settings, own), &quorum, kafka, serving)?;
            gateway = gateway.with_page(role.page()).with_jobs(role.engine.clone());
            broker = Some(role);
        }
        let gateway = runtime.spawn(serve_http(gateway, http, until(stopped)));
        let ready_in_ms = begun.elapsed().as_millis();
        Ok(Self { places, ready_in_ms, runtime, stop, gateway, broker, quorum, temporary })
    }

    /// What clients connect to, or "nowhere".
    pub(crate) fn kafka(&self) -> String {
        let broker = self.broker.as_ref();
        broker.map_or_else(|| "nowhere".to_owned(), |broker| broker.advertised.to_string())
    }

    /// Where HTTP is, or "nowhere".
    pub(crate) fn http(&self) -> String {
        self.places.http.map_or_else(|| "nowhere".to_owned(), |at| at.to_string())
    }

    /// What a node says when it serves.
    pub(crate) fn greeting(&self) -> String {
        let kafka = self.broker.as_ref().map(|_| format!("kafka on {}, ", self.kafka()));
        let quorum = self.places.quorum.map(|at| format!("quorum on {at}, "));
        format!(
            "{}{}http on {}, data in {}; ready in {} ms",
            kafka.unwrap_or_default(),
            quorum.unwrap_or_default(),
            self.http(),
            self.places.data.display(),
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
        let Self { runtime, stop, gateway, broker, quorum, temporary, .. } = self;
        if let Some(broker) = &broker {
            broker.leave();
        }
        // Nobody may be listening any more: then it has stopped by itself.
        let _ = stop.send(true);
        runtime.block_on(async {
            let stopped = gateway.abort_handle();
            if tokio::time::timeout(CLOSE_GRACE, gateway).await.is_err() {
                stopped.abort();
            }
        });
        let replicas = broker.map(|broker| broker.stop(&runtime));
        let directory = quorum.leave();
        match replicas {
            Some(replicas) => replicas.close()?,
            None => directory.close_clean()?,
        }
        drop(temporary);
        Ok(())
    }
}

async fn serve_http(
    gateway: Gateway,
    listener: Option<TcpListener>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let Some(listener) = listener else { return };
    if let Err(error) = gateway.serve(listener, shutdown).await {
        eprintln!("error: the HTTP listener failed: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Written;

    /// A node of one role, in a folder of its own, on ports of its own.
    fn start(role: &str, more: &str) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let mut written = Written::default();
        written.add_text(&format!(
            "process.roles={role}\nlog.dirs={}\nlogmill.http.listener=127.0.0.1:0\n\
             controller.listener.names=CONTROLLER\nlogmill.cluster.id=AAAAAAAAAAAAAAAAAAAAAQ\n{more}",
            folder.path().display()
        ));
        let (settings, _) = NodeSettings::resolve(written).unwrap();
        Node::start(&settings, Some(folder)).unwrap()
    }

    #[test]
    fn a_controller_and_a_broker_apart_are_a_cluster_and_close_cleanly() {
        // The port of the voter is for others; this one gets its own.
        let voter = "controller.quorum.voters=9@127.0.0.1:1\n";
        let listener = "listeners=CONTROLLER://127.0.0.1:0\n";
        let controller = start("controller", &format!("node.id=9\n{voter}{listener}"));
        let at = controller.places.quorum.unwrap();
        assert_eq!(controller.kafka(), "nowhere");
        assert!(controller.greeting().starts_with(&format!("quorum on {at}, http on 127.0.0.1:")));

        let voter = format!("controller.quorum.voters=9@{at}\n");
        let listener = "listeners=PLAINTEXT://127.0.0.1:0\n";
        let broker = start("broker", &format!("node.id=1\n{voter}{listener}"));
        assert!(broker.greeting().starts_with(&format!("kafka on {}, http on ", broker.kafka())));
        let image = controller.quorum.publisher.current();
        let known: Vec<_> = image.brokers().map(|one| (one.id.0, one.is_fenced)).collect();
        assert_eq!(known, [(1, false)]);

        broker.close().unwrap();
        let image = controller.quorum.publisher.current();
        assert!(image.brokers().all(|broker| broker.is_fenced), "it has left");
        controller.close().unwrap();
    }
}
