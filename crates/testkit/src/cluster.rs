//! A run of several nodes: topics with three replicas, two of them in sync for every acknowledgement; one node breaks at a time.
//!
//! Power is cut only when every replica is in sync: what is not synced may be lost with one node, never with two. Other faults come
//! whenever they come.

use std::time::Duration;

use metadata::Image;
use model::{Isolation, Offset, TopicName};
use replication::{FetchRequest, Partition};
use world::{Chance, exec, sim::threads};

use crate::{
    client::Client,
    fault::{Clients, Fault, Plan},
    history::{History, Outcome},
    net::{Host, Net},
    node::Node,
    run::{HEALING_MAX, Scenario, Verdict, create, judge, tell},
    workload::{Running, consumer, producer},
};

const PARTITIONS: i32 = 3;
const WORKLOADS: [&str; 4] = ["producer-0", "producer-1", "reader-0", "reader-1"];

/// What breaks: a node is killed, loses power, is started anew or stands still, or its links do.
const FAULTS: [u64; 6] = [0, 1, 2, 5, 10, 12];

pub(crate) fn run(scenario: &Scenario) -> Verdict {
    let mut chance = Chance::from_seed(scenario.seed ^ 0x0063_6c75_7374_6572);
    let mut draw = || Chance::from_seed(chance.bits());
    let net = Net::new(draw());
    let hosts: Vec<Host> = (1..=scenario.nodes).map(Host).collect();
    let node = |host: &Host| {
        Node::new((*host, hosts.clone()), net.clone(), settings(scenario.nodes), draw())
    };
    let mut nodes: Vec<Node> = hosts.iter().map(node).collect();
    nodes.iter_mut().for_each(Node::start);
    let mut client = Client::new(net.clone(), Host(99), "checker", hosts.clone());
    let events = TopicName::parse("events").expect("a legal name");
    let factor = i16::try_from(scenario.nodes.min(3)).unwrap_or(3);
    create(&mut client, hosts[0], (&events, PARTITIONS, factor));

    let history = History::default();
    let mut work = Running::new(net.clone(), hosts.clone(), history.clone());
    for name in &WORKLOADS[..2] {
        work.start(name, (&events, PARTITIONS), draw(), producer::events);
    }
    for name in &WORKLOADS[2..] {
        work.start(name, (&events, PARTITIONS), draw(), consumer::run);
    }
    let mut verdict = Verdict::default();
    let mut plan = Plan::draw_of(draw(), &FAULTS);
    while threads::elapsed() < scenario.breaking {
        exec::sleep(plan.quiet());
        let (fault, lasting) = (plan.next_fault(), plan.lasting());
        let struck = plan.any(nodes.len());
        if fault == Fault::PowerCut && !await_in_sync(&mut nodes, scenario) {
            verdict.violations.push("not every replica comes back into sync".to_owned());
            break;
        }
        tell(scenario, || format!("node {}: {fault:?} for {lasting:?}", hosts[struck].0));
        let others = hosts.iter().copied().filter(|host| *host != hosts[struck]);
        let around = others.chain((99..110).map(Host)).collect();
        let paused = work.process(plan.any(work.count()));
        fault.strike(&mut nodes[struck], &net, &Clients { hosts: around, paused }, lasting);
        verdict.faults += 1;
        revive(scenario, &mut nodes);
    }

    net.heal();
    verdict.violations.extend(await_life(scenario, &mut nodes, &history));
    work.end();
    verdict.violations.extend(judge(&mut client, (&events, PARTITIONS), &history));
    if await_in_sync(&mut nodes, scenario) {
        verdict.violations.extend(judge_replicas(&nodes));
    } else {
        verdict.violations.push("not every replica comes into sync in the end".to_owned());
    }
    let facts = history.facts();
    verdict.acked =
        facts.sent.iter().filter(|sent| matches!(sent.outcome, Outcome::Acked(_))).count();
    verdict.violations.extend(facts.violations.iter().cloned());
    verdict
}

