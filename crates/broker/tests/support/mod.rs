//! A node of one, and peers that speak to it byte by byte.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use broker::{
    Broker, BrokerOptions, BrokerParts, LocalLog, LocalTopics, Metrics, TcpPeers, Transactions,
    publish,
};
use bytes::{Bytes, BytesMut};
use controller::{
    Controller, ControllerOptions, NoPeers, Peers, QuorumOptions, QuorumStorage, Registration,
    World,
};
use coordinator::{Coordinator, GroupOptions};
use metadata::{Publisher, options::ServerOptions};
use model::{BrokerId, TimestampMs};
use records::{BatchBuilder, Codec};
use replication::ReplicaSet;
use storage::DataDirectory;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use wire::{
    Api,
    messages::{
        self, CreateTopicsRequest, CreateTopicsResponse, Decodable, Encodable, FetchRequest,
        FetchResponse, ProduceRequest, ProduceResponse, TopicName,
        create_topics_request::CreatableTopic,
        fetch_request::{FetchPartition, FetchTopic},
        produce_request::{PartitionProduceData, TopicProduceData},
        text,
    },
};
use world::{
    Chance, Clock,
    real::{OsDisk, SystemClock},
};

pub const CLUSTER: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

/// A broker of its own, in a folder of its own.
pub struct Node {
    pub address: SocketAddr,
    pub metrics: Arc<Metrics>,
    pub topics: Arc<LocalTopics>,
    pub replicas: Arc<ReplicaSet>,
    pub controller: Controller,
    pub publisher: Arc<Publisher>,
    pub coordinator: Coordinator,
    pub transactions: Transactions,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Node {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_among(BTreeMap::new(), settings).await
    }

