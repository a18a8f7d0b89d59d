//! What clients do while things break. Each workload is a thread of a process of its own that goes on until it is told to end.

pub mod auditor;
pub mod consumer;
pub mod producer;
pub mod transactional;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::{PartitionId, TopicName};
use world::{Chance, exec, sim::threads};

use crate::{
    client::Client,
    history::History,
    net::{Host, Net},
};

/// What a workload needs.
pub struct Setting {
    /// Its name, unlike any other.
    pub name: String,
    /// Its connection to the cluster.
    pub client: Client,
    /// Its choices.
    pub chance: Chance,
    /// Where it tells what it did and saw.
    pub history: History,
    /// The topic it works on.
    pub topic: TopicName,
    /// How many partitions that has.
    pub partitions: i32,
    is_over: Arc<AtomicBool>,
}

/// Workloads that run.
pub struct Running {
    net: Net,
    brokers: Vec<Host>,
    is_over: Arc<AtomicBool>,
    started: u16,
    processes: Vec<threads::ProcessId>,
}

impl Setting {
    /// Whether it is to end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// How long it waits for an answer. Some give up soon, and what they have sent arrives after all.
    pub fn patience(&mut self) -> Duration {
        Duration::from_millis(500 + self.chance.below(6_000))
    }

    /// One of the topic's partitions.
    pub fn any_partition(&mut self) -> PartitionId {
        let drawn = self.chance.below(u64::try_from(self.partitions).unwrap_or(1));
        PartitionId(i32::try_from(drawn).unwrap_or(0))
    }
}

impl Running {
    /// None yet.
    #[must_use]
    pub fn new(net: Net, brokers: Vec<Host>) -> Self {
        let (is_over, processes) = (Arc::default(), Vec::new());
        Self { net, brokers, is_over, started: 0, processes }
    }

    /// Starts `work` on `topic`; what it does and sees is told to `history`.
    pub fn start(
        &mut self,
        name: &str,
        (topic, partitions): (&TopicName, i32),
        (history, chance): (History, Chance),
        work: impl FnOnce(Setting) + Send + 'static,
    ) {
        self.started += 1;
        let host = Host(100 + self.started);
        let setting = Setting {
            name: name.to_owned(),
            client: Client::new(self.net.clone(), host, name, self.brokers.clone()),
            chance,
            history,
            topic: topic.clone(),
            partitions,
            is_over: Arc::clone(&self.is_over),
        };
        let process = threads::process(name);
        threads::spawn_in(process, name, move || work(setting));
        self.processes.push(process);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.processes.len()
    }

    /// The process of one of them.
    #[must_use]
    pub fn process(&self, index: usize) -> threads::ProcessId {
        self.processes[index]
    }

    /// Has all of them end, and waits for it.
    pub fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for process in self.processes {
            while threads::thread_count(process) > 0 {
                exec::sleep(Duration::from_millis(100));
            }
        }
    }
}
