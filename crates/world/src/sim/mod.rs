//! Worlds that a test makes and breaks.

mod clock;
mod disk;
mod namespace;
pub mod threads;

pub use clock::SimClock;
pub use disk::{SimDisk, is_stopped};
