//! Sealed turns: exactly once without aborts.
//!
//! A job advances in turns. What a turn gives is written ahead into the job's own partition (the seal, the commit
//! point) and then appended to the output partitions; the next seal waits for that, so only the last seal is ever in
//! doubt. After a crash the new reign fences the outputs, counts its own records behind the recorded ends, appends what
//! is missing, restores the newest snapshot and goes over the sealed turns again, muted.
//!
//!   turn n:  read ─▶ feed ─▶ results? ─▶ SEAL n (synced) ─▶ publish ─▶ now and then: snapshot, trim
//!   crash:   ·       ·            ·   ·          ·      in doubt       ·   journal: last snapshot + seals after it
//!
//! Safety never rests on computing the same bytes twice: the seal holds the bytes. Liveness does rest on the schedule
//! (which ranges, in which order), hence the seal holds that too.

mod entry;
mod halt;
mod inputs;
mod journal;
mod outputs;
mod takeover;
mod task;

pub use entry::{Advance, Turn};
pub use halt::Halt;
pub use inputs::Inputs;
pub use task::{Pace, Task, TaskIdentity, TaskStatus};
