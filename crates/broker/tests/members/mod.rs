//! Brokers in one process that follow an image published by hand, and fetch from each other over sockets.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use broker::{
    Broker, BrokerOptions, BrokerParts, LocalLog, Metrics, SocketLeaders, Transactions, publish,
};
use controller::{Controller, ControllerOptions, NoPeers, QuorumOptions, QuorumStorage, World};
use coordinator::{Coordinator, GroupOptions, TransactionCoordinator};
use metadata::{Delta, Fact, Image, Publisher, StateFact, options::ServerOptions};
use model::{
    BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionEpoch, PartitionId, TopicId, TopicName,
    TopicPartition,
};
use replication::{
    FetchRequest, Partition, ReplicaSet,
    fetcher::{FetcherOptions, Fetchers},
};
use storage::{DataDirectory, Piece};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use world::{
    Chance, Clock,
    real::{OsDisk, SystemClock},
};

use crate::support::CLUSTER;

/// One broker.
pub struct Member {
    pub id: BrokerId,
    pub address: SocketAddr,
    pub replicas: Arc<ReplicaSet>,
    publisher: Arc<Publisher>,
    fetchers: Option<Fetchers>,
    controller: Controller,
    coordinator: Coordinator,
    transactions: TransactionCoordinator,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

/// Several, and the image that they all follow.
pub struct Members {
    pub all: Vec<Member>,
    image: Image,
}

/// The one topic, `t`, with one partition.
pub fn partition() -> TopicPartition {
    TopicPartition::new(TopicName::parse("t").unwrap(), PartitionId(0))
}

pub fn topic_id() -> TopicId {
    TopicId::parse("AAAAAAAAAAAAAAAAAAAAAg").unwrap()
}

impl Members {
    /// `count` brokers, numbered from 1, registered each in its first life.
    pub async fn start(count: i32) -> Self {
        Self::start_with(count, Arc::new(SystemClock::new())).await
    }

    /// As [`start`](Self::start); requests are answered by `requests_clock`.
    pub async fn start_with(count: i32, requests_clock: Arc<dyn Clock>) -> Self {
        let mut members = Self { all: Vec::new(), image: Image::default() };
        for id in 1..=count {
            members.all.push(Member::start(BrokerId(id), Arc::clone(&requests_clock)).await);
        }
        let facts: Vec<Fact> = members.all.iter().map(Member::registration).collect();
        members.tell(&facts);
        members
    }

    /// Makes topic `t` on all of them.
    pub fn create(&mut self, leader: i32, options: &[(&str, &str)]) {
        self.create_led(("t", topic_id()), &[leader], options);
    }

    /// Makes a topic on all of them, whose partitions have these leaders.
    pub fn create_led(
        &mut self,
        (name, topic): (&str, TopicId),
        leaders: &[i32],
        options: &[(&str, &str)],
    ) {
        let mut facts = vec![Fact::Topic { name: TopicName::parse(name).unwrap(), id: topic }];
        facts.extend(options.iter().map(|(name, value)| Fact::TopicOption {
            topic,
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        }));
        self.tell(&facts);
        for (partition, leader) in (0..).zip(leaders) {
            self.lead_in((topic, partition), *leader, 0);
        }
    }

    /// A reign begins over `t-0`; all are in sync.
    pub fn lead(&mut self, leader: i32, epoch: i32) {
        self.lead_in((topic_id(), 0), leader, epoch);
    }

    /// A reign begins, or ends without another (-1); all are in sync.
    pub fn lead_in(&mut self, (topic, partition): (TopicId, i32), leader: i32, epoch: i32) {
        let ids: Vec<BrokerId> = self.all.iter().map(|member| member.id).collect();
        let state = StateFact {
            replicas: ids.clone(),
            isr: ids,
            leader: BrokerId(leader),
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: PartitionEpoch(epoch),
            adding: Vec::new(),
            removing: Vec::new(),
            elr: Vec::new(),
            last_leader: metadata::NO_LEADER,
        };
        let first = PartitionId(partition);
        self.tell(&[Fact::Partitions { topic, first, count: 1, state }]);
    }

    pub fn tell(&mut self, facts: &[Fact]) {
        let mut delta = Delta::default();
        for fact in facts {
            delta.note(&self.image, fact);
            self.image.apply(fact);
        }
        self.image.set_version(self.image.version().plus(1));
        let image = Arc::new(self.image.clone());
        for member in &self.all {
            member.publisher.publish(Arc::clone(&image), &delta);
        }
    }

    /// It is in touch no more, by the image.
    pub fn fence(&mut self, id: i32) {
        let (id, epoch) = (BrokerId(id), BrokerEpoch(i64::from(id) + 100));
        self.tell(&[Fact::BrokerState { id, epoch, is_fenced: true, is_shutting_down: false }]);
    }

    /// It follows nobody any more.
    pub async fn stop_fetching(&mut self, id: i32) {
        let member = self.all.iter_mut().find(|member| member.id == BrokerId(id)).unwrap();
        let fetchers = member.fetchers.take().unwrap();
        tokio::task::spawn_blocking(move || fetchers.stop()).await.unwrap();
    }

    /// Its listener and all its connections are gone.
    pub async fn stop_serving(&mut self, id: i32) {
        let member = self.all.iter_mut().find(|member| member.id == BrokerId(id)).unwrap();
        member.stop_serving().await;
    }

