//! Walks a request by its layout: every count and length is checked, the memory that decoding takes is summed up.

use super::{
    DECODED_BYTES_MAX,
    layout::{Field, Kind, Layout, Tag},
};
use crate::{Cursor, WireError};

/// What a walk has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walked {
    /// The body's size.
    pub(crate) size_bytes: usize,
    /// What the codec will allocate for it, from above.
    pub(crate) memory_bytes: usize,
}

/// The first entry of the codec's map of unknown tags takes a whole tree node (11 keys and values); full nodes split
/// in halves of at least 5.
const TAG_NODE_BYTES: usize = 640;
const TAG_ENTRY_BYTES: usize = 128;
/// The shared part of the body's handle.
const BASE_BYTES: usize = 256;

struct Walker<'a> {
    cursor: Cursor<'a>,
    version: i16,
    flexible: bool,
    memory_bytes: usize,
}

/// Walks `body` by `layout`. Bytes after it are left alone.
///
/// # Errors
/// [`WireError`] when a count or a length contradicts the bytes, or decoding would cost too much.
pub(crate) fn walk(
    layout: &Layout,
    version: i16,
    flexible: bool,
    body: &[u8],
) -> Result<Walked, WireError> {
    let mut walker =
        Walker { cursor: Cursor::new(body), version, flexible, memory_bytes: BASE_BYTES };
    walker.layout(layout)?;
    let Walker { cursor, memory_bytes, .. } = walker;
    Ok(Walked { size_bytes: cursor.position(), memory_bytes })
}

impl Walker<'_> {
    fn layout(&mut self, layout: &Layout) -> Result<(), WireError> {
        for Field { first, last, kind } in layout.fields {
            if (*first..=*last).contains(&self.version) {
                self.kind(kind)?;
            }
        }
        if self.flexible { self.tags(layout.tags) } else { Ok(()) }
    }

    fn kind(&mut self, kind: &Kind) -> Result<(), WireError> {
        match kind {
            Kind::Fixed(size) => self.cursor.take(*size).map(drop),
            Kind::Bool => self.cursor.take(1).map(drop),
            Kind::Text => self.cursor.string_bytes(self.flexible).map(drop),
            Kind::Blob => self.cursor.blob(self.flexible).map(drop),
            Kind::Array { element, memory } => self.array(element, *memory),
            Kind::Struct(layout) => self.layout(layout),
            Kind::Optional(layout) => match self.cursor.i8()? {
                -1 => Ok(()),
                1 => self.layout(layout),
                _ => Err(WireError::malformed("optional struct")),
            },
        }
    }

    fn array(&mut self, element: &Kind, memory: usize) -> Result<(), WireError> {
        let count = self.cursor.length(self.flexible)?.unwrap_or(0);
        // No element is smaller than a byte, so a larger count is a lie.
        if count > self.cursor.remaining() {
            return Err(WireError::Truncated);
        }
        self.charge(count.saturating_mul(memory))?;
        for _ in 0..count {
            self.kind(element)?;
        }
        Ok(())
    }

    fn tags(&mut self, known: &[Tag]) -> Result<(), WireError> {
        let count = self.cursor.varint()?;
        if count == 0 {
            return Ok(());
        }
        self.charge(TAG_NODE_BYTES)?;
        for _ in 0..count {
            let number = self.cursor.varint()?;
            let size = self.cursor.varint()? as usize;
            self.charge(TAG_ENTRY_BYTES)?;
            let tag = known.iter().find(|tag| tag.number == number && tag.first <= self.version);
            let Some(tag) = tag else {
                self.cursor.take(size)?;
                continue;
            };
            // The codec decodes a tag that it knows without looking at its size: they must agree.
            let start = self.cursor.position();
            self.kind(&tag.kind)?;
            if self.cursor.position() - start != size {
                return Err(WireError::malformed("tagged field"));
            }
        }
        Ok(())
    }

    fn charge(&mut self, bytes: usize) -> Result<(), WireError> {
        self.memory_bytes = self.memory_bytes.saturating_add(bytes);
        if self.memory_bytes <= DECODED_BYTES_MAX {
            Ok(())
        } else {
            Err(WireError::TooCostly { max: DECODED_BYTES_MAX })
        }
    }
}
