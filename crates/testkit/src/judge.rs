//! Asks the checkers: reads what is there in the end, and compares it with what clients were told.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jobs::JobView;
use model::{Isolation, Offset, PartitionId, TopicName};
use world::{exec, sim::threads};

use crate::{check, client::Client, history::History, life::HEALING_MAX, node::Node};

const ALL: Isolation = Isolation::ReadUncommitted;

/// What idempotent producers wrote to `topic`.
pub(crate) fn judge_records(
    client: &mut Client,
    (topic, partitions): (&TopicName, i32),
    history: &History,
) -> Vec<String> {
    let mut violations = Vec::new();
    for number in 0..partitions {
        let partition = PartitionId(number);
        let acked = history.facts().acked_until(partition);
        match read_until(client, (topic, partition), acked) {
            Some(log) => {
                let facts = history.facts();
                violations
                    .extend(check::acknowledged_is_kept_once_and_in_order(&facts, partition, &log));
            }
            None => violations.push(format!("{partition:?} cannot be read in the end")),
        }
    }
    violations
}

/// What is in `partition`. A leader that has just begun shows what its predecessor acknowledged only when its followers have fetched: it is read
/// again, for a while, until all before `acked` is there.
fn read_until(
    client: &mut Client,
    (topic, partition): (&TopicName, PartitionId),
    acked: Offset,
) -> Option<Vec<check::Read>> {
    let mut log = check::read_partition(client, topic, partition, ALL)?;
    for _ in 0..READINGS_MAX {
        if log.last().map_or(Offset::ZERO, |last| last.offset.plus(1)) >= acked {
            break;
        }
        client.back_off();
        log = check::read_partition(client, topic, partition, ALL)?;
    }
    Some(log)
}

/// With a pause after each: longer than a follower waits at its leader.
const READINGS_MAX: usize = 50;

/// What transactional producers wrote to `topic`, and the groups that bear their names.
pub(crate) fn judge_transactions(
    client: &mut Client,
    (topic, partitions): (&TopicName, i32),
    history: &History,
) -> Vec<String> {
    let mut logs = BTreeMap::new();
    for partition in (0..partitions).map(PartitionId) {
        match check::read_partition(client, topic, partition, Isolation::ReadCommitted) {
            Some(log) => drop(logs.insert(partition, log)),
            None => return vec![format!("a transaction hangs in {topic} {partition:?}")],
        }
    }
    let facts = history.facts();
    let producers: BTreeSet<String> =
        facts.transactions.iter().map(|transaction| transaction.producer.clone()).collect();
    drop(facts);
    let mut groups = BTreeMap::new();
    for producer in producers {
        match position(client, &producer, topic) {
            Some(position) => drop(groups.insert(producer, position)),
            None => return vec![format!("the group of {producer} cannot be read in the end")],
        }
    }
    check::transactions_are_whole_or_nothing(&history.facts(), &logs, &groups)
}

fn position(client: &mut Client, group: &str, topic: &TopicName) -> Option<Option<model::Offset>> {
    let since = threads::elapsed();
    loop {
        let asked = check::group_coordinator(client, group).and_then(|coordinator| {
            check::committed_position(client, coordinator, (group, topic, PartitionId(0)))
        });
        if asked.is_some() || threads::elapsed() > since + HEALING_MAX {
            return asked;
        }
        client.back_off();
    }
}

/// No fault is a job's fault: it runs, or rests until its node is back.
pub(crate) fn judge_jobs(nodes: &[Node]) -> Vec<String> {
    let insides = nodes.iter().filter_map(Node::inside);
    let jobs = insides.flat_map(|inside| inside.engine.jobs());
    let reason = |job: JobView| Some(format!("the job failed: {}", job.fact.state.reason()?));
    jobs.filter_map(reason).collect()
}

/// The job may still be at it: what is missing has time to come.
pub(crate) fn judge_windows(
    client: &mut Client,
    clicks: &TopicName,
    views: &TopicName,
) -> Vec<String> {
    let since = threads::elapsed();
    loop {
        let only = PartitionId(0);
        let read = |client: &mut Client, topic| check::read_partition(client, topic, only, ALL);
        let (Some(clicks), Some(views)) = (read(client, clicks), read(client, views)) else {
            return vec!["clicks or views cannot be read in the end".to_owned()];
        };
        let found = check::every_window_once_and_right(&clicks, &views);
        let is_missing = |what: &String| what.starts_with("missing");
        if !found.iter().all(is_missing)
            || found.is_empty()
            || threads::elapsed() > since + HEALING_MAX
        {
            return found;
        }
        exec::sleep(Duration::from_secs(1));
    }
}
