//! A bounded reader of Kafka's primitive types: every length is checked against what is there.

use crate::WireError;

/// Reads from the front of a slice and knows how far it is.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    /// At the front of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// How many bytes are read.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`], as of all readers here.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let end = self.position.checked_add(length).ok_or(WireError::Truncated)?;
        let taken = self.bytes.get(self.position..end).ok_or(WireError::Truncated)?;
        self.position = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("take answers as many bytes as asked"))
    }

    /// A signed byte.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn i8(&mut self) -> Result<i8, WireError> {
        self.array().map(i8::from_be_bytes)
    }

    /// A big-endian 16-bit number.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn i16(&mut self) -> Result<i16, WireError> {
        self.array().map(i16::from_be_bytes)
    }

    /// A big-endian 32-bit number.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn i32(&mut self) -> Result<i32, WireError> {
        self.array().map(i32::from_be_bytes)
    }

    /// A big-endian 64-bit number.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn i64(&mut self) -> Result<i64, WireError> {
        self.array().map(i64::from_be_bytes)
    }

    /// 16 bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn uuid(&mut self) -> Result<[u8; 16], WireError> {
        self.array()
    }

    /// An unsigned varint of at most 32 bits.
    ///
    /// # Errors
    /// [`WireError::Truncated`], and [`WireError::Malformed`] when it has more than 32 bits.
    pub fn varint(&mut self) -> Result<u32, WireError> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::malformed("varint"))
    }

    /// The length of a string, of bytes or of an array; none for null. Compact lengths are one more than they say.
    ///
    /// # Errors
    /// As [`Cursor::varint`]; [`WireError::Malformed`] when it is below -1.
    pub fn length(&mut self, compact: bool) -> Result<Option<usize>, WireError> {
        if compact {
            let claimed = self.varint()?;
            return Ok(claimed.checked_sub(1).map(|length| length as usize));
        }
        match self.i32()? {
            -1 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| WireError::malformed("length")),
        }
    }

    /// A string's bytes; none for null. Only compact strings share their length's form with bytes and arrays.
    ///
    /// # Errors
    /// As [`Cursor::length`].
    pub fn string_bytes(&mut self, compact: bool) -> Result<Option<&'a [u8]>, WireError> {
        let length = if compact {
            self.length(true)?
        } else {
            match self.i16()? {
                -1 => None,
                length => Some(
                    usize::try_from(length).map_err(|_| WireError::malformed("string length"))?,
                ),
            }
        };
        length.map(|length| self.take(length)).transpose()
    }

    /// A string; none for null.
    ///
    /// # Errors
    /// As [`Cursor::length`]; [`WireError::Malformed`] when it is not UTF-8.
    pub fn string(&mut self, compact: bool) -> Result<Option<&'a str>, WireError> {
        self.string_bytes(compact)?
            .map(|bytes| std::str::from_utf8(bytes).map_err(|_| WireError::malformed("utf-8")))
            .transpose()
    }

    /// Bytes; none for null.
    ///
    /// # Errors
    /// As [`Cursor::length`].
    pub fn blob(&mut self, compact: bool) -> Result<Option<&'a [u8]>, WireError> {
        self.length(compact)?.map(|length| self.take(length)).transpose()
    }

    /// Passes over a tag section, whatever is in it.
    ///
    /// # Errors
    /// As [`Cursor::varint`].
    pub fn skip_tags(&mut self) -> Result<(), WireError> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = self.varint()?;
            self.take(size as usize)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_stop_at_32_bits() {
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).varint(), Ok(u32::MAX));
        assert_eq!(Cursor::new(&[0x80, 0x01]).varint(), Ok(128));
        assert!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x1f]).varint().is_err());
        assert!(Cursor::new(&[0x80; 6]).varint().is_err());
        assert_eq!(Cursor::new(&[0x80]).varint(), Err(WireError::Truncated));
    }

    #[test]
    fn a_length_past_the_end_is_an_error() {
        assert_eq!(Cursor::new(&[0x7f, 0xff, b'x']).string(false), Err(WireError::Truncated));
        assert_eq!(Cursor::new(&[0x7f, 0xff, 0xff, 0xff]).blob(false), Err(WireError::Truncated));
        assert!(Cursor::new(&[0xff, 0xff, 0xff, 0xfe]).blob(false).is_err());
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff]).blob(false), Ok(None));
        assert_eq!(Cursor::new(&[0]).string(true), Ok(None));
        assert_eq!(Cursor::new(&[3, b'h', b'i']).string(true), Ok(Some("hi")));
    }
}
