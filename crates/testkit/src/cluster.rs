//! A run of several nodes: topics with three replicas, two of them in sync for every acknowledgement; now one node breaks, now another.
//!
//! What is not synced may be lost with one node, never with two: between two losses every replica comes into sync again. Apart from that faults
//! come whenever they come, also a power cut of whoever is alone in sync (KIP-966); one node may be away meanwhile, and sometimes all are
//! killed at once.

use std::time::Duration;

use metadata::Image;
use world::{Chance, exec, sim::threads};

use crate::{
    check,
    fault::{Around, Fault, Plan},
    life::{HEALING_MAX, await_life, revive},
    load::{CLIENTS, Load, WORKLOADS},
    net::{Host, Net},
    node::Node,
    run::{Scenario, Verdict, tell},
    watch::Watch,
};

pub(crate) fn run(scenario: &Scenario) -> Verdict {
    let mut chance = Chance::from_seed(scenario.seed ^ 0x0063_6c75_7374_6572);
    let mut draw = || Chance::from_seed(chance.bits());
    let net = Net::new(draw());
    let hosts: Vec<Host> = (1..=scenario.nodes).map(Host).collect();
    let (watch, settings) = (Watch::default(), settings(scenario.nodes, &mut draw()));
    let node = |host: &Host| {
        Node::new((*host, hosts.clone()), net.clone(), settings.clone(), draw()).watched(&watch)
    };
    let mut nodes: Vec<Node> = hosts.iter().map(node).collect();
    nodes.iter_mut().for_each(Node::start);
    let mut verdict = Verdict::default();
    if !await_up(&nodes) {
        verdict.violations.push("the cluster does not come up".to_owned());
        return verdict;
    }
    let factor = i16::try_from(scenario.nodes.min(3)).unwrap_or(3);
    let load = Load::begin(&net, (&hosts, &nodes[0]), factor, &mut draw);
    let watching = watch.begin();
    let mut plan = Plan::draw(draw());
    let mut has_lost = false;
    while threads::elapsed() < scenario.breaking {
        exec::sleep(plan.quiet());
        let (fault, lasting) = (plan.next_fault(), plan.lasting());
        let struck = plan.any(nodes.len());
        if fault.may_lose() && has_lost {
            net.heal();
            start_all(&mut nodes);
            if !await_in_sync(&mut nodes, scenario) {
                verdict.violations.push("not every replica comes back into sync".to_owned());
                break;
            }
            has_lost = false;
        }
        has_lost |= fault.may_lose();
        verdict.faults += 1;
        tell(scenario, || format!("node {}: {fault:?} for {lasting:?}", hosts[struck].0));
        match (fault, plan.any(4)) {
            _ if !nodes[struck].is_started() => nodes[struck].start(),
            (Fault::Kill, 0) => kill_all(scenario, &mut nodes, &mut plan),
            // It is away while other things break; never two.
            (Fault::Kill, 1) if nodes.iter().all(Node::is_started) => {
                tell(scenario, || "and it stays away".to_owned());
                nodes[struck].kill();
            }
            _ => {
                let mut others = hosts.clone();
                others.remove(struck);
                others.rotate_left(plan.any(hosts.len() - 1));
                let around = others.into_iter().chain(CLIENTS.map(Host)).collect();
                let around = Around { hosts: around, paused: load.any(&mut plan) };
                fault.strike(&mut nodes[struck], &net, &around, lasting);
            }
        }
        if fault != Fault::CutPair {
            net.heal();
        }
        revive(scenario, &mut nodes);
    }

    verdict.violations.extend(watching.end());
    net.heal();
    nodes.iter().for_each(|node| node.disk.heal());
    start_all(&mut nodes);
    let work = (&WORKLOADS[..], &load.histories()[..]);
    verdict.violations.extend(await_life(scenario, &mut nodes, work));
    load.end(&nodes, &mut verdict);
    if await_in_sync(&mut nodes, scenario) {
        let insides: Vec<_> = nodes.iter().filter_map(Node::inside).collect();
        verdict.violations.extend(check::replicas_have_one_history(&insides));
    } else {
        verdict.violations.push("not every replica comes into sync in the end".to_owned());
    }
    nodes.into_iter().for_each(Node::discard);
    verdict
}

/// How soon a follower is late, and leaders move back, differs from seed to seed.
fn settings(nodes: u16, chance: &mut Chance) -> Vec<(String, String)> {
    let mut any = |of: [&'static str; 3]| of[usize::try_from(chance.below(3)).unwrap_or(0)];
    let factor = nodes.min(3).to_string();
    let in_sync = nodes.min(2).to_string();
    let pairs = [
        ("min.insync.replicas", in_sync.as_str()),
        ("default.replication.factor", factor.as_str()),
        ("offsets.topic.replication.factor", factor.as_str()),
        ("offsets.topic.num.partitions", "3"),
        ("transaction.state.log.replication.factor", factor.as_str()),
        ("transaction.state.log.min.isr", in_sync.as_str()),
        ("transaction.state.log.num.partitions", "3"),
        ("replica.lag.time.max.ms", any(["1500", "3000", "5000"])),
        ("leader.imbalance.check.interval.seconds", any(["3", "20", "300"])),
        ("group.initial.rebalance.delay.ms", "0"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// All nodes are killed, and come back one after the other in any order.
fn kill_all(scenario: &Scenario, nodes: &mut [Node], plan: &mut Plan) {
    tell(scenario, || "and all the others".to_owned());
    nodes.iter_mut().for_each(Node::kill);
    let mut left: Vec<&mut Node> = nodes.iter_mut().collect();
    while !left.is_empty() {
        exec::sleep(plan.lasting());
        left.swap_remove(plan.any(left.len())).start();
    }
}

fn start_all(nodes: &mut [Node]) {
    nodes.iter_mut().filter(|node| !node.is_started()).for_each(Node::start);
}

/// Waits until every node serves.
fn await_up(nodes: &[Node]) -> bool {
    let since = threads::elapsed();
    while !nodes.iter().all(Node::is_up) {
        if threads::elapsed() > since + HEALING_MAX {
            return false;
        }
        exec::sleep(Duration::from_millis(50));
    }
    true
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
                tell(scenario, || node.describe());
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
