//! A partition's part of a Produce answer: placed, or refused with a reason.

use metadata::Image;
use model::{ErrorCode, TopicName};
use replication::PartitionError;
use storage::Appended;
use wire::{ProduceAnswer, ProducePartitionAnswer, RecordError};

use crate::resolve;

/// Why a batch was not appended.
pub(super) enum Refused {
    Code(ErrorCode),
    Words(ErrorCode, String),
    Partition(PartitionError),
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code)
    }
}

pub(super) fn placed(index: i32, appended: &Appended) -> ProducePartitionAnswer {
    ProducePartitionAnswer {
        base_offset: appended.base,
        append_time: appended.append_time,
        log_start: appended.log_start,
        ..ProducePartitionAnswer::refused(index, ErrorCode::None)
    }
}

pub(super) fn refused(index: i32, why: Refused) -> ProducePartitionAnswer {
    match why {
        Refused::Code(code) => ProducePartitionAnswer::refused(index, code),
        Refused::Words(code, words) => ProducePartitionAnswer {
            message: Some(words),
            ..ProducePartitionAnswer::refused(index, code)
        },
        Refused::Partition(error) => {
            let records = error.record_errors().iter().map(|record| RecordError {
                index: record.index,
                message: Some(record.message.clone()),
            });
            ProducePartitionAnswer {
                record_errors: records.collect(),
                message: Some(error.to_string()),
                ..ProducePartitionAnswer::refused(index, error.code())
            }
        }
    }
}

/// Says who leads the partitions that this broker does not (KIP-951), from version 10 on.
pub(super) fn hint(answer: &mut ProduceAnswer, image: &Image, version: i16) {
    if version < 10 {
        return;
    }
    let mut hints = Vec::new();
    for topic in &mut answer.topics {
        for part in &mut topic.partitions {
            if part.error != ErrorCode::NotLeaderOrFollower {
                continue;
            }
            let name = match image.topic_by_id(topic.id) {
                Some(topic) => Some(topic.name.clone()),
                None => TopicName::parse(&topic.name).ok(),
            };
            part.leader = name.and_then(|name| resolve::leader_hint(image, &name, part.index));
            hints.extend(part.leader);
        }
    }
    if !hints.is_empty() {
        answer.endpoints = resolve::endpoints(image, hints.into_iter());
    }
}
