//! Life after faults: processes that ended are started, and everybody who works gets on again.

use std::time::Duration;

use world::{exec, sim::threads};

use crate::{
    history::History,
    node::Node,
    run::{Scenario, tell},
};

/// How long life may take to return once everything is healed.
pub(crate) const HEALING_MAX: Duration = Duration::from_secs(120);

/// A process that has ended by itself is started again, as an init system does.
pub(crate) fn revive(scenario: &Scenario, nodes: &mut [Node]) {
    for node in nodes {
        if let Some(reason) = node.ended() {
            tell(scenario, || format!("node {} ended: {reason}", node.host().0));
            node.kill();
            node.start();
        }
    }
}

/// Waits until every one of `workloads` gets on again.
pub(crate) fn await_life(
    scenario: &Scenario,
    nodes: &mut [Node],
    (workloads, histories): (&[&str], &[&History]),
) -> Vec<String> {
    let healed = threads::elapsed();
    loop {
        revive(scenario, nodes);
        let is_alive = |name: &str| {
            let lives = |history: &&History| {
                history.facts().progress.get(name).is_some_and(|at| *at > healed)
            };
            histories.iter().any(lives)
        };
        let late: Vec<&str> = workloads.iter().copied().filter(|name| !is_alive(name)).collect();
        if late.is_empty() {
            return Vec::new();
        }
        if threads::elapsed() > healed + HEALING_MAX {
            nodes.iter().for_each(|node| tell(scenario, || node.describe()));
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