    /// An observer of these voters (id and `host:port`); without any, a quorum of its own.
    pub async fn start_among(
        voters: BTreeMap<BrokerId, String>,
        settings: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = ServerOptions::new(BrokerId(1));
        server.set("log.dirs", folder.path().to_str().unwrap()).unwrap();
        server.set("group.initial.rebalance.delay.ms", "0").unwrap();
        for (name, value) in settings {
            server.set(name, value).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();

        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let directory =
            DataDirectory::open(Arc::new(OsDisk), folder.path(), CLUSTER, BrokerId(1)).unwrap();
        let replicas = ReplicaSet::new(Arc::new(directory), Arc::clone(&clock), server.clone());
        let publisher = Arc::new(Publisher::new());
        let known = Arc::clone(&publisher);
        let coordinator = Coordinator::start(
            Arc::new(LocalLog::new(Arc::clone(&replicas))),
            Arc::clone(&clock),
            7,
            GroupOptions { initial_rebalance_delay_ms: 0, ..GroupOptions::default() },
            Arc::new(move |name: &str| Some(known.current().topic(name)?.partition_count())),
        )
        .unwrap();
        let controller = take_part(voters, &publisher, &clock, &server);
        let here = (&replicas, &publisher);
        let transactions =
            Transactions::start(here, &coordinator, &controller, &clock, &server).unwrap();
        let coordinators = (coordinator.clone(), Some(transactions.coordinator.clone()));
        publish::subscribe(&publisher, Arc::clone(&replicas), coordinators, BrokerId(1));
        let registration = Registration {
            id: BrokerId(1),
            cluster_id: CLUSTER.to_owned(),
            incarnation: 1,
            host: "127.0.0.1".to_owned(),
            port: address.port(),
            rack: None,
            lineage: 1,
        };
        let metrics = Arc::new(Metrics::default());
        let options = BrokerOptions::new(Arc::new(server), CLUSTER, "127.0.0.1", address.port());
        let parts = BrokerParts {
            replicas: Arc::clone(&replicas),
            controller: controller.clone(),
            coordinator: coordinator.clone(),
            transactions: transactions.clone(),
            publisher: Arc::clone(&publisher),
            clock,
            options: Arc::new(options),
            metrics: Arc::clone(&metrics),
        };
        let topics = Arc::new(LocalTopics::new(parts.local()));
        let ((open, may_open), (stop, stopped)) = (oneshot::channel(), oneshot::channel());
        let served = tokio::spawn(Broker::serve_once(parts, listener, may_open, stopped));
        let (joining, seen) = (controller.clone(), Arc::clone(&publisher));
        let joined = tokio::task::spawn_blocking(move || joining.join(registration, &seen));
        joined.await.unwrap().unwrap().unwrap();
        open.send(()).unwrap();
        Self {
            address,
            metrics,
            topics,
            replicas,
            controller,
            publisher,
            coordinator,
            transactions,
            stop: Some(stop),
            served: Some(served),
            _folder: folder,
        }
    }

    pub async fn connect(&self) -> Peer {
        Peer::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// A node with topic `t` of `partitions`, and a peer connected to it.
    pub async fn with_topic(partitions: i32) -> (Self, Peer) {
        let node = Self::start().await;
        let mut peer = node.connect().await;
        peer.create_topic("t", partitions).await;
        (node, peer)
    }

    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.served.take().unwrap().await.unwrap();
        self.controller.close();
        self.transactions.coordinator.stop();
        self.coordinator.stop();
        self.replicas.close().unwrap();
    }
}

/// The node of `server`, in the quorum of these voters; without any, in one of its own.
pub fn take_part(
    voters: BTreeMap<BrokerId, String>,
    publisher: &Arc<Publisher>,
    clock: &Arc<dyn Clock>,
    server: &ServerOptions,
) -> Controller {
    let is_alone = voters.is_empty();
    let ids = if is_alone { vec![server.node()] } else { voters.keys().copied().collect() };
    let quorum = QuorumOptions::new(server.node(), ids, server);
    let sockets = Arc::new(TcpPeers::new(voters, Arc::clone(publisher), Arc::clone(clock)));
    let peers: Arc<dyn Peers> = if is_alone { Arc::new(NoPeers) } else { sockets.clone() };
    let controller = Controller::start(
        QuorumStorage::volatile(Arc::clone(clock)).unwrap(),
        peers,
        Arc::clone(publisher),
        World { clock: Arc::clone(clock), chance: Chance::from_seed(1) },
        ControllerOptions { cluster_id: CLUSTER.to_owned(), server: server.clone(), quorum },
    )
    .unwrap();
    sockets.attach(controller.clone());
    controller
}

/// A client that does what the test says and nothing else.
pub struct Peer {
    pub stream: TcpStream,
    next: i32,
}

impl Peer {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, next: 1 }
    }

    /// Asks and awaits the answer.
    pub async fn ask<T: Decodable>(
        &mut self,
        api: Api,
        version: i16,
        request: &impl Encodable,
    ) -> T {
        let correlation = self.send(api, version, request).await;
        let (answered, answer) =
            wire::decode_response(api, version, self.frame().await.expect("an answer")).unwrap();
        assert_eq!(answered, correlation);
        answer
    }

    /// Asks; the answer is for later.
    pub async fn send(&mut self, api: Api, version: i16, request: &impl Encodable) -> i32 {
        let correlation = self.next;
        let frame = self.encode(api, version, request);
        self.stream.write_all(&frame).await.unwrap();
        correlation
    }

    /// The frame that asks; not sent.
    pub fn encode(&mut self, api: Api, version: i16, request: &impl Encodable) -> BytesMut {
        let frame = wire::encode_request(api, version, self.next, "test", request).unwrap();
        self.next += 1;
        frame
    }

    /// The next frame without its length; none when the connection is closed.
    pub async fn frame(&mut self) -> Option<Bytes> {
        let read = async {
            let length = self.stream.read_i32().await.ok()?;
            let mut frame = vec![0; usize::try_from(length).ok()?];
            self.stream.read_exact(&mut frame).await.ok()?;
            Some(Bytes::from(frame))
        };
        let patience = Duration::from_secs(30);
        tokio::time::timeout(patience, read).await.expect("an answer or the end within 30 s")
    }

    pub async fn answer<T: Decodable>(&mut self, api: Api, version: i16) -> (i32, T) {
        wire::decode_response(api, version, self.frame().await.expect("an answer")).unwrap()
    }

    pub async fn create_topic(&mut self, name: &str, partitions: i32) {
        let topic = CreatableTopic::default()
            .with_name(TopicName(text(name)))
            .with_num_partitions(partitions)
            .with_replication_factor(1);
        let request =
            CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
        let answer: CreateTopicsResponse = self.ask(Api::CreateTopics, 7, &request).await;
        assert_eq!(answer.topics[0].error_code, 0, "{:?}", answer.topics[0].error_message);
    }

    /// Produces to partition 0 of `t`; answers the partition's part.
    pub async fn produce(
        &mut self,
        batch: Bytes,
    ) -> messages::produce_response::PartitionProduceResponse {
        let answer: ProduceResponse = self.ask(Api::Produce, 9, &produce("t", 0, -1, batch)).await;
        answer.responses[0].partition_responses[0].clone()
    }

    /// Fetches partition 0 of `t` without waiting.
    pub async fn fetch(&mut self, from: i64) -> messages::fetch_response::PartitionData {
        let answer: FetchResponse = self.ask(Api::Fetch, 12, &fetch("t", 0, from)).await;
        answer.responses[0].partitions[0].clone()
    }
}

pub fn produce(topic: &str, partition: i32, acks: i16, batch: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch));
    let topic = TopicProduceData::default()
        .with_name(TopicName(text(topic)))
        .with_partition_data(vec![data]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(30_000).with_topic_data(vec![topic])
}

pub fn fetch(topic: &str, partition: i32, from: i64) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(from)
        .with_partition_max_bytes(1 << 20);
    let topic =
        FetchTopic::default().with_topic(TopicName(text(topic))).with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_wait_ms(0)
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

/// One batch of these values.
pub fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    for value in values {
        builder.append(now(), None, Some(value.as_bytes()), &[]);
    }
    builder.finish().freeze()
}

/// The values of all records in `bytes`, with their offsets.
pub fn values(bytes: &[u8]) -> Vec<(i64, String)> {
    let mut values = Vec::new();
    for batch in records::Batches::new(bytes) {
        let mut scratch = Vec::new();
        for record in batch.unwrap().records(&mut scratch).unwrap() {
            let record = record.unwrap();
            let value = String::from_utf8(record.value.unwrap_or_default().to_vec()).unwrap();
            values.push((record.offset.0, value));
        }
    }
    values
}

pub fn now() -> TimestampMs {
    SystemClock::new().wall()
}
