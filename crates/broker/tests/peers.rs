//! The quorum over real sockets: a voter's own listener, and a broker's.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use broker::{TcpPeers, serve_peers};
use bytes::Bytes;
use controller::{Controller, ControllerOptions, Peers, QuorumOptions, QuorumStorage, World};
use metadata::{Publisher, options::ServerOptions};
use model::BrokerId;
use tokio::{net::TcpListener, sync::oneshot};
use world::{Chance, Clock, real::SystemClock};

struct Voter {
    id: BrokerId,
    controller: Controller,
    /// Dropped: the listener closes.
    stop: Mutex<Option<oneshot::Sender<()>>>,
}

impl Voter {
    fn start(
        id: BrokerId,
        voters: &BTreeMap<BrokerId, String>,
        listener: std::net::TcpListener,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let publisher = Arc::new(Publisher::new());
        let peers =
            Arc::new(TcpPeers::new(voters.clone(), Arc::clone(&publisher), Arc::clone(&clock)));
        let server = ServerOptions::new(id);
        let quorum = QuorumOptions::new(id, voters.keys().copied().collect(), &server);
        let controller = Controller::start(
            QuorumStorage::volatile(Arc::clone(&clock)).unwrap(),
            peers.clone(),
            publisher,
            World { clock, chance: Chance::from_seed(u64::from(id.0.unsigned_abs())) },
            ControllerOptions { cluster_id: "c".to_owned(), server, quorum },
        )
        .unwrap();
        peers.attach(controller.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = controller.clone();
        controller.runtime().unwrap().spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            serve_peers(served, listener, stopped).await;
        });
        Self { id, controller, stop: Mutex::new(Some(stop)) }
    }

    async fn knows_leader(&self) -> Option<BrokerId> {
        self.controller.quorum().await.unwrap().leader
    }

    fn kill(&self) {
        drop(self.stop.lock().unwrap().take());
        self.controller.close();
    }
}

async fn leader_of(voters: &[Voter], other_than: Option<BrokerId>) -> usize {
    loop {
        for (place, voter) in voters.iter().enumerate() {
            if voter.knows_leader().await == Some(voter.id) && Some(voter.id) != other_than {
                return place;
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_voters_elect_over_sockets_and_replace_one_that_dies_before_its_timeout() {
    let mut listeners = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    for id in (1..=3).map(BrokerId) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        addresses.insert(id, listener.local_addr().unwrap().to_string());
        listeners.insert(id, listener);
    }
    let start = |(id, listener)| Voter::start(id, &addresses, listener);
    let mut voters: Vec<Voter> = listeners.into_iter().map(start).collect();
    for expected in 0..3 {
        let asked = &voters[expected % 3].controller;
        let block = asked.allocate_producer_ids().await.unwrap();
        assert_eq!(block.start, expected as i64 * 1000);
    }
    let leader = leader_of(&voters, None).await;
    let gone = voters.remove(leader);
    gone.kill();
    leader_of(&voters, Some(gone.id)).await;
    assert_eq!(voters[0].controller.allocate_producer_ids().await.unwrap().start, 3000);
    voters.iter().for_each(Voter::kill);
}

/// Packets were lost for some seconds, and then the connection slept for as long again before it tried once more.
#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_dialled_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let id = BrokerId(1);
    let voters = BTreeMap::from([(id, listener.local_addr().unwrap().to_string())]);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let peers = TcpPeers::new(voters, Arc::new(Publisher::new()), clock);
    let mut accepted = Vec::new();
    while accepted.len() < 2 {
        let question = peers.send(id, Bytes::from_static(b"?"), Duration::from_millis(100));
        let pause = tokio::time::sleep(Duration::from_millis(100));
        tokio::select! {
            stream = listener.accept() => accepted.push(stream.unwrap()),
            () = pause => {}
        }
        drop(question);
    }
}
