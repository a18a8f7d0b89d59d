//! Options: one row each (name, type, default, bounds, doc), where their values come from, and what they come to.
//!
//! ```text
//!   a topic's option is      its own (dynamic topic)             Fact::TopicOption
//!     the first of           the broker's, while running         Fact::BrokerOption for this broker, then for all
//!                            the broker's file (static)          ServerOptions
//!                            the default                         the row
//! ```
//! [`effective`] gives them typed, for those who act; [`describe_topic`] and [`describe_broker`] as Kafka tells them.

pub mod broker;
mod compression;
mod describe;
mod effective;
mod row;
mod server;
pub mod topic;

pub use compression::Compression;
pub use describe::{Described, Source, Synonym, describe_broker, describe_topic};
pub use effective::{TopicOptions, effective, min_insync_replicas};
pub use row::{Bounds, InvalidOption, Kind, Row};
pub use server::ServerOptions;
