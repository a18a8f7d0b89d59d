//! Entries of one size, sorted: the old ones in a file, the newest in memory until there are enough to write.

use model::Offset;
use world::File;

use crate::{StorageError, handles::Slot, home::Home, segment::name::Kind};

/// Entries kept in memory before they are written.
const PENDING_MAX: usize = 512;
/// Entries of a file that are read at once, and searched in memory, when the search has come so near: about a page.
const NEAR: u32 = 512;

/// The entries of an index file, of `N` bytes each.
#[derive(Debug)]
pub(crate) struct Entries<const N: usize> {
    kind: Kind,
    base: Offset,
    on_disk: u32,
    pending: Vec<[u8; N]>,
    slot: Slot,
}

impl<const N: usize> Entries<N> {
    /// Those of a file of `size_bytes`; a part of an entry at its end does not count.
    pub(crate) fn new(kind: Kind, base: Offset, size_bytes: u64) -> Self {
        let on_disk = u32::try_from(size_bytes / N as u64).unwrap_or(u32::MAX);
        Self { kind, base, on_disk, pending: Vec::new(), slot: Slot::default() }
    }

    pub(crate) fn len(&self) -> u32 {
        self.on_disk + u32::try_from(self.pending.len()).expect("few are pending")
    }

    /// Entries that are not written yet.
    pub(crate) const fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Makes sure that the next `count` [`push`](Self::push)es have room: so that nothing can fail once the log itself is written.
    pub(crate) fn make_room(&mut self, home: &Home, count: usize) -> Result<(), StorageError> {
        assert!(count <= PENDING_MAX, "there is room for so many at most");
        if self.pending.len() + count <= PENDING_MAX { Ok(()) } else { self.write(home) }
    }

    pub(crate) fn push(&mut self, entry: [u8; N]) {
        assert!(self.pending.len() < PENDING_MAX, "the caller makes room first");
        self.pending.push(entry);
    }

    /// Writes what is pending.
    pub(crate) fn write(&mut self, home: &Home) -> Result<(), StorageError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let position = u64::from(self.on_disk) * N as u64;
        self.file(home)?
            .write_all_at(self.pending.as_flattened(), position)
            .map_err(|source| home.failed("write", self.base, self.kind, source))?;
        self.on_disk = self.len();
        self.pending.clear();
        Ok(())
    }

    /// Writes what is pending, makes the file if there is none, and gives back memory and handle.
    pub(crate) fn seal(&mut self, home: &Home) -> Result<(), StorageError> {
        self.write(home)?;
        if self.on_disk == 0 {
            self.file(home)?;
        }
        self.release();
        Ok(())
    }

    /// Gives back the handle, and memory if nothing is pending.
    pub(crate) fn release(&mut self) {
        self.slot.close();
        self.pending.shrink_to_fit();
    }

    /// The open file, for a sync.
    pub(crate) fn file(&self, home: &Home) -> Result<std::sync::Arc<dyn File>, StorageError> {
        home.file(&self.slot, self.base, self.kind)
    }

    /// Entry `number`, if there is one.
    pub(crate) fn get(&self, home: &Home, number: u32) -> Result<Option<[u8; N]>, StorageError> {
        if number >= self.on_disk {
            return Ok(self.pending.get((number - self.on_disk) as usize).copied());
        }
        let mut entry = [0; N];
        self.read(home, number, &mut entry)?;
        Ok(Some(entry))
    }

    pub(crate) fn last(&self, home: &Home) -> Result<Option<[u8; N]>, StorageError> {
        match self.len() {
            0 => Ok(None),
            length => self.get(home, length - 1),
        }
    }

    /// How many entries at the front `holds` holds for; it must hold for a prefix.
    pub(crate) fn partition_point(
        &self,
        home: &Home,
        holds: impl Fn(&[u8; N]) -> bool,
    ) -> Result<u32, StorageError> {
        if self.pending.first().is_some_and(&holds) {
            let more = self.pending.partition_point(&holds);
            return Ok(self.on_disk + u32::try_from(more).expect("few are pending"));
        }
        let (mut low, mut high) = (0, self.on_disk);
        while high - low > NEAR {
            let middle = low + (high - low) / 2;
            let mut entry = [0; N];
            self.read(home, middle, &mut entry)?;
            if holds(&entry) { low = middle + 1 } else { high = middle }
        }
        if low == high {
            return Ok(low);
        }
        let mut near = vec![[0; N]; (high - low) as usize];
        self.read(home, low, near.as_flattened_mut())?;
        Ok(low + u32::try_from(near.partition_point(&holds)).expect("they are near"))
    }

    /// Whether each entry is greater than the one before by `is_before`, over the whole file.
    pub(crate) fn is_sorted(
        &self,
        home: &Home,
        is_before: impl Fn(&[u8; N], &[u8; N]) -> bool,
    ) -> Result<bool, StorageError> {
        let mut earlier: Option<[u8; N]> = None;
        let mut number = 0;
        while number < self.on_disk {
            let count = (self.on_disk - number).min(1024);
            let mut some = vec![[0; N]; count as usize];
            self.read(home, number, some.as_flattened_mut())?;
            for entry in some {
                if earlier.is_some_and(|earlier| !is_before(&earlier, &entry)) {
                    return Ok(false);
                }
                earlier = Some(entry);
            }
            number += count;
        }
        Ok(true)
    }

    /// Keeps the first `length` entries.
    pub(crate) fn truncate(&mut self, home: &Home, length: u32) -> Result<(), StorageError> {
        if length >= self.on_disk {
            self.pending.truncate((length - self.on_disk) as usize);
            return Ok(());
        }
        self.pending = Vec::new();
        self.on_disk = length;
        self.file(home)?
            .truncate(u64::from(length) * N as u64)
            .map_err(|source| home.failed("truncate", self.base, self.kind, source))
    }

    fn read(&self, home: &Home, first: u32, bytes: &mut [u8]) -> Result<(), StorageError> {
        self.file(home)?
            .read_exact_at(bytes, u64::from(first) * N as u64)
            .map_err(|source| home.failed("read", self.base, self.kind, source))
    }
}
