//! A partition as a reader finds it in the end.

use bytes::Bytes;
use model::{Offset, PartitionId, TopicName};
use records::Batches;
use wire::{
    Api,
    messages::{
        self, FetchRequest, FetchResponse,
        fetch_request::{FetchPartition, FetchTopic},
        text,
    },
};

use crate::client::{Client, code};

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

/// What is in a partition from its beginning to its high watermark; none when its leader does not answer so, often as it is asked.
pub fn read_partition(
    client: &mut Client,
    topic: &TopicName,
    partition: PartitionId,
) -> Option<Vec<Read>> {
    (0..TRIES).find_map(|_| {
        let read = read_once(client, topic, partition);
        if read.is_none() {
            client.back_off();
        }
        read
    })
}

const TRIES: usize = 100;

fn read_once(client: &mut Client, topic: &TopicName, partition: PartitionId) -> Option<Vec<Read>> {
    let leader = client.leader(topic, partition)?;
    let mut read = Vec::new();
    let mut from = Offset::ZERO;
    loop {
        let asked = FetchPartition::default()
            .with_partition(partition.0)
            .with_fetch_offset(from.0)
            .with_current_leader_epoch(-1)
            .with_partition_max_bytes(1 << 20);
        let asked = FetchTopic::default()
            .with_topic(messages::TopicName(text(topic.as_str())))
            .with_partitions(vec![asked]);
        let request = FetchRequest::default()
            .with_max_bytes(1 << 20)
            .with_min_bytes(0)
            .with_max_wait_ms(0)
            .with_session_epoch(-1)
            .with_topics(vec![asked]);
        let answer: FetchResponse = client.ask(leader, (Api::Fetch, 12), &request).ok()?;
        let answer = answer.responses.first()?.partitions.first()?.clone();
        if !code(answer.error_code).is_none() {
            return None;
        }
        let next = append(&mut read, from, &answer.records.unwrap_or_default())?;
        if next == from {
            return (from.0 >= answer.high_watermark).then_some(read);
        }
        from = next;
    }
}

/// Adds what `bytes` hold from `from` on; answers where to go on.
fn append(read: &mut Vec<Read>, from: Offset, bytes: &Bytes) -> Option<Offset> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut next = from;
    let mut scratch = Vec::new();
    for batch in Batches::new(bytes) {
        let Ok(batch) = batch else { break }; // cut off at the end of the answer
        if !batch.is_control() {
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
