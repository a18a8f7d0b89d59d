//! The windows that are open, by their beginning; each with a lane of groups per input, or one lane where the order of rows does not matter.

use std::collections::BTreeMap;

use hashbrown::DefaultHashBuilder;

use super::groups::Groups;
use crate::{
    plan::AggregateCall,
    snapshot::{Reader, Torn, Writer},
};

/// The open windows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slices {
    by_start: BTreeMap<i64, Slice>,
}

/// One window's groups, lane by lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slice {
    lanes: BTreeMap<usize, Groups>,
}

impl Slices {
    /// The beginning of the oldest open window.
    pub(crate) fn first(&self) -> Option<i64> {
        self.by_start.first_key_value().map(|(start, _)| *start)
    }

    /// Takes the oldest window out.
    pub(crate) fn pop_first(&mut self) -> Option<(i64, Slice)> {
        self.by_start.pop_first()
    }

    pub(crate) fn groups(
        &mut self,
        start: i64,
        lane: usize,
        calls: &[AggregateCall],
    ) -> &mut Groups {
        let slice = self.by_start.entry(start).or_default();
        slice.lanes.entry(lane).or_insert_with(|| Groups::new(calls))
    }

    /// What they take, near enough.
    pub(crate) fn bytes(&self) -> usize {
        const PER_LANE: usize = 256;
        let lanes = self.by_start.values().flat_map(|slice| slice.lanes.values());
        lanes.map(|groups| PER_LANE + groups.bytes()).sum()
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        out.count(self.by_start.len());
        for (start, slice) in &self.by_start {
            out.i64(*start);
            out.count(slice.lanes.len());
            for (lane, groups) in &slice.lanes {
                out.count(*lane);
                groups.write(out);
            }
        }
    }

    /// Reads them back; `lane_of` says which lane a written one is now.
    pub(crate) fn read(
        calls: &[AggregateCall],
        hasher: &DefaultHashBuilder,
        lane_of: impl Fn(u64) -> Result<usize, Torn>,
        from: &mut Reader<'_>,
    ) -> Result<Self, Torn> {
        let mut slices = Self::default();
        for _ in 0..from.count()? {
            let start = from.i64()?;
            let slice = slices.by_start.entry(start).or_default();
            for _ in 0..from.count()? {
                let lane = lane_of(from.u64()?)?;
                slice.lanes.insert(lane, Groups::read(calls, hasher, from)?);
            }
        }
        Ok(slices)
    }
}

impl Slice {
    /// All lanes as one, merged in their order. None: the window is empty.
    pub(crate) fn merge(self) -> Option<Groups> {
        let mut lanes = self.lanes.into_values();
        let mut merged = lanes.next()?;
        for lane in lanes {
            merged.merge(&lane);
        }
        Some(merged)
    }
}
