//! One partition's log on one disk, in Apache Kafka's layout.
#![allow(missing_docs, unused_variables, clippy::unimplemented, reason = "being written")]

mod chunk;
mod error;
mod options;
mod stub;

pub use chunk::{Chunk, FileSlice, Piece};
pub use error::{AppendError, ReadError, StorageError};
pub use options::LogOptions;
pub use stub::*;
