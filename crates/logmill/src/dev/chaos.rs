//! `logmill dev --nodes 3 --chaos`: kills nodes and heals them while records are produced, then proves that none was lost or doubled.
//!
//! ```text
//!   load runs ──▶ kill -9 of one ──▶ a moment ──▶ start it ──▶ all in sync ──▶ kill -9 of one … ──▶ load ends ──▶ everything is read and compared
//! ```

use std::{
    thread,
    time::{Duration, Instant},
};

use model::TopicName;
use world::Chance;

use super::{cluster::Cluster, numbered};
use crate::cluster::is_whole;

/// Kills and heals for `time`, or until `is_over`. Answers whether everything that was acknowledged is there.
pub(super) fn run(
    cluster: &mut Cluster,
    seed: u64,
    time: Duration,
    is_over: impl Fn() -> bool,
) -> bool {
    println!("chaos for {} s; again: --chaos --seed {seed}", time.as_secs());
    match try_run(cluster, seed, time, is_over) {
        Ok((kills, records, problems)) if problems.is_empty() => {
            println!(
                "{records} records acknowledged through {kills} kills; none lost, doubled, reordered or moved"
            );
            true
        }
        Ok((kills, records, problems)) => {
            eprintln!("error: {} problems in {records} records, {kills} kills:", problems.len());
            for problem in problems.iter().take(SHOWN_MAX) {
                eprintln!("  {problem}");
            }
            false
        }
        Err(error) => {
            eprintln!("error: {error}");
            false
        }
    }
}

type Error = Box<dyn std::error::Error>;

fn try_run(
    cluster: &mut Cluster,
    seed: u64,
    time: Duration,
    is_over: impl Fn() -> bool,
) -> Result<(usize, usize, Vec<String>), Error> {
    let (bootstrap, topic) = (cluster.bootstrap(), TopicName::parse("chaos")?);
    let mut chance = Chance::from_seed(seed);
    let load = numbered::Load::start(&bootstrap, &topic)?;
    let begun = Instant::now();
    let mut kills = 0;
    while begun.elapsed() < time && !is_over() && !load.has_failed() {
        await_whole(&bootstrap)?;
        thread::sleep(Duration::from_millis(chance.below(LIVES_MS)));
        let nodes = u64::try_from(cluster.nodes.len())?;
        let victim = usize::try_from(chance.below(nodes))?;
        let Some(node) = cluster.nodes.get_mut(victim) else { continue };
        let (id, before) = (node.id, load.acknowledged());
        node.kill();
        kills += 1;
        thread::sleep(Duration::from_millis(chance.below(AWAY_MS)));
        let meanwhile = load.acknowledged() - before;
        node.start()?;
        node.await_ready()?;
        println!("  kill {kills}: node {id}; {meanwhile} records acknowledged without it");
    }
    await_whole(&bootstrap)?;
    let places = load.end()?;
    Ok((kills, places.len(), numbered::check(&bootstrap, &topic, &places)?))
}

fn await_whole(bootstrap: &str) -> Result<(), Error> {
    let begun = Instant::now();
    while !is_whole(bootstrap) {
        if begun.elapsed() > WHOLE_WITHIN {
            return Err("not every replica came back in sync: logmill cluster status".into());
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// A node lives at most so long before the next kill, and is away at most so long.
const LIVES_MS: u64 = 1500;
const AWAY_MS: u64 = 3000;
const WHOLE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const SHOWN_MAX: usize = 10;
