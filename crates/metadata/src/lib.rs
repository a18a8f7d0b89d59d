//! Cluster facts as records, and the immutable image they make.
//!
//! The controller decides and writes [`Fact`]s; every node applies them, in order, to its [`Image`]; a [`Publisher`]
//! hands the newest image to readers, and what has changed ([`Delta`]) to those who act on it.
//!
//! ```
//! use metadata::{Fact, Image};
//! use model::{TopicId, TopicName};
//!
//! let mut image = Image::default();
//! let name = TopicName::parse("orders").unwrap();
//! image.apply(&Fact::Topic { name, id: TopicId::parse("AAAAAAAAAAAAAAAAAAAAAQ").unwrap() });
//! let before = image.clone(); // costs nothing
//! assert!(before.topic("orders").is_some());
//! ```
//!
//! What this crate is not: it decides nothing, writes no disk, and knows no protocol.

mod delta;
mod error;
mod image;
pub mod options;
mod publish;
mod record;

pub use delta::{Delta, PartitionRun};
pub use error::MetadataError;
pub use image::{Broker, Image, PartitionState, Topic};
pub use publish::{Publisher, Subscriber};
pub use record::{Fact, NO_LEADER, StateFact};
