//! What a job writes into its own partition: reigns, seals, snapshots. Format version 1.
//!
//!   entry body:  head length u32 | head, JSON | raw parts one after the other, their lengths in the head
//!
//! The head is JSON so that a field can be added; the bulk (sealed batches, the graph's snapshot) is bytes. Framing and
//! CRC are the journal's.

use bytes::{Bytes, BytesMut};
use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicId, TopicPartition};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::counters::Counters;

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    /// A reign begins.
    Reign(Reign),
    /// Turns, and what they gave.
    Seal(Seal),
    /// Everything needed to go on without what lies before.
    Snapshot(Snapshot),
    /// The reign ended cleanly: nothing is in doubt.
    Rest,
}

/// The right to write as the job's producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reign {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
}

/// A part of one input that a turn read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advance {
    /// The input's ordinal.
    pub input: usize,
    /// The offset after the last one read.
    pub until: Offset,
    /// The leader's epoch of the last batch read: a log that was truncated and refilled is found out by it (KIP-101).
    #[serde(default = "no_epoch")]
    pub epoch: LeaderEpoch,
}

pub(crate) const fn no_epoch() -> LeaderEpoch {
    LeaderEpoch::NONE
}

/// One turn: what was read in which order, and what redoing it could not know. Done in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Inputs read, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advances: Vec<Advance>,
    /// Inputs found idle.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub idled: Vec<usize>,
    /// Bounded inputs that came to their end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<usize>,
}

/// The commit point of the turns since the last seal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seal {
    pub(crate) number: u64,
    pub(crate) turns: Vec<Turn>,
    pub(crate) counters: Counters,
    /// Rows given since the job began, this seal's included.
    pub(crate) rows: u64,
    /// What to append where; empty for a mere note of progress.
    pub(crate) outputs: Vec<SealedOutput>,
}

/// Sealed batches of one output partition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SealedOutput {
    pub(crate) partition: TopicPartition,
    /// Where our last append there ended, as known before this seal.
    pub(crate) end: Offset,
    pub(crate) batches: Vec<Bytes>,
}

/// A job's whole state between two turns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Snapshot {
    /// The seal it follows.
    pub(crate) number: u64,
    /// Whose it is: the entry that began the reign is trimmed away with all that lies before.
    pub(crate) reign: Reign,
    pub(crate) rows: u64,
    pub(crate) inputs: Vec<InputMark>,
    /// Ends of the output partitions as our appends left them.
    pub(crate) outputs: Vec<(TopicPartition, Offset)>,
    pub(crate) graph: Bytes,
}

/// One input as a snapshot holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputMark {
    pub(crate) partition: TopicPartition,
    pub(crate) topic_id: TopicId,
    pub(crate) position: Offset,
    /// The leader's epoch of the last batch read.
    #[serde(default = "no_epoch")]
    pub(crate) epoch: LeaderEpoch,
    /// Where a bounded input ends.
    #[serde(default)]
    pub(crate) stop: Option<Offset>,
    #[serde(default)]
    pub(crate) idle: bool,
    #[serde(default)]
    pub(crate) ended: bool,
}

#[derive(Serialize, Deserialize)]
struct SealHead {
    number: u64,
    turns: Vec<Turn>,
    counters: Counters,
    rows: u64,
    outputs: Vec<OutputHead>,
}

#[derive(Serialize, Deserialize)]
struct OutputHead {
    partition: TopicPartition,
    end: Offset,
    batch_bytes: Vec<usize>,
}

#[derive(Serialize, Deserialize)]
struct SnapshotHead {
    number: u64,
    reign: Reign,
    rows: u64,
    inputs: Vec<InputMark>,
    outputs: Vec<(TopicPartition, Offset)>,
    graph_bytes: usize,
}

impl Entry {
    const REIGN: u8 = 1;
    const SEAL: u8 = 2;
    const SNAPSHOT: u8 = 3;
    const REST: u8 = 4;

    /// The kind's number in the journal's frame.
    pub(crate) const fn kind(&self) -> u8 {
        match self {
            Self::Reign(_) => Self::REIGN,
            Self::Seal(_) => Self::SEAL,
            Self::Snapshot(_) => Self::SNAPSHOT,
            Self::Rest => Self::REST,
        }
    }

    /// The body.
    pub(crate) fn encode(&self) -> BytesMut {
        match self {
            Self::Reign(reign) => assemble(reign, &[]),
            Self::Rest => BytesMut::new(),
            Self::Seal(seal) => {
                let head = SealHead {
                    number: seal.number,
                    turns: seal.turns.clone(),
                    counters: seal.counters,
                    rows: seal.rows,
                    outputs: seal.outputs.iter().map(OutputHead::of).collect(),
                };
                let parts: Vec<&Bytes> =
                    seal.outputs.iter().flat_map(|output| &output.batches).collect();
                assemble(&head, &parts)
            }
            Self::Snapshot(snapshot) => {
                let head = SnapshotHead {
                    number: snapshot.number,
                    reign: snapshot.reign,
                    rows: snapshot.rows,
                    inputs: snapshot.inputs.clone(),
                    outputs: snapshot.outputs.clone(),
                    graph_bytes: snapshot.graph.len(),
                };
                assemble(&head, &[&snapshot.graph])
            }
        }
    }

