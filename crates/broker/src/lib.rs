//! Kafka's face: connections, dispatch, one handler file per API.
//!
//! [`Broker::serve`] accepts connections; each is one task that deframes, handles in order and answers
//! (`docs/internals/connections.md`). Handlers hold no state: they ask the partitions ([`replication::ReplicaSet`]), the controller, the
//! group coordinator, and the image. [`LocalTopics`] and [`LocalLog`] are the same partitions without a socket between, for jobs and
//! for the coordinator; [`ClusterTopics`] reach what other brokers lead as well; [`publish`] opens and closes partitions as the image
//! changes; [`Membership`] keeps the broker registered; [`SocketLeaders`] is how followers reach their leaders, [`BrokerLinks`] how
//! transactions reach other brokers.
//!
//! What this crate is not: it decides nothing that is stored. A handler resolves, authorises, delegates and answers.

mod awaited;
mod broker;
mod budget;
mod cluster_topics;
mod connection;
mod dispatch;
mod fetch;
mod handlers;
mod internal_topics;
mod isr_proposals;
mod leaders;
mod life;
mod links;
mod local;
mod loopback;
mod membership;
mod metrics;
mod options;
mod peer_listener;
mod peers;
mod producer_ids;
pub mod publish;
mod resolve;
mod server;
mod transactions;
mod verification;

pub use broker::{Broker, BrokerParts};
pub use cluster_topics::{Brokers, Call, ClusterTopics, SocketBrokers};
pub use isr_proposals::ControllerProposals;
pub use leaders::{SocketLeaders, fetch_answer, fetch_request};
pub use links::{BrokerLinks, LinkRequest, SocketLinks};
pub use local::{LocalLog, LocalParts, LocalTopics};
pub use loopback::{Face, Hangup, Loopback};
pub use membership::{Membership, MembershipParts};
pub use metrics::{ApiMetrics, Counter, Gauge, Metrics, Sample, Times};
pub use options::BrokerOptions;
pub use peer_listener::serve_peers;
pub use peers::TcpPeers;
pub use producer_ids::ProducerIds;
pub use transactions::{LocalMarkers, Outgoing, Transactions};
