//! From what was read to the answer, and from the answer to the outbox.

use std::io;

use metadata::Image;
use model::ErrorCode;
use storage::{Chunk, FileSlice, Piece};
use wire::{FetchAnswer, FetchPartitionAnswer, FetchTopicAnswer, Segment};

use super::{
    session::Plan,
    target::{Key, Outcome, Target, Told},
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

/// The answer to `plan`, whose targets came to `outcomes`. What an incremental answer tells is noted in the targets; those
/// with records move to the end, so that the next answer begins with others.
pub(crate) fn assemble(
    plan: &mut Plan,
    outcomes: Vec<Outcome>,
    image: &Image,
    version: i16,
) -> FetchAnswer<Chunk> {
    let mut answer = FetchAnswer::empty(ErrorCode::None, plan.session_id);
    let (mut quiet, mut served) = (Vec::new(), Vec::new());
    for (mut target, outcome) in std::mem::take(&mut plan.targets).into_iter().zip(outcomes) {
        let (part, told) = part(&target, outcome, image, version);
        let has_records = part.records.is_some();
        if !plan.is_incremental || has_records || is_news(&target, &part, told) {
            add(&mut answer, &target, part);
        }
        target.told = told;
        if has_records { served.push(target) } else { quiet.push(target) }
    }
    quiet.append(&mut served);
    plan.targets = quiet;
    let parts = answer.topics.iter().flat_map(|topic| &topic.partitions);
    let hints = parts.filter_map(|part| part.leader);
    answer.endpoints = resolve::endpoints(image, hints);
    answer
}

fn is_news(target: &Target, part: &FetchPartitionAnswer<Chunk>, told: Option<Told>) -> bool {
    told.is_none() || told != target.told || part.diverging.is_some()
}

fn part(
    target: &Target,
    outcome: Outcome,
    image: &Image,
    version: i16,
) -> (FetchPartitionAnswer<Chunk>, Option<Told>) {
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
            return (part, None);
        }
        Outcome::OutOfRange(log_start) => {
            let part = FetchPartitionAnswer::refused(index, ErrorCode::OffsetOutOfRange);
            return (FetchPartitionAnswer { log_start, ..part }, None);
        }
    };
    let told = Told { high_watermark: fetched.high_watermark, log_start: fetched.log_start };
    let size = fetched.chunk.size_bytes;
    let aborted = fetched.aborted.map(|aborted| {
        aborted.iter().map(|entry| (entry.producer_id, entry.first_offset)).collect()
    });
    let part = FetchPartitionAnswer {
        high_watermark: fetched.high_watermark,
        last_stable: fetched.last_stable,
        log_start: fetched.log_start,
        aborted,
        diverging: fetched.diverging,
        records: (size > 0).then_some((fetched.chunk, size)),
        ..FetchPartitionAnswer::refused(index, ErrorCode::None)
    };
    (part, Some(told))
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
