//! Facts: what the metadata log holds, one per record.
//!
//! ```text
//!   record value   ┌─────────┬──────────────────────────────┐
//!                  │ version │ JSON of one Fact             │
//!                  │ u8 = 1  │ {"topic":{"name":…,"id":…}}  │
//!                  └─────────┴──────────────────────────────┘
//! ```
//! The checksum is that of the record batch around it. A field that is added later has a serde default; a change that an
//! old reader would get wrong raises the version.
//!
//! Partitions come in runs: neighbours of one topic with equal state are one fact, so that a topic of 10,000 partitions on
//! a lone node is one record and not 10,000.

use model::{
    BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch, PartitionId, ProducerId, TopicId, TopicName,
};
use serde::{Deserialize, Serialize};

use crate::MetadataError;

/// One thing that is so since the record was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The cluster's id, for life.
    Cluster {
        /// 22 characters, as Kafka writes a uuid.
        id: String,
    },
    /// A topic exists. Its partitions follow.
    Topic {
        /// Not taken by another.
        name: TopicName,
        /// Never used before.
        id: TopicId,
    },
    /// A topic and its partitions and options are gone.
    RemoveTopic {
        /// Which.
        id: TopicId,
    },
    /// Partitions `first..first + count` of a topic are so: made, or changed.
    Partitions {
        /// The topic.
        topic: TopicId,
        /// The first of the run.
        first: PartitionId,
        /// How many.
        count: i32,
        /// What each of them is.
        state: StateFact,
    },
    /// A topic's option is set, or back at its default.
    TopicOption {
        /// The topic.
        topic: TopicId,
        /// Kafka's name of the option.
        name: String,
        /// None: no longer set.
        value: Option<String>,
    },
    /// A broker's option is set, or back at what its file says.
    BrokerOption {
        /// None: for all brokers.
        broker: Option<BrokerId>,
        /// Kafka's name of the option.
        name: String,
        /// None: no longer set.
        value: Option<String>,
    },
    /// A broker begins a life. What it led in the life before is led by nobody now, or, when it begins unfenced (as lone nodes
    /// did in the first builds), by it in a new reign: what the life before wrote last may be lost, and an epoch never names two
    /// histories. One fact, however many partitions.
    RegisterBroker {
        /// Its `node.id`.
        id: BrokerId,
        /// Differs from life to life.
        incarnation: u128,
        /// This life; no two lives of any brokers have the same.
        epoch: BrokerEpoch,
        /// What clients are told to connect to.
        host: String,
        /// What clients are told to connect to.
        port: u16,
        /// Its `broker.rack`.
        rack: Option<String>,
        /// The lineage of its data directory: another than in the life before if it may have lost something. 0: not told.
        #[serde(default, skip_serializing_if = "is_untold")]
        lineage: u128,
        /// Whether it is yet to catch up: see [`Fact::BrokerState`].
        #[serde(default)]
        is_fenced: bool,
        /// Whether it is about to go: see [`Fact::BrokerState`].
        #[serde(default)]
        is_shutting_down: bool,
    },
    /// A broker is fenced or not, about to go or not. One that is either leads nothing: what it still leads is led by nobody
    /// from here on. One that is neither leads again what waits for it: partitions without a leader of which it alone is in sync.
    /// Each of them begins a new reign. One fact, however many partitions.
    BrokerState {
        /// Which.
        id: BrokerId,
        /// In which life. The fact says nothing of another.
        epoch: BrokerEpoch,
        /// Whether it is out of touch, or has not caught up yet.
        is_fenced: bool,
        /// Whether it is in a controlled shutdown.
        is_shutting_down: bool,
    },
    /// A broker is no longer part of the cluster; it leads nothing.
    UnregisterBroker {
        /// Which.
        id: BrokerId,
        /// In which life. The fact says nothing of another.
        epoch: BrokerEpoch,
    },
    /// Broker epochs below `next` are taken. Registrations say so by themselves; this is for brokers that are gone.
    BrokerEpochs {
        /// The first that is free.
        next: BrokerEpoch,
    },
    /// Producer ids below `next` are taken.
    ProducerIds {
        /// The first that is free.
        next: ProducerId,
    },
    /// A table of the SQL catalogue is so.
    Table {
        /// Its name, as the catalogue spells it.
        name: String,
        /// JSON that its owner understands.
        definition: String,
    },
    /// A table is gone.
    RemoveTable {
        /// Its name.
        name: String,
    },
    /// A job is so.
    Job {
        /// Its id.
        id: String,
        /// JSON that its owner understands.
        definition: String,
    },
    /// A job is gone.
    RemoveJob {
        /// Its id.
        id: String,
    },
}

/// What a partition is, in a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFact {
    /// In order of preference.
    pub replicas: Vec<BrokerId>,
    /// In the order of `replicas`. Without a leader: who may lead as soon as it is active, of those who were in sync last.
    pub isr: Vec<BrokerId>,
    /// Eligible leader replicas (KIP-966): not in sync, but nothing was committed without them since they were. In the order of `replicas`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elr: Vec<BrokerId>,
    /// One of `isr`, or [`NO_LEADER`].
    pub leader: BrokerId,
    /// Who led last, while nobody leads; else [`NO_LEADER`].
    #[serde(default = "no_leader", skip_serializing_if = "is_no_leader")]
    pub last_leader: BrokerId,
    /// The leader's reign.
    pub leader_epoch: LeaderEpoch,
    /// The version of this state.
    pub partition_epoch: PartitionEpoch,
    /// Replicas that a reassignment adds: it ends when all of them are in sync.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adding: Vec<BrokerId>,
    /// Replicas that a reassignment takes away when it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removing: Vec<BrokerId>,
}

