//! Clock, chance, disk and threads: the real ones and the simulated ones with faults.
//!
//! Nothing above this crate reads a clock, draws a number, opens a file or starts a thread of the operating system.
//! (Sockets follow when a cluster is simulated; until then only `broker`, `gateway` and `client` open any.)

mod chance;
mod clock;
mod disk;
pub mod exec;
pub mod real;
pub mod sim;

pub use chance::Chance;
pub use clock::{Clock, Instant};
pub use disk::{Disk, File, FileLock, Metadata, Space};
