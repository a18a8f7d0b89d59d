//! Clock, chance and disk: a trait each, the real one and the simulated one with faults.
//!
//! Nothing above this crate reads a clock, draws a number or opens a file of the operating system.
//! (Sockets follow when a cluster is simulated; until then only `broker`, `gateway` and `client` open any.)

mod chance;
mod clock;
mod disk;
pub mod real;
pub mod sim;

pub use chance::Chance;
pub use clock::{Clock, Instant};
pub use disk::{Disk, File, FileLock, Metadata};
