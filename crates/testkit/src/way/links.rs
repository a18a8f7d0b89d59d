//! `broker::BrokerLinks` (transactions) and `broker::Brokers` (jobs) over the simulated network: a thread for each question, on a connection
//! that no other question waits on. Two that are under way at once may so change places, as they may over two sockets.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use broker::{BrokerLinks, Brokers, Call, LinkRequest};
use bytes::{Buf, Bytes, BytesMut};
use model::{BrokerId, ErrorCode, Pending};
use world::exec;

use super::leaders::host;
use crate::net::{Broken, Connection, Host, Net};

/// How long a connection may take to stand.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long an answer may take: longer than a broker waits for replication.
const PATIENCE: Duration = Duration::from_secs(10);
/// Questions without an answer; more are not asked.
const IN_FLIGHT_MAX: usize = 256;

/// The way of one node to the others' Kafka face. Clones are the same.
#[derive(Clone)]
pub struct NetLinks(Arc<Shared>);

struct Shared {
    net: Net,
    own: Host,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// On which nothing is waited for.
    idle: BTreeMap<BrokerId, Vec<Connection>>,
    in_flight: usize,
}

impl NetLinks {
    /// Those of the node at `own`.
    #[must_use]
    pub fn new(net: Net, own: Host) -> Self {
        Self(Arc::new(Shared { net, own, state: Mutex::default() }))
    }

    /// Has `told` called with the answer of `broker`, or not at all.
    fn carry(&self, broker: BrokerId, frame: BytesMut, told: impl FnOnce(Bytes) + Send + 'static) {
        let shared = Arc::clone(&self.0);
        {
            let mut state = shared.state();
            if state.in_flight >= IN_FLIGHT_MAX {
                return;
            }
            state.in_flight += 1;
        }
        let in_flight = InFlight(Arc::clone(&shared));
        // A process that is being killed has no thread for it: then nobody is told.
        let _ = exec::spawn("broker-link", move || {
            let _in_flight = in_flight;
            if let Ok(answer) = shared.ask(broker, &frame.freeze()) {
                told(answer);
            }
        });
    }
}

impl BrokerLinks for NetLinks {
    fn ask(&self, broker: BrokerId, request: LinkRequest) -> Pending<Bytes> {
        let (reply, pending) = Pending::channel();
        self.carry(broker, request.frame, move |answer| reply.send(answer));
        pending
    }
}

impl Brokers for NetLinks {
    fn ask(&self, broker: BrokerId, call: Call) -> Pending<Result<Bytes, ErrorCode>> {
        let (reply, pending) = Pending::channel();
        self.carry(broker, call.frame, move |answer| reply.send(Ok(answer)));
        pending
    }
}

/// A question that is under way.
struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

impl Shared {
    fn ask(&self, to: BrokerId, frame: &Bytes) -> Result<Bytes, Broken> {
        let connection = self.send(to, frame)?;
        let mut answer = connection.receive(Some(PATIENCE))?;
        answer.advance(4); // its length
        self.state().idle.entry(to).or_default().push(connection);
        Ok(answer)
    }

    /// Sends it over a connection that stands.
    fn send(&self, to: BrokerId, frame: &Bytes) -> Result<Connection, Broken> {
        loop {
            let idle = self.state().idle.get_mut(&to).and_then(Vec::pop);
            let Some(connection) = idle else { break };
            if connection.send(frame.clone()).is_ok() {
                return Ok(connection);
            }
        }
        let connection = self.net.connect(self.own, host(to), CONNECT_MAX)?;
        connection.send(frame.clone())?;
        Ok(connection)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
