//! A disk: directories, files, and what fails.
//!
//! Paths are absolute or relative to the process, as the operating system takes them; the simulated disk has a tree of
//! its own. What is not synced may be lost, in part or torn, when power goes; what the process alone loses is nothing.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a directory holds under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The name within its directory.
    pub name: String,
    /// Bytes, for a file.
    pub size_bytes: u64,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// How large a disk is, and what may still be written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes in all.
    pub total_bytes: u64,
    /// Bytes that this process may still use.
    pub usable_bytes: u64,
}

/// Held as long as this process owns a directory; dropped with it.
pub trait FileLock: Send + Sync {}

/// One tree of files.
pub trait Disk: Send + Sync {
    /// Makes `path` and every directory above it that is missing.
    fn create_directories(&self, path: &Path) -> io::Result<()>;
    /// What `path` holds, sorted by name.
    fn list(&self, path: &Path) -> io::Result<Vec<Metadata>>;
    /// Opens a file for reading and writing; `create` makes it if it is missing (and keeps what it holds if it is not).
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn File>>;
    /// Opens a file for reading only.
    fn open_sealed(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Whether there is something at `path`.
    fn exists(&self, path: &Path) -> bool;
    /// Moves a file or directory over whatever has the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and all it holds.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;
    /// Makes renames, creations and removals within `path` outlive a power cut.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Takes the directory's `.lock` file, as Kafka does.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds it.
    fn lock(&self, directory: &Path) -> io::Result<Box<dyn FileLock>>;

    /// Names what runs beneath the process: as long as it is the same, all that a dead process wrote is still there, synced or not. None
    /// where nobody knows.
    fn boot(&self) -> Option<String> {
        None
    }

    /// The space on the disk that holds `path`.
    ///
    /// # Errors
    /// `Unsupported` where nobody knows.
    fn space(&self, path: &Path) -> io::Result<Space> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Reads a small file whole.
    fn read_whole(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open_sealed(path)?;
        let mut bytes = vec![0; usize::try_from(file.size_bytes()?).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Replaces a small file whole: written beside it, synced, renamed over it, the directory synced.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let beside = PathBuf::from(format!("{}.tmp", path.display()));
        let file = self.open(&beside, true)?;
        file.truncate(0)?;
        file.write_all_at(bytes, 0)?;
        file.sync()?;
        self.rename(&beside, path)?;
        path.parent().map_or(Ok(()), |directory| self.sync_directory(directory))
    }
}

/// One open file. All calls may be made from any thread; two writers never share a file.
pub trait File: Send + Sync {
    /// Reads into `buffer` from `position`; fewer bytes only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `position`.
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// Makes everything written so far outlive a power cut.
    fn sync(&self) -> io::Result<()>;
    /// Sets the length.
    fn truncate(&self, size_bytes: u64) -> io::Result<()>;
    /// Reserves blocks for `position..position + length` without changing the length (`FALLOC_FL_KEEP_SIZE`).
    /// A disk that cannot reserve does nothing.
    fn reserve(&self, position: u64, length: u64) -> io::Result<()>;
    /// Begins to write back what is dirty in `range`, and drops from memory what is clean: it will hardly be read soon.
    /// Advice; a disk without a cache does nothing.
    fn forget(&self, range: Range<u64>) -> io::Result<()>;
    /// Bytes in the file.
    fn size_bytes(&self) -> io::Result<u64>;
    /// The descriptor, for `sendfile`; none on a simulated disk.
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>>;

    /// Fills `buffer` from `position`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends first.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut position: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, position)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    buffer = &mut buffer[read..];
                    position += read as u64;
                }
            }
        }
        Ok(())
    }
}
