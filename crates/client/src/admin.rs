//! What an operator asks of a cluster: topics, offsets, producer ids.

use std::time::Duration;

use model::{
    ErrorCode, LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs, TopicName,
    TopicPartition,
};
use wire::{
    Api,
    messages::{
        BrokerId, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest,
        DeleteTopicsResponse, InitProducerIdRequest, InitProducerIdResponse, ListOffsetsRequest,
        ListOffsetsResponse,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        delete_topics_request::DeleteTopicState,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        text,
    },
};

use crate::{
    ClientError, Cluster,
    error::{check, error_code},
};

/// How long the broker may take to do what an operator asks.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

/// A topic to be.
#[derive(Clone, Debug)]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// Its partitions; -1 is the broker's default.
    pub partitions: i32,
    /// Its replicas; -1 is the broker's default.
    pub replication_factor: i16,
    /// Its options, such as `cleanup.policy`.
    pub options: Vec<(String, String)>,
}

impl NewTopic {
    /// One with this many partitions and the broker's defaults.
    #[must_use]
    pub const fn new(name: TopicName, partitions: i32) -> Self {
        Self { name, partitions, replication_factor: -1, options: Vec::new() }
    }
}

/// Whether a topic was created or there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New,
    /// It was there.
    Existed,
}

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The log's start.
    Earliest,
    /// The end of what may be read.
    Latest,
    /// The first record at or after this time.
    At(TimestampMs),
    /// The record with the largest timestamp.
    MaxTimestamp,
}

/// What the controller gives an idempotent producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdentity {
    /// Its id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

