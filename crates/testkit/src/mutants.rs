//! The mistakes on purpose, and whether a run finds them. Each is a `model::mutant!` in the product's code.

use std::time::Duration;

use crate::run::{self, Scenario};

/// Every mutation: its name, and the mistake.
pub const ALL: [(&str, &str); 12] = [
    ("M01", "producers are forgotten in a restart"),
    ("M02", "no file is synced"),
    ("M03", "a commit of an old generation is taken"),
    ("M04", "directories are not synced after names were made"),
    ("M05", "sequence numbers are not checked"),
    ("M06", "a failed sync is taken for a good one"),
    ("M07", "a job's take-over appends what is there already"),
    ("M08", "what a killed process left is served before it is synced"),
    ("M09", "a new data directory's own name is not synced"),
    ("M10", "recovery takes batches whose checksum is wrong"),
    ("M11", "the mark of a clean shutdown stays when the directory is opened"),
    ("M12", "a coordinator's partition is loaded empty"),
];

/// Where a mutation was found.
pub struct Found {
    /// By which seed.
    pub seed: u64,
    /// How it showed.
    pub how: String,
}

/// Runs `name` on one seed after another; none when none of them finds it. A seed that fails without it too finds nothing.
#[must_use]
pub fn hunt(name: &str, seeds: std::ops::Range<u64>, breaking: Duration) -> Option<Found> {
    let run = |name: &str, seed: u64| {
        model::mutant::choose(name);
        let report = run::run(&Scenario { seed, breaking, ..Scenario::default() });
        model::mutant::choose("");
        run::failures(&report).into_iter().next()
    };
    seeds.into_iter().find_map(|seed| {
        let how = run(name, seed)?;
        run("", seed).is_none().then_some(Found { seed, how })
    })
}
