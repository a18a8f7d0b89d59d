//! A client of the simulated cluster: Kafka's frames over the simulated network, one request at a time.

use std::{collections::BTreeMap, time::Duration};

use bytes::Buf;
use model::{ErrorCode, PartitionId, TopicName};
use wire::{
    Api, WireError, decode_response, encode_request,
    messages::{self, Decodable, Encodable, MetadataRequest, MetadataResponse, text},
};
use world::exec;

use crate::net::{Broken, Connection, Host, Net};

/// Why a request has no answer. Whether it was carried out is not known.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The network, or the broker behind it.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The answer is no answer.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// One client. Knows the brokers' hosts and talks to one at a time.
pub struct Client {
    net: Net,
    host: Host,
    name: String,
    brokers: Vec<Host>,
    connection: Option<Connection>,
    correlation: i32,
    /// The newest reign of each partition that it was told of: who knows only of an older one is not believed.
    reigns: BTreeMap<(TopicName, PartitionId), i32>,
    /// How long a request may take.
    pub timeout: Duration,
}

impl Client {
    /// A client at `host`.
    #[must_use]
    pub fn new(net: Net, host: Host, name: &str, brokers: Vec<Host>) -> Self {
        Self {
            net,
            host,
            name: name.to_owned(),
            brokers,
            connection: None,
            correlation: 0,
            reigns: BTreeMap::new(),
            timeout: Duration::from_secs(5),
        }
    }

    /// The brokers it was told of.
    #[must_use]
    pub fn brokers(&self) -> &[Host] {
        &self.brokers
    }

    /// Asks `broker`; connects first if need be.
    ///
    /// # Errors
    /// [`Unanswered`]; the connection is closed then.
    #[track_caller]
    pub fn ask<A: Decodable>(
        &mut self,
        broker: Host,
        (api, version): (Api, i16),
        request: &impl Encodable,
    ) -> Result<A, Unanswered> {
        let answer = self.exchange(broker, (api, version), request);
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    fn exchange<A: Decodable>(
        &mut self,
        broker: Host,
        (api, version): (Api, i16),
        request: &impl Encodable,
    ) -> Result<A, Unanswered> {
        if self.connection.as_ref().is_none_or(|connection| connection.peer() != broker) {
            self.connection = None;
            self.connection = Some(self.net.connect(self.host, broker, self.timeout)?);
        }
        let connection = self.connection.as_ref().ok_or(Broken::Reset)?;
        self.correlation += 1;
        let frame = encode_request(api, version, self.correlation, &self.name, request)?;
        connection.send(frame.freeze())?;
        let mut answer = connection.receive(Some(self.timeout))?;
        answer.advance(4); // its length
        let (correlation, answer) = decode_response(api, version, answer)?;
        assert_eq!(correlation, self.correlation, "answers come in order");
        Ok(answer)
    }

    /// The leader of a partition, as any broker that answers knows it; none when nobody does.
    pub fn leader(&mut self, topic: &TopicName, partition: PartitionId) -> Option<Host> {
        let asked = messages::metadata_request::MetadataRequestTopic::default()
            .with_name(Some(messages::TopicName(text(topic.as_str()))));
        let request = MetadataRequest::default().with_topics(Some(vec![asked]));
        for broker in self.brokers.clone() {
            let answer: Result<MetadataResponse, _> =
                self.ask(broker, (Api::Metadata, 12), &request);
            let Ok(answer) = answer else { continue };
            let found = answer.topics.first().and_then(|topic| {
                let partitions = topic.partitions.iter();
                partitions.clone().find(|it| it.partition_index == partition.0)
            });
            if let Some(found) = found
                && found.error_code == 0
                && let Ok(host) = u16::try_from(found.leader_id.0)
                && found.leader_epoch >= self.reign(topic, partition)
            {
                self.reigns.insert((topic.clone(), partition), found.leader_epoch);
                return Some(Host(host));
            }
        }
        None
    }

    /// The newest reign of a partition that it was told of, for whoever it asks; -1 for none.
    #[must_use]
    pub fn reign(&self, topic: &TopicName, partition: PartitionId) -> i32 {
        self.reigns.get(&(topic.clone(), partition)).copied().unwrap_or(-1)
    }

    /// Lets a moment pass before something is tried again.
    pub fn back_off(&self) {
        exec::sleep(Duration::from_millis(100));
    }
}

/// The code of an answer.
#[must_use]
pub fn code(number: i16) -> ErrorCode {
    ErrorCode::from_code(number).unwrap_or(ErrorCode::UnknownServerError)
}
