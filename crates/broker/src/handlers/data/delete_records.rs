//! DeleteRecords, versions 0 to 2: a log begins later. On a lone node every replica agrees at once.

use model::{ErrorCode, Offset};
use wire::messages::{
    DeleteRecordsRequest, DeleteRecordsResponse,
    delete_records_request::DeleteRecordsPartition,
    delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult},
};

use crate::{dispatch::Context, resolve};

pub(crate) fn handle(cx: Context, asked: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = asked.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let answer = DeleteRecordsPartitionResult::default()
                .with_partition_index(partition.partition_index);
            match delete(&cx, topic.name.as_str(), partition) {
                Ok(start) => answer.with_low_watermark(start.0),
                Err(error) => {
                    answer.with_low_watermark(Offset::NONE.0).with_error_code(error.code())
                }
            }
        });
        DeleteRecordsTopicResult::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

fn delete(cx: &Context, name: &str, asked: &DeleteRecordsPartition) -> Result<Offset, ErrorCode> {
    let partition = resolve::by_name(&cx.shared, &cx.image, name, asked.partition_index)?;
    if model::TopicName::parse(name).is_ok_and(|name| name.is_internal()) {
        return Err(ErrorCode::InvalidTopicException);
    }
    partition.delete_records(Offset(asked.offset)).map_err(|error| error.code())
}
