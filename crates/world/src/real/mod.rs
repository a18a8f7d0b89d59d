//! The machine itself.

mod clock;
mod disk;

pub use clock::SystemClock;
pub use disk::OsDisk;
