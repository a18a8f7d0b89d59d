//! The stream engine: columns, expressions, windows, watermarks, turns and seals.
//!
//! `sql` makes a [`plan::Plan`]; a graph built from it is fed record batches in place and answers with result rows; a
//! task takes it through sealed turns (see `docs/internals/sealed-turns.md`).
//!
//! What this crate is not: it knows no SQL text, no sockets and no stored jobs.

mod aggregate;
mod chunk;
mod civil;
mod column;
pub mod counters;
mod decimal;
mod decode;
mod encode;
pub mod expr;
pub mod graph;
mod java_double;
mod operator;
pub mod plan;
mod scalar;
mod screen;
mod snapshot;
mod text;
pub mod topics;
pub mod turn;
pub mod types;
mod watermark;
mod wide;
