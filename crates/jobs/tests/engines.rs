//! Engines of three nodes over one image: a job runs where its journal is led, and is told of anywhere.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::{path::Path, sync::Arc, time::Duration};

use controller::{
    Controller, ControllerOptions, IfThere, NoPeers, QuorumOptions, QuorumStorage, World,
};
use flow::topics::partition_of;
use jobs::{Answer, Asker, Engine, EngineParts, JobState, JobView};
use metadata::{Publisher, options::ServerOptions};
use model::{BrokerId, TopicName, TopicPartition};
use storage::DataDirectory;
use support::{
    clicks::{self, SCRIPT},
    cluster::{Cluster, Fate, Moves},
};
use world::{
    Chance, Clock, Disk,
    exec::{self, Wait},
    real::SystemClock,
    sim::SimDisk,
};

const STILL: Moves = Moves { at: u64::MAX, again_after: None, of: &[], fate: Fate::Lost };

/// Answers, kept.
#[derive(Default)]
struct Kept(Vec<Answer>);

impl Asker for Kept {
    fn answer(&mut self, answer: Answer) -> bool {
        self.0.push(answer);
        true
    }

    fn is_there(&self) -> bool {
        true
    }
}

/// Three nodes with an engine each.
struct Nodes {
    cluster: Arc<Cluster>,
    controller: Controller,
    engines: Vec<Arc<Engine>>,
}

impl Nodes {
    fn start() -> Self {
        let cluster = Cluster::new(clicks::world(), STILL);
        let publisher = Arc::new(Publisher::new());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let (node, id) = (BrokerId(0), "AAAAAAAAAAAAAAAAAAAAAQ");
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
        let directory = DataDirectory::open(disk.clone(), Path::new("/data"), id, node).unwrap();
        let server = ServerOptions::new(node);
        let quorum = QuorumOptions::alone(node, &server);
        let controller = Controller::start(
            QuorumStorage::open(&Arc::new(directory), disk, clock.clone()).unwrap(),
            Arc::new(NoPeers),
            publisher.clone(),
            World { clock: clock.clone(), chance: Chance::from_seed(1) },
            ControllerOptions { cluster_id: id.to_owned(), server, quorum },
        )
        .unwrap();
        let engine = |node: i32| {
            Engine::start(EngineParts {
                topics: cluster.member(node),
                controller: controller.clone(),
                publisher: publisher.clone(),
                clock: clock.clone(),
                chance: Chance::from_seed(2 + u64::from(node.unsigned_abs())),
                own_addresses: Vec::new(),
            })
        };
        let engines = (0..3).map(engine).collect();
        Self { cluster, controller, engines }
    }

    fn execute(&self, node: usize, script: &str) -> Vec<Answer> {
        let mut kept = Kept::default();
        self.engines[node].execute("", script, &mut kept);
        kept.0
    }

    fn job(&self, node: usize) -> JobView {
        self.engines[node].jobs().pop().unwrap()
    }

    /// The nodes on which the job runs.
    fn runs_on(&self) -> Vec<usize> {
        let runs = |node: &usize| self.job(*node).lag_records.is_some();
        (0..self.engines.len()).filter(runs).collect()
    }

    /// Any news, so that all look at the image.
    fn publish(&self) {
        self.controller
            .put_table("news", "{}".to_owned(), IfThere::Replace)
            .wait()
            .unwrap()
            .unwrap();
    }

    fn journal(&self) -> TopicPartition {
        let name = format!("__logmill-job-{}", self.job(0).fact.id);
        partition_of(&TopicName::parse(&name).unwrap(), 0)
    }

    fn close(self) {
        for engine in &self.engines {
            engine.close();
        }
        self.controller.close();
    }
}

/// Waits until it is so, for as long as the test may run.
fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        exec::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_job_runs_where_its_journal_is_led_and_ends_wherever_it_is_stopped_from() {
    let nodes = Nodes::start();
    let answers = nodes.execute(2, SCRIPT);
    assert!(matches!(answers.last(), Some(Answer::Job { .. })), "{answers:?}");

    // A partition made on the way is led by the first node.
    until(|| nodes.runs_on() == [0]);
    for node in 0..3 {
        assert_eq!(nodes.job(node).node, Some(BrokerId(0)));
    }
    clicks::produce(&nodes.cluster.memory, 0);
    until(|| nodes.job(0).status.is_some_and(|status| status.counters.total() == 12));

    nodes.cluster.lead(&nodes.journal(), 1);
    nodes.publish();
    until(|| nodes.runs_on() == [1]);
    assert_eq!(nodes.job(0).node, Some(BrokerId(1)));
    clicks::produce(&nodes.cluster.memory, 1);
    until(|| nodes.job(1).status.is_some_and(|status| status.counters.total() == 24));

    let id = nodes.job(0).fact.id;
    let answers = nodes.execute(2, &format!("STOP JOB '{id}'"));
    let said = Answer::Done { message: format!("job {id} stopped; node 1 ends it") };
    assert_eq!(answers, [said]);
    until(|| nodes.runs_on().is_empty());
    // The node that ran it has noted where it was, for all to see.
    until(|| nodes.job(0).status.is_some_and(|status| status.counters.total() == 24));
    assert_eq!((nodes.job(0).fact.state, nodes.job(0).node), (JobState::Stopped, None));
    nodes.close();
}

#[test]
fn a_job_that_is_led_back_begins_again_on_the_node_that_it_had_left() {
    let nodes = Nodes::start();
    nodes.execute(0, SCRIPT);
    for leader in [1, 0, 2, 0] {
        nodes.cluster.lead(&nodes.journal(), leader);
        nodes.publish();
    }
    until(|| nodes.runs_on() == [0]);
    clicks::produce(&nodes.cluster.memory, 0);
    until(|| nodes.job(0).status.is_some_and(|status| status.counters.total() == 12));
    assert_eq!(nodes.job(0).fact.state, JobState::Running);
    nodes.close();
}