impl Fact {
    const VERSION: u8 = 1;

    /// The record's value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![Self::VERSION];
        serde_json::to_writer(&mut bytes, self)
            .expect("a fact has text keys only, and a Vec takes all");
        bytes
    }

    /// Reads a record's value.
    ///
    /// # Errors
    /// [`MetadataError`] when no version of this build writes such bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, MetadataError> {
        match bytes.split_first() {
            None => Err(MetadataError::Empty),
            Some((&Self::VERSION, json)) => Ok(serde_json::from_slice(json)?),
            Some((&version, _)) => Err(MetadataError::Version { version, known: Self::VERSION }),
        }
    }
}

/// The leader of a partition that has none.
pub const NO_LEADER: BrokerId = BrokerId(-1);

pub(crate) const fn no_leader() -> BrokerId {
    NO_LEADER
}

fn is_no_leader(id: &BrokerId) -> bool {
    *id == NO_LEADER
}

const fn is_untold(lineage: &u128) -> bool {
    *lineage == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_reads_what_it_writes() {
        let fact = Fact::TopicOption {
            topic: TopicId::NONE,
            name: "retention.ms".into(),
            value: Some("-1".into()),
        };
        assert_eq!(Fact::decode(&fact.encode()).unwrap(), fact);
    }

    #[test]
    fn bytes_of_version_1_are_read_for_ever() {
        let stored: &[u8] = b"\x01{\"partitions\":{\"topic\":\"00000000-0000-0000-0000-000000000001\",\"first\":0,\
            \"count\":3,\"state\":{\"replicas\":[1],\"isr\":[1],\"leader\":1,\"leader_epoch\":4,\"partition_epoch\":5}}}";
        let Fact::Partitions { count: 3, state, .. } = Fact::decode(stored).unwrap() else {
            panic!("another fact");
        };
        assert_eq!(
            (state.leader_epoch, state.partition_epoch),
            (LeaderEpoch(4), PartitionEpoch(5))
        );
        assert_eq!((state.elr.as_slice(), state.last_leader), ([].as_slice(), NO_LEADER));
    }

    #[test]
    fn a_registration_of_the_first_builds_is_unfenced() {
        let stored: &[u8] =
            b"\x01{\"register_broker\":{\"id\":1,\"incarnation\":9,\"epoch\":4,\"host\":\"h\",\
            \"port\":9092,\"rack\":null}}";
        let Fact::RegisterBroker { is_fenced, is_shutting_down, epoch, .. } =
            Fact::decode(stored).unwrap()
        else {
            panic!("another fact");
        };
        assert_eq!((is_fenced, is_shutting_down, epoch), (false, false, BrokerEpoch(4)));
    }

    #[test]
    fn facts_of_a_cluster_are_written_as_they_will_be_read_for_ever() {
        let (id, epoch) = (BrokerId(2), BrokerEpoch(7));
        let state = StateFact {
            replicas: vec![BrokerId(3), BrokerId(1)],
            isr: vec![BrokerId(1)],
            elr: vec![BrokerId(3)],
            leader: NO_LEADER,
            last_leader: BrokerId(1),
            leader_epoch: LeaderEpoch(4),
            partition_epoch: PartitionEpoch(5),
            adding: vec![BrokerId(3)],
            removing: vec![BrokerId(1)],
        };
        let (topic, first) = (TopicId::NONE, PartitionId(0));
        let written = [
            (
                Fact::RegisterBroker {
                    id,
                    incarnation: 9,
                    epoch,
                    host: "h".into(),
                    port: 9092,
                    rack: Some("r".into()),
                    lineage: 5,
                    is_fenced: true,
                    is_shutting_down: false,
                },
                r#"{"register_broker":{"id":2,"incarnation":9,"epoch":7,"host":"h","port":9092,"rack":"r","lineage":5,"is_fenced":true,"is_shutting_down":false}}"#,
            ),
            (
                Fact::BrokerState { id, epoch, is_fenced: false, is_shutting_down: true },
                r#"{"broker_state":{"id":2,"epoch":7,"is_fenced":false,"is_shutting_down":true}}"#,
            ),
            (Fact::UnregisterBroker { id, epoch }, r#"{"unregister_broker":{"id":2,"epoch":7}}"#),
            (Fact::BrokerEpochs { next: BrokerEpoch(8) }, r#"{"broker_epochs":{"next":8}}"#),
            (
                Fact::Partitions { topic, first, count: 2, state },
                r#"{"partitions":{"topic":"00000000-0000-0000-0000-000000000000","first":0,"count":2,"state":{"replicas":[3,1],"isr":[1],"elr":[3],"leader":-1,"last_leader":1,"leader_epoch":4,"partition_epoch":5,"adding":[3],"removing":[1]}}}"#,
            ),
        ];
        for (fact, json) in written {
            let bytes = [b"\x01", json.as_bytes()].concat();
            assert_eq!(String::from_utf8(fact.encode()).unwrap().get(1..), Some(json));
            assert_eq!(Fact::decode(&bytes).unwrap(), fact);
        }
    }

    #[test]
    fn strange_bytes_are_an_error() {
        assert!(matches!(Fact::decode(b""), Err(MetadataError::Empty)));
        assert!(matches!(Fact::decode(b"\x09{}"), Err(MetadataError::Version { version: 9, .. })));
        assert!(matches!(Fact::decode(b"\x01{\"no"), Err(MetadataError::Content(_))));
        assert!(matches!(Fact::decode(b"\x01{\"war\":{}}"), Err(MetadataError::Content(_))));
    }
}
