//! The operating system's files.
//!
//! `.lock` is taken twice: with `flock`, which keeps out a second user within this process, and with a record lock
//! (`fcntl`), which is what the JVM takes, so that a real Apache Kafka is kept out as well.

use std::{
    fs::{self, OpenOptions},
    io,
    num::NonZeroU64,
    ops::Range,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::FileExt,
    },
    path::Path,
    sync::Arc,
};

use rustix::fs::{Advice, FallocateFlags, FlockOperation};

use crate::{Disk, File, FileLock, Metadata, Space};

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn create_directories(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Metadata>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // Names that are not UTF-8 are no one's here; what vanishes meanwhile is not there.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type()?;
            let size_bytes = if kind.is_file() {
                match entry.metadata() {
                    Ok(metadata) => metadata.len(),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
            } else {
                0
            };
            found.push(Metadata { name, size_bytes, is_directory: kind.is_dir() });
        }
        found.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        Ok(found)
    }

    /// Linux draws an id whenever it boots (`random(4)`).
    fn boot(&self) -> Option<String> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn File>> {
        let file =
            OpenOptions::new().read(true).write(true).create(create).truncate(false).open(path)?;
        Ok(Arc::new(OsFile(file)))
    }

    fn open_sealed(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(OsFile(fs::File::open(path)?)))
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn lock(&self, directory: &Path) -> io::Result<Box<dyn FileLock>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(directory.join(".lock"))?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::ACCESS) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => return Err(error.into()),
        }
        Ok(Box::new(OsLock { _held: file }))
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(path)?;
        Ok(Space {
            total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
            usable_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        })
    }
}

struct OsLock {
    /// Both locks go when it is closed.
    _held: fs::File,
}

impl FileLock for OsLock {}

struct OsFile(fs::File);

impl File for OsFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(buffer, position) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, position)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&self, size_bytes: u64) -> io::Result<()> {
        self.0.set_len(size_bytes)
    }

    fn reserve(&self, position: u64, length: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::KEEP_SIZE, position, length) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            done => Ok(done?),
        }
    }

    fn forget(&self, range: Range<u64>) -> io::Result<()> {
        // Length 0 would be "to the end".
        let Some(length) = NonZeroU64::new(range.end.saturating_sub(range.start)) else {
            return Ok(());
        };
        Ok(rustix::fs::fadvise(&self.0, range.start, Some(length), Advice::DontNeed)?)
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_directory_is_owned_once() {
        let folder = folder();
        let held = OsDisk.lock(folder.path()).unwrap();
        let refused = OsDisk.lock(folder.path()).err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        assert!(OsDisk.lock(folder.path()).is_ok());
    }

    #[test]
    fn a_disk_tells_its_space_and_a_missing_path_has_none() {
        let folder = folder();
        let space = OsDisk.space(folder.path()).unwrap();
        assert!(space.total_bytes > 0);
        assert!(space.usable_bytes <= space.total_bytes);
        assert!(OsDisk.space(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn what_is_reserved_is_not_in_the_length_and_goes_with_a_truncation() {
        use std::os::unix::fs::MetadataExt;

        let folder = folder();
        let path = folder.path().join("file");
        let file = OsDisk.open(&path, true).unwrap();
        file.write_all_at(b"abc", 0).unwrap();
        file.reserve(3, 1 << 20).unwrap();
        assert_eq!(file.size_bytes().unwrap(), 3);
        file.truncate(3).unwrap();
        assert_eq!(file.size_bytes().unwrap(), 3);
        assert!(fs::metadata(&path).unwrap().blocks() * 512 < 1 << 20);
    }

    #[test]
    fn what_is_forgotten_can_still_be_read() {
        let folder = folder();
        let file = OsDisk.open(&folder.path().join("file"), true).unwrap();
        file.write_all_at(&[7; 100_000], 0).unwrap();
        let sealed = OsDisk.open_sealed(&folder.path().join("file")).unwrap();
        for range in [0..0, 0..100_000, 4_096..1 << 40] {
            sealed.forget(range).unwrap();
        }
        let mut buffer = vec![0; 100_000];
        file.read_exact_at(&mut buffer, 0).unwrap();
        assert!(buffer.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_small_file_is_replaced_whole() {
        let folder = folder();
        let path = folder.path().join("checkpoint");
        OsDisk.replace(&path, b"long first text").unwrap();
        OsDisk.replace(&path, b"short").unwrap();
        assert_eq!(OsDisk.read_whole(&path).unwrap(), b"short");
        let names: Vec<_> =
            OsDisk.list(folder.path()).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["checkpoint"]);
    }

    #[test]
    fn reading_ends_at_the_end() {
        let folder = folder();
        let file = OsDisk.open(&folder.path().join("file"), true).unwrap();
        file.write_all_at(b"abcdef", 0).unwrap();
        let mut buffer = [0; 4];
        assert_eq!(file.read_at(&mut buffer, 4).unwrap(), 2);
        let eof = file.read_exact_at(&mut buffer, 4).unwrap_err();
        assert_eq!(eof.kind(), io::ErrorKind::UnexpectedEof);
    }
}
