//! Open files, few at a time.
//!
//! Every file that may be wanted again has a [`Slot`]. A slot that is used opens its file, and some other slot closes its own
//! if that would make too many: a clock goes round over the open slots and takes the first that was not used since its last
//! round. A reader that still holds a file keeps it open until it drops it.

use std::{
    collections::VecDeque,
    fmt, io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use world::File;

/// A place for one open file. Clones are the same place.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<Place>);

#[derive(Default)]
struct Place {
    /// Guards nothing but itself; held while the file is opened, so that it is opened once.
    file: Mutex<Option<Arc<dyn File>>>,
    is_used: AtomicBool,
    /// Whether the clock knows it; changed under the clock's lock.
    is_listed: AtomicBool,
}

/// How many files may be open.
#[derive(Debug)]
pub(crate) struct Handles {
    open_max: usize,
    /// The slots that have a file, in the order of the clock.
    open: Mutex<VecDeque<Weak<Place>>>,
}

impl Handles {
    pub(crate) fn new(open_max: usize) -> Self {
        assert!(open_max > 0, "a log needs a file");
        Self { open_max, open: Mutex::default() }
    }

    /// The file of `slot`, opened by `open` if it is not open.
    pub(crate) fn file(
        &self,
        slot: &Slot,
        open: impl FnOnce() -> io::Result<Arc<dyn File>>,
    ) -> io::Result<Arc<dyn File>> {
        let mut place = lock(&slot.0.file);
        if let Some(file) = &*place {
            slot.0.is_used.store(true, Ordering::Relaxed);
            return Ok(Arc::clone(file));
        }
        self.make_room();
        let file = open()?;
        *place = Some(Arc::clone(&file));
        drop(place);
        slot.0.is_used.store(true, Ordering::Relaxed);
        let mut clock = lock(&self.open);
        if !slot.0.is_listed.swap(true, Ordering::Relaxed) {
            clock.push_back(Arc::downgrade(&slot.0));
        }
        Ok(file)
    }

    /// Files open now, as far as this knows.
    #[cfg(test)]
    pub(crate) fn open_count(&self) -> usize {
        lock(&self.open)
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|place| lock(&place.file).is_some())
            .count()
    }

    fn make_room(&self) {
        let mut open = lock(&self.open);
        // Twice round: the first may only take the marks away.
        let mut steps = 2 * open.len();
        while open.len() >= self.open_max && steps > 0 {
            steps -= 1;
            let Some(weak) = open.pop_front() else { break };
            let Some(place) = weak.upgrade() else { continue };
            if place.is_used.swap(false, Ordering::Relaxed) {
                open.push_back(weak);
                continue;
            }
            // One that is being opened right now is in use.
            match place.file.try_lock() {
                Ok(mut file) => {
                    *file = None;
                    place.is_listed.store(false, Ordering::Relaxed);
                }
                Err(_) => open.push_back(weak),
            }
        }
    }
}

impl Slot {
    /// Closes the file, if no reader holds it. The clock forgets the slot when it next comes by.
    pub(crate) fn close(&self) {
        *lock(&self.0.file) = None;
        self.0.is_used.store(false, Ordering::Relaxed);
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What they guard is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use world::{Disk, sim::SimDisk};

    use super::*;

    #[test]
    fn no_more_files_are_open_than_allowed_and_all_are_served() {
        let disk = SimDisk::new();
        let handles = Handles::new(3);
        let slots: Vec<Slot> = (0..10).map(|_| Slot::default()).collect();
        for round in 0..3 {
            for (number, slot) in slots.iter().enumerate() {
                let name = format!("/{number}");
                let file = handles.file(slot, || disk.open(Path::new(&name), true)).unwrap();
                file.write_all_at(&[7], round).unwrap();
                assert!(handles.open_count() <= 3);
            }
        }
        assert_eq!(disk.read_whole(Path::new("/9")).unwrap(), [7, 7, 7]);
    }

    #[test]
    fn a_slot_in_use_stays_open() {
        let disk = SimDisk::new();
        let handles = Handles::new(2);
        let opens = std::cell::Cell::new(0);
        let busy = Slot::default();
        let use_busy = || {
            handles.file(&busy, || {
                opens.set(opens.get() + 1);
                disk.open(Path::new("/busy"), true)
            })
        };
        use_busy().unwrap();
        for _ in 0..10 {
            handles.file(&Slot::default(), || disk.open(Path::new("/idle"), true)).unwrap();
            use_busy().unwrap();
        }
        assert!(opens.get() <= 2, "opened {} times", opens.get());
    }

    #[test]
    fn a_closed_slot_opens_again() {
        let disk = SimDisk::new();
        let handles = Handles::new(2);
        let slot = Slot::default();
        for _ in 0..100 {
            handles.file(&slot, || disk.open(Path::new("/a"), true)).unwrap();
            slot.close();
        }
        assert!(lock(&handles.open).len() <= 2, "the clock forgets");
    }
}
