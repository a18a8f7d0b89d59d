//! One node: the boot order, and the same list backwards.
//!
//!  1. data directory: lock, identity, which logs there are       `identity.rs`
//!  2. listeners are bound, so that their ports are known         `listen.rs`
//!  3. controller: metadata log, image                            `core.rs`
//!  4. the broker registers itself                                `core.rs`
//!  5. replicas and coordinator follow the image: logs open, groups load
//!  6. Kafka listener                                             `node.rs`
//!  7. jobs
//!  8. HTTP listener
//!
//! Closing: 8, 7 (jobs rest), 6, coordinator, housekeeping, 3, 5 (logs close), 1 (the clean mark).
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
