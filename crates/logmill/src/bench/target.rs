//! The broker under measurement: how to reach it, its topic made ready, its process watched.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use client::{Cluster, ClusterOptions, ConnectionOptions, NewTopic, OffsetSpec, TopicLayout};
use model::{ErrorCode, TopicName, TopicPartition};

use super::{BenchError, process::Watch};

/// How long a deleted topic may take to be gone everywhere.
const DELETION_TIMEOUT: Duration = Duration::from_secs(30);

/// What every measurement needs to know.
#[derive(Args, Clone, Debug)]
pub(super) struct TargetArgs {
    /// The broker, host:port; several with commas.
    #[arg(long, default_value = "localhost:9092")]
    bootstrap_server: String,
    /// The topic; created when it is not there.
    #[arg(long, default_value = "bench")]
    pub(super) topic: TopicName,
    /// Partitions of the topic, if it is created.
    #[arg(long, default_value_t = 1)]
    pub(super) partitions: i32,
    /// Delete the topic first and create it anew.
    #[arg(long)]
    recreate: bool,
    /// An option of the topic, if it is created: name=value. May be given again.
    #[arg(long, value_parser = parse_option)]
    topic_option: Vec<(String, String)>,
    /// The broker's process on this machine: then its CPU time and memory are told.
    #[arg(long)]
    broker_pid: Option<u32>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

impl TargetArgs {
    /// Connects.
    pub(super) async fn cluster(&self) -> Result<Cluster, BenchError> {
        let connection =
            ConnectionOptions { client_id: "logmill-bench".to_owned(), ..Default::default() };
        // A topic that is asked about must not come to be by that alone.
        let options = ClusterOptions {
            connection,
            auto_create_topics: false,
            retry_timeout: DELETION_TIMEOUT,
            ..Default::default()
        };
        Ok(Cluster::connect(&self.bootstrap_server, options).await?)
    }

    /// The topic, there and led; made anew if that is asked for.
    pub(super) async fn prepare_topic(&self, cluster: &Cluster) -> Result<TopicLayout, BenchError> {
        if self.recreate {
            cluster.delete_topic(&self.topic).await?;
            await_gone(cluster, &self.topic).await?;
        }
        let topic = NewTopic {
            options: self.topic_option.clone(),
            ..NewTopic::new(self.topic.clone(), self.partitions)
        };
        cluster.create_topic(&topic).await?;
        let layout = cluster.topic_now(&self.topic).await?;
        // A leader that is named is not always one that knows it yet.
        for &number in layout.partitions.keys() {
            let partition = TopicPartition::new(self.topic.clone(), number);
            cluster.offset(&partition, OffsetSpec::Latest).await?;
        }
        Ok(layout)
    }

    /// Watches the broker's process from now on, if it was named.
    pub(super) fn watch(&self) -> Result<Option<Watch>, BenchError> {
        self.broker_pid.map(Watch::start).transpose()
    }
}

/// Returns when no broker that is asked knows the topic any more.
async fn await_gone(cluster: &Cluster, topic: &TopicName) -> Result<(), BenchError> {
    let deadline = Instant::now() + DELETION_TIMEOUT;
    loop {
        let topics = cluster.topics().await?;
        if !topics.contains_key(topic) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let code = ErrorCode::RequestTimedOut;
            return Err(format!("topic {topic} does not go away: {code}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn parse_option(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("an option is name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}
