//! The bytes of a graph's state. Version 1, all numbers little-endian.
//!
//! ```text
//! magic "LMGRAPH" │ version u8 │ body … │ crc32 (IEEE) of all before it, u32
//! ```
//! The body is written and read by those whose state it is, in the order of [`crate::graph`]'s `state.rs`. A snapshot is read back by the
//! process that takes over, from a replicated log; still every length is checked against what is left, and no count reserves memory.

const MAGIC: &[u8; 7] = b"LMGRAPH";
/// The version this code writes and reads.
const VERSION: u8 = 1;
const HEAD_BYTES: usize = MAGIC.len() + 1;
const CRC_BYTES: usize = 4;

/// Appends to a snapshot.
pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

/// Reads a snapshot's body.
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
}

/// The body ends too early, or a value in it cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Torn;

impl<'o> Writer<'o> {
    /// Begins a snapshot behind what `out` holds.
    pub(crate) fn begin(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        Self { out, start }
    }

    /// Seals it.
    pub(crate) fn finish(self) {
        let crc = crc32fast::hash(self.out.get(self.start..).unwrap_or_default());
        self.out.extend_from_slice(&crc.to_le_bytes());
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i128(&mut self, value: i128) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn count(&mut self, value: usize) {
        self.u64(value as u64);
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.out.extend_from_slice(value);
    }

    pub(crate) fn maybe(&mut self, value: Option<i64>) {
        self.u8(u8::from(value.is_some()));
        self.i64(value.unwrap_or(0));
    }
}

impl<'b> Reader<'b> {
    /// Checks the frame around a body.
    pub(crate) fn open(bytes: &'b [u8]) -> Result<Self, &'static str> {
        let Some((sealed, crc)) = bytes.split_last_chunk::<CRC_BYTES>() else {
            return Err("it is cut short");
        };
        let Some((head, rest)) = sealed.split_at_checked(HEAD_BYTES) else {
            return Err("it is cut short");
        };
        if crc32fast::hash(sealed) != u32::from_le_bytes(*crc) {
            return Err("its checksum is wrong");
        }
        match head.split_last() {
            Some((version, magic)) if magic == MAGIC => {
                if *version == VERSION {
                    Ok(Self { rest })
                } else {
                    Err("it is of another version")
                }
            }
            _ => Err("it is no snapshot of a graph"),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Torn> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Torn> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Torn),
        }
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Torn> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Torn> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Torn> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn i128(&mut self) -> Result<i128, Torn> {
        self.array().map(i128::from_le_bytes)
    }

    /// What has been counted so far: it has room to be counted on.
    pub(crate) fn tally(&mut self) -> Result<i64, Torn> {
        let tally = self.i64()?;
        if (0..=1 << 62).contains(&tally) { Ok(tally) } else { Err(Torn) }
    }

    /// A count of things that take a byte each, at least.
    pub(crate) fn count(&mut self) -> Result<usize, Torn> {
        let count = usize::try_from(self.u64()?).map_err(|_| Torn)?;
        if count <= self.rest.len() { Ok(count) } else { Err(Torn) }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'b [u8], Torn> {
        let length = self.count()?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Torn)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn maybe(&mut self) -> Result<Option<i64>, Torn> {
        let is_some = self.flag()?;
        let value = self.i64()?;
        Ok(is_some.then_some(value))
    }

    /// `count` things, each read by `read`.
    pub(crate) fn many<T>(
        &mut self,
        count: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, Torn>,
    ) -> Result<Vec<T>, Torn> {
        (0..count).map(|_| read(self)).collect()
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Torn> {
        let (value, rest) = self.rest.split_first_chunk().ok_or(Torn)?;
        self.rest = rest;
        Ok(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back_and_any_flipped_bit_is_noticed() {
        let mut bytes = b"before".to_vec();
        let mut writer = Writer::begin(&mut bytes);
        writer.maybe(Some(-5));
        writer.bytes(b"text");
        writer.i128(i128::MIN);
        writer.finish();
        let snapshot = &bytes[6..];
        let mut reader = Reader::open(snapshot).unwrap();
        assert_eq!(reader.maybe(), Ok(Some(-5)));
        assert_eq!(reader.bytes(), Ok(&b"text"[..]));
        assert_eq!(reader.i128(), Ok(i128::MIN));
        assert!(reader.is_empty());
        assert_eq!(reader.u8(), Err(Torn));
        for bit in 0..snapshot.len() * 8 {
            let mut damaged = snapshot.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Reader::open(&damaged).is_err(), "bit {bit}");
        }
        for length in 0..snapshot.len() {
            assert!(Reader::open(&snapshot[..length]).is_err());
        }
    }
}
