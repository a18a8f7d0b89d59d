//! The files of a log, as they are found when it is opened.
//!
//! What a stop has left half done is done or undone first:
//!
//! 1. `.deleted` files were on their way out: they go.
//! 2. `.cleaned` files may be cut short: they go.
//! 3. `.swap` files without their `.log.swap` are the same, as that one is named last: they go.
//! 4. A `.log.swap` is whole: the segments that it was made from go, and it takes their place.
//! 5. Indexes without their log go.

use std::{collections::BTreeMap, io};

use model::{Offset, TimestampMs};

use crate::{
    StorageError,
    error::IoContext,
    home::Home,
    segment::{
        Segment, Sizes,
        name::{Kind, Stage, parse},
        scan::{Found, HEADERS_BYTES, Scan},
    },
};

/// What is there, sorted.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) segments: BTreeMap<Offset, Sizes>,
    /// Snapshots of producers and their sizes.
    pub(crate) snapshots: BTreeMap<Offset, u64>,
    staged: Vec<(Offset, Kind, Stage)>,
}

impl Files {
    /// The live files, once everything is settled.
    pub(crate) fn settle(home: &Home) -> Result<Self, StorageError> {
        let mut found = Self::list(home)?;
        if !found.staged.is_empty() {
            found.settle_staged(home)?;
            found = Self::list(home)?;
        }
        let is_orphan = |sizes: &Sizes| sizes.log.is_none();
        let orphans: Vec<Offset> = found
            .segments
            .iter()
            .filter(|(_, sizes)| is_orphan(sizes))
            .map(|(base, _)| *base)
            .collect();
        for base in orphans {
            for kind in Kind::OF_SEGMENT {
                home.remove(&home.path(base, kind))?;
            }
            found.segments.remove(&base);
        }
        Ok(found)
    }

    fn list(home: &Home) -> Result<Self, StorageError> {
        let mut found = Self::default();
        for entry in home.disk().list(&home.directory).on("list", &home.directory)? {
            let Some((offset, kind, stage)) = parse(&entry.name) else { continue };
            if stage != Stage::Live {
                found.staged.push((offset, kind, stage));
                continue;
            }
            if kind == Kind::Snapshot {
                found.snapshots.insert(offset, entry.size_bytes);
                continue;
            }
            let sizes = found.segments.entry(offset).or_default();
            match kind {
                Kind::Log => sizes.log = Some(entry.size_bytes),
                Kind::Index => sizes.index = Some(entry.size_bytes),
                Kind::TimeIndex => sizes.times = Some(entry.size_bytes),
                Kind::TransactionIndex => sizes.aborted = Some(entry.size_bytes),
                Kind::Snapshot => {}
            }
        }
        Ok(found)
    }

    fn settle_staged(&self, home: &Home) -> Result<(), StorageError> {
        let whole: Vec<Offset> = self
            .staged
            .iter()
            .filter(|(_, kind, stage)| *kind == Kind::Log && *stage == Stage::Swap)
            .map(|(base, ..)| *base)
            .collect();
        for (base, kind, stage) in &self.staged {
            if *stage != Stage::Swap || !whole.contains(base) {
                home.remove(&home.staged(*base, *kind, *stage))?;
            }
        }
        for base in whole {
            let end = swap_end(home, base)?;
            for (source, _) in self.segments.range(base.plus(1)..end.max(base.plus(1))) {
                for kind in Kind::OF_SEGMENT {
                    home.remove(&home.path(*source, kind))?;
                }
            }
            put_in_place(home, base)?;
        }
        Ok(())
    }

    /// The segments, none of them read.
    pub(crate) fn segments(&self, now: TimestampMs) -> Vec<Segment> {
        self.segments.iter().map(|(base, sizes)| Segment::found(*base, sizes, now)).collect()
    }
}

/// Gives the `.swap` files of the segment at `base` their names; the log is the last, for it says that the others are there.
pub(crate) fn put_in_place(home: &Home, base: Offset) -> Result<(), StorageError> {
    for kind in Kind::OF_SEGMENT.into_iter().rev() {
        let (swap, live) = (home.staged(base, kind, Stage::Swap), home.path(base, kind));
        match home.disk().rename(&swap, &live) {
            // A step that was done before a crash: the cleaner writes every index, also an empty one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => done.on("rename", &swap)?,
        }
    }
    home.sync_directory()
}

/// The offset after the last batch of a swap file.
fn swap_end(home: &Home, base: Offset) -> Result<Offset, StorageError> {
    let path = home.staged(base, Kind::Log, Stage::Swap);
    let file = home.disk().open_sealed(&path).on("open", &path)?;
    let size = file.size_bytes().on("measure", &path)?;
    let mut scan = Scan::new(&*file, 0, size, HEADERS_BYTES);
    let mut end = base;
    while let Found::Batch(_, head) = scan.next().on("read", &path)? {
        end = head.next();
    }
    Ok(end)
}
