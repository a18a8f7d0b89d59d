//! DescribeProducers, version 0: who has written to a partition, and which transactions are open there.

use model::{ErrorCode, Offset};
use storage::ProducerSummary;
use wire::messages::{
    DescribeProducersRequest, DescribeProducersResponse, ProducerId,
    describe_producers_response::{PartitionResponse, ProducerState, TopicResponse},
    text,
};

use crate::{dispatch::Context, resolve};

pub(crate) fn handle(cx: Context, asked: DescribeProducersRequest) -> DescribeProducersResponse {
    let topics = asked.topics.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|index| {
            let answer = PartitionResponse::default().with_partition_index(*index);
            match producers(&cx, topic.name.as_str(), *index) {
                Ok(producers) => answer.with_active_producers(producers),
                Err(code) => {
                    answer.with_error_code(code.code()).with_error_message(Some(text(code.name())))
                }
            }
        });
        let partitions = partitions.collect();
        TopicResponse::default().with_name(topic.name).with_partitions(partitions)
    });
    DescribeProducersResponse::default().with_topics(topics.collect())
}

fn producers(cx: &Context, topic: &str, index: i32) -> Result<Vec<ProducerState>, ErrorCode> {
    let partition = resolve::by_name(&cx.shared, &cx.image, topic, index)?;
    let producers = partition.producers().map_err(|error| error.code())?;
    Ok(producers.iter().map(state).collect())
}

fn state(producer: &ProducerSummary) -> ProducerState {
    ProducerState::default()
        .with_producer_id(ProducerId(producer.id.0))
        .with_producer_epoch(i32::from(producer.epoch.0))
        .with_last_sequence(producer.last_sequence)
        .with_last_timestamp(producer.last_timestamp.0)
        .with_coordinator_epoch(producer.coordinator_epoch)
        .with_current_txn_start_offset(producer.transaction_start.unwrap_or(Offset::NONE).0)
}
