//! A cluster as a client sees it: one connection per broker, who leads what, and retries while that moves.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{BrokerId, ErrorCode, LeaderEpoch, TopicName, TopicPartition};
use wire::{
    Api,
    messages::{MetadataRequest, MetadataResponse, metadata_request::MetadataRequestTopic, text},
};

use crate::{
    ClientError, Connection, ConnectionOptions, TopicLayout, error::is_retriable,
    metadata::Metadata, retry::Retry,
};

/// How a [`Cluster`] behaves.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// How its connections behave.
    pub connection: ConnectionOptions,
    /// How long a call is tried again before its error is the caller's.
    pub retry_timeout: Duration,
    /// The first pause between two tries; it doubles up to `backoff_max`.
    pub backoff: Duration,
    /// The longest pause between two tries.
    pub backoff_max: Duration,
    /// Whether asking for a topic that is not there may create it.
    pub auto_create_topics: bool,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            connection: ConnectionOptions::default(),
            retry_timeout: Duration::from_secs(60),
            backoff: Duration::from_millis(20),
            backoff_max: Duration::from_secs(1),
            auto_create_topics: true,
        }
    }
}

/// A handle on a cluster. Cheap to clone; all clones share connections and metadata.
#[derive(Clone)]
pub struct Cluster(Arc<Shared>);

struct Shared {
    bootstrap: Vec<String>,
    options: ClusterOptions,
    metadata: Mutex<Metadata>,
    /// By address: a broker that comes back under another id or address is another connection.
    connections: tokio::sync::Mutex<HashMap<String, Connection>>,
}

