//! A disk in memory that forgets, tears, fills up and fails.
//!
//! What is written is seen at once and is durable after a sync. [`SimDisk::power_cut`] keeps, loses or tears every write since
//! the last sync of its file, each by chance; [`SimDisk::crash_process`] loses nothing but the locks. After either, whatever
//! the dead process still holds open is dead too.
//!
//! [`SimDisk::stop_after`] stops the world after a number of steps (anything that changes the disk): a test counts the steps
//! of an undisturbed run and then crashes at each of them in turn.
//!
//! In a simulation of threads each process [mounts](SimDisk::mount) its disk: what a dying process still does comes too late. A slow
//! disk's syncs take time there, and everything that is done to the disk is part of the trace.

use std::{
    collections::BTreeSet,
    fmt, io,
    ops::Range,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    namespace::{Namespace, Node},
    threads,
};
use crate::{Chance, Disk, File, FileLock, Metadata, exec};

/// A simulated disk; clones are the same disk.
#[derive(Clone, Default)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
    /// The life of the process that has mounted it; none for the test that owns it.
    life: Option<u64>,
}

/// The bytes of one file.
#[derive(Default)]
pub(super) struct Inode(Mutex<Content>);

#[derive(Default)]
struct World {
    names: Namespace,
    locks: BTreeSet<PathBuf>,
    faults: Faults,
    bytes_written: u64,
    steps: u64,
    /// Which life of the process this is: handles of an earlier one are dead.
    life: u64,
    /// How often power has come back.
    boots: u64,
}

#[derive(Default)]
struct Faults {
    stop_at_step: Option<u64>,
    is_stopped: bool,
    writes_left: Option<u64>,
    bytes_left: Option<u64>,
    syncs_fail: bool,
    sync_delay: Duration,
}

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// What has been done since the last sync, in order.
    pending: Vec<Edit>,
}

#[derive(Clone)]
enum Edit {
    Write { position: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

/// Whether `error` says that the world was stopped, and not that the disk failed.
#[must_use]
pub fn is_stopped(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Stopped>())
}

#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the world has stopped")
    }
}

impl std::error::Error for Stopped {}

impl SimDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk as the process sees it that begins now: dead once that process is.
    #[must_use]
    pub fn mount(&self) -> Self {
        let life = self.world().life;
        Self { world: Arc::clone(&self.world), life: Some(life) }
    }

    /// What a sync takes from now on, in a simulation of threads.
    pub fn delay_syncs(&self, delay: Duration) {
        self.world().faults.sync_delay = delay;
    }

    /// Power goes and comes back: writes since the last sync are kept, lost or torn, each by chance; names that no directory
    /// sync covered may vanish. The process is dead, its faults are healed.
    pub fn power_cut(&self, chance: &mut Chance) {
        let mut world = self.world();
        for inode in world.names.power_cut(chance) {
            inode.content().power_cut(chance);
        }
        world.boots += 1;
        world.restart();
    }

    /// The process dies and comes back: every byte written is kept, its locks are released, its faults healed.
    pub fn crash_process(&self) {
        self.world().restart();
    }

    /// Stops the world after `steps` more changes to the disk: the next one, and all after it, fail with an error that
    /// [`is_stopped`] knows. If that one is a write, half of it arrives.
    pub fn stop_after(&self, steps: u64) {
        let mut world = self.world();
        world.faults.stop_at_step = Some(world.steps.saturating_add(steps));
    }

    /// Whether the world has been stopped.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.world().faults.is_stopped
    }

    /// Lets `writes` more writes succeed and fails the others; half of a failed write arrives.
    pub fn fail_after(&self, writes: u64) {
        self.world().faults.writes_left = Some(writes);
    }

    /// Whether syncs fail from now on.
    pub fn fail_syncs(&self, fail: bool) {
        self.world().faults.syncs_fail = fail;
    }

    /// Leaves room for `bytes` more bytes of writes; what of a write still fits arrives.
    pub fn full_after(&self, bytes: u64) {
        self.world().faults.bytes_left = Some(bytes);
    }

    /// The disk is thrown away with all that it holds, whoever still has a hand on it.
    pub fn erase(&self) {
        let mut world = self.world();
        for inode in world.names.erase() {
            *inode.content() = Content::default();
        }
        world.restart();
    }

    /// Ends every fault.
    pub fn heal(&self) {
        self.world().faults = Faults::default();
    }

    /// Turns over the bits of a byte of a file, where it lies: what was read before is not what is read from now on. Says whether there was one.
    #[must_use]
    pub fn damage(&self, path: &Path, position: usize) -> bool {
        let world = self.world();
        let Some(Node::File(inode)) = world.names.find(path) else { return false };
        let mut content = inode.content();
        let Content { bytes, durable, pending } = &mut *content;
        let is_there = position < bytes.len();
        let written = pending.iter_mut().filter_map(|edit| match edit {
            Edit::Write { position: from, bytes } => bytes.get_mut(position.checked_sub(*from)?),
            Edit::Truncate { .. } => None,
        });
        let kept = [bytes.get_mut(position), durable.get_mut(position)].into_iter().flatten();
        for byte in kept.chain(written) {
            *byte = !*byte;
        }
        is_there
    }

    /// Bytes written to files so far.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.world().bytes_written
    }

    /// Changes made to the disk so far: writes, truncations, syncs, and changes of names.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.world().steps
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A panic of another test thread leaves a disk that is still a disk.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk, if the process that mounted it still lives.
    fn living(&self) -> io::Result<MutexGuard<'_, World>> {
        let world = self.world();
        match self.life {
            Some(life) if life != world.life => Err(io::Error::other(Stopped)),
            Some(_) | None => Ok(world),
        }
    }

    /// Lets the time pass that a sync takes.
    fn wait_for_sync(&self) {
        let delay = self.world().faults.sync_delay;
        if !delay.is_zero() && exec::is_simulated() {
            exec::sleep(delay);
        }
    }

    fn file(&self, world: &World, inode: &Arc<Inode>, sealed: bool) -> Arc<dyn File> {
        let inode = Arc::clone(inode);
        Arc::new(SimFile { disk: self.clone(), inode, life: world.life, sealed })
    }
}

