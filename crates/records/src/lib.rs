//! Record batches v2 on bytes: borrow, validate, build, stamp in place, compress.
//!
//! A [`Batch`] is a borrowed view of the 61-byte header and what follows; nothing is copied to look at it. Base offset and leader
//! epoch lie outside the CRC, so [`stamp`] sets them in place and the bytes go to the file as they came.
//!
//! ```
//! use model::{Offset, TimestampMs};
//! use records::{Batch, BatchBuilder, Codec};
//!
//! let mut builder = BatchBuilder::new(Codec::Lz4);
//! builder.base_offset(Offset(7)).append(TimestampMs(1), Some(b"key"), Some(b"value"), &[]);
//! let bytes = builder.finish();
//! let batch = Batch::parse(&bytes)?;
//! let mut scratch = Vec::new();
//! for record in batch.records(&mut scratch)? {
//!     assert_eq!(record?.offset, Offset(7));
//! }
//! # Ok::<(), records::RecordsError>(())
//! ```
//!
//! What this crate is not: it keeps no log and knows no topic; message formats 0 and 1 are refused.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod batch;
mod batches;
mod builder;
mod codec;
pub mod control;
mod crc;
mod error;
mod murmur2;
mod record;
mod records;
pub mod stamp;
mod validate;
mod varint;
mod xerial;

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod validate_tests;

pub use batch::{Batch, HEADER_BYTES, PREFIX_BYTES, TimestampType};
pub use batches::Batches;
pub use builder::{BatchBuilder, recompress};
pub use codec::{Codec, compress, inflate};
pub use crc::crc32c;
pub use error::RecordsError;
pub use murmur2::{murmur2, partition_for_key};
pub use record::{Header, Headers, HeadersIter, Record};
pub use records::Records;
pub use validate::{Examined, Invalid, RecordError, Rules, examine, validate};
