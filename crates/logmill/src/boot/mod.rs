//! One node: the boot order, and the same list backwards.
//!
//!  1. data directory: lock, identity, which logs there are       `identity.rs`
//!  2. listeners are bound, so that their ports are known         `listen.rs`
//!  3. controller: metadata log, image                            `core.rs`
//!  4. the broker registers, fenced; heartbeats from now on       `broker::Membership`
//!  5. replicas and coordinator follow the image: logs open, fetchers follow `core.rs`
//!  6. Kafka listener                                             `node.rs`
//!  7. the broker is unfenced: it may lead                        `broker::Membership`
//!  8. jobs                                                       `node.rs`
//!  9. HTTP listener
//!
//! Closing: jobs rest (8); the broker hands over what it leads (7, for a bounded time); HTTP (9), Kafka (6), coordinator, fetchers, housekeeping,
//! heartbeats (4), 3, logs close (5), 1 (the clean mark).
//!
//! `dev`, `demo` and `server` boot in the same way; they differ in where their [`NodeSettings`](crate::settings::NodeSettings) come from
//! ([`Alone`] makes those of a node that is all of its cluster).

mod alone;
mod core;
mod error;
mod identity;
mod listen;
mod node;

pub(crate) use alone::Alone;
pub(crate) use error::BootError;
pub(crate) use node::Node;
