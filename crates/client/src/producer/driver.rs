//! The task behind a producer: sends what the state plans, brings the answers back to it.

use std::{collections::BTreeSet, sync::Arc};

use model::{BrokerId, ErrorCode, Offset, TopicName, TopicPartition};
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};
use wire::{
    Api, decode_response,
    messages::{
        ProduceRequest, ProduceResponse,
        produce_request::{PartitionProduceData, TopicProduceData},
    },
};

use super::{Acks, Shared, queue::Batch, state::Request};
use crate::{
    Answer, ClientError, Connection,
    admin::{millis, named},
    error::error_code,
};

/// The last version of Produce that names topics; later ones ask by id.
const PRODUCE_VERSION_BY_NAME: i16 = 12;

/// A request that is over.
struct Done {
    broker: BrokerId,
    batches: Vec<(TopicPartition, Batch)>,
    /// None where no answer was asked for.
    response: Result<Option<ProduceResponse>, ClientError>,
}

/// Runs until the producer's last handle is gone and everything is settled.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut requests: JoinSet<Done> = JoinSet::new();
    loop {
        let plan = shared.state().plan(&shared.cluster, &shared.options, Instant::now());
        shared.room.add_permits(plan.freed);
        if plan.needs_identity {
            renew_identity(&shared).await;
            continue;
        }
        let mut wake = plan.wake;
        if !plan.leaderless.is_empty() {
            find_leaders(&shared, plan.leaderless.iter().cloned().collect()).await;
            let pause = Instant::now() + shared.cluster.options().backoff;
            wake = Some(wake.map_or(pause, |wake| wake.min(pause)));
        }
        if !plan.requests.is_empty() {
            for request in plan.requests {
                send(&shared, request, &mut requests).await;
            }
            continue;
        }
        if shared.state().is_idle() {
            shared.idle.notify_waiters();
            if shared.state().is_done() {
                return;
            }
        }
        let wake = wake.unwrap_or_else(|| Instant::now() + shared.options.delivery_timeout);
        tokio::select! {
            Some(Ok(done)) = requests.join_next() => on_done(&shared, done).await,
            () = shared.work.notified() => {}
            () = time::sleep_until(wake) => {}
        }
    }
}

/// Puts a request on its broker's socket; what comes of it is the business of a task in `requests`.
async fn send(shared: &Shared, request: Request, requests: &mut JoinSet<Done>) {
    let Request { broker, batches } = request;
    let limit = shared.cluster.options().connection.request_timeout;
    let begun = begin(shared, broker, &batches).await;
    requests.spawn(async move {
        let response = match begun {
            Ok(Some((version, answer))) => receive(version, answer, limit).await.map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        Done { broker, batches, response }
    });
}

async fn begin(
    shared: &Shared,
    broker: BrokerId,
    batches: &[(TopicPartition, Batch)],
) -> Result<Option<(i16, Answer)>, ClientError> {
    let connection: Connection = shared.cluster.broker(broker).await?;
    let version = connection.version_at_most(Api::Produce, PRODUCE_VERSION_BY_NAME)?;
    let mut topics: Vec<TopicProduceData> = Vec::new();
    for (partition, batch) in batches {
        let row = PartitionProduceData::default()
            .with_index(partition.partition.0)
            .with_records(Some(batch.bytes.clone()));
        match topics.last_mut() {
            Some(topic) if topic.name.as_str() == partition.topic.as_str() => {
                topic.partition_data.push(row);
            }
            _ => topics.push(
                TopicProduceData::default()
                    .with_name(named(&partition.topic))
                    .with_partition_data(vec![row]),
            ),
        }
    }
    let request = ProduceRequest::default()
        .with_acks(shared.options.acks.number())
        .with_timeout_ms(millis(shared.cluster.options().connection.request_timeout))
        .with_topic_data(topics);
    let mut frame = connection.frame(Api::Produce, version, &request)?;
    if shared.options.acks == Acks::None {
        connection.tell(&mut frame).await?;
        return Ok(None);
    }
    Ok(Some((version, connection.begin(frame).await?)))
}

async fn receive(
    version: i16,
    answer: Answer,
    limit: std::time::Duration,
) -> Result<ProduceResponse, ClientError> {
    let frame = answer.frame(limit, Api::Produce).await?;
    Ok(decode_response(Api::Produce, version, frame)?.1)
}

async fn on_done(shared: &Shared, done: Done) {
    let now = Instant::now();
    let mut topics = BTreeSet::new();
    let mut freed = 0;
    {
        let mut state = shared.state();
        state.on_request_done(done.broker);
        for (partition, batch) in done.batches {
            let result = outcome(&done.response, &partition);
            let cx = (now, &shared.cluster, &shared.options);
            let (room, asks) = state.on_answer(&partition, batch, result, cx);
            freed += room;
            if asks {
                topics.insert(partition.topic);
            }
        }
    }
    shared.room.add_permits(freed);
    if !topics.is_empty() {
        find_leaders(shared, topics).await;
    }
}

/// The base offset that the answer gives the batch of `partition`.
fn outcome(
    response: &Result<Option<ProduceResponse>, ClientError>,
    partition: &TopicPartition,
) -> Result<Offset, ClientError> {
    let response = match response {
        Ok(Some(response)) => response,
        Ok(None) => return Ok(Offset::NONE),
        Err(error) => return Err(error.clone()),
    };
    let refused = |code| Err(ClientError::refused(format!("produce to {partition}"), code));
    let topics = response.responses.iter();
    let row = topics
        .filter(|topic| topic.name.as_str() == partition.topic.as_str())
        .flat_map(|topic| &topic.partition_responses)
        .find(|row| row.index == partition.partition.0);
    match row.map(|row| (error_code(row.error_code), row.base_offset)) {
        Some((ErrorCode::None, base)) => Ok(Offset(base)),
        Some((code, _)) => refused(code),
        None => refused(ErrorCode::UnknownServerError),
    }
}

/// Asks who leads; if nobody can say now, the retry asks again.
async fn find_leaders(shared: &Shared, topics: BTreeSet<TopicName>) {
    let topics: Vec<_> = topics.into_iter().collect();
    let limit = shared.cluster.options().connection.request_timeout;
    drop(time::timeout(limit, shared.cluster.refresh_once(&topics)).await);
}

/// Without an identity nothing can be sent: what waits fails with the reason.
async fn renew_identity(shared: &Shared) {
    match shared.cluster.init_producer_id().await {
        Ok(identity) => {
            let freed = shared.state().on_identity(identity);
            shared.room.add_permits(freed);
        }
        Err(error) => {
            let freed = shared.state().fail_all(&error);
            shared.room.add_permits(freed);
            time::sleep(shared.cluster.options().backoff).await;
        }
    }
}
