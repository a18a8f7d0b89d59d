//! The history of a partition's leaders: each epoch and where it begins.
//!
//! ```text
//! leader-epoch-checkpoint:   0            the version
//!                            2            how many
//!                            0 0          epoch, start offset
//!                            3 1290
//! ```

use std::{path::PathBuf, sync::Arc};

use model::{LeaderEpoch, Offset};
use world::File;

use crate::{StorageError, checkpoint, error::IoContext, home::Home};

const NAME: &str = "leader-epoch-checkpoint";

/// Epochs and their start offsets; both only grow.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    starts: Vec<(LeaderEpoch, Offset)>,
    is_dirty: bool,
}

impl Epochs {
    /// What the file says; none if there is no file, or none that can be read.
    pub(crate) fn read(home: &Home) -> Option<Self> {
        let text = home.disk().read_whole(&path(home)).ok()?;
        let starts = checkpoint::parse(&text, |line| {
            let (epoch, start) = line.split_once(' ')?;
            Some((LeaderEpoch(epoch.parse().ok()?), Offset(start.parse().ok()?)))
        })?;
        starts
            .is_sorted_by(|earlier, later| earlier.0 < later.0 && earlier.1 <= later.1)
            .then_some(Self { starts, is_dirty: false })
    }

    /// Makes the file say what this says, if it does not; answers with the file, to be synced together with its directory. A
    /// file that a power cut has taken or torn is made anew from the batches, which have their epochs.
    pub(crate) fn write(&mut self, home: &Home) -> Result<Option<Arc<dyn File>>, StorageError> {
        if !self.is_dirty {
            return Ok(None);
        }
        let lines = self.starts.iter().map(|(epoch, start)| format!("{epoch} {start}"));
        let (path, beside) = (path(home), home.directory.join(format!("{NAME}.tmp")));
        let file = home.disk().open(&beside, true).on("open", &beside)?;
        file.truncate(0).on("truncate", &beside)?;
        file.write_all_at(&checkpoint::format(lines), 0).on("write", &beside)?;
        home.disk().rename(&beside, &path).on("rename", &beside)?;
        self.is_dirty = false;
        Ok(Some(file))
    }

    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.starts.last().map(|(epoch, _)| *epoch)
    }

    /// Notes that `epoch` begins at `start`, if it is newer than all others. Those that had no record are forgotten.
    pub(crate) fn begin(&mut self, epoch: LeaderEpoch, start: Offset) {
        if epoch.0 < 0 || self.latest().is_some_and(|latest| latest >= epoch) {
            return;
        }
        self.truncate_end(start);
        self.starts.push((epoch, start));
        self.is_dirty = true;
    }

    /// The largest epoch up to `asked`, and where it ends; `end` is the end of the log.
    pub(crate) fn end_of(&self, asked: LeaderEpoch, end: Offset) -> Option<(LeaderEpoch, Offset)> {
        if asked.0 < 0 || asked > self.latest()? {
            return None;
        }
        let after = self.starts.partition_point(|(epoch, _)| *epoch <= asked);
        let ends = self.starts.get(after).map_or(end, |(_, start)| *start);
        match after.checked_sub(1).and_then(|floor| self.starts.get(floor)) {
            Some((epoch, _)) => Some((*epoch, ends)),
            // Below all that is known: what is known begins where that one ended.
            None => Some((asked, ends)),
        }
    }

    /// The epoch that the record at `offset` was written in.
    pub(crate) fn of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.starts.partition_point(|(_, start)| *start <= offset);
        self.starts.get(after.checked_sub(1)?).map(|(epoch, _)| *epoch)
    }

    /// Forgets epochs that begin at or after `end`.
    pub(crate) fn truncate_end(&mut self, end: Offset) {
        let kept = self.starts.partition_point(|(_, start)| *start < end);
        self.is_dirty |= kept < self.starts.len();
        self.starts.truncate(kept);
    }

    /// Forgets epochs that end at or before `start`; the one that holds `start` begins there now.
    pub(crate) fn truncate_start(&mut self, start: Offset) {
        let after = self.starts.partition_point(|(_, from)| *from <= start);
        if after == 0 {
            return;
        }
        self.is_dirty |= after > 1;
        self.starts.drain(..after - 1);
        if let Some((_, from)) = self.starts.first_mut()
            && *from < start
        {
            *from = start;
            self.is_dirty = true;
        }
    }
}

fn path(home: &Home) -> PathBuf {
    home.directory.join(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(starts: &[(i32, i64)]) -> Epochs {
        let mut epochs = Epochs::default();
        for (epoch, start) in starts {
            epochs.begin(LeaderEpoch(*epoch), Offset(*start));
        }
        epochs
    }

    #[test]
    fn the_end_of_an_epoch_is_the_start_of_the_next() {
        let epochs = epochs(&[(2, 10), (4, 20), (7, 30)]);
        let table = [
            (-1, None),
            (1, Some((1, 10))),
            (2, Some((2, 20))),
            (3, Some((2, 20))),
            (4, Some((4, 30))),
            (6, Some((4, 30))),
            (7, Some((7, 55))),
            (8, None),
        ];
        for (asked, expected) in table {
            let found = epochs.end_of(LeaderEpoch(asked), Offset(55));
            assert_eq!(found, expected.map(|(e, o)| (LeaderEpoch(e), Offset(o))), "{asked}");
        }
        assert_eq!(Epochs::default().end_of(LeaderEpoch(0), Offset(5)), None);
        assert_eq!(epochs.of(Offset(9)), None);
        assert_eq!(epochs.of(Offset(29)), Some(LeaderEpoch(4)));
    }

    #[test]
    fn an_epoch_without_records_is_forgotten_and_an_old_one_not_taken() {
        let mut epochs = epochs(&[(1, 0), (2, 10), (3, 10)]);
        assert_eq!(epochs.starts, [(LeaderEpoch(1), Offset(0)), (LeaderEpoch(3), Offset(10))]);
        epochs.begin(LeaderEpoch(2), Offset(20));
        assert_eq!(epochs.latest(), Some(LeaderEpoch(3)));
    }

    #[test]
    fn both_ends_can_be_cut() {
        let mut epochs = epochs(&[(1, 0), (2, 10), (3, 20)]);
        epochs.truncate_start(Offset(15));
        assert_eq!(epochs.starts, [(LeaderEpoch(2), Offset(15)), (LeaderEpoch(3), Offset(20))]);
        epochs.truncate_end(Offset(20));
        assert_eq!(epochs.starts, [(LeaderEpoch(2), Offset(15))]);
        epochs.truncate_end(Offset(0));
        assert_eq!(epochs.latest(), None);
    }
}
