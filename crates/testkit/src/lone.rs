//! A run of one node alone, on which everything can break.

use world::{Chance, exec, sim::threads};

use crate::{
    fault::{Around, Plan},
    life::{await_life, revive},
    load::{CLIENTS, Load, WORKLOADS},
    net::{Host, Net},
    node::Node,
    run::{Scenario, Verdict, tell},
};

pub(crate) fn run(scenario: &Scenario) -> Verdict {
    let mut chance = Chance::from_seed(scenario.seed ^ 0x006c_6f67_6d69_6c6c);
    let mut draw = || Chance::from_seed(chance.bits());
    let net = Net::new(draw());
    let host = Host(1);
    let mut nodes = [Node::new((host, vec![host]), net.clone(), settings(), draw())];
    nodes[0].start();
    let load = Load::begin(&net, (&[host], &nodes[0]), 1, &mut draw);
    let mut plan = Plan::draw(draw());
    let mut verdict = Verdict::default();
    let hosts: Vec<Host> = CLIENTS.map(Host).collect();
    while threads::elapsed() < scenario.breaking {
        exec::sleep(plan.quiet());
        let (fault, lasting) = (plan.next_fault(), plan.lasting());
        tell(scenario, || format!("{fault:?} for {lasting:?}"));
        let around = Around { hosts: hosts.clone(), paused: load.any(&mut plan) };
        fault.strike(&mut nodes[0], &net, &around, lasting);
        verdict.faults += 1;
        revive(scenario, &mut nodes);
    }

    net.heal();
    nodes[0].disk.heal();
    // Whatever a fault has left poisoned ends with the process.
    nodes[0].kill();
    nodes[0].start();
    let work = (&WORKLOADS[..], &load.histories()[..]);
    verdict.violations.extend(await_life(scenario, &mut nodes, work));
    load.end(&nodes, &mut verdict);
    nodes.into_iter().for_each(Node::discard);
    verdict
}

/// A lone node has no other to keep what power takes: it syncs what it acknowledges.
fn settings() -> Vec<(String, String)> {
    let pairs = [
        ("log.flush.interval.messages", "1"),
        ("offsets.topic.replication.factor", "1"),
        ("offsets.topic.num.partitions", "3"),
        ("transaction.state.log.replication.factor", "1"),
        ("transaction.state.log.min.isr", "1"),
        ("transaction.state.log.num.partitions", "3"),
        ("group.initial.rebalance.delay.ms", "0"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}
