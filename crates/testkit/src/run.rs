//! One run: boot, work and break, heal, wait for life, check.

use std::time::Duration;

use jobs::{Answer, Asker, JobView};
use model::{PartitionId, TopicName};
use wire::{
    Api,
    messages::{
        self, CreateTopicsRequest, CreateTopicsResponse, create_topics_request::CreatableTopic,
        text,
    },
};
use world::{
    Chance, exec,
    sim::threads::{self, Failure, Options, Report},
};

use crate::{
    check,
    client::Client,
    fault::{Clients, Plan},
    history::History,
    net::{Host, Net},
    node::Node,
    workload::{Running, consumer, producer},
};

/// What a run is like.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// Decides every choice.
    pub seed: u64,
    /// How long things break, in simulated time.
    pub breaking: Duration,
    /// Prints what happens.
    pub is_told: bool,
    /// Keeps the trace, to compare two runs step by step.
    pub is_recorded: bool,
    /// Prints these steps.
    pub shown: std::ops::Range<u64>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Broken promises.
    pub violations: Vec<String>,
    /// Records acknowledged.
    pub acked: usize,
    /// Things that went wrong on purpose.
    pub faults: usize,
}

const PARTITIONS: i32 = 3;
/// The workloads that must come back to life.
const WORKLOADS: [&str; 5] = ["producer-0", "producer-1", "reader-0", "reader-1", "clicker"];
/// How long life may take to return once everything is healed.
const HEALING_MAX: Duration = Duration::from_secs(120);

/// Runs it.
#[must_use]
pub fn run(scenario: &Scenario) -> Report<Verdict> {
    let options = Options {
        seed: scenario.seed,
        time_max: scenario.breaking * 2 + HEALING_MAX * 8,
        is_recorded: scenario.is_recorded,
        shown: scenario.shown.clone(),
        ..Options::default()
    };
    let scenario = scenario.clone();
    threads::run(&options, move || lone(&scenario))
}

/// Why a report is a failure; none when it is not.
#[must_use]
pub fn failures(report: &Report<Verdict>) -> Vec<String> {
    match &report.outcome {
        Ok(verdict) => verdict.violations.clone(),
        Err(failure @ (Failure::Panic { .. } | Failure::Deadlock(_) | Failure::OutOfTime(_))) => {
            vec![failure.to_string()]
        }
    }
}

/// One node alone.
fn lone(scenario: &Scenario) -> Verdict {
    let mut chance = Chance::from_seed(scenario.seed ^ 0x006c_6f67_6d69_6c6c);
    let mut draw = || Chance::from_seed(chance.bits());
    let net = Net::new(draw());
    let host = Host(1);
    let mut node = Node::new(host, net.clone(), settings(), draw());
    node.start();
    let mut client = Client::new(net.clone(), Host(99), "checker", vec![host]);
    let topic = |name| TopicName::parse(name).expect("a legal name");
    let (events, clicks, views) = (topic("events"), topic("clicks"), topic("views"));
    create(&mut client, host, (&events, PARTITIONS));
    create(&mut client, host, (&clicks, 1));
    create(&mut client, host, (&views, 1));
    submit(&node);

    let (history, clicked) = (History::default(), History::default());
    let mut work = Running::new(net.clone(), vec![host], history.clone());
    for name in &WORKLOADS[..2] {
        work.start(name, (&events, PARTITIONS), draw(), producer::events);
    }
    for name in &WORKLOADS[2..4] {
        work.start(name, (&events, PARTITIONS), draw(), consumer::run);
    }
    let mut job = Running::new(net.clone(), vec![host], clicked.clone());
    job.start(WORKLOADS[4], (&clicks, 1), draw(), producer::clicks);

    let mut plan = Plan::draw(draw());
    let mut faults = 0;
    let hosts: Vec<Host> = (99..110).map(Host).collect();
    while threads::elapsed() < scenario.breaking {
        exec::sleep(plan.quiet());
        let (fault, lasting) = (plan.next_fault(), plan.lasting());
        tell(scenario, || format!("{fault:?} for {lasting:?}"));
        let paused = work.process(plan.any(work.count()));
        fault.strike(&mut node, &net, &Clients { hosts: hosts.clone(), paused }, lasting);
        faults += 1;
        revive(scenario, &mut node);
    }

    heal(&mut node, &net);
    let mut verdict = Verdict { faults, ..Verdict::default() };
    verdict.violations.extend(await_life(scenario, &mut node, &[&history, &clicked]));
    work.end();
    job.end();
    verdict.violations.extend(judge(&mut client, (&events, PARTITIONS), &history));
    verdict.violations.extend(judge(&mut client, (&clicks, 1), &clicked));
    verdict.violations.extend(judge_jobs(&node));
    verdict.violations.extend(judge_windows(&mut client, &clicks, &views));
    verdict.violations.extend(clicked.facts().violations.iter().cloned());
    let facts = history.facts();
    let is_acked =
        |sent: &&crate::history::Sent| matches!(sent.outcome, crate::history::Outcome::Acked(_));
    verdict.acked = facts.sent.iter().filter(is_acked).count();
    verdict.violations.extend(facts.violations.iter().cloned());
    verdict
}