fn settings(nodes: u16) -> Vec<(String, String)> {
    let factor = nodes.min(3).to_string();
    let in_sync = nodes.min(2).to_string();
    let pairs = [
        ("min.insync.replicas", in_sync.as_str()),
        ("offsets.topic.replication.factor", factor.as_str()),
        ("offsets.topic.num.partitions", "3"),
        ("group.initial.rebalance.delay.ms", "0"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Processes that have ended by themselves are started again, as an init system does.
fn revive(scenario: &Scenario, nodes: &mut [Node]) {
    for node in nodes {
        if let Some(reason) = node.ended() {
            tell(scenario, || format!("node {} ended: {reason}", node.host().0));
            node.kill();
            node.start();
        }
    }
}

/// Waits until every node serves, all have the same image, and every replica of every partition is in sync.
fn await_in_sync(nodes: &mut [Node], scenario: &Scenario) -> bool {
    let since = threads::elapsed();
    loop {
        revive(scenario, nodes);
        if are_in_sync(nodes) {
            return true;
        }
        if threads::elapsed() > since + HEALING_MAX {
            for node in nodes.iter() {
                tell(scenario, || describe(node));
            }
            return false;
        }
        exec::sleep(Duration::from_millis(200));
    }
}

fn are_in_sync(nodes: &[Node]) -> bool {
    let mut versions = Vec::new();
    for node in nodes {
        let Some(inside) = node.inside() else { return false };
        let image = inside.publisher.current();
        versions.push(image.version());
        if !is_whole(&image, nodes.len()) {
            return false;
        }
    }
    versions.iter().all(|version| *version == versions[0])
}

fn is_whole(image: &Image, nodes: usize) -> bool {
    let mut states = image.topics().flat_map(|topic| topic.partitions.iter());
    image.brokers().filter(|broker| !broker.is_fenced).count() == nodes
        && states.all(|state| state.isr.len() == state.replicas.len())
}

/// What a node believes, for whoever reads why it failed.
fn describe(node: &Node) -> String {
    let Some(inside) = node.inside() else { return format!("node {} boots", node.host().0) };
    let image = inside.publisher.current();
    let mut said = format!("node {} at {:?}:", node.host().0, image.version());
    for broker in image.brokers() {
        said += &format!(" broker {} fenced {};", broker.id, broker.is_fenced);
    }
    for topic in image.topics() {
        for (number, state) in topic.numbered() {
            said += &format!(
                " {}-{number:?} leader {} isr {:?};",
                topic.name.as_str(),
                state.leader,
                state.isr
            );
        }
    }
    said
}

/// Waits until every workload gets on again.
fn await_life(scenario: &Scenario, nodes: &mut [Node], history: &History) -> Vec<String> {
    let healed = threads::elapsed();
    loop {
        revive(scenario, nodes);
        let lives =
            |name: &&str| history.facts().progress.get(*name).is_some_and(|at| *at > healed);
        let late: Vec<&str> = WORKLOADS.into_iter().filter(|name| !lives(name)).collect();
        if late.is_empty() {
            return Vec::new();
        }
        if threads::elapsed() > healed + HEALING_MAX {
            nodes.iter().for_each(|node| tell(scenario, || describe(node)));
            let why = |name: &&str| history.facts().refusals.get(*name).cloned();
            let said = |name: &&str| {
                let why = why(name).unwrap_or_default();
                format!("{name} does not come back to life; it is told: {why}")
            };
            return late.iter().map(said).collect();
        }
        exec::sleep(Duration::from_millis(500));
    }
}

/// Below the lowest high watermark every replica holds the same batches, written in the same reigns; and all nodes know the same topics.
fn judge_replicas(nodes: &[Node]) -> Vec<String> {
    let mut violations = Vec::new();
    let insides: Vec<_> = nodes.iter().filter_map(Node::inside).collect();
    let states = |image: &Image| -> Vec<String> {
        image.topics().map(|topic| format!("{topic:?}")).collect()
    };
    let images: Vec<_> = insides.iter().map(|inside| inside.publisher.current()).collect();
    for image in &images {
        if image.version() == images[0].version() && states(image) != states(&images[0]) {
            violations.push(format!("images of {:?} differ", image.version()));
        }
    }
    let Some(first) = insides.first() else { return violations };
    for partition in first.replicas.all() {
        let name = partition.name();
        let copies: Vec<_> =
            insides.iter().filter_map(|inside| inside.replicas.find(name)).collect();
        let until = copies.iter().map(|copy| copy.offsets().high_watermark).min();
        let from = copies.iter().map(|copy| copy.offsets().log_start).max();
        let (Some(until), Some(from)) = (until, from) else { continue };
        let read: Vec<_> = copies.iter().map(|copy| bytes_of(copy, from, until)).collect();
        if let Some(other) = read.iter().position(|bytes| *bytes != read[0]) {
            violations.push(format!("replicas 0 and {other} of {name:?} differ below {until:?}"));
        }
    }
    violations
}

/// The batches from `from` up to `until`.
fn bytes_of(partition: &Partition, mut from: Offset, until: Offset) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    while from < until {
        let request = FetchRequest {
            from,
            bytes_max: 1 << 20,
            at_least_one: true,
            isolation: Isolation::ReadUncommitted,
            current_leader_epoch: None,
            last_fetched_epoch: None,
        };
        let fetched = partition.read_followed(request).map_err(|error| error.to_string())?;
        let bytes = fetched.chunk.into_bytes().map_err(|error| error.to_string())?;
        let before = from;
        for batch in records::Batches::new(&bytes) {
            let batch = batch.map_err(|error| format!("{error:?}"))?;
            if batch.next_offset() > until {
                return Ok(all);
            }
            all.extend_from_slice(&batch.base_offset().0.to_be_bytes());
            all.extend_from_slice(&batch.leader_epoch().0.to_be_bytes());
            all.extend_from_slice(&batch.crc().to_be_bytes());
            all.extend_from_slice(batch.body());
            from = batch.next_offset();
        }
        if from == before {
            return Err(format!("nothing at {from:?} of {until:?}"));
        }
    }
    Ok(all)
}
