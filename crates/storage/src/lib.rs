//! One partition's log on one disk, in Apache Kafka's layout.
//!
//! ```
//! use std::{path::Path, sync::Arc};
//!
//! use model::{BrokerId, LeaderEpoch, Offset, PartitionId, TimestampMs, TopicId, TopicName, TopicPartition};
//! use records::{BatchBuilder, Codec};
//! use storage::{DataDirectory, LogOptions, Origin};
//! use world::sim::SimDisk;
//!
//! let disk = Arc::new(SimDisk::new());
//! let directory = DataDirectory::open(disk, Path::new("/data"), "a-cluster", BrokerId(1))?;
//! let partition = TopicPartition::new(TopicName::parse("clicks").unwrap(), PartitionId(0));
//! let now = TimestampMs(1_000);
//! let mut log = directory.open_log(&partition, TopicId::NONE, Arc::new(LogOptions::default()), now)?;
//!
//! let mut builder = BatchBuilder::new(Codec::Lz4);
//! builder.append(now, Some(b"key"), Some(b"value"), &[]);
//! let appended = log.append(builder.finish(), LeaderEpoch(0), Origin::Client, now)?;
//! assert_eq!(appended.base, Offset(0));
//!
//! let chunk = log.read(Offset(0), log.end(), 1 << 20, true)?;
//! assert_eq!(chunk.next, Offset(1));
//! log.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//!   log start        last stable         high watermark (replication's)    end
//!      ▼                 ▼                    ▼                             ▼
//!   ───┼─────────────────┼────────────────────┼─────────────────────────────┼──▶ offsets
//!      │◀─ read by all ─▶│◀─ by uncommitted ─▶│◀─ by followers ────────────▶│
//! ```
//!
//! The files are Kafka's to the byte: its tools read them, and either broker goes on where the other has stopped
//! (`directory.rs` and `log.rs` draw them).
//!
//! What this crate is not: it knows no replication and no network, no thread and no timer. Who calls it, when and under which
//! lock is decided above.

mod append;
mod behind;
mod checkpoint;
mod chunk;
mod compaction;
mod copy;
mod cursors;
mod directory;
mod epochs;
mod error;
mod files;
mod flush;
mod handles;
mod home;
mod identity;
mod index;
mod lineage;
mod log;
mod options;
mod producer;
mod properties;
mod read;
mod recovery;
mod recovery_points;
mod retention;
mod segment;
mod tail;
mod truncate;

pub use append::{Appended, Origin};
pub use behind::{Advice, DropBehind};
pub use chunk::{Chunk, FileSlice, Piece};
pub use compaction::{Compacted, Compaction};
pub use copy::{Copied, CopyRules, Damage};
pub use directory::{Checkpoint, DataDirectory};
pub use error::{AppendError, ReadError, StorageError};
pub use flush::FlushHandle;
pub use home::Resources;
pub use log::{Log, ProducerSummary};
pub use options::LogOptions;
pub use read::AbortedTransaction;
