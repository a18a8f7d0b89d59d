//! Several nodes' replicas over simulated disks, wired in memory: named scenarios, and random histories of a cluster.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod cluster;
mod controller;
mod damage;
mod histories;
mod node;
mod scenarios;
