//! From what was read to the answer, and from the answer to the outbox.

use std::io;

use metadata::Image;
use model::ErrorCode;
use replication::Slot;
use storage::{Chunk, FileSlice, Piece};
use wire::{FetchAnswer, FetchPartitionAnswer, FetchTopicAnswer, Segment};

use super::{
    session::Plan,
    target::{Key, Outcome, Target},
};
use crate::{connection::Outbox, resolve};

/// An encoded answer, with the records where they lie.
pub(crate) struct Segments(pub(crate) Vec<Segment<Chunk>>);

impl Segments {
    /// Moves all of it to `outbox`.
    ///
    /// # Errors
    /// The disk's, for pieces that are read.
    pub(crate) fn queue(self, outbox: &mut Outbox) -> io::Result<()> {
        for segment in self.0 {
            let chunk = match segment {
                Segment::Encoded(bytes) => {
                    outbox.push(bytes);
                    continue;
                }
                Segment::Records(chunk) => chunk,
            };
            for piece in chunk.pieces {
                match piece {
                    Piece::Memory(bytes) => outbox.push(bytes),
                    Piece::File(FileSlice { file, position, length }) => {
                        outbox.push_file(file, position, length)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The answer to `plan`, of which this was read. A session's targets note what it tells; those with records move to the end, so that
/// the next answer begins with others.
pub(crate) fn assemble(
    plan: &mut Plan,
    read: Vec<(Slot, Outcome)>,
    image: &Image,
    version: i16,
) -> FetchAnswer<Chunk> {
    let mut answer = FetchAnswer::empty(ErrorCode::None, plan.session_id);
    let mut served = Vec::new();
    for (slot, outcome) in read {
        let Some(target) = plan.targets.target(slot) else { continue };
        let is_told = !plan.is_incremental || is_news(target, &outcome);
        if outcome.size_bytes() > 0 {
            served.push(slot);
        }
        if plan.session_id != 0 {
            plan.targets.on_told(slot, &outcome);
        }
        let Some(target) = plan.targets.target(slot).filter(|_| is_told) else { continue };
        let part = part(target, outcome, image, version);
        add(&mut answer, target, part);
    }
    plan.targets.on_answered(&served);
    let parts = answer.topics.iter().flat_map(|topic| &topic.partitions);
    let hints = parts.filter_map(|part| part.leader);
    answer.endpoints = resolve::endpoints(image, hints);
    answer
}

/// Whether an incremental answer has to tell of it.
fn is_news(target: &Target, outcome: &Outcome) -> bool {
    let told = outcome.told();
    outcome.size_bytes() > 0 || outcome.is_urgent() || told.is_none() || told != target.told
}

fn part(
    target: &Target,
    outcome: Outcome,
    image: &Image,
    version: i16,
) -> FetchPartitionAnswer<Chunk> {
    let index = target.key.index().0;
    let fetched = match outcome {
        Outcome::Read(fetched) => fetched,
        Outcome::Refused(error) => {
            let mut part = FetchPartitionAnswer::refused(index, known_to(version, error));
            let moved =
                matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch);
            if moved && version >= 16 {
                part.leader =
                    target.name(image).and_then(|name| resolve::leader_hint(image, &name, index));
            }
            return part;
        }
        Outcome::OutOfRange(log_start) => {
            let part = FetchPartitionAnswer::refused(index, ErrorCode::OffsetOutOfRange);
            return FetchPartitionAnswer { log_start, ..part };
        }
    };
    let size = fetched.chunk.size_bytes;
    let aborted = fetched.aborted.map(|aborted| {
        aborted.iter().map(|entry| (entry.producer_id, entry.first_offset)).collect()
    });
    FetchPartitionAnswer {
        high_watermark: fetched.offsets.high_watermark,
        last_stable: fetched.offsets.last_stable,
        log_start: fetched.offsets.log_start,
        aborted,
        diverging: fetched.diverging,
        records: (size > 0).then_some((fetched.chunk, size)),
        ..FetchPartitionAnswer::refused(index, ErrorCode::None)
    }
}

/// Clients up to version 5 do not know of disks.
fn known_to(version: i16, error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::KafkaStorageError if version <= 5 => ErrorCode::NotLeaderOrFollower,
        error => error,
    }
}

/// Adds a partition to its topic, which is the last one in most cases.
fn add(answer: &mut FetchAnswer<Chunk>, target: &Target, part: FetchPartitionAnswer<Chunk>) {
    let is_its = |topic: &FetchTopicAnswer<Chunk>| match &target.key {
        Key::Name(name, _) => *topic.name == **name,
        Key::Id(id, _) => topic.id == *id,
    };
    if let Some(topic) = answer.topics.last_mut().filter(|topic| is_its(topic)) {
        topic.partitions.push(part);
        return;
    }
    let (name, id) = match &target.key {
        Key::Name(name, _) => (&**name, model::TopicId::NONE),
        Key::Id(id, _) => ("", *id),
    };
    answer.topics.push(FetchTopicAnswer { name: name.into(), id, partitions: vec![part] });
}
