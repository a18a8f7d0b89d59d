//! What a read answers: whole batches, as bytes in memory or as a place in a file that `sendfile` can take them from.

use std::{fmt, io, sync::Arc};

use bytes::{Bytes, BytesMut};
use model::Offset;
use records::{Batch, Batches};
use world::File;

/// Whole batches that lie one after another in the log.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// The base offset of the first batch; where the read began, if there is none.
    pub base: Offset,
    /// Where to read on.
    pub next: Offset,
    /// Bytes in all pieces.
    pub size_bytes: usize,
    /// The batches.
    pub pieces: Vec<Piece>,
}

/// A part of a [`Chunk`].
#[derive(Clone, Debug)]
pub enum Piece {
    /// Bytes that are still in memory.
    Memory(Bytes),
    /// Bytes of a segment.
    File(FileSlice),
}

/// Consecutive bytes of a segment's file. The file stays readable while this exists, even if the segment is deleted.
#[derive(Clone)]
pub struct FileSlice {
    /// The file.
    pub file: Arc<dyn File>,
    /// Where the slice begins.
    pub position: u64,
    /// Its bytes.
    pub length: usize,
}

impl Chunk {
    /// Nothing, at `offset`.
    #[must_use]
    pub const fn empty(offset: Offset) -> Self {
        Self { base: offset, next: offset, size_bytes: 0, pieces: Vec::new() }
    }

    /// Whether there is no batch in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.size_bytes == 0
    }

    /// Whether every batch is whole and agrees with its CRC.
    ///
    /// # Errors
    /// What reading a file meets.
    pub fn is_sound(&self) -> io::Result<bool> {
        let bytes = self.clone().into_bytes()?;
        let is_sound = |batch: Result<Batch<'_>, _>| batch.is_ok_and(|batch| batch.is_crc_right());
        Ok(Batches::new(&bytes).all(is_sound))
    }

    /// All of it in memory.
    ///
    /// # Errors
    /// What reading a file meets.
    pub fn into_bytes(self) -> io::Result<Bytes> {
        if self.pieces.len() == 1
            && let Some(Piece::Memory(bytes)) = self.pieces.first()
        {
            return Ok(bytes.clone());
        }
        let mut whole = BytesMut::zeroed(self.size_bytes);
        let mut filled = 0;
        for piece in &self.pieces {
            let place = &mut whole[filled..filled + piece.length()];
            match piece {
                Piece::Memory(bytes) => place.copy_from_slice(bytes),
                Piece::File(slice) => slice.file.read_exact_at(place, slice.position)?,
            }
            filled += piece.length();
        }
        debug_assert_eq!(filled, self.size_bytes);
        Ok(whole.freeze())
    }
}

impl Piece {
    /// Its bytes' number.
    #[must_use]
    pub fn length(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::File(slice) => slice.length,
        }
    }
}

impl fmt::Debug for FileSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSlice")
            .field("position", &self.position)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}
