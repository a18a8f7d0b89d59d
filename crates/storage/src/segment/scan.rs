//! Walks the batches of a segment's file, with few and small reads.

use std::io;

use records::{Batch, HEADER_BYTES};
use world::File;

use super::head::{CRC_FROM, Head};

/// Read at once where only headers are wanted.
pub(crate) const HEADERS_BYTES: usize = 4 << 10;
/// Read at once where every byte is wanted.
pub(crate) const BODIES_BYTES: usize = 256 << 10;

/// Bytes of a file, held in a buffer that moves along.
pub(crate) struct Scan<'a> {
    file: &'a dyn File,
    /// Where the next batch begins.
    position: u64,
    /// Where the last batch must have ended.
    end: u64,
    buffer: Vec<u8>,
    /// What the buffer holds: `from..from + filled`.
    from: u64,
    filled: usize,
}

/// What lies at the position of a scan.
pub(crate) enum Found {
    /// A batch: where, and its header.
    Batch(u64, Head),
    /// The end, exactly.
    End,
    /// Bytes that are no whole batch.
    Torn,
}

impl<'a> Scan<'a> {
    /// Walks `position..end`, reading `buffer_bytes` at once.
    pub(crate) fn new(file: &'a dyn File, position: u64, end: u64, buffer_bytes: usize) -> Self {
        assert!(buffer_bytes >= HEADER_BYTES, "a header must fit");
        Self { file, position, end, buffer: vec![0; buffer_bytes], from: 0, filled: 0 }
    }

    /// The batch at the position; the position moves past it.
    pub(crate) fn next(&mut self) -> io::Result<Found> {
        let position = self.position;
        if position >= self.end {
            return Ok(Found::End);
        }
        if self.end - position < HEADER_BYTES as u64 {
            return Ok(Found::Torn);
        }
        let head = match self.bytes(position, HEADER_BYTES)? {
            Some(bytes) => Head::parse(bytes),
            None => None,
        };
        match head {
            Some(head) if u64::from(head.size) <= self.end - position => {
                self.position = position + u64::from(head.size);
                Ok(Found::Batch(position, head))
            }
            _ => Ok(Found::Torn),
        }
    }

    /// Whether the batch that `next` found agrees with its CRC. Any size: what does not fit the buffer is read in turns.
    pub(crate) fn is_crc_right(&mut self, position: u64, head: &Head) -> io::Result<bool> {
        let mut at = position + CRC_FROM as u64;
        let end = position + u64::from(head.size);
        let mut crc = 0;
        while at < end {
            let step = usize::try_from(end - at).unwrap_or(usize::MAX).min(self.buffer.len());
            let Some(bytes) = self.bytes(at, step)? else { return Ok(false) };
            crc = crc32c::crc32c_append(crc, bytes);
            at += step as u64;
        }
        Ok(crc == head.crc)
    }

    /// The whole batch that `next` found, if it fits the buffer.
    pub(crate) fn small_batch(
        &mut self,
        position: u64,
        head: &Head,
    ) -> io::Result<Option<Batch<'_>>> {
        let size = head.size as usize;
        if size > self.buffer.len() {
            return Ok(None);
        }
        Ok(self.bytes(position, size)?.and_then(|bytes| Batch::parse(bytes).ok()))
    }

    /// `length` bytes at `at`; none when the file ends before.
    fn bytes(&mut self, at: u64, length: usize) -> io::Result<Option<&[u8]>> {
        assert!(length <= self.buffer.len(), "the caller asks for what fits");
        let is_held = at >= self.from && at + length as u64 <= self.from + self.filled as u64;
        if !is_held {
            let wanted = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
            let wanted = wanted.min(self.buffer.len());
            self.from = at;
            self.filled = 0;
            while self.filled < wanted {
                let place = &mut self.buffer[self.filled..wanted];
                match self.file.read_at(place, at + self.filled as u64)? {
                    0 => break,
                    read => self.filled += read,
                }
            }
        }
        let start = usize::try_from(at - self.from).expect("it lies within the buffer");
        Ok(self.buffer[..self.filled].get(start..start + length))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use model::{Offset, TimestampMs};
    use records::{BatchBuilder, Codec};
    use world::{Disk, sim::SimDisk};

    use super::*;

    fn batch(base: i64, value_bytes: usize) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::None);
        let value = vec![1; value_bytes];
        builder.base_offset(Offset(base)).append(TimestampMs(base), None, Some(&value), &[]);
        builder.finish().to_vec()
    }

    #[test]
    fn batches_of_any_size_are_walked_and_checked() {
        let sizes = [0, 10, 5_000, 3, 300_000, 61, 4_096, 1];
        let mut bytes = Vec::new();
        for (base, size) in (0..).zip(sizes) {
            bytes.extend(batch(base, size));
        }
        let disk = SimDisk::new();
        let file = disk.open(Path::new("/log"), true).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        for buffer_bytes in [HEADER_BYTES, 100, HEADERS_BYTES, BODIES_BYTES] {
            let mut scan = Scan::new(&*file, 0, bytes.len() as u64, buffer_bytes);
            let mut seen = 0;
            while let Found::Batch(position, head) = scan.next().unwrap() {
                assert_eq!(head.base, Offset(seen));
                assert!(scan.is_crc_right(position, &head).unwrap());
                let small = scan.small_batch(position, &head).unwrap();
                assert_eq!(small.is_some(), head.size as usize <= buffer_bytes);
                seen += 1;
            }
            assert_eq!(seen, 8);
        }
    }

    #[test]
    fn a_torn_end_is_told_from_an_exact_one() {
        let whole = batch(0, 200);
        let disk = SimDisk::new();
        let file = disk.open(Path::new("/log"), true).unwrap();
        file.write_all_at(&whole, 0).unwrap();
        for cut in 1..whole.len() as u64 {
            let mut scan = Scan::new(&*file, 0, cut, HEADERS_BYTES);
            assert!(matches!(scan.next().unwrap(), Found::Torn), "{cut}");
        }
        let mut scan = Scan::new(&*file, 0, whole.len() as u64, HEADERS_BYTES);
        assert!(matches!(scan.next().unwrap(), Found::Batch(0, _)));
        assert!(matches!(scan.next().unwrap(), Found::End));
    }
}
