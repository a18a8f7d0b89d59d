//! The mistakes on purpose, and whether a run finds them. Each is a `model::mutant!` in the product's code.

use crate::run::{self, Scenario};

/// Every mutation: its name, the mistake, and on how many nodes it is looked for.
pub const ALL: [(&str, &str, u16); 28] = [
    ("M01", "producers are forgotten in a restart", 1),
    ("M02", "no file is synced", 1),
    ("M03", "a commit of an old generation is taken", 1),
    ("M04", "directories are not synced after names were made", 1),
    ("M05", "sequence numbers are not checked", 1),
    ("M06", "a failed sync is taken for a good one", 1),
    ("M07", "a job's take-over appends what is there already", 1),
    ("M08", "what a killed process left is served before it is synced", 1),
    ("M09", "a new data directory's own name is not synced", 1),
    ("M10", "recovery takes batches whose checksum is wrong", 3),
    ("M11", "the mark of a clean shutdown stays when the directory is opened", 1),
    ("M12", "a coordinator's partition is loaded empty", 1),
    ("M13", "acks=all is answered before the others have the record", 3),
    ("M14", "the high watermark is the leader's own end", 3),
    ("M15", "a follower cuts its log at its high watermark (KIP-101)", 3),
    ("M16", "the last stable offset passes open transactions", 3),
    ("M17", "a coordinator answers before its records are replicated", 3),
    ("M18", "a proposal of who is in sync is taken on a state that has passed", 3),
    ("M19", "a proposal of who is in sync is taken for another life of a broker", 3),
    ("M20", "any replica that lives may lead", 3),
    ("M21", "readers are not told of aborted transactions", 3),
    ("M22", "a reader sees beyond the high watermark", 3),
    ("M23", "a follower does not learn of producers", 3),
    ("M24", "a voter forgets its vote", 3),
    ("M25", "a transaction is complete before all its markers are written", 3),
    ("M26", "a new life of a broker is in sync where the last one was", 3),
    ("M27", "a proposal of an earlier reign's leader is taken", 3),
    ("M28", "a record is shown before the sync that flush.messages asks for", 1),
];

/// Where a mutation was found.
pub struct Found {
    /// By which seed.
    pub seed: u64,
    /// How it showed.
    pub how: String,
}

/// Runs `name` on one seed after another, each as `scenario` says; none when none of them finds it. A seed that fails without it too finds
/// nothing.
#[must_use]
pub fn hunt(name: &str, seeds: std::ops::Range<u64>, scenario: &Scenario) -> Option<Found> {
    let run = |name: &str, seed: u64| {
        model::mutant::choose(name);
        let report = run::run(&Scenario { seed, ..scenario.clone() });
        model::mutant::choose("");
        run::failures(&report).into_iter().next()
    };
    seeds.into_iter().find_map(|seed| {
        let how = run(name, seed)?;
        run("", seed).is_none().then_some(Found { seed, how })
    })
}
