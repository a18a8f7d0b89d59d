//! A broker that does not vote: it gets its image over its own Kafka listener, and says of the quorum what the leader says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{collections::BTreeMap, sync::Arc};

use broker::serve_peers;
use controller::{Controller, QuorumStatus};
use metadata::options::ServerOptions;
use model::BrokerId;
use support::{Node, Peer, take_part};
use tokio::{net::TcpListener, sync::oneshot};
use wire::{
    Api,
    messages::{
        self, DescribeQuorumRequest, DescribeQuorumResponse, describe_quorum_request,
        describe_quorum_response::{PartitionData, ReplicaState},
        text,
    },
};
use world::{Clock, real::SystemClock};

const VOTER: BrokerId = BrokerId(3);
const NOT_THERE: i16 = 3; // UNKNOWN_TOPIC_OR_PARTITION

/// A controller alone, and where it is.
async fn controller() -> (Controller, BTreeMap<BrokerId, String>, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let voters = BTreeMap::from([(VOTER, listener.local_addr().unwrap().to_string())]);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let server = ServerOptions::new(VOTER);
    let controller = take_part(voters.clone(), &Arc::default(), &clock, &server);
    let (stop, stopped) = oneshot::channel();
    controller.runtime().unwrap().spawn(serve_peers(controller.clone(), listener, stopped));
    (controller, voters, stop)
}

async fn describe(peer: &mut Peer, version: i16, topic: &str) -> PartitionData {
    let partition = describe_quorum_request::PartitionData::default();
    let topic = describe_quorum_request::TopicData::default()
        .with_topic_name(messages::TopicName(text(topic)))
        .with_partitions(vec![partition]);
    let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
    let answer: DescribeQuorumResponse = peer.ask(Api::DescribeQuorum, version, &request).await;
    assert_eq!(answer.error_code, 0);
    answer.topics[0].partitions[0].clone()
}

/// Once the observer has everything that is committed.
async fn settled(controller: &Controller) -> QuorumStatus {
    loop {
        let status = controller.quorum().await.unwrap();
        let end = status.high_watermark;
        let is_settled = status.observers.iter().all(|observer| observer.log_end == end)
            && status.voters[0].log_end == end
            && status.observers.len() == 1;
        if is_settled {
            return status;
        }
        tokio::task::yield_now().await;
    }
}

fn ids_and_ends(replicas: &[ReplicaState]) -> Vec<(i32, i64)> {
    replicas.iter().map(|replica| (replica.replica_id.0, replica.log_end_offset)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_tells_the_leader_the_voters_the_observers_and_how_far_they_are() {
    let (controller, voters, stop) = controller().await;
    let node = Node::start_among(voters, &[]).await;
    let mut peer = node.connect().await;
    peer.create_topic("t", 2).await;
    let status = settled(&controller).await;
    // The membership, the election, the observer, its registration, and the topic at least.
    assert!(status.high_watermark.0 >= 5, "{status:?}");
    for version in 0..=2 {
        let found = describe(&mut peer, version, "__cluster_metadata").await;
        assert_eq!(found.error_code, 0);
        assert_eq!(found.leader_id.0, VOTER.0);
        assert_eq!(found.leader_epoch, 1, "the first election");
        assert_eq!(found.high_watermark, status.high_watermark.0);
        let end = status.high_watermark.0;
        assert_eq!(ids_and_ends(&found.current_voters), [(VOTER.0, end)]);
        assert_eq!(ids_and_ends(&found.observers), [(1, end)]);
        let heard = |replica: &ReplicaState| replica.last_fetch_timestamp > 0;
        assert_eq!(found.observers.iter().all(heard), version > 0, "version 0 does not tell");
    }
    assert_eq!(describe(&mut peer, 2, "t").await.error_code, NOT_THERE);
    node.stop().await;
    drop(stop);
    controller.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_node_is_its_quorums_only_voter() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    let found = describe(&mut peer, 2, "__cluster_metadata").await;
    assert_eq!((found.leader_id.0, found.leader_epoch), (1, 1));
    assert_eq!(ids_and_ends(&found.current_voters), [(1, found.high_watermark)]);
    assert!(found.observers.is_empty());
    node.stop().await;
}
