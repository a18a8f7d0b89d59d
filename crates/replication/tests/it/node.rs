//! One node: its disk, its replicas while it runs, its fetchers, what it has heard of the controller.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use metadata::{Delta, Fact, Image, options::ServerOptions};
use model::{BrokerEpoch, BrokerId, Isolation, Offset, TopicPartition};
use records::Batches;
use replication::{
    FetchRequest, IsrAnswer, IsrProposal, IsrProposals, Partition, ReplicaSet,
    fetcher::{FetchAsk, FetchGot, Fetcher, FetcherOptions, LinkFault},
};
use storage::DataDirectory;
use world::{
    Clock,
    sim::{SimClock, SimDisk},
};

use crate::controller::{PARTITION, topic_name};

pub(crate) struct Node {
    pub(crate) id: BrokerId,
    pub(crate) disk: SimDisk,
    pub(crate) life: Option<Life>,
    /// How many facts it has heard of, over its lives.
    pub(crate) heard: usize,
    /// Whether power has gone since it was last known to have what it acknowledged.
    pub(crate) has_lost_power: bool,
    /// Shows what an unclean leader has undone, or what its damaged log has become, until it has followed another.
    pub(crate) is_suspect: bool,
    /// Whether that is for a damage.
    pub(crate) is_damaged: bool,
}

/// What goes with the process.
pub(crate) struct Life {
    pub(crate) replicas: Arc<ReplicaSet>,
    pub(crate) image: Image,
    pub(crate) epoch: BrokerEpoch,
    /// Before it has heard of that many facts it is not unfenced.
    pub(crate) registered_at: usize,
    pub(crate) fetchers: BTreeMap<BrokerId, Fetcher>,
    pub(crate) answers: BTreeMap<BrokerId, Result<FetchGot, LinkFault>>,
    pub(crate) proposals: Arc<Proposals>,
}

/// What a node's leaders propose, in order.
#[derive(Default)]
pub(crate) struct Proposals(pub(crate) Mutex<Vec<(IsrProposal, IsrAnswer)>>);

impl IsrProposals for Proposals {
    fn propose(&self, proposal: IsrProposal, answer: IsrAnswer) {
        self.0.lock().unwrap().push((proposal, answer));
    }
}

impl Node {
    pub(crate) fn new(id: BrokerId) -> Self {
        let disk = SimDisk::new();
        let (heard, life) = (0, None);
        Self { id, disk, life, heard, has_lost_power: false, is_suspect: false, is_damaged: false }
    }

    /// Starts, having heard of the first `heard` facts.
    pub(crate) fn start(&mut self, clock: &SimClock, facts: &[Fact], epoch: BrokerEpoch) {
        self.heard = self.heard.max(facts.len());
        let disk = Arc::new(self.disk.mount());
        let directory = DataDirectory::open(disk, Path::new("/data"), "c", self.id).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(clock.clone());
        let replicas = ReplicaSet::new(Arc::new(directory), clock, ServerOptions::new(self.id));
        let proposals = Arc::new(Proposals::default());
        replicas.propose_to(Arc::clone(&proposals) as _);
        let mut image = Image::default();
        image.set_version(Offset(0));
        for fact in facts {
            image.apply(fact);
        }
        replicas.apply(&image, &Delta::everything());
        for partition in replicas.all() {
            let _opened_here = partition.offsets();
        }
        self.life = Some(Life {
            replicas,
            image,
            epoch,
            registered_at: facts.len(),
            fetchers: BTreeMap::new(),
            answers: BTreeMap::new(),
            proposals,
        });
    }

    /// Hears of the next facts.
    pub(crate) fn hear(&mut self, facts: &[Fact], count: usize) {
        let Some(life) = &mut self.life else { return };
        for fact in facts.iter().skip(self.heard).take(count) {
            let mut delta = Delta::default();
            delta.note(&life.image, fact);
            life.image.apply(fact);
            life.replicas.apply(&life.image, &delta);
            self.heard += 1;
        }
    }

    pub(crate) fn partition(&self) -> Option<Arc<Partition>> {
        let name = TopicPartition::new(topic_name(), PARTITION);
        self.life.as_ref()?.replicas.find(&name)
    }

    /// All records up to the high watermark known here, from the log's start.
    pub(crate) fn readable(&self) -> Option<(Offset, Vec<String>)> {
        let partition = self.partition()?;
        let start = partition.offsets().log_start;
        Some((start, values_from(&partition, start)))
    }
}

fn values_from(partition: &Partition, start: Offset) -> Vec<String> {
    let request = FetchRequest {
        from: start,
        bytes_max: 1 << 24,
        at_least_one: true,
        isolation: Isolation::ReadUncommitted,
        current_leader_epoch: None,
        last_fetched_epoch: None,
    };
    let mut all = Vec::new();
    let mut from = start;
    loop {
        // What is damaged is shown to nobody.
        let Ok(fetched) = partition.read_followed(FetchRequest { from, ..request }) else {
            return all;
        };
        if fetched.chunk.is_empty() {
            return all;
        }
        from = fetched.chunk.next;
        all.extend(values(&fetched.chunk.into_bytes().unwrap()));
    }
}

fn values(bytes: &Bytes) -> Vec<String> {
    let mut all = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch.unwrap();
        let mut scratch = Vec::new();
        for record in batch.records(&mut scratch).unwrap() {
            let record = record.unwrap();
            let value = String::from_utf8_lossy(record.value.unwrap());
            all.push(format!("{}:{value}", batch.leader_epoch()));
        }
    }
    all
}

impl Life {
    /// The next request to `leader`, if there is one to send.
    pub(crate) fn ask(&mut self, leader: BrokerId) -> Option<FetchAsk> {
        let options = FetcherOptions::of(&ServerOptions::new(self.replicas.node()));
        let fetcher = self.fetchers.entry(leader).or_insert_with(|| Fetcher::new(leader, options));
        for partition in self.replicas.assignments().take(leader) {
            fetcher.look_at(partition);
        }
        match fetcher.next(self.replicas.clock().now()) {
            replication::fetcher::Turn::Fetch(ask) => Some(ask),
            replication::fetcher::Turn::Wait(_) => None,
        }
    }
}
