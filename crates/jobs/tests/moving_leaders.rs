//! A job whose leaders move at any step of its turns gives the records of one that was never disturbed, also to a reader who reads
//! uncommitted: the journal's leader, so that another node takes over; the outputs', so that nobody knows what they have; the inputs'.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use flow::{
    plan::Plan,
    topics::Topics,
    turn::{Halt, Task},
};
use model::{PartitionId, TopicName, TopicPartition};

use support::{
    clicks::{self, INPUT, JOURNAL, LETTERS, OUTPUT, ROUNDS, plan, produce, undisturbed},
    cluster::{Cluster, Fate, Moves},
    memory::Memory,
};

const ALL: &[&str] = &[JOURNAL, OUTPUT, LETTERS, INPUT];
const FATES: [Fate; 8] = [
    Fate::Lost,
    Fate::Kept,
    Fate::Late(1),
    Fate::Late(2),
    Fate::Late(3),
    Fate::Late(4),
    Fate::Late(5),
    Fate::Late(8),
];
/// Never, by themselves.
const STILL: Moves = Moves { at: u64::MAX, again_after: None, of: &[], fate: Fate::Lost };
const OUTPUTS: &[&str] = &[OUTPUT, LETTERS];

/// The nodes of a cluster, and the reigns of one job on them.
struct Nodes {
    cluster: Arc<Cluster>,
    plan: Arc<Plan>,
    journal: TopicPartition,
    /// The reign on the journal's leader, with that node.
    task: Option<(i32, Task)>,
    /// Reigns whose node leads the journal no longer, and does not know it.
    stale: Vec<Task>,
}

/// Writes within which a job gets on although each of its leaders refuses once.
const TAKE_OVER_WRITES_MAX: u64 = 60;
/// Reigns that may be refused in a row before the job counts as stuck.
const REFUSALS_MAX: usize = 60;

impl Nodes {
    fn new(plan: &Arc<Plan>, moves: Moves) -> Self {
        let cluster = Cluster::new(clicks::world(), moves);
        let journal = TopicPartition::new(TopicName::parse(JOURNAL).unwrap(), PartitionId(0));
        Self { cluster, plan: plan.clone(), journal, task: None, stale: Vec::new() }
    }

    /// Gives the job turns, on whichever node leads its journal, until it has read all there is.
    fn drain(&mut self, moves: Moves) {
        let mut refusals = 0;
        loop {
            let (leader, topics) = self.cluster.leader(&self.journal);
            if self.task.as_ref().is_some_and(|(node, _)| *node != leader) {
                self.stale.extend(self.task.take().map(|(_, task)| task));
            }
            match self.turns(leader, topics) {
                Ok(()) if self.cluster.leader(&self.journal).0 == leader => return,
                Ok(()) => {}
                Err(halt) => {
                    assert!(halt.is_passing(), "{moves:?}: {halt}");
                    refusals += 1;
                    assert!(refusals < REFUSALS_MAX, "{moves:?}: no end of refusals, last: {halt}");
                }
            }
        }
    }

    fn turns(&mut self, leader: i32, topics: Arc<dyn Topics>) -> Result<(), Halt> {
        let mut task = match self.task.take() {
            Some((_, task)) => task,
            None => clicks::begin(topics, &self.plan)?,
        };
        let worked = run(&self.cluster.memory, &mut task);
        // A reign that was refused may be one that was led away: it goes on beside its successor, as far as it gets.
        match worked {
            Ok(()) => self.task = Some((leader, task)),
            Err(Halt::Fenced) => {}
            Err(_) if self.cluster.leader(&self.journal).0 != leader => self.stale.push(task),
            Err(_) => {}
        }
        worked
    }

    /// Turns of reigns that are over: they give nothing any more.
    fn disturb(&mut self) {
        for mut task in std::mem::take(&mut self.stale) {
            let _ = run(&self.cluster.memory, &mut task);
        }
    }
}

/// Gives a reign turns until it has read all there is.
fn run(memory: &Memory, task: &mut Task) -> Result<(), Halt> {
    loop {
        clicks::drain(memory, task)?;
        // What replicas on its node have not heard of yet is news after a wait.
        if !task.wait(Duration::ZERO) {
            return Ok(());
        }
    }
}

fn disturbed(plan: &Arc<Plan>, moves: Moves) -> Arc<Memory> {
    let mut nodes = Nodes::new(plan, moves);
    for round in 0..ROUNDS {
        produce(&nodes.cluster.memory, round);
        nodes.drain(moves);
        nodes.disturb();
    }
    nodes.cluster.memory.clone()
}

fn require_equal(plan: &Arc<Plan>, expected: &Memory, moves: Moves) {
    let found = disturbed(plan, moves);
    for topic in [OUTPUT, LETTERS] {
        assert_eq!(found.records(topic), expected.records(topic), "{topic}, {moves:?}");
    }
}

