//! Promises of a log, kept on a simulated disk that fails in every way.

mod bench;
mod compaction;
mod crash;
mod directory;
mod kafka_files;
mod life;
mod producers;
mod reading;
