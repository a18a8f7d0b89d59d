//! Take-over: a new reign of a job finds out what the last one left, finishes it, and goes on from there.
//!
//!  1. read the journal: the newest snapshot, the seals behind it, the last reign
//!  2. write the new reign into the journal: the old one can no longer append there
//!  3. fence every output partition, wherever it is led: the old reign can no longer append there either
//!  4. of the sealed records behind the recorded ends count those that are there, append the rest
//!  5. restore the snapshot, go over the sealed turns again, muted
//!
//! Step 4 looks at every seal behind the snapshot, not only at the last: seals are synced and outputs are not, so a
//! power cut may have taken what several of them had published. A crash within a take-over changes nothing: the next
//! one finds the same journal, one reign longer, and counts the records appended meanwhile.
//!
//! A take-over that is slow may itself be followed by another, whose reign publishes what this one's journal does not hold. What it then finds
//! wrong says nothing about the job: it says so only if it can still append to the journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use model::{ErrorCode, Isolation, Offset, ProducerEpoch, ProducerId, TopicPartition};
use records::Batch;

use super::{
    entry::{Entry, Reign, Seal, Snapshot},
    halt::Halt,
    inputs::Inputs,
    journal::{self, Journal},
    outputs::Outputs,
};
use crate::{graph::Graph, plan::Plan, topics::Topics};

/// From here on a job takes a new producer id instead of a higher epoch.
const EPOCH_LAST: ProducerEpoch = ProducerEpoch(i16::MAX - 1);
/// Bytes of an output read at once while records are counted.
const COUNT_BYTES_MAX: usize = 4 << 20;
/// How long counting waits for a replica that has not come so far.
const COUNT_WAIT: Duration = Duration::from_secs(5);

/// What a reign begins with.
pub(crate) struct Begun {
    pub(crate) journal: Journal,
    pub(crate) outputs: Outputs,
    pub(crate) inputs: Inputs,
    pub(crate) graph: Graph,
    /// The last seal's number.
    pub(crate) number: u64,
    /// The last one that needs not be gone over again.
    pub(crate) snapshot_number: u64,
    /// Whether this is the job's first reign.
    pub(crate) is_new: bool,
}

/// What the journal says.
struct Left {
    entries: u64,
    reign: Option<Reign>,
    producers: BTreeSet<ProducerId>,
    is_clean: bool,
    /// Whether there is more than the beginnings of reigns.
    has_worked: bool,
    state: Option<(Snapshot, Vec<Seal>)>,
}

/// Begins a reign of the job whose journal is `partition`.
pub(crate) fn begin(
    topics: &Arc<dyn Topics>,
    plan: &Arc<Plan>,
    partition: &TopicPartition,
) -> Result<Begun, Halt> {
    let left = read(topics.as_ref(), partition)?;
    let reign = next_reign(topics.as_ref(), left.reign)?;
    let mut journal = Journal::begin(topics.clone(), partition.clone(), reign, left.entries)?;
    // Before anything is written in its name: an epoch that a power cut took back would be taken twice.
    journal.sync()?;
    let Some(state) = left.state else {
        if left.has_worked {
            let why = "its snapshot is gone, and results have been published".to_owned();
            let offset = Offset::NONE;
            return Err(Halt::JournalDamaged { partition: partition.clone(), offset, why });
        }
        let inputs = Inputs::begin(topics.clone(), plan)?;
        let graph = Graph::new(plan.clone(), inputs.partitions())?;
        let outputs = Outputs::new(topics.clone(), reign, 0);
        return Ok(Begun {
            journal,
            outputs,
            inputs,
            graph,
            number: 0,
            snapshot_number: 0,
            is_new: true,
        });
    };
    let (snapshot, seals) = &state;
    require_unbroken(partition, snapshot, seals)?;
    let last = seals.last();
    let rows = last.map_or(snapshot.rows, |seal| seal.rows);
    let number = last.map_or(snapshot.number, |seal| seal.number);
    let mut outputs = Outputs::new(topics.clone(), reign, rows);
    let snapshot_number = snapshot.number;
    let restored = settle(topics.as_ref(), &mut outputs, &left.producers, left.is_clean, &state)
        .and_then(|()| restore(topics, plan, partition, state));
    let (inputs, graph) = restored.map_err(|halt| judged(&mut journal, halt))?;
    Ok(Begun { journal, outputs, inputs, graph, number, snapshot_number, is_new: false })
}

