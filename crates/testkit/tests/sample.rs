//! A sample of the simulation: a few seeds of a lone node and of three, short, and one of each twice. The whole is
//! `cargo run --release -p testkit`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use testkit::run::{self, Scenario};

fn scenario(nodes: u16, seed: u64) -> Scenario {
    Scenario { seed, nodes, breaking: Duration::from_secs(30), ..Scenario::default() }
}

fn keeps_every_promise(nodes: u16, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let report = run::run(&scenario(nodes, seed));
        let failures = run::failures(&report);
        assert!(failures.is_empty(), "{nodes} nodes, seed {seed}: {failures:#?}");
        let verdict = report.outcome.unwrap();
        let (acked, committed) = (verdict.acked, verdict.committed);
        assert!(acked > 100, "{nodes} nodes, seed {seed} acknowledged {acked} records");
        assert!(committed > 10, "{nodes} nodes, seed {seed} committed {committed} transactions");
        assert!(verdict.faults > 0, "{nodes} nodes, seed {seed} broke nothing");
    }
}

fn is_had_again(nodes: u16, seed: u64) {
    let (one, other) = (run::run(&scenario(nodes, seed)), run::run(&scenario(nodes, seed)));
    assert_eq!((one.trace, one.steps, one.elapsed), (other.trace, other.steps, other.elapsed));
}

#[test]
fn a_lone_node_keeps_every_promise_in_a_few_seeds() {
    keeps_every_promise(1, 1..6);
}

#[test]
fn three_nodes_keep_every_promise_in_a_few_seeds() {
    keeps_every_promise(3, 1..4);
}

#[test]
fn two_runs_of_a_lone_nodes_seed_are_equal() {
    is_had_again(1, 7);
}

#[test]
fn two_runs_of_three_nodes_seed_are_equal() {
    is_had_again(3, 7);
}