impl Disk for SimDisk {
    fn boot(&self) -> Option<String> {
        Some(self.world().boots.to_string())
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        let mut world = self.living()?;
        if world.names.has_directory(path) {
            return Ok(());
        }
        world.step()?;
        world.names.make_directories(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Metadata>> {
        let world = self.living()?;
        if !world.names.has_directory(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let describe = |(child, node): (&Path, &Node)| {
            let name = child.file_name()?.to_str()?.to_owned();
            Some(match node {
                Node::Directory => Metadata { name, size_bytes: 0, is_directory: true },
                Node::File(inode) => {
                    let size_bytes = inode.content().bytes.len() as u64;
                    Metadata { name, size_bytes, is_directory: false }
                }
            })
        };
        Ok(world.names.children(path).filter_map(describe).collect())
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn File>> {
        let mut world = self.living()?;
        match world.names.find(path) {
            Some(Node::File(inode)) => Ok(self.file(&world, inode, false)),
            Some(Node::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None if create => {
                world.step()?;
                let inode = Arc::new(Inode::default());
                world.names.make(path, Node::File(Arc::clone(&inode)))?;
                Ok(self.file(&world, &inode, false))
            }
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn open_sealed(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let world = self.living()?;
        match world.names.find(path) {
            Some(Node::File(inode)) => Ok(self.file(&world, inode, true)),
            Some(Node::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.living().is_ok_and(|world| world.names.find(path).is_some())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.living()?;
        world.step()?;
        world.names.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut world = self.living()?;
        world.step()?;
        match world.names.find(path) {
            Some(Node::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            _ => world.names.remove(path),
        }
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        let mut world = self.living()?;
        world.step()?;
        world.names.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.wait_for_sync();
        let mut world = self.living()?;
        world.sync_step()?;
        world.names.sync(path);
        Ok(())
    }

    fn lock(&self, directory: &Path) -> io::Result<Box<dyn FileLock>> {
        let mut world = self.living()?;
        if !world.locks.insert(directory.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let life = world.life;
        drop(world);
        Ok(Box::new(SimLock { disk: self.clone(), directory: directory.to_owned(), life }))
    }
}

impl World {
    /// Counts one change, unless the world has stopped.
    fn step(&mut self) -> io::Result<()> {
        if self.faults.stop_at_step.is_some_and(|last| self.steps >= last) {
            self.faults.is_stopped = true;
        }
        if self.faults.is_stopped {
            return Err(io::Error::other(Stopped));
        }
        self.steps += 1;
        threads::note(self.steps);
        Ok(())
    }

    fn sync_step(&mut self) -> io::Result<()> {
        self.step()?;
        if self.faults.syncs_fail {
            return Err(io::Error::other("simulated failure of a sync"));
        }
        Ok(())
    }

    /// How many of `length` bytes arrive, and why not all of them.
    fn write_step(&mut self, length: usize) -> (usize, io::Result<()>) {
        let was_stopped = self.faults.is_stopped;
        if let Err(stopped) = self.step() {
            return (if was_stopped { 0 } else { length / 2 }, Err(stopped));
        }
        match &mut self.faults.writes_left {
            Some(0) => {
                return (length / 2, Err(io::Error::other("simulated failure of a write")));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        if let Some(left) = &mut self.faults.bytes_left {
            let fitting = usize::try_from(*left).unwrap_or(usize::MAX).min(length);
            *left -= fitting as u64;
            if fitting < length {
                return (fitting, Err(io::ErrorKind::StorageFull.into()));
            }
        }
        (length, Ok(()))
    }

    fn restart(&mut self) {
        self.life += 1;
        self.locks.clear();
        self.faults = Faults::default();
    }
}

struct SimFile {
    disk: SimDisk,
    inode: Arc<Inode>,
    life: u64,
    sealed: bool,
}

impl SimFile {
    /// The world, if the process that opened this file still lives.
    fn living(&self) -> io::Result<MutexGuard<'_, World>> {
        let world = self.disk.world();
        if world.life == self.life { Ok(world) } else { Err(io::Error::other(Stopped)) }
    }

    fn writable(&self) -> io::Result<MutexGuard<'_, World>> {
        if self.sealed {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.living()
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let _living = self.living()?;
        let content = self.inode.content();
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(content.bytes.len());
        let rest = &content.bytes[start..];
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut world = self.writable()?;
        let (arriving, outcome) = world.write_step(bytes.len());
        world.bytes_written += arriving as u64;
        if arriving > 0 {
            let position = usize::try_from(position).map_err(io::Error::other)?;
            let bytes = bytes[..arriving].to_vec();
            threads::note(fingerprint(&bytes) ^ position as u64);
            self.inode.content().edit(Edit::Write { position, bytes });
        }
        outcome
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.wait_for_sync();
        let mut world = self.living()?;
        world.sync_step()?;
        self.inode.content().sync();
        Ok(())
    }

    fn truncate(&self, size_bytes: u64) -> io::Result<()> {
        let mut world = self.writable()?;
        world.step()?;
        let length = usize::try_from(size_bytes).map_err(io::Error::other)?;
        self.inode.content().edit(Edit::Truncate { length });
        Ok(())
    }

    fn reserve(&self, _position: u64, _length: u64) -> io::Result<()> {
        self.writable().map(drop)
    }

    fn forget(&self, _range: Range<u64>) -> io::Result<()> {
        self.living().map(drop)
    }

    fn size_bytes(&self) -> io::Result<u64> {
        let _living = self.living()?;
        Ok(self.inode.content().bytes.len() as u64)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

struct SimLock {
    disk: SimDisk,
    directory: PathBuf,
    life: u64,
}

impl FileLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut world = self.disk.world();
        if world.life == self.life {
            world.locks.remove(&self.directory);
        }
    }
}

impl Inode {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn edit(&mut self, edit: Edit) {
        edit.apply(&mut self.bytes);
        self.pending.push(edit);
    }

    fn sync(&mut self) {
        for edit in self.pending.drain(..) {
            edit.apply(&mut self.durable);
        }
        debug_assert_eq!(self.bytes, self.durable);
    }

    fn power_cut(&mut self, chance: &mut Chance) {
        for edit in self.pending.drain(..) {
            match (chance.below(3), edit) {
                (0, _) => {}
                (1, Edit::Write { position, mut bytes }) => {
                    let kept = chance.below(bytes.len() as u64);
                    bytes.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
                    Edit::Write { position, bytes }.apply(&mut self.durable);
                }
                (_, whole) => whole.apply(&mut self.durable),
            }
        }
        self.bytes.clone_from(&self.durable);
    }
}

impl Edit {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { bytes, .. } if bytes.is_empty() => {}
            Self::Write { position, bytes } => {
                let end = position + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*position..end].copy_from_slice(bytes);
            }
            Self::Truncate { length } => file.resize(*length, 0),
        }
    }
}

/// A hash of what is written, for the trace.
fn fingerprint(bytes: &[u8]) -> u64 {
    let step = |hash: u64, chunk: &[u8]| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        (hash.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    bytes.chunks(8).fold(bytes.len() as u64, step)
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