/// `halt`, if this reign may still say what is wrong with the job; else what ended the reign.
fn judged(journal: &mut Journal, halt: Halt) -> Halt {
    if halt.is_passing() {
        return halt;
    }
    journal.confirm().err().unwrap_or(halt)
}

fn read(topics: &dyn Topics, partition: &TopicPartition) -> Result<Left, Halt> {
    let entries = journal::load(topics, partition)?;
    let mut left = Left {
        entries: entries.len() as u64,
        reign: None,
        producers: BTreeSet::new(),
        is_clean: matches!(entries.last(), Some((_, Entry::Rest))),
        has_worked: entries.iter().any(|(_, entry)| !matches!(entry, Entry::Reign(_))),
        state: None,
    };
    for (_, entry) in entries {
        match entry {
            Entry::Reign(reign) => {
                left.producers.insert(reign.id);
                left.reign = Some(reign);
            }
            Entry::Snapshot(snapshot) => {
                left.producers.insert(snapshot.reign.id);
                left.reign = Some(snapshot.reign);
                left.state = Some((snapshot, Vec::new()));
            }
            Entry::Seal(seal) => {
                if let Some((_, seals)) = &mut left.state {
                    seals.push(seal);
                }
            }
            Entry::Rest => {}
        }
    }
    Ok(left)
}

fn next_reign(topics: &dyn Topics, last: Option<Reign>) -> Result<Reign, Halt> {
    match last {
        Some(reign) if reign.epoch < EPOCH_LAST => {
            Ok(Reign { id: reign.id, epoch: reign.epoch.next() })
        }
        _ => {
            let id = topics
                .new_producer_id()
                .map_err(|code| Halt::refused("take a producer id", "the controller", code))?;
            Ok(Reign { id, epoch: ProducerEpoch(0) })
        }
    }
}

fn require_unbroken(
    partition: &TopicPartition,
    snapshot: &Snapshot,
    seals: &[Seal],
) -> Result<(), Halt> {
    for (seal, expected) in seals.iter().zip(snapshot.number + 1..) {
        if seal.number != expected {
            return Err(Halt::JournalDamaged {
                partition: partition.clone(),
                offset: Offset::NONE,
                why: format!("seal {} stands where seal {expected} belongs", seal.number),
            });
        }
    }
    Ok(())
}

/// Steps 3 and 4.
fn settle(
    topics: &dyn Topics,
    outputs: &mut Outputs,
    producers: &BTreeSet<ProducerId>,
    is_clean: bool,
    (snapshot, seals): &(Snapshot, Vec<Seal>),
) -> Result<(), Halt> {
    let mut sealed: BTreeMap<TopicPartition, (Offset, Vec<Bytes>)> = BTreeMap::new();
    for (partition, end) in &snapshot.outputs {
        sealed.insert(partition.clone(), (*end, Vec::new()));
    }
    for output in seals.iter().flat_map(|seal| &seal.outputs) {
        let (_, batches) =
            sealed.entry(output.partition.clone()).or_insert_with(|| (output.end, Vec::new()));
        batches.extend(output.batches.iter().cloned());
    }
    for (partition, (end, batches)) in sealed {
        if batches.is_empty() && topics.topic(&partition.topic).is_none() {
            // Nothing of ours is in doubt in a topic that somebody has deleted since.
            continue;
        }
        if is_clean {
            let ends = topics
                .ends(&partition)
                .map_err(|code| Halt::refused("look up the ends", &partition, code))?;
            outputs.know(partition, ends.high_watermark);
            continue;
        }
        outputs.fence(&partition)?;
        if batches.is_empty() {
            continue;
        }
        let found = count_ours(topics, &partition, end, producers)?;
        let found = if model::mutant!("M07") { 0 } else { found };
        let count = |bytes: &Bytes| {
            Batch::parse(bytes)
                .map_or(0, |batch| usize::try_from(batch.record_count()).unwrap_or(0))
        };
        let records = batches.iter().map(count).sum();
        if found > records {
            let ends = topics.ends(&partition);
            let log_end = ends.map_or(Offset::NONE, |ends| ends.high_watermark);
            return Err(Halt::OutputChanged { partition, end, found, sealed: records, log_end });
        }
        if found < records {
            outputs.publish_rest(&partition, &batches, found)?;
        }
    }
    Ok(())
}

