//! The job of these tests: clicks with broken ones among them become views per page and ten seconds, and letters.

use std::sync::Arc;

use flow::{
    plan::Plan,
    topics::{Topics, partition_of},
    turn::{Halt, Pace, Task, TaskIdentity},
};
use model::{PartitionId, TimestampMs, TopicName, TopicPartition};
use records::{BatchBuilder, Codec};
use sql::{Catalog, Settings, StatementKind, Table};

use super::memory::Memory;

pub(crate) const INPUT: &str = "clicks";
pub(crate) const OUTPUT: &str = "views";
pub(crate) const LETTERS: &str = "letters";
pub(crate) const JOURNAL: &str = "__logmill-job-1";
pub(crate) const PARTITIONS: i32 = 2;

/// Two tables, and what is inserted into one from the other.
pub(crate) const SCRIPT: &str = "
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

/// What the job is bound to.
pub(crate) fn plan() -> Arc<Plan> {
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
pub(crate) fn produce(memory: &Memory, round: i64) {
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
        memory.produce(&input, builder.finish());
    }
}

/// The job's topics, empty.
pub(crate) fn world() -> Arc<Memory> {
    let memory = Arc::new(Memory::default());
    memory.make(INPUT, PARTITIONS);
    memory.make(OUTPUT, 2);
    memory.make(LETTERS, 1);
    memory.make(JOURNAL, 1);
    memory
}

/// A reign of the job over `topics`.
pub(crate) fn begin(topics: Arc<dyn Topics>, plan: &Arc<Plan>) -> Result<Task, Halt> {
    let journal = TopicPartition::new(TopicName::parse(JOURNAL).unwrap(), PartitionId(0));
    let identity = TaskIdentity { journal, group: "g".to_owned() };
    let pace = Pace { snapshot_every_ms: 25, progress_every_ms: 5, ..Pace::default() };
    Task::begin(topics, plan.clone(), identity, pace)
}

/// Gives the task turns until it has read all there is. Time passes with each.
pub(crate) fn drain(memory: &Memory, task: &mut Task) -> Result<(), Halt> {
    while task.turn()? {
        memory.pass(4);
    }
    Ok(())
}

/// Rounds of input in the job's life.
pub(crate) const ROUNDS: i64 = 8;

/// The whole life of a job without a crash; the writes it took.
pub(crate) fn undisturbed(plan: &Arc<Plan>) -> (Arc<Memory>, u64) {
    let memory = world();
    let mut task = begin(memory.clone(), plan).unwrap();
    for round in 0..ROUNDS {
        produce(&memory, round);
        drain(&memory, &mut task).unwrap();
    }
    let writes = memory.writes();
    (memory, writes)
}
