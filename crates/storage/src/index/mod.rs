//! The indexes of a segment: sparse maps from offsets and times to places, beside the log.

mod entries;
mod offset;
mod time;
pub(crate) mod transaction;

pub(crate) use offset::{OFFSET_ENTRY_BYTES, OffsetIndex, Place, encode as encode_place};
pub(crate) use time::{TIME_ENTRY_BYTES, TimeEntry, TimeIndex, encode as encode_time};