/// How many records of ours lie in `partition` from `from` on.
fn count_ours(
    topics: &dyn Topics,
    partition: &TopicPartition,
    from: Offset,
    producers: &BTreeSet<ProducerId>,
) -> Result<usize, Halt> {
    let refused = |code| Halt::refused("read", partition, code);
    let ends = topics.ends(partition).map_err(refused)?;
    // The old reigns are fenced, so what they appended is below the high watermark, or was cut off.
    if ends.high_watermark < from || from < ends.log_start {
        let (end, log_end) = (from, ends.high_watermark);
        return Err(Halt::OutputChanged {
            partition: partition.clone(),
            end,
            found: 0,
            sealed: 0,
            log_end,
        });
    }
    let (mut position, mut found) = (from, 0);
    while position < ends.high_watermark {
        let read_on =
            || topics.read(partition, position, COUNT_BYTES_MAX, Isolation::ReadUncommitted);
        let mut read = read_on().map_err(refused)?;
        if read.next <= position {
            // A replica of this node may not have come so far yet.
            let _ = topics.wait(&[(partition.clone(), position)], COUNT_WAIT);
            read = read_on().map_err(refused)?;
        }
        if read.next <= position {
            // Counting too few would append twice.
            return Err(refused(ErrorCode::OffsetNotAvailable));
        }
        let mut rest = read.bytes.as_ref();
        while let Ok(batch) = Batch::parse(rest) {
            rest = rest.get(batch.size_bytes()..).unwrap_or_default();
            let is_ours = producers.contains(&batch.producer_id()) && !batch.is_control();
            if is_ours && batch.base_offset() >= from {
                found += usize::try_from(batch.record_count()).unwrap_or(0);
            }
        }
        if !rest.is_empty() {
            return Err(refused(ErrorCode::CorruptMessage));
        }
        position = read.next;
    }
    Ok(found)
}

/// Step 5.
fn restore(
    topics: &Arc<dyn Topics>,
    plan: &Arc<Plan>,
    partition: &TopicPartition,
    (snapshot, seals): (Snapshot, Vec<Seal>),
) -> Result<(Inputs, Graph), Halt> {
    let mut inputs = Inputs::restore(topics.clone(), plan, snapshot.inputs)?;
    let mut graph = Graph::restore(plan.clone(), inputs.partitions(), &snapshot.graph)?;
    graph.set_muted(true);
    for seal in &seals {
        for turn in &seal.turns {
            inputs.redo(&mut graph, turn)?;
        }
        if graph.counters() != seal.counters {
            return Err(Halt::JournalDamaged {
                partition: partition.clone(),
                offset: Offset::NONE,
                why: format!(
                    "the inputs no longer hold what seal {} had read: {:?} instead of {:?}",
                    seal.number,
                    graph.counters(),
                    seal.counters
                ),
            });
        }
    }
    graph.set_muted(false);
    Ok((inputs, graph))
}
