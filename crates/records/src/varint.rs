//! Zigzag varints, as in protocol buffers: 7 bits a byte, low bits first.

use bytes::{BufMut, BytesMut};

use crate::RecordsError;

/// Reads a 32-bit zigzag varint off the front of `input`; at most five bytes.
pub(crate) fn read_i32(input: &mut &[u8]) -> Result<i32, RecordsError> {
    // Lengths and deltas below 64 take one byte: nearly every call ends here.
    if let Some((&byte, rest)) = input.split_first()
        && byte < 0x80
    {
        *input = rest;
        return Ok(unzigzag_32(u32::from(byte)));
    }
    let mut value = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = next(input)?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(unzigzag_32(value));
        }
    }
    Err(RecordsError::Record("varint is too long"))
}

/// Reads a 64-bit zigzag varint off the front of `input`; at most ten bytes.
pub(crate) fn read_i64(input: &mut &[u8]) -> Result<i64, RecordsError> {
    let mut value = 0_u64;
    for place in 0..10_u32 {
        let byte = next(input)?;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
        }
    }
    Err(RecordsError::Record("varint is too long"))
}

/// Appends `value`.
pub(crate) fn write(out: &mut BytesMut, value: i64) {
    let mut value = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while value >= 0x80 {
        out.put_u8(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.put_u8(u8::try_from(value).unwrap_or(0));
}

/// Bytes that [`write`] takes for `value`.
pub(crate) fn size(value: i64) -> usize {
    let value = ((value << 1) ^ (value >> 63)).cast_unsigned();
    let bits = 64 - (value | 1).leading_zeros();
    usize::try_from(bits.div_ceil(7)).unwrap_or(10)
}

fn next(input: &mut &[u8]) -> Result<u8, RecordsError> {
    let (&byte, rest) =
        input.split_first().ok_or(RecordsError::Record("record ends within a varint"))?;
    *input = rest;
    Ok(byte)
}

fn unzigzag_32(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_in_the_size_foretold() {
        let edges = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, i64::from(i32::MAX), i64::MAX];
        for value in edges.into_iter().flat_map(|value| [value, -value, !value]) {
            let mut out = BytesMut::new();
            write(&mut out, value);
            assert_eq!(out.len(), size(value), "{value}");
            assert_eq!(read_i64(&mut &out[..]), Ok(value));
            if let Ok(value) = i32::try_from(value) {
                assert_eq!(read_i32(&mut &out[..]), Ok(value));
            }
        }
    }

    #[test]
    fn endless_and_cut_varints_are_refused() {
        assert!(read_i32(&mut &[0xff; 6][..]).is_err());
        assert!(read_i64(&mut &[0xff; 11][..]).is_err());
        assert!(read_i32(&mut &[0x80][..]).is_err());
        assert!(read_i64(&mut &[][..]).is_err());
    }
}
