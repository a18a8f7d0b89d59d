//! Promises of a log, kept on a simulated disk that fails in every way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod behind;
mod bench;
mod compaction;
mod copies;
mod crash;
mod directory;
mod kafka_files;
mod life;
mod producers;
mod reading;
mod truncation;