    pub fn member(&self, id: i32) -> &Member {
        self.all.iter().find(|member| member.id == BrokerId(id)).unwrap()
    }

    pub async fn stop(self) {
        for member in self.all {
            member.stop().await;
        }
    }
}

impl Member {
    async fn start(id: BrokerId, requests_clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = ServerOptions::new(id);
        server.set("log.dirs", folder.path().to_str().unwrap()).unwrap();
        server.set("transaction.state.log.num.partitions", "1").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let directory = DataDirectory::open(Arc::new(OsDisk), folder.path(), CLUSTER, id).unwrap();
        let directory = Arc::new(directory);
        let replicas = ReplicaSet::new(Arc::clone(&directory), Arc::clone(&clock), server.clone());
        let publisher = Arc::new(Publisher::new());
        let known = Arc::clone(&publisher);
        let coordinator = Coordinator::start(
            Arc::new(LocalLog::new(Arc::clone(&replicas))),
            Arc::clone(&clock),
            7,
            GroupOptions::default(),
            Arc::new(move |name: &str| Some(known.current().topic(name)?.partition_count())),
        )
        .unwrap();
        // Nobody asks it: the image comes from the test.
        let controller = Controller::start(
            QuorumStorage::open(&directory, Arc::new(OsDisk), Arc::clone(&clock)).unwrap(),
            Arc::new(NoPeers),
            Arc::new(Publisher::new()),
            World { clock: Arc::clone(&clock), chance: Chance::from_seed(1) },
            ControllerOptions {
                cluster_id: CLUSTER.to_owned(),
                server: server.clone(),
                quorum: QuorumOptions::alone(id, &server),
            },
        )
        .unwrap();
        let here = (&replicas, &publisher);
        let transactions =
            Transactions::start(here, &coordinator, &controller, &clock, &server).unwrap();
        let coordinators = (coordinator.clone(), Some(transactions.coordinator.clone()));
        publish::subscribe(&publisher, Arc::clone(&replicas), coordinators, id);
        let leaders = SocketLeaders::new(id, Arc::clone(&publisher));
        let fetching = FetcherOptions::of(&server);
        let fetchers = Fetchers::start(&replicas, Arc::new(leaders), fetching).unwrap();
        let options = BrokerOptions::new(Arc::new(server), CLUSTER, "127.0.0.1", address.port());
        let parts = BrokerParts {
            replicas: Arc::clone(&replicas),
            controller: controller.clone(),
            coordinator: coordinator.clone(),
            transactions: transactions.clone(),
            publisher: Arc::clone(&publisher),
            clock: requests_clock,
            options: Arc::new(options),
            metrics: Arc::new(Metrics::default()),
        };
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(Broker::serve(parts, listener, stopped));
        Self {
            id,
            address,
            replicas,
            publisher,
            fetchers: Some(fetchers),
            controller,
            coordinator,
            transactions: transactions.coordinator,
            stop: Some(stop),
            served: Some(served),
            _folder: folder,
        }
    }

    fn registration(&self) -> Fact {
        Fact::RegisterBroker {
            id: self.id,
            incarnation: 1,
            epoch: BrokerEpoch(i64::from(self.id.0) + 100),
            host: "127.0.0.1".to_owned(),
            port: self.address.port(),
            rack: None,
            lineage: 0,
            is_fenced: false,
            is_shutting_down: false,
        }
    }

    pub fn partition(&self) -> Arc<Partition> {
        self.replicas.find(&partition()).unwrap()
    }

    /// All that is replicated here, by its own word.
    pub fn bytes(&self) -> Vec<u8> {
        let partition = self.partition();
        let mut bytes = Vec::new();
        let mut from = Offset::ZERO;
        loop {
            let request = FetchRequest {
                from,
                bytes_max: 1 << 20,
                at_least_one: true,
                isolation: model::Isolation::ReadUncommitted,
                current_leader_epoch: None,
                last_fetched_epoch: None,
            };
            let chunk = partition.read_followed(request).unwrap().chunk;
            if chunk.is_empty() {
                return bytes;
            }
            from = chunk.next;
            for piece in chunk.pieces {
                match piece {
                    Piece::Memory(memory) => bytes.extend_from_slice(&memory),
                    Piece::File(slice) => {
                        let at = bytes.len();
                        bytes.resize(at + slice.length, 0);
                        slice.file.read_exact_at(&mut bytes[at..], slice.position).unwrap();
                    }
                }
            }
        }
    }

    /// Returns once the high watermark here has come to `offset`.
    pub async fn knows(&self, offset: i64) {
        let partition = self.partition();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while partition.offsets().high_watermark < Offset(offset) {
            assert!(tokio::time::Instant::now() < deadline, "{:?}", partition.offsets());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop_serving(&mut self) {
        drop(self.stop.take());
        if let Some(served) = self.served.take() {
            served.await.unwrap();
        }
    }

    pub async fn stop(mut self) {
        if let Some(fetchers) = self.fetchers.take() {
            tokio::task::spawn_blocking(move || fetchers.stop()).await.unwrap();
        }
        self.stop_serving().await;
        self.controller.close();
        self.transactions.stop();
        self.coordinator.stop();
        self.replicas.close().unwrap();
    }
}