impl Cluster {
    /// Creates `topic`, and returns when all its partitions are led.
    ///
    /// # Errors
    /// The cluster refuses; that the topic is there already is no error.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<Created, ClientError> {
        let mut retry = self.retry();
        loop {
            if let Some(done) = retry.settle(self.create_topic_once(topic).await).await {
                let created = done?;
                self.topic_now(&topic.name).await?;
                return Ok(created);
            }
        }
    }

    async fn create_topic_once(&self, topic: &NewTopic) -> Result<Created, ClientError> {
        let connection = self.controller().await?;
        let version = connection.version(Api::CreateTopics)?;
        let option = |(name, value): &(String, String)| {
            CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
        };
        let row = CreatableTopic::default()
            .with_name(named(&topic.name))
            .with_num_partitions(topic.partitions)
            .with_replication_factor(topic.replication_factor)
            .with_configs(topic.options.iter().map(option).collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![row])
            .with_timeout_ms(millis(OPERATION_TIMEOUT));
        let answer: CreateTopicsResponse =
            connection.ask(Api::CreateTopics, version, &request).await?;
        let Some(row) = answer.topics.first() else {
            return Err(ClientError::refused(topic.name.to_string(), ErrorCode::InvalidRequest));
        };
        match error_code(row.error_code) {
            ErrorCode::None => Ok(Created::New),
            ErrorCode::TopicAlreadyExists => Ok(Created::Existed),
            code => {
                let why = row.error_message.as_deref().unwrap_or_default();
                Err(ClientError::refused(format!("create topic {}: {why}", topic.name), code))
            }
        }
    }

    /// Deletes `topic`; that it is not there is no error.
    ///
    /// # Errors
    /// The cluster refuses.
    pub async fn delete_topic(&self, topic: &TopicName) -> Result<(), ClientError> {
        let mut retry = self.retry();
        loop {
            if let Some(done) = retry.settle(self.delete_topic_once(topic).await).await {
                return done;
            }
        }
    }

    async fn delete_topic_once(&self, topic: &TopicName) -> Result<(), ClientError> {
        let connection = self.controller().await?;
        // Version 6 names topics in another way, for ids.
        let version = connection.version(Api::DeleteTopics)?;
        let mut request = DeleteTopicsRequest::default().with_timeout_ms(millis(OPERATION_TIMEOUT));
        if version >= 6 {
            request.topics = vec![DeleteTopicState::default().with_name(Some(named(topic)))];
        } else {
            request.topic_names = vec![named(topic)];
        }
        let answer: DeleteTopicsResponse =
            connection.ask(Api::DeleteTopics, version, &request).await?;
        match answer.responses.first().map(|row| error_code(row.error_code)) {
            None | Some(ErrorCode::None | ErrorCode::UnknownTopicOrPartition) => Ok(()),
            Some(code) => Err(ClientError::refused(format!("delete topic {topic}"), code)),
        }
    }

    /// The offset of `partition` that `spec` asks for; none where there is none (no record that late).
    ///
    /// # Errors
    /// The leader cannot be found or refuses.
    pub async fn offset(
        &self,
        partition: &TopicPartition,
        spec: OffsetSpec,
    ) -> Result<Option<Offset>, ClientError> {
        let mut retry = self.retry();
        loop {
            let found = self.offset_once(partition, spec).await;
            if let Err(error) = &found
                && error.is_retriable()
            {
                // Perhaps another leads by now; if asking fails too, the next try asks again.
                drop(self.refresh_once(std::slice::from_ref(&partition.topic)).await);
            }
            if let Some(done) = retry.settle(found).await {
                return done;
            }
        }
    }

    async fn offset_once(
        &self,
        partition: &TopicPartition,
        spec: OffsetSpec,
    ) -> Result<Option<Offset>, ClientError> {
        let connection = self.leader(partition).await?;
        let version = connection.version(Api::ListOffsets)?;
        let timestamp = match spec {
            OffsetSpec::Earliest => -2,
            OffsetSpec::Latest => -1,
            OffsetSpec::MaxTimestamp => -3,
            OffsetSpec::At(TimestampMs(ms)) => ms,
        };
        let epoch = self.known_leader(partition).map_or(LeaderEpoch::NONE, |(_, epoch)| epoch);
        let mut row = ListOffsetsPartition::default()
            .with_partition_index(partition.partition.0)
            .with_timestamp(timestamp);
        if version >= 4 {
            row.current_leader_epoch = epoch.0;
        }
        let topic = ListOffsetsTopic::default()
            .with_name(named(&partition.topic))
            .with_partitions(vec![row]);
        let mut request =
            ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        if version >= 10 {
            request.timeout_ms = millis(OPERATION_TIMEOUT);
        }
        let answer: ListOffsetsResponse =
            connection.ask(Api::ListOffsets, version, &request).await?;
        let row = answer.topics.first().and_then(|topic| topic.partitions.first());
        let Some(row) = row else {
            let code = ErrorCode::UnknownTopicOrPartition;
            return Err(ClientError::refused(partition.to_string(), code));
        };
        check(format!("list offsets of {partition}"), row.error_code)?;
        Ok((row.offset >= 0).then_some(Offset(row.offset)))
    }

    /// A producer id for an idempotent producer without transactions.
    ///
    /// # Errors
    /// The cluster refuses.
    pub async fn init_producer_id(&self) -> Result<ProducerIdentity, ClientError> {
        let mut retry = self.retry();
        loop {
            if let Some(done) = retry.settle(self.init_producer_id_once().await).await {
                return done;
            }
        }
    }

    async fn init_producer_id_once(&self) -> Result<ProducerIdentity, ClientError> {
        let connection = self.any().await?;
        let version = connection.version(Api::InitProducerId)?;
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX);
        let answer: InitProducerIdResponse =
            connection.ask(Api::InitProducerId, version, &request).await?;
        check("producer id", answer.error_code)?;
        Ok(ProducerIdentity {
            id: ProducerId(answer.producer_id.0),
            epoch: ProducerEpoch(answer.producer_epoch),
        })
    }
}

/// `topic` as the codec holds it.
pub(crate) fn named(topic: &TopicName) -> wire::messages::TopicName {
    wire::messages::TopicName(text(topic.as_str()))
}

/// Milliseconds for the wire.
pub(crate) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
