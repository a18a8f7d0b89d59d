//! `replication`'s leaders over the simulated network: one connection to each, a Fetch at a time.

use std::{sync::Arc, time::Duration};

use broker::{fetch_answer, fetch_request};
use metadata::Publisher;
use model::BrokerId;
use replication::{
    Waiter,
    fetcher::{FetchAsk, FetchGot, LeaderLink, Leaders, LinkFault},
};
use wire::{Api, messages::FetchResponse};

use crate::{
    client::Client,
    net::{Host, Net},
};

/// In which a replica says in which life it is, and topics go by their ids.
const VERSION: i16 = 16;
/// How long an answer may take beyond the wait that was asked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The leaders that one node follows.
pub struct NetLeaders {
    /// The network.
    pub net: Net,
    /// The node.
    pub node: BrokerId,
    /// Where its image is found.
    pub publisher: Arc<Publisher>,
}

struct Link {
    client: Client,
    node: BrokerId,
    leader: Host,
    publisher: Arc<Publisher>,
}

impl Leaders for NetLeaders {
    fn link(&self, leader: BrokerId) -> Box<dyn LeaderLink> {
        let (own, leader) = (host(self.node), host(leader));
        let name = format!("broker-{}-fetcher", self.node);
        let client = Client::new(self.net.clone(), own, &name, vec![leader]);
        Box::new(Link { client, node: self.node, leader, publisher: Arc::clone(&self.publisher) })
    }
}

impl LeaderLink for Link {
    /// Ends when it is answered: a simulated leader is patient for half a second at most.
    fn fetch(&mut self, ask: &FetchAsk, _interrupt: &Arc<Waiter>) -> Result<FetchGot, LinkFault> {
        let request = fetch_request(self.node, &self.publisher.current(), ask)?;
        self.client.timeout = ask.options.wait_max + PATIENCE;
        let answer: Result<FetchResponse, _> =
            self.client.ask(self.leader, (Api::Fetch, VERSION), &request);
        answer.map(fetch_answer).map_err(|error| LinkFault::Failed(error.to_string()))
    }
}

/// The machine that a broker runs on.
pub(super) fn host(broker: BrokerId) -> Host {
    Host(u16::try_from(broker.0).unwrap_or(u16::MAX))
}
