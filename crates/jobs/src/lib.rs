//! Stored jobs and the running graphs they become, beside their partition.
//!
//! A statement comes in as text on any node ([`Engine::execute`]); tables and jobs are facts of the cluster; a job runs where its
//! own partition is led (`follow.rs`), on a thread of its own, as reigns of a [`flow::turn::Task`].
//!
//! What this crate is not: it knows no HTTP and no terminal.

mod answer;
mod bell;
mod catalog;
mod engine;
mod execute;
mod fact;
mod follow;
mod query;
mod runner;
mod session;
mod submit;

pub use answer::{Answer, Asker};
pub use engine::{Engine, EngineParts, JobView};
pub use fact::{JobFact, JobState};