/// A lone node has no other to keep what power takes: it syncs what it acknowledges.
fn settings() -> Vec<(String, String)> {
    let pairs = [
        ("log.flush.interval.messages", "1"),
        ("offsets.topic.replication.factor", "1"),
        ("offsets.topic.num.partitions", "3"),
        ("group.initial.rebalance.delay.ms", "0"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn create(client: &mut Client, broker: Host, (topic, partitions): (&TopicName, i32)) {
    let new = CreatableTopic::default()
        .with_name(messages::TopicName(text(topic.as_str())))
        .with_num_partitions(partitions)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_timeout_ms(5_000).with_topics(vec![new]);
    loop {
        let answer: Result<CreateTopicsResponse, _> =
            client.ask(broker, (Api::CreateTopics, 5), &request);
        let made = answer.is_ok_and(|answer| {
            answer.topics.first().is_some_and(|it| it.error_code == 0 || it.error_code == 36)
        });
        if made {
            return;
        }
        client.back_off();
    }
}

/// Gives the node its job.
fn submit(node: &Node) {
    struct Listener(Vec<Answer>);
    impl Asker for Listener {
        fn answer(&mut self, answer: Answer) -> bool {
            self.0.push(answer);
            true
        }

        fn is_there(&self) -> bool {
            true
        }
    }
    let engine = node.engine().expect("nothing has broken yet");
    let mut listener = Listener(Vec::new());
    engine.execute("", check::SCRIPT, &mut listener);
    let refused = listener.0.iter().find(|answer| matches!(answer, Answer::Error { .. }));
    assert!(refused.is_none(), "the job is refused: {refused:?}");
}

/// A process that has ended by itself is started again, as an init system does.
fn revive(scenario: &Scenario, node: &mut Node) {
    if let Some(reason) = node.ended() {
        tell(scenario, || format!("the node ended: {reason}"));
        node.kill();
        node.start();
    }
}

fn heal(node: &mut Node, net: &Net) {
    net.heal();
    node.disk.heal();
    // Whatever a fault has left poisoned ends with the process.
    node.kill();
    node.start();
}

/// Waits until every workload gets on again.
fn await_life(scenario: &Scenario, node: &mut Node, histories: &[&History]) -> Vec<String> {
    let healed = threads::elapsed();
    loop {
        revive(scenario, node);
        let is_alive = |name: &str| {
            let lives = |history: &&History| {
                history.facts().progress.get(name).is_some_and(|at| *at > healed)
            };
            histories.iter().any(lives)
        };
        let late: Vec<&str> = WORKLOADS.into_iter().filter(|name| !is_alive(name)).collect();
        if late.is_empty() {
            return Vec::new();
        }
        if threads::elapsed() > healed + HEALING_MAX {
            let said = |name: &&str| {
                let refusal = |history: &&History| history.facts().refusals.get(*name).cloned();
                let why = histories.iter().find_map(refusal).unwrap_or_default();
                format!("{name} does not come back to life; it is told: {why}")
            };
            return late.iter().map(said).collect();
        }
        exec::sleep(Duration::from_millis(500));
    }
}

/// No fault is a job's fault: it runs, or rests until its node is back.
fn judge_jobs(node: &Node) -> Vec<String> {
    let jobs = node.engine().map(|engine| engine.jobs()).unwrap_or_default();
    let reason = |job: &JobView| Some(format!("the job failed: {}", job.fact.state.reason()?));
    jobs.iter().filter_map(reason).collect()
}

/// The job may still be at it: what is missing has time to come.
fn judge_windows(client: &mut Client, clicks: &TopicName, views: &TopicName) -> Vec<String> {
    let since = threads::elapsed();
    loop {
        let only = PartitionId(0);
        let read = |client: &mut Client, topic| check::read_partition(client, topic, only);
        let (Some(clicks), Some(views)) = (read(client, clicks), read(client, views)) else {
            return vec!["clicks or views cannot be read in the end".to_owned()];
        };
        let found = check::every_window_once_and_right(&clicks, &views);
        let is_missing = |what: &String| what.starts_with("missing");
        if !found.iter().all(is_missing)
            || found.is_empty()
            || threads::elapsed() > since + HEALING_MAX
        {
            return found;
        }
        exec::sleep(Duration::from_secs(1));
    }
}

fn judge(
    client: &mut Client,
    (topic, partitions): (&TopicName, i32),
    history: &History,
) -> Vec<String> {
    let mut violations = Vec::new();
    for number in 0..partitions {
        let partition = PartitionId(number);
        match check::read_partition(client, topic, partition) {
            Some(log) => {
                let facts = history.facts();
                violations
                    .extend(check::acknowledged_is_kept_once_and_in_order(&facts, partition, &log));
            }
            None => violations.push(format!("{partition:?} cannot be read in the end")),
        }
    }
    violations
}

fn tell(scenario: &Scenario, what: impl FnOnce() -> String) {
    if scenario.is_told {
        eprintln!("{:>10.3} s  {}", threads::elapsed().as_secs_f64(), what());
    }
}
