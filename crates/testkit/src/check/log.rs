//! A partition as a reader finds it in the end.

use std::collections::BTreeSet;

use model::{ErrorCode, Isolation, Offset, PartitionId, TopicName};
use records::Batches;
use wire::{
    Api,
    messages::{
        self, FetchRequest, FetchResponse,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
        text,
    },
};

use crate::{
    client::{Client, code},
    net::Host,
};

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Where.
    pub offset: Offset,
    /// Its key, as text.
    pub key: Option<String>,
    /// Its value, as text; none for a tombstone.
    pub value: Option<String>,
}

/// What is in a partition from its beginning to its high watermark; none when its leader does not answer so, often as it is asked: also when
/// a transaction is open all the while.
pub fn read_partition(
    client: &mut Client,
    topic: &TopicName,
    partition: PartitionId,
    isolation: Isolation,
) -> Option<Vec<Read>> {
    (0..TRIES).find_map(|_| {
        let read = read_once(client, topic, partition, isolation);
        if read.is_none() {
            client.back_off();
        }
        read
    })
}

/// With a pause after each: longer than a transaction may be open.
const TRIES: usize = 400;

fn read_once(
    client: &mut Client,
    topic: &TopicName,
    partition: PartitionId,
    isolation: Isolation,
) -> Option<Vec<Read>> {
    let leader = client.leader(topic, partition)?;
    let mut read = Vec::new();
    let mut from = Offset::ZERO;
    loop {
        let fetched = fetch(client, leader, (topic, partition), (from, isolation)).ok()?;
        if fetched.next == from {
            return (from >= fetched.high_watermark).then_some(read);
        }
        read.extend(fetched.records);
        from = fetched.next;
    }
}

/// What one fetch brought.
pub struct Fetched {
    /// The records, in order.
    pub records: Vec<Read>,
    /// Where to go on.
    pub next: Offset,
    /// As the leader told it.
    pub high_watermark: Offset,
}

/// Reads once from `from` on, without waiting; of committed records, what a client keeps of the answer.
///
/// # Errors
/// The partition's code; none when there was no answer.
pub fn fetch(
    client: &mut Client,
    leader: Host,
    (topic, partition): (&TopicName, PartitionId),
    (from, isolation): (Offset, Isolation),
) -> Result<Fetched, Option<ErrorCode>> {
    let asked = FetchPartition::default()
        .with_partition(partition.0)
        .with_fetch_offset(from.0)
        .with_current_leader_epoch(client.reign(topic, partition))
        .with_partition_max_bytes(1 << 20);
    let asked = FetchTopic::default()
        .with_topic(messages::TopicName(text(topic.as_str())))
        .with_partitions(vec![asked]);
    let request = FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_min_bytes(0)
        .with_max_wait_ms(0)
        .with_session_epoch(-1)
        .with_isolation_level(i8::from(isolation == Isolation::ReadCommitted))
        .with_topics(vec![asked]);
    let answer: FetchResponse = client.ask(leader, (Api::Fetch, 12), &request).map_err(|_| None)?;
    let answer = answer.responses.first().and_then(|topic| topic.partitions.first().cloned());
    let answer = answer.ok_or(None)?;
    match code(answer.error_code) {
        ErrorCode::None => {}
        error => return Err(Some(error)),
    }
    let high_watermark = Offset(answer.high_watermark);
    let mut records = Vec::new();
    let next = keep(&mut records, from, answer).ok_or(Some(ErrorCode::CorruptMessage))?;
    Ok(Fetched { records, next, high_watermark })
}

/// Adds what a client keeps of an answer, from `from` on: no markers, and nothing of what was aborted. Answers where to go on.
fn keep(read: &mut Vec<Read>, from: Offset, answer: PartitionData) -> Option<Offset> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let bytes = answer.records.unwrap_or_default();
    let mut aborted = answer.aborted_transactions.unwrap_or_default();
    let mut aborting = BTreeSet::new();
    let mut next = from;
    let mut scratch = Vec::new();
    for batch in Batches::new(&bytes) {
        let Ok(batch) = batch else { break }; // cut off at the end of the answer
        aborted.retain(|one| {
            let begins_later = one.first_offset > batch.base_offset().0;
            begins_later || {
                aborting.insert(one.producer_id.0);
                false
            }
        });
        if batch.is_control() {
            aborting.remove(&batch.producer_id().0);
        } else if !batch.is_transactional() || !aborting.contains(&batch.producer_id().0) {
            for record in batch.records(&mut scratch).ok()? {
                let record = record.ok()?;
                if record.offset >= from {
                    let (key, value) = (record.key.map(text), record.value.map(text));
                    read.push(Read { offset: record.offset, key, value });
                }
            }
        }
        next = batch.next_offset();
    }
    Some(next)
}
