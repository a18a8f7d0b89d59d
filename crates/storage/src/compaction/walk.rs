//! Whole batches of a sealed segment, one after another, for the cleaner.

use std::{path::PathBuf, sync::Arc};

use model::Offset;
use records::{Batch, HEADER_BYTES};
use world::File;

use crate::{
    StorageError,
    error::IoContext,
    home::Home,
    segment::{head::Head, name::Kind},
};

/// Bytes read at once; more only where a batch is larger.
const BUFFER_BYTES: usize = 256 << 10;

/// A walk over the batches of a segment, with a handle of its own: it goes on while the log is written.
pub(super) struct Walk {
    path: PathBuf,
    file: Arc<dyn File>,
    /// Where in the file the buffer ends.
    position: u64,
    size: u64,
    buffer: Vec<u8>,
    /// What of the buffer has not been walked.
    from: usize,
}

impl Walk {
    pub(super) fn new(home: &Home, base: Offset, size: u32) -> Result<Self, StorageError> {
        let path = home.path(base, Kind::Log);
        let file = home.disk().open_sealed(&path).on("open", &path)?;
        let size = u64::from(size);
        Ok(Self { path, file, position: 0, size, buffer: Vec::new(), from: 0 })
    }

    /// The next batch.
    pub(super) fn next(&mut self) -> Result<Option<Batch<'_>>, StorageError> {
        if self.from == self.buffer.len() && self.position == self.size {
            return Ok(None);
        }
        self.hold(HEADER_BYTES)?;
        let torn = |path: &PathBuf| StorageError::corrupt(path, "no batch where one must begin");
        let head = Head::parse(&self.buffer[self.from..]);
        let head = head.ok_or_else(|| torn(&self.path))?;
        self.hold(head.size as usize)?;
        let from = self.from;
        self.from += head.size as usize;
        let bytes = self.buffer.get(from..self.from).ok_or_else(|| torn(&self.path))?;
        let batch = Batch::parse(bytes).map_err(|_| torn(&self.path))?;
        if !batch.is_crc_right() {
            // What is written anew gets a new CRC: damage would pass for sound from then on.
            let why = format!("the batch at offset {} has a wrong CRC", batch.base_offset());
            return Err(StorageError::corrupt(&self.path, why));
        }
        Ok(Some(batch))
    }

    /// Makes sure that `length` bytes are in the buffer, or all that are left.
    fn hold(&mut self, length: usize) -> Result<(), StorageError> {
        let held = self.buffer.len() - self.from;
        if held >= length {
            return Ok(());
        }
        self.buffer.drain(..self.from);
        self.from = 0;
        let left = usize::try_from(self.size - self.position).unwrap_or(usize::MAX);
        let wanted = length.max(BUFFER_BYTES).saturating_sub(held).min(left);
        self.buffer.resize(held + wanted, 0);
        let place = &mut self.buffer[held..];
        self.file.read_exact_at(place, self.position).on("read", &self.path)?;
        self.position += wanted as u64;
        Ok(())
    }
}