    /// Reads a body of kind `kind`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn decode(kind: u8, body: Bytes) -> Result<Self, String> {
        match kind {
            Self::REIGN => Ok(Self::Reign(dissect::<Reign>(body)?.0)),
            Self::REST => Ok(Self::Rest),
            Self::SEAL => {
                let (head, mut parts) = dissect::<SealHead>(body)?;
                let mut outputs = Vec::new();
                for output in head.outputs {
                    let batches = output.batch_bytes.iter().map(|bytes| cut(&mut parts, *bytes));
                    outputs.push(SealedOutput {
                        partition: output.partition,
                        end: output.end,
                        batches: batches.collect::<Result<_, _>>()?,
                    });
                }
                Ok(Self::Seal(Seal {
                    number: head.number,
                    turns: head.turns,
                    counters: head.counters,
                    rows: head.rows,
                    outputs,
                }))
            }
            Self::SNAPSHOT => {
                let (head, mut parts) = dissect::<SnapshotHead>(body)?;
                Ok(Self::Snapshot(Snapshot {
                    number: head.number,
                    reign: head.reign,
                    rows: head.rows,
                    inputs: head.inputs,
                    outputs: head.outputs,
                    graph: cut(&mut parts, head.graph_bytes)?,
                }))
            }
            other => Err(format!("entry kind {other} is unknown: a newer version wrote it")),
        }
    }
}

impl OutputHead {
    fn of(output: &SealedOutput) -> Self {
        Self {
            partition: output.partition.clone(),
            end: output.end,
            batch_bytes: output.batches.iter().map(Bytes::len).collect(),
        }
    }
}

fn assemble(head: &impl Serialize, parts: &[&Bytes]) -> BytesMut {
    let head = serde_json::to_vec(head).expect("heads have string keys only");
    let mut body = BytesMut::with_capacity(
        4 + head.len() + parts.iter().map(|part| part.len()).sum::<usize>(),
    );
    let length = u32::try_from(head.len()).expect("a head is far below 4 GiB");
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(&head);
    for part in parts {
        body.extend_from_slice(part);
    }
    body
}

fn dissect<H: DeserializeOwned>(mut body: Bytes) -> Result<(H, Bytes), String> {
    let length = cut(&mut body, 4)?;
    let length = length.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
    let head = cut(&mut body, length)?;
    let head = serde_json::from_slice(&head).map_err(|error| error.to_string())?;
    Ok((head, body))
}

fn cut(rest: &mut Bytes, length: usize) -> Result<Bytes, String> {
    if length <= rest.len() {
        Ok(rest.split_to(length))
    } else {
        Err(format!("{length} bytes wanted, {} left", rest.len()))
    }
}

#[cfg(test)]
mod tests {
    use model::{PartitionId, TopicName};

    use super::*;

    fn partition(topic: &str) -> TopicPartition {
        TopicPartition::new(TopicName::parse(topic).unwrap(), PartitionId(3))
    }

    #[test]
    fn every_entry_reads_back_as_written() {
        let seal = Seal {
            number: 7,
            turns: vec![Turn {
                advances: vec![Advance { input: 1, until: Offset(9), epoch: LeaderEpoch(3) }],
                idled: vec![0],
                ended: vec![],
            }],
            counters: Counters::default(),
            rows: 12,
            outputs: vec![SealedOutput {
                partition: partition("out"),
                end: Offset(4),
                batches: vec![Bytes::from_static(b"abc"), Bytes::new(), Bytes::from_static(b"z")],
            }],
        };
        let snapshot = Snapshot {
            number: 7,
            reign: Reign { id: ProducerId(5), epoch: ProducerEpoch(1) },
            rows: 12,
            inputs: vec![InputMark {
                partition: partition("in"),
                topic_id: TopicId::NONE,
                position: Offset(9),
                epoch: LeaderEpoch(3),
                stop: None,
                idle: true,
                ended: false,
            }],
            outputs: vec![(partition("out"), Offset(6))],
            graph: Bytes::from_static(b"state"),
        };
        let reign = Reign { id: ProducerId(5), epoch: ProducerEpoch(2) };
        for entry in
            [Entry::Seal(seal), Entry::Snapshot(snapshot), Entry::Reign(reign), Entry::Rest]
        {
            let body = entry.encode().freeze();
            assert_eq!(Entry::decode(entry.kind(), body.clone()), Ok(entry.clone()));
            for length in 0..body.len() {
                assert_ne!(Entry::decode(entry.kind(), body.slice(..length)), Ok(entry.clone()));
            }
        }
    }
}
