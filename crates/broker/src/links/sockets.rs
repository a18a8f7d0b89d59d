//! Links over sockets: one connection per broker and API, on a thread of their own that the first question starts.
//!
//! A connection answers in order, so each API has its own: a question about a transaction does not wait for markers to be replicated. Where a
//! broker listens is looked up in the image whenever it is dialled.

use std::{
    cell::Cell,
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use client::{ClientError, Connection, ConnectionOptions};
use metadata::Publisher;
use model::{BrokerId, Pending, Reply};
use tokio::sync::mpsc;
use world::exec;

use super::{BrokerLinks, LinkRequest};

/// Other brokers behind sockets, found by the image.
pub struct SocketLinks {
    node: BrokerId,
    publisher: Arc<Publisher>,
    /// To the thread, once there is one. It ends when this is dropped.
    errands: Mutex<Option<mpsc::Sender<Errand>>>,
}

/// Requests that the thread has not seen yet.
const ERRANDS_MAX: usize = 1_024;
/// Requests without an answer, per broker and API.
const IN_FLIGHT_MAX: usize = 64;
/// How long a connection may take to stand.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long an answer may take: longer than a broker waits for replication.
const PATIENCE: Duration = Duration::from_secs(10);

struct Errand {
    broker: BrokerId,
    request: LinkRequest,
    reply: Reply<Bytes>,
}

/// One broker, for one API.
struct Link {
    node: BrokerId,
    broker: BrokerId,
    publisher: Arc<Publisher>,
    in_flight: Cell<usize>,
    /// With the address that it was dialled at. Held while it is dialled, so that others wait for the same.
    connection: tokio::sync::Mutex<Option<(String, Connection)>>,
}

impl SocketLinks {
    /// From `node` to those that `publisher`'s image knows.
    #[must_use]
    pub fn new(node: BrokerId, publisher: Arc<Publisher>) -> Self {
        Self { node, publisher, errands: Mutex::default() }
    }

    /// The thread's queue; none if the operating system has no thread to give.
    fn errands(&self) -> Option<mpsc::Sender<Errand>> {
        let mut errands = self.errands.lock().unwrap_or_else(PoisonError::into_inner);
        if errands.is_none() {
            let (sender, queue) = mpsc::channel(ERRANDS_MAX);
            let (node, publisher) = (self.node, Arc::clone(&self.publisher));
            // Without an event queue of the system's, what was asked is dropped unanswered.
            let run = move || drop(exec::run_local(serve(queue, node, publisher)));
            exec::spawn("broker-links", run).ok()?;
            *errands = Some(sender);
        }
        errands.clone()
    }
}

impl BrokerLinks for SocketLinks {
    fn ask(&self, broker: BrokerId, request: LinkRequest) -> Pending<Bytes> {
        let (reply, pending) = Pending::channel();
        if let Some(errands) = self.errands() {
            // Refused, the reply says by its end that nobody was asked.
            let _ = errands.try_send(Errand { broker, request, reply });
        }
        pending
    }
}

async fn serve(mut errands: mpsc::Receiver<Errand>, node: BrokerId, publisher: Arc<Publisher>) {
    let mut links: BTreeMap<(BrokerId, i16), Rc<Link>> = BTreeMap::new();
    while let Some(Errand { broker, request, reply }) = errands.recv().await {
        let image = publisher.current();
        links.retain(|(broker, _), _| image.broker(*broker).is_some());
        let publisher = Arc::clone(&publisher);
        let link = links.entry((broker, request.api.key())).or_insert_with(|| {
            let (in_flight, connection) = (Cell::new(0), tokio::sync::Mutex::default());
            Rc::new(Link { node, broker, publisher, in_flight, connection })
        });
        if link.in_flight.get() < IN_FLIGHT_MAX {
            link.in_flight.set(link.in_flight.get() + 1);
            let link = Rc::clone(link);
            // On its own from here: it ends with its answer, within the limits of time above.
            drop(exec::spawn_local(async move {
                if let Ok(frame) = link.carry(request).await {
                    reply.send(frame);
                }
                link.in_flight.set(link.in_flight.get() - 1);
            }));
        }
    }
}

impl Link {
    async fn carry(&self, request: LinkRequest) -> Result<Bytes, ClientError> {
        let LinkRequest { api, version, frame } = request;
        let connection = self.connection().await?;
        if connection.version_at_most(api, version)? != version {
            let address = connection.address().to_owned();
            return Err(ClientError::Unsupported { address, api: api.name() });
        }
        connection.begin(frame).await?.frame(PATIENCE, api).await
    }

    /// The connection to where the broker is now.
    async fn connection(&self) -> Result<Connection, ClientError> {
        let mut known = self.connection.lock().await;
        let address = self.publisher.current().broker(self.broker).map_or_else(
            || Err(ClientError::Closed(format!("broker {}", self.broker))),
            |broker| Ok(format!("{}:{}", broker.host, broker.port)),
        )?;
        if let Some((dialled, connection)) = &*known
            && *dialled == address
            && !connection.is_closed()
        {
            return Ok(connection.clone());
        }
        let options = ConnectionOptions {
            client_id: format!("broker-{}-links", self.node),
            connect_timeout: CONNECT_MAX,
            request_timeout: PATIENCE,
        };
        let connection = Connection::connect(&address, options).await?;
        *known = Some((address, connection.clone()));
        Ok(connection)
    }
}
