//! Watermarks: how far event time has come, per input and for all of them together.
//!
//! An input's mark is the greatest that its rows have made. The combined watermark is the least over the inputs that are neither idle nor
//! ended, and never goes back. An ended input holds nobody back; when all have ended, time is over (`i64::MAX`). While every input that has
//! not ended is idle, nothing moves: that is what Flink's multiplexer does when a split is released.
//!
//! ```text
//! input 0  ──────▶ 57            (active)          combined = min(57, 61) = 57
//! input 1  ─────────▶ 61         (active)
//! input 2  ──▶ 12                (idle: not asked)
//! input 3  ───────────────────▶  (ended: not asked)
//! ```

/// The marks of a graph's inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watermarks {
    pub(crate) inputs: Vec<InputMark>,
    /// Invariant: never less than it was.
    combined: Option<i64>,
}

/// How far one input is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InputMark {
    pub(crate) mark: Option<i64>,
    pub(crate) is_idle: bool,
    pub(crate) has_ended: bool,
}

/// What the other inputs allow one input's mark to move the combined watermark to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// One of them has no mark yet: nothing moves.
    Hold,
    /// Not past this; `i64::MAX` where there are none.
    UpTo(i64),
}

impl Watermarks {
    pub(crate) fn new(inputs: usize) -> Self {
        Self { inputs: vec![InputMark::default(); inputs], combined: None }
    }

    pub(crate) const fn restore(inputs: Vec<InputMark>, combined: Option<i64>) -> Self {
        Self { inputs, combined }
    }

    pub(crate) const fn combined(&self) -> Option<i64> {
        self.combined
    }

    /// An input's own watermark; past everything once it has ended.
    pub(crate) fn input(&self, input: usize) -> Option<i64> {
        let mark = self.inputs.get(input)?;
        if mark.has_ended { Some(i64::MAX) } else { mark.mark }
    }

    /// What the inputs other than `input` allow.
    pub(crate) fn others(&self, input: usize) -> Others {
        let mut least = i64::MAX;
        for (other, mark) in self.inputs.iter().enumerate() {
            if other == input || mark.is_idle || mark.has_ended {
                continue;
            }
            let Some(mark) = mark.mark else { return Others::Hold };
            least = least.min(mark);
        }
        Others::UpTo(least)
    }

    /// Takes in that `input` has made the mark `mark`, which also ends its idleness.
    pub(crate) fn raise(&mut self, input: usize, mark: i64) {
        let Some(own) = self.inputs.get_mut(input) else { return };
        if own.has_ended {
            return;
        }
        own.is_idle = false;
        own.mark = Some(own.mark.map_or(mark, |before| before.max(mark)));
        self.combine();
    }

    pub(crate) fn set_idle(&mut self, input: usize, is_idle: bool) {
        if let Some(own) = self.inputs.get_mut(input) {
            own.is_idle = is_idle;
            self.combine();
        }
    }

    pub(crate) fn end(&mut self, input: usize) {
        if let Some(own) = self.inputs.get_mut(input) {
            own.has_ended = true;
            self.combine();
        }
    }

    fn combine(&mut self) {
        let mut least: Option<i64> = None;
        let mut are_all_ended = true;
        for mark in self.inputs.iter().filter(|mark| !mark.has_ended) {
            are_all_ended = false;
            if mark.is_idle {
                continue;
            }
            let Some(mark) = mark.mark else { return };
            least = Some(least.map_or(mark, |least| least.min(mark)));
        }
        let reached = if are_all_ended { Some(i64::MAX) } else { least };
        self.combined = self.combined.max(reached);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_combined_watermark_is_the_least_of_the_active_and_never_goes_back() {
        let mut marks = Watermarks::new(3);
        marks.raise(0, 10);
        marks.raise(1, 20);
        assert_eq!(marks.combined(), None, "input 2 has no mark yet");
        assert_eq!(marks.others(0), Others::Hold);
        marks.set_idle(2, true);
        assert_eq!(marks.combined(), Some(10));
        assert_eq!(marks.others(0), Others::UpTo(20));
        marks.raise(0, 5);
        assert_eq!((marks.combined(), marks.input(0)), (Some(10), Some(10)));
        marks.raise(2, 3);
        assert_eq!(marks.combined(), Some(10), "back from idleness with an old mark");
        marks.raise(2, 30);
        marks.raise(0, 15);
        assert_eq!(marks.combined(), Some(15));
    }

    #[test]
    fn ended_inputs_hold_nobody_back_and_all_ended_is_the_end_of_time() {
        let mut marks = Watermarks::new(2);
        marks.raise(0, 10);
        marks.end(1);
        assert_eq!((marks.combined(), marks.input(1)), (Some(10), Some(i64::MAX)));
        marks.set_idle(0, true);
        assert_eq!(marks.combined(), Some(10), "the only one left is idle");
        marks.end(0);
        assert_eq!(marks.combined(), Some(i64::MAX));
        marks.raise(0, 4);
        assert_eq!(marks.input(0), Some(i64::MAX));
    }

    #[test]
    fn nothing_moves_while_all_are_idle() {
        let mut marks = Watermarks::new(2);
        marks.set_idle(0, true);
        marks.set_idle(1, true);
        assert_eq!(marks.combined(), None);
        assert_eq!(marks.others(0), Others::UpTo(i64::MAX));
    }
}
