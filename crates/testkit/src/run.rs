//! One run: boot, work and break, heal, wait for life, check.

use std::time::Duration;

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
    fault::Plan,
    history::History,
    net::{Host, Net},
    node::Node,
    workload::{Running, producer},
};

/// What a run is like.
#[derive(Clone, Debug)]
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
const PRODUCERS: usize = 2;
/// How long life may take to return once everything is healed.
const HEALING_MAX: Duration = Duration::from_secs(120);

/// Runs it.
#[must_use]
pub fn run(scenario: &Scenario) -> Report<Verdict> {
    let options = Options {
        seed: scenario.seed,
        time_max: scenario.breaking * 2 + HEALING_MAX * 4,
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
    let mut chance = Chance::from_seed(scenario.seed ^ 0x6c6f_676d_696c_6c);
    let mut draw = || Chance::from_seed(chance.bits());
    let net = Net::new(draw());
    let host = Host(1);
    let mut node = Node::new(host, net.clone(), settings(), draw());
    node.start();
    let mut client = Client::new(net.clone(), Host(99), "checker", vec![host]);
    let topic = TopicName::parse("events").expect("a legal name");
    create(&mut client, host, &topic);

    let history = History::default();
    let mut work = Running::new(net.clone(), vec![host], history.clone());
    for number in 0..PRODUCERS {
        let name = format!("producer-{number}");
        work.start(&name, (&topic, PARTITIONS), draw(), producer::run);
    }

    let mut plan = Plan::draw(draw());
    let mut faults = 0;
    let clients: Vec<Host> = (99..110).map(Host).collect();
    while threads::elapsed() < scenario.breaking {
        exec::sleep(plan.quiet());
        let (fault, lasting) = (plan.next_fault(), plan.lasting());
        tell(scenario, || format!("{fault:?} for {lasting:?}"));
        fault.strike(&mut node, &net, &clients, lasting);
        faults += 1;
        revive(scenario, &mut node);
    }

    heal(&mut node, &net);
    let mut verdict = Verdict { faults, ..Verdict::default() };
    verdict.violations.extend(await_life(scenario, &mut node, &history));
    work.end();
    verdict.violations.extend(judge(&mut client, &topic, &history));
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

fn create(client: &mut Client, broker: Host, topic: &TopicName) {
    let new = CreatableTopic::default()
        .with_name(messages::TopicName(text(topic.as_str())))
        .with_num_partitions(PARTITIONS)
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
fn await_life(scenario: &Scenario, node: &mut Node, history: &History) -> Vec<String> {
    let healed = threads::elapsed();
    loop {
        revive(scenario, node);
        let facts = history.facts();
        let is_alive = |at: &Duration| *at > healed;
        let late: Vec<String> = (0..PRODUCERS)
            .map(|number| format!("producer-{number}"))
            .filter(|name| !facts.progress.get(name).is_some_and(is_alive))
            .collect();
        drop(facts);
        if late.is_empty() {
            return Vec::new();
        }
        if threads::elapsed() > healed + HEALING_MAX {
            return late.iter().map(|name| format!("{name} does not come back to life")).collect();
        }
        exec::sleep(Duration::from_millis(500));
    }
}

fn judge(client: &mut Client, topic: &TopicName, history: &History) -> Vec<String> {
    let mut violations = Vec::new();
    for number in 0..PARTITIONS {
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
