//! `testkit --seeds 1..100 --minutes 10`: runs seeds, prints a line for each, and for a failure what breaks and how to see it again.

use std::{process::ExitCode, time::Duration};

use testkit::run::{self, Scenario};

const USAGE: &str = "\
Runs simulated clusters, a seed at a time.

  testkit [--nodes N] [--seeds A..B | --seed N] [--minutes M] [--forever] [--tell] [--twice] [--steps A..B]
          [--mutants | --mutant NAME]

  --nodes N      how many nodes a cluster has (default 1: a lone node, with jobs)
  --seeds A..B   the seeds to run (default 1..11)
  --minutes M    simulated minutes in which things break (default 10)
  --forever      goes on after the last seed
  --tell         prints what happens in a run
  --twice        runs every seed twice and compares the two
  --steps A..B   prints these steps
  --mutants      makes mistakes on purpose and says which seed finds each (feature `mutants`)
  --mutant NAME  makes this one; may be given more than once

example: cargo run --release -p testkit -- --seeds 1..101 --minutes 10
";

struct Arguments {
    /// None: one, or what a mistake is looked for on.
    nodes: Option<u16>,
    seeds: std::ops::Range<u64>,
    minutes: f64,
    is_forever: bool,
    is_told: bool,
    is_twice: bool,
    is_mutated: bool,
    /// Those that are made; none: all.
    mutants: std::collections::BTreeSet<String>,
    shown: std::ops::Range<u64>,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("error: {wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if arguments.is_mutated {
        return hunt(&arguments);
    }
    let mut failed = 0u64;
    let mut seed = arguments.seeds.start;
    while arguments.is_forever || seed < arguments.seeds.end {
        failed += u64::from(!run_seed(&arguments, seed));
        seed += 1;
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(feature = "mutants")]
fn hunt(arguments: &Arguments) -> ExitCode {
    let mut survivors = 0;
    let breaking = Duration::from_secs_f64(arguments.minutes * 60.0);
    let is_wanted = |name: &str| arguments.mutants.is_empty() || arguments.mutants.contains(name);
    for (name, mistake, nodes) in testkit::mutants::ALL {
        if !is_wanted(name) {
            continue;
        }
        let is_told = arguments.is_told;
        let nodes = arguments.nodes.unwrap_or(nodes);
        let scenario = Scenario { nodes, breaking, is_told, ..Scenario::default() };
        match testkit::mutants::hunt(name, arguments.seeds.clone(), &scenario) {
            Some(found) => println!("{name} {mistake}: seed {}: {}", found.seed, first(&found.how)),
            None => {
                survivors += 1;
                println!("{name} {mistake}: NOT FOUND in {:?}", arguments.seeds);
            }
        }
    }
    if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(feature = "mutants")]
fn first(how: &str) -> String {
    how.lines().next().unwrap_or_default().chars().take(120).collect()
}

#[cfg(not(feature = "mutants"))]
fn hunt(arguments: &Arguments) -> ExitCode {
    let _ = &arguments.mutants;
    eprintln!("error: built without the feature `mutants`");
    ExitCode::from(2)
}

/// Runs one seed; false when something is wrong with it.
fn run_seed(arguments: &Arguments, seed: u64) -> bool {
    let scenario = Scenario {
        seed,
        nodes: arguments.nodes.unwrap_or(1),
        breaking: Duration::from_secs_f64(arguments.minutes * 60.0),
        is_told: arguments.is_told,
        is_recorded: arguments.is_twice,
        shown: arguments.shown.clone(),
    };
    let began = std::time::Instant::now();
    let report = run::run(&scenario);
    let took = began.elapsed();
    let mut wrong = run::failures(&report);
    let speed = report.elapsed.as_secs_f64() / took.as_secs_f64().max(1e-9);
    let verdict = report.outcome.as_ref().ok().cloned().unwrap_or_default();
    println!(
        "seed {seed}: {} | {:.0} s in {:.2} s ({speed:.0} x) | {} steps, {} faults, {} acked, {} committed | trace {:016x}",
        if wrong.is_empty() { "ok" } else { "FAILED" },
        report.elapsed.as_secs_f64(),
        took.as_secs_f64(),
        report.steps,
        verdict.faults,
        verdict.acked,
        verdict.committed,
        report.trace,
    );
    if arguments.is_twice {
        let again = run::run(&scenario);
        if again.trace != report.trace {
            let both = report.recorded.iter().zip(&again.recorded);
            let at = both.take_while(|(one, other)| one == other).count();
            wrong.push(format!("two runs part at step {at} (trace {:016x})", again.trace));
        }
    }
    for what in wrong.iter().take(20) {
        println!("  {what}");
    }
    if !wrong.is_empty() {
        println!(
            "  again: testkit --nodes {} --seed {seed} --minutes {} --tell",
            scenario.nodes, arguments.minutes
        );
    }
    wrong.is_empty()
}

fn parse(mut given: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut arguments = Arguments {
        nodes: None,
        seeds: 1..11,
        minutes: 10.0,
        is_forever: false,
        is_told: false,
        is_twice: false,
        is_mutated: false,
        mutants: std::collections::BTreeSet::new(),
        shown: 0..0,
    };
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{name} wants a value"));
        match name.as_str() {
            "--nodes" => {
                let text = value()?;
                let nodes = text.parse().map_err(|_| format!("{text} is no number"))?;
                arguments.nodes = Some(nodes);
            }
            "--seeds" => arguments.seeds = range(&value()?)?,
            "--seed" => {
                let seed = number(&value()?)?;
                arguments.seeds = seed..seed + 1;
            }
            "--minutes" => {
                let text = value()?;
                arguments.minutes = text.parse().map_err(|_| format!("{text} is no number"))?;
            }
            "--steps" => arguments.shown = range(&value()?)?,
            "--forever" => arguments.is_forever = true,
            "--tell" => arguments.is_told = true,
            "--twice" => arguments.is_twice = true,
            "--mutants" => arguments.is_mutated = true,
            "--mutant" => {
                arguments.is_mutated = true;
                arguments.mutants.insert(value()?);
            }
            "--help" | "-h" => return Ok(None),
            other => return Err(format!("{other} is not known")),
        }
    }
    Ok(Some(arguments))
}

fn range(text: &str) -> Result<std::ops::Range<u64>, String> {
    let (first, end) = text.split_once("..").ok_or_else(|| format!("{text} is not A..B"))?;
    Ok(number(first)?..number(end)?)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}
