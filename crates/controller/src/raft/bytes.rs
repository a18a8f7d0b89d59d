//! Reading and writing the few integers and byte strings of which our own formats are made: entries, votes, peer messages.
//!
//! All numbers are big-endian; a byte string is its length (u32) and its bytes. A reader answers `None` when the bytes end
//! early: what it is given comes from a disk or a socket.

use ::bytes::Bytes;

/// Reads from the front of shared bytes.
#[derive(Clone, Debug)]
pub(crate) struct Reader(Bytes);

impl Reader {
    pub(crate) const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.fixed().map(|[byte]: [u8; 1]| byte)
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.fixed().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.fixed().map(u64::from_be_bytes)
    }

    pub(crate) fn bytes(&mut self) -> Option<Bytes> {
        let length = self.u32()? as usize;
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }

    /// A count of things of at least `size_bytes` each that all fit into what is left.
    pub(crate) fn count(&mut self, size_bytes: usize) -> Option<usize> {
        let count = self.u32()? as usize;
        (count.checked_mul(size_bytes)? <= self.0.len()).then_some(count)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn rest(self) -> Bytes {
        self.0
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        if self.0.len() < N {
            return None;
        }
        self.0.split_to(N).as_ref().try_into().ok()
    }
}

/// Appends a byte string.
pub(crate) fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    put_count(into, bytes.len());
    into.extend_from_slice(bytes);
}

/// Appends a count or a length.
///
/// # Panics
/// Past 4 GiB, which nothing of ours is.
pub(crate) fn put_count(into: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("nothing of ours has four billion parts");
    into.extend_from_slice(&count.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_short_is_none() {
        let mut written = Vec::new();
        put_bytes(&mut written, b"abc");
        written.push(1);
        for length in 0..written.len() {
            let mut reader = Reader::new(Bytes::copy_from_slice(&written[..length]));
            assert!(reader.bytes().and_then(|_| reader.flag()).is_none(), "{length} bytes");
        }
        let mut reader = Reader::new(written.into());
        assert_eq!(reader.bytes().as_deref(), Some(b"abc".as_ref()));
        assert_eq!(reader.flag(), Some(true));
        assert!(reader.is_empty());
    }

    #[test]
    fn a_count_of_more_than_there_is_is_none() {
        let mut reader = Reader::new(Bytes::from_static(&[0, 0, 0, 9, 1, 2, 3]));
        assert_eq!(reader.count(1), None);
    }
}
