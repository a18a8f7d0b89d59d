//! A sample of the simulation: a few seeds, short, and one of them twice. The whole is `cargo run --release -p testkit`.

use std::time::Duration;

use testkit::run::{self, Scenario};

fn scenario(seed: u64) -> Scenario {
    Scenario { seed, breaking: Duration::from_secs(30), ..Scenario::default() }
}

#[test]
fn a_few_seeds_keep_every_promise() {
    for seed in 1..6 {
        let report = run::run(&scenario(seed));
        let failures = run::failures(&report);
        assert!(failures.is_empty(), "seed {seed}: {failures:#?}");
        let verdict = report.outcome.unwrap();
        assert!(verdict.acked > 100, "seed {seed} acknowledged {} records", verdict.acked);
        assert!(verdict.faults > 0, "seed {seed} broke nothing");
    }
}

#[test]
fn two_runs_of_a_seed_are_equal() {
    let (one, other) = (run::run(&scenario(7)), run::run(&scenario(7)));
    assert_eq!((one.trace, one.steps, one.elapsed), (other.trace, other.steps, other.elapsed));
}
