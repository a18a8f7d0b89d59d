//! Whole brokers on the simulated world: nodes, clients and faults in one thread, by a seed.
//!
//! A run boots [nodes](node::Node) on simulated disks and a simulated [network](net::Net), lets [workloads](workload) loose on them while a
//! [plan](fault) breaks things, heals everything, waits for life to return, and then asks the [checkers](check) whether every promise
//! was kept. Two runs of one seed take the same steps: a failure prints its seed, and that is all there is to know.
//!
//! What this crate is not: it holds no brokers of its own. Everything behind a frame is the product's code.

pub mod check;
pub mod client;
mod cluster;
pub mod fault;
pub mod history;
mod judge;
mod life;
mod load;
mod lone;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod net;
pub mod node;
pub mod run;

pub mod watch;
pub mod way;
pub mod workload;