impl Cluster {
    /// Connects to any of `bootstrap` (`host:port`, comma separated), trying again up to the retry timeout.
    ///
    /// # Errors
    /// No address, one that is none, or none that answers.
    pub async fn connect(bootstrap: &str, options: ClusterOptions) -> Result<Self, ClientError> {
        let bootstrap: Vec<_> = bootstrap
            .split(',')
            .map(|address| address.trim().to_owned())
            .filter(|address| !address.is_empty())
            .collect();
        if bootstrap.is_empty() {
            return Err(ClientError::Invalid("no bootstrap address".to_owned()));
        }
        if let Some(odd) = bootstrap.iter().find(|address| !is_address(address)) {
            return Err(ClientError::Invalid(format!(
                "'{odd}' is no address of a broker: write host:port"
            )));
        }
        let cluster = Self(Arc::new(Shared {
            bootstrap,
            options,
            metadata: Mutex::default(),
            connections: tokio::sync::Mutex::default(),
        }));
        cluster.refresh(&[]).await?;
        Ok(cluster)
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> &ClusterOptions {
        &self.0.options
    }

    /// The brokers, by id, with their addresses.
    #[must_use]
    pub fn brokers(&self) -> BTreeMap<BrokerId, String> {
        self.with_metadata(|metadata| metadata.brokers.clone())
    }

    /// The layout of `topic`: as known, else as asked for.
    ///
    /// # Errors
    /// The topic is not there and was not created within the retry timeout.
    pub async fn topic(&self, topic: &TopicName) -> Result<TopicLayout, ClientError> {
        match self.known_topic(topic) {
            Some(layout) => Ok(layout),
            None => self.topic_now(topic).await,
        }
    }

    /// The layout of `topic`, asked for now, once all its partitions are led.
    ///
    /// # Errors
    /// The topic is not there and was not created within the retry timeout.
    pub async fn topic_now(&self, topic: &TopicName) -> Result<TopicLayout, ClientError> {
        let mut retry = self.retry();
        loop {
            if let Some(done) = retry.settle(self.topic_once(topic).await).await {
                return done;
            }
        }
    }

    async fn topic_once(&self, topic: &TopicName) -> Result<TopicLayout, ClientError> {
        self.refresh_once(std::slice::from_ref(topic)).await?;
        let all_led = |layout: &TopicLayout| {
            layout.partitions.values().all(|partition| partition.leader.is_some())
        };
        let none = || ClientError::refused(topic.to_string(), ErrorCode::LeaderNotAvailable);
        self.known_topic(topic).filter(all_led).ok_or_else(none)
    }

    /// How many partitions `topic` has, as known or asked for.
    pub(crate) async fn partition_count(&self, topic: &TopicName) -> Result<i32, ClientError> {
        let known =
            self.with_metadata(|metadata| metadata.topic(topic).map(TopicLayout::partition_count));
        match known {
            Some(count) => Ok(count),
            None => Ok(self.topic_now(topic).await?.partition_count()),
        }
    }

    fn known_topic(&self, topic: &TopicName) -> Option<TopicLayout> {
        self.with_metadata(|metadata| metadata.topic(topic).cloned())
    }

    /// Every topic that the cluster shows, asked for now.
    ///
    /// # Errors
    /// No broker answers.
    pub async fn topics(&self) -> Result<BTreeMap<TopicName, TopicLayout>, ClientError> {
        let mut retry = self.retry();
        loop {
            if let Some(done) = retry.settle(self.topics_once().await).await {
                return done;
            }
        }
    }

    async fn topics_once(&self) -> Result<BTreeMap<TopicName, TopicLayout>, ClientError> {
        let connection = self.any().await?;
        let answer = self.ask_metadata(&connection, None).await?;
        self.with_metadata(|metadata| {
            metadata.update(&answer);
            Ok(metadata.topics().map(|(name, layout)| (name.clone(), layout.clone())).collect())
        })
    }

    /// Asks anew for brokers and for `topics`, trying again up to the retry timeout.
    ///
    /// # Errors
    /// No broker answers, or a topic stays refused.
    pub async fn refresh(&self, topics: &[TopicName]) -> Result<(), ClientError> {
        let mut retry = self.retry();
        loop {
            if let Some(done) = retry.settle(self.refresh_once(topics).await).await {
                return done;
            }
        }
    }

    /// Asks anew, once; for callers that pace their retries themselves.
    pub(crate) async fn refresh_once(&self, topics: &[TopicName]) -> Result<(), ClientError> {
        let connection = self.any().await?;
        let answer = self.ask_metadata(&connection, Some(topics)).await?;
        let refused = self.with_metadata(|metadata| metadata.update(&answer));
        // One that is refused for good wins, so that a retry does not hide it.
        let worst = refused.into_iter().min_by_key(|(_, code)| is_retriable(*code));
        worst.map_or(Ok(()), |(topic, code)| Err(ClientError::refused(topic.to_string(), code)))
    }

    /// Who leads `partition`, as known.
    pub(crate) fn known_leader(
        &self,
        partition: &TopicPartition,
    ) -> Option<(BrokerId, LeaderEpoch)> {
        self.with_metadata(|metadata| metadata.leader(partition))
    }

    /// A connection to the leader of `partition`, trying again up to the retry timeout.
    ///
    /// # Errors
    /// There is no leader, or it does not answer.
    pub async fn leader(&self, partition: &TopicPartition) -> Result<Connection, ClientError> {
        let mut retry = self.retry();
        loop {
            if let Some(done) = retry.settle(self.leader_once(partition).await).await {
                return done;
            }
        }
    }

    async fn leader_once(&self, partition: &TopicPartition) -> Result<Connection, ClientError> {
        if let Some((leader, _)) = self.known_leader(partition)
            && let Ok(connection) = self.broker(leader).await
        {
            return Ok(connection);
        }
        self.refresh_once(std::slice::from_ref(&partition.topic)).await?;
        match self.known_leader(partition) {
            Some((leader, _)) => self.broker(leader).await,
            None => Err(ClientError::refused(partition.to_string(), ErrorCode::LeaderNotAvailable)),
        }
    }

    /// A connection to broker `id`.
    ///
    /// # Errors
    /// It is not known, or does not answer.
    pub async fn broker(&self, id: BrokerId) -> Result<Connection, ClientError> {
        let address = self.with_metadata(|metadata| metadata.brokers.get(&id).cloned());
        let unknown =
            || ClientError::refused(format!("broker {id}"), ErrorCode::BrokerNotAvailable);
        self.connection(&address.ok_or_else(unknown)?).await
    }

    /// A connection to any broker: one that stands, else the known brokers and the bootstrap addresses in turn.
    ///
    /// # Errors
    /// None answers.
    pub async fn any(&self) -> Result<Connection, ClientError> {
        let standing = |connections: &HashMap<String, Connection>| {
            connections.values().find(|connection| !connection.is_closed()).cloned()
        };
        if let Some(connection) = standing(&*self.0.connections.lock().await) {
            return Ok(connection);
        }
        let known =
            self.with_metadata(|metadata| metadata.brokers.values().cloned().collect::<Vec<_>>());
        let mut last = ClientError::Invalid("no broker is known".to_owned());
        for address in known.iter().chain(&self.0.bootstrap) {
            match self.connection(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// A connection to the controller if it is known, else to any broker: under KRaft every broker forwards.
    pub(crate) async fn controller(&self) -> Result<Connection, ClientError> {
        match self.with_metadata(|metadata| metadata.controller) {
            Some(id) => match self.broker(id).await {
                Ok(connection) => Ok(connection),
                Err(_) => self.any().await,
            },
            None => self.any().await,
        }
    }

    /// The tries of one call, as the options pace them.
    pub(crate) fn retry(&self) -> Retry {
        let options = &self.0.options;
        Retry::new(options.retry_timeout, options.backoff, options.backoff_max)
    }

    async fn connection(&self, address: &str) -> Result<Connection, ClientError> {
        // Held while connecting, so that callers at once share one socket; bounded by the connect timeout.
        let mut connections = self.0.connections.lock().await;
        if let Some(connection) = connections.get(address) {
            if !connection.is_closed() {
                return Ok(connection.clone());
            }
            connections.remove(address);
        }
        let options = self.0.options.connection.clone();
        let connection = Connection::connect(address, options).await?;
        connections.insert(address.to_owned(), connection.clone());
        Ok(connection)
    }

    async fn ask_metadata(
        &self,
        connection: &Connection,
        topics: Option<&[TopicName]>,
    ) -> Result<MetadataResponse, ClientError> {
        let version = connection.version(Api::Metadata)?;
        let named = |topic: &TopicName| {
            MetadataRequestTopic::default()
                .with_name(Some(wire::messages::TopicName(text(topic.as_str()))))
        };
        let mut request = MetadataRequest::default();
        // Version 0 says "all" by naming none.
        request.topics = topics.map(|topics| topics.iter().map(named).collect());
        if version == 0 && topics.is_none() {
            request.topics = Some(Vec::new());
        }
        if version >= 4 {
            request.allow_auto_topic_creation = self.0.options.auto_create_topics;
        }
        connection.ask(Api::Metadata, version, &request).await
    }

    fn with_metadata<T>(&self, look: impl FnOnce(&mut Metadata) -> T) -> T {
        look(&mut self.0.metadata.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether it can be the address of a broker: `host:port`, as `[::1]:9092` too. Whether it is one is found out by asking.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_host = !host.is_empty() && !host.contains(|it: char| it.is_whitespace() || it == '/');
    let is_whole = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
    is_host && is_whole && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn what_is_no_address_is_not_dialled() {
        for address in ["localhost:9092", "10.0.0.1:1", "[::1]:9092", "a-b.c:65535"] {
            assert!(is_address(address), "{address}");
        }
        for odd in
            ["nonsense", ":9092", "a:", "a:0", "a:65536", "http://a:9092", "::1:9092", "a b:1"]
        {
            assert!(!is_address(odd), "{odd}");
        }
    }
}
