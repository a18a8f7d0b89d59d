//! The accept loop. Until the broker may open, clients are accepted and wait; other nodes are served from the beginning.
//!
//! Shutdown: 1. no more connections are accepted; 2. connections end once they have answered what they have read;
//! 3. those that are silent, or wait for something, are ended; 4. all of them are gone before this returns.

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    broker::Shared,
    connection::{Connection, Ended},
};

/// How long connections may take to answer what they have read when the broker stops.
const GRACE: Duration = Duration::from_millis(100);
/// How long to wait after a failed accept: most likely there is no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(crate) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    may_open: impl Future,
    shutdown: impl Future,
) {
    let mut connections = JoinSet::new();
    let (mut may_open, mut shutdown) = (pin!(may_open), pin!(shutdown));
    loop {
        tokio::select! {
            biased;
            _ = &mut shutdown => break,
            _ = &mut may_open, if !shared.is_open() => shared.open(),
            // Reaped as they end, so that the set holds the living only.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => accept(&shared, &mut connections, stream, peer),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    shared.stop();
    let all_gone = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all_gone).await.is_err() {
        connections.shutdown().await;
    }
}

fn accept(
    shared: &Arc<Shared>,
    connections: &mut JoinSet<()>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    // Above the limit the peer is let go at once, as Kafka does with `max.connections`.
    if connections.len() >= shared.options.connections_max || configure(&stream).is_err() {
        return;
    }
    let shared = Arc::clone(shared);
    connections.spawn(async move {
        let _open = Open::new(&shared);
        let ended = Connection::new(Arc::clone(&shared), stream, peer).run().await;
        report(peer, &ended);
    });
}

fn configure(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)
}

/// Only what an operator can act on is worth a line.
fn report(peer: SocketAddr, ended: &Ended) {
    match ended {
        Ended::Refused(_) | Ended::Exhausted(_) => {
            eprintln!("connection of {peer} closed: {ended}")
        }
        Ended::Lost(_)
        | Ended::Silent(_)
        | Ended::UnansweredFailure
        | Ended::Stopping
        | Ended::OfNode => {}
    }
}

/// Counts the connection while it lives, however it ends.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.metrics.connections.add(1);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.connections.add(-1);
    }
}
