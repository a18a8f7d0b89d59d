//! A job that crashes at any write gives the records of one that never did.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod memory;

use std::sync::Arc;

use flow::{
    plan::Plan,
    topics::{Topics, partition_of},
    turn::{Halt, Pace, Task, TaskIdentity},
};
use memory::Memory;
use model::{PartitionId, TimestampMs, TopicName, TopicPartition};
use records::{BatchBuilder, Codec};
use sql::{Catalog, Settings, StatementKind, Table};

const INPUT: &str = "clicks";
const OUTPUT: &str = "views";
const LETTERS: &str = "letters";
const JOURNAL: &str = "__logmill-job-1";
const PARTITIONS: i32 = 2;

const SCRIPT: &str = "
CREATE TABLE clicks (page STRING, amount DOUBLE, t TIMESTAMP(3), WATERMARK FOR t AS t - INTERVAL '1' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 'clicks', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
CREATE TABLE views (window_start TIMESTAMP(3), page STRING, n BIGINT, total DOUBLE, PRIMARY KEY (window_start, page) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'views', 'key.format' = 'json', 'value.format' = 'json');
INSERT INTO views SELECT window_start, page, COUNT(*), SUM(amount)
  FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(t), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, page;
";

struct Tables(Vec<Arc<Table>>);

impl Catalog for Tables {
    fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.0.iter().find(|table| table.name == name).cloned()
    }

    fn tables(&self) -> Vec<Arc<Table>> {
        self.0.clone()
    }
}

fn plan() -> Arc<Plan> {
    let mut tables = Tables(Vec::new());
    for statement in sql::parse_script(SCRIPT).unwrap() {
        match &statement.kind {
            StatementKind::CreateTable { definition, .. } => {
                let table = Table::from_create(definition, &statement.text).unwrap();
                tables.0.push(Arc::new(table));
            }
            _ => {
                let bound = sql::bind_insert(&statement, &tables, &Settings::default()).unwrap();
                let mut plan = bound.plan;
                plan.dead_letters = Some(TopicName::parse(LETTERS).unwrap());
                return Arc::new(plan);
            }
        }
    }
    panic!("no INSERT");
}

/// Round `round` of input: a few events per partition, one of them broken; time moves on, so that windows close.
fn produce(memory: &Memory, round: i64) {
    for partition in 0..PARTITIONS {
        let mut builder = BatchBuilder::new(Codec::None);
        for number in 0..5 {
            let seconds = round * 7 + number;
            let value = format!(
                r#"{{"page":"/p{}","amount":0.{},"t":"2026-01-01 00:{:02}:{:02}.5"}}"#,
                (number + i64::from(partition)) % 3,
                number + 1,
                seconds / 60,
                seconds % 60
            );
            builder.append(TimestampMs(0), None, Some(value.as_bytes()), &[]);
        }
        builder.append(TimestampMs(0), None, Some(b"{broken"), &[]);
        let input = partition_of(&TopicName::parse(INPUT).unwrap(), partition);
        memory.append(&input, builder.finish()).unwrap();
    }
}

fn world() -> Arc<Memory> {
    let memory = Arc::new(Memory::default());
    memory.make(INPUT, PARTITIONS);
    memory.make(OUTPUT, 2);
    memory.make(LETTERS, 1);
    memory.make(JOURNAL, 1);
    memory
}

fn begin(memory: &Arc<Memory>, plan: &Arc<Plan>) -> Result<Task, Halt> {
    let journal = TopicPartition::new(TopicName::parse(JOURNAL).unwrap(), PartitionId(0));
    let identity = TaskIdentity { journal, group: "g".to_owned() };
    let pace = Pace { snapshot_every_ms: 25, progress_every_ms: 5, ..Pace::default() };
    Task::begin(memory.clone(), plan.clone(), identity, pace)
}

/// Gives the task turns until it has read all there is. Time passes with each.
fn drain(memory: &Memory, task: &mut Task) -> Result<(), Halt> {
    while task.turn()? {
        memory.pass(4);
    }
    Ok(())
}

const ROUNDS: i64 = 8;

/// The whole life of a job without a crash; the writes it took.
fn undisturbed(plan: &Arc<Plan>) -> (Arc<Memory>, u64) {
    let memory = world();
    let mut task = begin(&memory, plan).unwrap();
    for round in 0..ROUNDS {
        produce(&memory, round);
        drain(&memory, &mut task).unwrap();
    }
    let writes = memory.writes();
    (memory, writes)
}

/// The same with a crash before write `crash`, and a second one `again` writes after the first.
fn disturbed(plan: &Arc<Plan>, crash: u64, again: u64, power: bool) -> Arc<Memory> {
    let memory = world();
    let mut task = None;
    let mut crashes = vec![again, crash];
    memory.crash_at(Some(crash));
    for round in 0..ROUNDS {
        // The input's own writes are not the job's to lose.
        let pending = crashes.last().copied();
        memory.crash_at(None);
        produce(&memory, round);
        memory.crash_at(pending);
        loop {
            let ran = match task.take() {
                Some(task) => Ok(task),
                None => begin(&memory, plan),
            };
            let ran = ran.and_then(|mut task| drain(&memory, &mut task).map(|()| task));
            match ran {
                Ok(ran) => {
                    task = Some(ran);
                    break;
                }
                Err(Halt::Refused { .. }) => {
                    if power {
                        memory.cut_power(INPUT);
                    }
                    crashes.pop();
                    let next = crashes.last_mut().map(|again| {
                        *again += memory.writes();
                        *again
                    });
                    memory.crash_at(next);
                }
                Err(halt) => panic!("crash at write {crash}, again after {again}: {halt}"),
            }
        }
    }
    memory
}

fn require_equal(crash: u64, again: u64, power: bool) {
    let plan = plan();
    let (expected, _) = undisturbed(&plan);
    let found = disturbed(&plan, crash, again, power);
    for topic in [OUTPUT, LETTERS] {
        assert_eq!(
            found.records(topic),
            expected.records(topic),
            "{topic}, crash at write {crash}, again {again} writes later, power cut: {power}"
        );
    }
}

#[test]
fn an_undisturbed_job_gives_each_window_once() {
    let (memory, writes) = undisturbed(&plan());
    let views: Vec<_> = memory.records(OUTPUT).concat();
    let mut keys: Vec<_> = views.iter().map(|(key, _)| key.clone()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), views.len(), "a window was given twice");
    assert!(views.len() >= 12, "{views:?}");
    assert_eq!(memory.records(LETTERS).concat().len(), usize::try_from(ROUNDS).unwrap() * 2);
    assert!(writes > 40, "{writes} writes");
}

#[test]
fn a_crash_at_any_write_changes_nothing() {
    let (_, writes) = undisturbed(&plan());
    for crash in 0..writes + 4 {
        require_equal(crash, u64::MAX / 2, false);
    }
}

#[test]
fn a_crash_within_the_take_over_changes_nothing() {
    let (_, writes) = undisturbed(&plan());
    for crash in (0..writes).step_by(3) {
        for again in 0..8 {
            require_equal(crash, again, false);
        }
    }
}

#[test]
fn a_power_cut_at_any_write_changes_nothing() {
    let (_, writes) = undisturbed(&plan());
    for crash in 0..writes + 4 {
        require_equal(crash, 3, true);
    }
}
