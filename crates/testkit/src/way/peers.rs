//! `controller::Peers` over the simulated network: a thread for each message that waits for its answer, on a connection that no other
//! message waits on.
//!
//! A connection that breaks or is refused is told to the controller, as the product's does; one that is only late is closed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bytes::{Buf, Bytes};
use controller::{Controller, Loss, Peers};
use model::{BrokerId, Pending};
use wire::{parse_peer_answer, peer_request};
use world::exec;

use super::leaders::host;
use crate::net::{Broken, Connection, Host, Net};

/// The way of one node to the others. Clones are the same.
#[derive(Clone)]
pub struct NetPeers(Arc<Shared>);

struct Shared {
    net: Net,
    own: Host,
    /// On which nothing is waited for.
    idle: Mutex<BTreeMap<BrokerId, Vec<Connection>>>,
    controller: OnceLock<Controller>,
}

impl NetPeers {
    /// Those of the node at `own`.
    #[must_use]
    pub fn new(net: Net, own: Host) -> Self {
        let (idle, controller) = (Mutex::default(), OnceLock::new());
        Self(Arc::new(Shared { net, own, idle, controller }))
    }

    /// Whom to tell of connections that break.
    pub fn attach(&self, controller: Controller) {
        // The first is the only one.
        let _ = self.0.controller.set(controller);
    }
}

impl Peers for NetPeers {
    fn send(&self, to: BrokerId, message: Bytes, timeout: Duration) -> Pending<Bytes> {
        let (reply, pending) = Pending::channel();
        let shared = Arc::clone(&self.0);
        // A process that is being killed has no thread for it: then the reply is dropped, which says so.
        let _ = exec::spawn("peer-call", move || {
            let loss = match shared.call(to, &message, timeout) {
                Ok(answer) => return reply.send(answer),
                Err(Broken::TimedOut) => return,
                Err(Broken::Refused) => Loss::Refused,
                Err(Broken::Reset) => Loss::Broken,
            };
            if let Some(controller) = shared.controller.get() {
                controller.on_disconnected(to, loss);
            }
        });
        pending
    }
}

impl Shared {
    fn call(&self, to: BrokerId, message: &[u8], timeout: Duration) -> Result<Bytes, Broken> {
        let idle = self.idle().get_mut(&to).and_then(Vec::pop);
        let connection = match idle {
            Some(connection) => connection,
            None => self.net.connect(self.own, host(to), timeout)?,
        };
        connection.send(peer_request(CORRELATION, message))?;
        let mut answer = connection.receive(Some(timeout))?;
        answer.advance(4); // its length
        let (_, body) = parse_peer_answer(&answer).ok_or(Broken::Reset)?;
        self.idle().entry(to).or_default().push(connection);
        Ok(body)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, BTreeMap<BrokerId, Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One message is under way on a connection: there is nothing to tell apart.
const CORRELATION: i32 = 1;
