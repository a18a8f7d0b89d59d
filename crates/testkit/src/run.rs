//! One run: boot, work and break, heal, wait for life, check.

use std::time::Duration;

use world::sim::threads::{self, Failure, Options, Report};

use crate::{cluster, life::HEALING_MAX, lone};

/// What a run is like.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Decides every choice.
    pub seed: u64,
    /// How many nodes there are.
    pub nodes: u16,
    /// How long things break, in simulated time.
    pub breaking: Duration,
    /// Prints what happens.
    pub is_told: bool,
    /// Keeps the trace, to compare two runs step by step.
    pub is_recorded: bool,
    /// Prints these steps.
    pub shown: std::ops::Range<u64>,
}

impl Default for Scenario {
    /// A lone node, on which nothing breaks.
    fn default() -> Self {
        Self {
            seed: 0,
            nodes: 1,
            breaking: Duration::ZERO,
            is_told: false,
            is_recorded: false,
            shown: 0..0,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Broken promises.
    pub violations: Vec<String>,
    /// Records acknowledged.
    pub acked: usize,
    /// Transactions committed.
    pub committed: usize,
    /// Things that went wrong on purpose.
    pub faults: usize,
}

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
    threads::run(&options, move || match scenario.nodes {
        0 | 1 => lone::run(&scenario),
        _ => cluster::run(&scenario),
    })
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

pub(crate) fn tell(scenario: &Scenario, what: impl FnOnce() -> String) {
    if scenario.is_told {
        eprintln!("{:>10.3} s  {}", threads::elapsed().as_secs_f64(), what());
    }
}
