//! What a node is told: Kafka's `server.properties` and `--set key=value`, read, checked and made into [`NodeSettings`].
//!
//! ```text
//!   file ─ properties ─┐
//!                      ├─▶ Written (key → value, place) ─▶ NodeSettings, warnings
//!   --set key=value ───┘                               └─▶ Problems: all of them, each with its line
//! ```
//! The rows of `metadata::options::broker` say what a value may be; this folder says what they must be together. A key that no row
//! has is a warning, as with Kafka.

mod cluster_id;
mod listener;
mod node;
mod node_file;
mod problem;
mod properties;
mod voters;
mod written;

pub(crate) use cluster_id::derived_cluster_id;
pub(crate) use listener::{Address, Listener};
pub(crate) use node::{BrokerSettings, Http, NodeSettings};
pub(crate) use node_file::{Ports, node_file};
pub(crate) use problem::{Place, Problem, Problems};
pub(crate) use voters::Voter;
pub(crate) use written::Written;
