//! Other brokers behind sockets: one connection to each, dialled where the image says it listens, again whenever that fails.
//!
//! A thread of its own with a runtime on it takes calls from a bounded queue; each is a task that waits for its answer. It ends, and is
//! joined, when this is dropped: calls that are under way then are never answered.

use std::{collections::HashMap, io, sync::Arc};

use bytes::Bytes;
use client::{Connection, ConnectionOptions};
use metadata::Publisher;
use model::{BrokerId, ErrorCode, Pending, Reply};
use tokio::sync::{Mutex, mpsc};
use world::exec::{self, JoinHandle};

use super::brokers::{ANSWER_MAX, Brokers, Call};

/// Calls that wait to be sent; more are refused.
const CALLS_MAX: usize = 1024;

/// Brokers that an image knows, over TCP.
pub struct SocketBrokers {
    calls: Option<mpsc::Sender<Asked>>,
    thread: Option<JoinHandle<()>>,
}

struct Asked {
    broker: BrokerId,
    call: Call,
    reply: Reply<Result<Bytes, ErrorCode>>,
}

/// The connection to a broker, with the address that it was dialled at. Held while dialling, so that callers share one socket.
type Slot = Arc<Mutex<Option<(String, Connection)>>>;

impl SocketBrokers {
    /// Those that `publisher`'s image knows.
    ///
    /// # Errors
    /// The system gives no thread, or no runtime for it.
    pub fn start(publisher: Arc<Publisher>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (calls, queue) = mpsc::channel(CALLS_MAX);
        let thread =
            exec::spawn("jobs-brokers", move || runtime.block_on(serve(publisher, queue)))?;
        Ok(Self { calls: Some(calls), thread: Some(thread) })
    }
}

impl Brokers for SocketBrokers {
    fn ask(&self, broker: BrokerId, call: Call) -> Pending<Result<Bytes, ErrorCode>> {
        let (reply, pending) = Pending::channel();
        if let Some(calls) = &self.calls {
            // One that finds no room is dropped, and so is its reply.
            let _ = calls.try_send(Asked { broker, call, reply });
        }
        pending
    }
}

impl Drop for SocketBrokers {
    fn drop(&mut self) {
        self.calls = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been reported where it happened.
            let _ = thread.join();
        }
    }
}

async fn serve(publisher: Arc<Publisher>, mut queue: mpsc::Receiver<Asked>) {
    let mut slots: HashMap<BrokerId, Slot> = HashMap::new();
    while let Some(Asked { broker, call, reply }) = queue.recv().await {
        let slot = Arc::clone(slots.entry(broker).or_default());
        let publisher = Arc::clone(&publisher);
        tokio::spawn(async move {
            let answer = exchange(&publisher, broker, &slot, call).await;
            reply.send(answer.map_err(|()| ErrorCode::NetworkException));
        });
    }
}

async fn exchange(
    publisher: &Publisher,
    broker: BrokerId,
    slot: &Slot,
    call: Call,
) -> Result<Bytes, ()> {
    let connection = connection(publisher, broker, slot).await?;
    let answer = connection.begin(call.frame).await.map_err(drop)?;
    answer.frame(ANSWER_MAX, call.api).await.map_err(drop)
}

async fn connection(
    publisher: &Publisher,
    broker: BrokerId,
    slot: &Slot,
) -> Result<Connection, ()> {
    let mut standing = slot.lock().await;
    let address = {
        let image = publisher.current();
        let broker = image.broker(broker).ok_or(())?;
        format!("{}:{}", broker.host, broker.port)
    };
    if let Some((dialled, connection)) = &*standing
        && *dialled == address
        && !connection.is_closed()
    {
        return Ok(connection.clone());
    }
    let options =
        ConnectionOptions { client_id: "logmill-jobs".to_owned(), ..ConnectionOptions::default() };
    let connection = Connection::connect(&address, options).await.map_err(drop)?;
    *standing = Some((address, connection.clone()));
    Ok(connection)
}