fn require_equal_at_any_write(of: &'static [&'static str]) {
    let plan = plan();
    let (expected, writes) = undisturbed(&plan);
    for at in 0..writes + 4 {
        for fate in FATES {
            require_equal(&plan, &expected, Moves { at, again_after: None, of, fate });
        }
    }
}

#[test]
fn a_journal_that_is_led_elsewhere_changes_nothing() {
    require_equal_at_any_write(&[JOURNAL]);
}

#[test]
fn outputs_that_are_led_elsewhere_change_nothing() {
    require_equal_at_any_write(OUTPUTS);
}

#[test]
fn inputs_that_are_led_elsewhere_change_nothing() {
    require_equal_at_any_write(&[INPUT]);
}

#[test]
fn a_broker_that_led_all_of_it_and_dies_changes_nothing() {
    require_equal_at_any_write(ALL);
}

#[test]
fn leaders_that_move_again_and_again_change_nothing() {
    let plan = plan();
    let (expected, _) = undisturbed(&plan);
    for of in [&[JOURNAL], OUTPUTS, ALL] {
        for again_after in TAKE_OVER_WRITES_MAX..TAKE_OVER_WRITES_MAX + 30 {
            for at in 0..6 {
                for fate in [Fate::Lost, Fate::Kept] {
                    let again_after = Some(again_after);
                    require_equal(&plan, &expected, Moves { at, again_after, of, fate });
                }
            }
        }
    }
}

/// A node that stops between its seal and what it publishes, and goes on when another has finished its work.
#[test]
fn a_reign_that_sleeps_through_its_succession_gives_nothing_more() {
    let plan = plan();
    let (expected, writes) = undisturbed(&plan);
    for at in 0..writes {
        let nodes = Arc::new(Mutex::new(Nodes::new(&plan, STILL)));
        let cluster = nodes.lock().unwrap().cluster.clone();
        let sleeper = cluster.leader(&nodes.lock().unwrap().journal).1;
        let successors = nodes.clone();
        let of_interlude = cluster.clone();
        cluster.sleep_at(
            at,
            Box::new(move || {
                of_interlude.move_leaders(&[JOURNAL]);
                successors.lock().unwrap().drain(STILL);
            }),
        );
        let mut sleeping = None;
        for round in 0..ROUNDS {
            produce(&cluster.memory, round);
            if nodes.lock().unwrap().task.is_none() {
                let begun =
                    sleeping.take().map_or_else(|| clicks::begin(sleeper.clone(), &plan), Ok);
                let ran = begun.and_then(|mut task| run(&cluster.memory, &mut task).map(|()| task));
                sleeping = ran.ok();
            }
            // From the interlude on the successor is at work; the sleeper may try what it likes.
            let is_succeeded = nodes.lock().unwrap().task.is_some();
            if is_succeeded {
                if let Some(mut task) = sleeping.take() {
                    let _ = run(&cluster.memory, &mut task);
                }
                nodes.lock().unwrap().drain(STILL);
            }
        }
        for topic in [OUTPUT, LETTERS] {
            let found = cluster.memory.records(topic);
            assert_eq!(found, expected.records(topic), "{topic}, asleep at write {at}");
        }
    }
}

/// One that had counted half of an output, hung, and counted on when its successor had published was sure that the job was broken, and ended it.
#[test]
fn a_take_over_that_is_overtaken_does_not_judge_the_job() {
    let plan = plan();
    let (expected, _) = undisturbed(&plan);
    let nodes = Arc::new(Mutex::new(Nodes::new(&plan, STILL)));
    let cluster = nodes.lock().unwrap().cluster.clone();
    let mut overtaken = 0;
    for round in 0..ROUNDS {
        nodes.lock().unwrap().drain(STILL);
        produce(&cluster.memory, round);
        let journal = nodes.lock().unwrap().journal.clone();
        let (_, sleeper) = cluster.leader(&journal);
        // Begun anew, so that what the last reign sealed is counted.
        nodes.lock().unwrap().task = None;
        let (successors, of_interlude) = (nodes.clone(), cluster.clone());
        cluster.sleep_before_read(
            OUTPUT,
            Box::new(move || {
                of_interlude.move_leaders(&[JOURNAL]);
                successors.lock().unwrap().drain(STILL);
            }),
        );
        if let Err(halt) = clicks::begin(sleeper, &plan) {
            assert!(halt.is_passing(), "round {round}: {halt}");
            overtaken += 1;
        }
    }
    nodes.lock().unwrap().drain(STILL);
    assert!(overtaken > 0, "no take-over had anything to count");
    for topic in [OUTPUT, LETTERS] {
        assert_eq!(cluster.memory.records(topic), expected.records(topic), "{topic}");
    }
}
