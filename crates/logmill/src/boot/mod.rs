//! One node: the boot order, and the same list backwards.
//!
//!  1. data directory: lock, identity, which logs there are       `identity.rs`
//!  2. listeners are bound, so that their ports are known         `listen.rs`
//!  3. the quorum: metadata log, image, its listener              `quorum.rs`
//!     and of a node of role broker                               `broker.rs`
//!  4. Kafka listener for other nodes; the broker registers, fenced; heartbeats from now on
//!  5. replicas and coordinators follow the image: logs open, fetchers follow
//!  6. Kafka listener for clients
//!  7. the broker is unfenced: it may lead
//!  8. jobs
//!  9. HTTP listener                                              `node.rs`
//!
//! Closing: jobs rest (8); the broker hands over what it leads (7, for a bounded time); HTTP (9), Kafka (6), coordinators, fetchers, housekeeping,
//! heartbeats (4), 3, logs close (5), 1 (the clean mark).
//!
//! `dev`, `demo` and `server` boot in the same way; they differ in where their [`NodeSettings`](crate::settings::NodeSettings) come from
//! ([`Alone`] makes those of a node that is all of its cluster).

mod alone;
mod broker;
mod error;
mod identity;
mod listen;
mod node;
mod quorum;

pub(crate) use alone::Alone;
pub(crate) use error::BootError;
pub(crate) use node::Node;

/// Done when `stopped` says so.
async fn until(mut stopped: tokio::sync::watch::Receiver<bool>) {
    // The sender gone means the node is gone.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
