//! snappy as Java's clients frame it (xerial), and bare.
//!
//! ```text
//! 82 'S' 'N' 'A' 'P' 'P' 'Y' 00 │ version i32 = 1 │ compatible i32 = 1 │ chunks: length i32, raw snappy block
//! ```
//! Bytes without the magic are one raw block, as librdkafka and others may send.

use crate::{Codec, RecordsError};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const VERSION: [u8; 4] = 1_i32.to_be_bytes();
const HEADER_BYTES: usize = 16;
/// What xerial's writer compresses at a time.
const CHUNK_BYTES: usize = 32 << 10;
/// snappy's densest element: 64 bytes copied per 3 bytes. A claim past that is a lie, and is given no memory.
const GROWTH_MAX: usize = 22;

/// Inflates `body` into `out`, which is empty, up to `bytes_max`.
pub(crate) fn inflate(
    body: &[u8],
    out: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<(), RecordsError> {
    if !body.starts_with(&MAGIC) {
        return inflate_block(body, out, bytes_max);
    }
    let mut rest = body.get(HEADER_BYTES..).ok_or_else(|| corrupt("header is cut short"))?;
    while !rest.is_empty() {
        let (length, after) =
            rest.split_first_chunk::<4>().ok_or_else(|| corrupt("chunk length is cut short"))?;
        let (chunk, after) = usize::try_from(i32::from_be_bytes(*length))
            .ok()
            .and_then(|length| after.split_at_checked(length))
            .ok_or_else(|| corrupt("chunk is cut short"))?;
        inflate_block(chunk, out, bytes_max)?;
        rest = after;
    }
    Ok(())
}

/// Compresses `plain` in chunks behind the header, appended to `out`.
pub(crate) fn compress(plain: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION);
    out.extend_from_slice(&VERSION);
    let mut encoder = snap::raw::Encoder::new();
    for chunk in plain.chunks(CHUNK_BYTES) {
        let packed = encoder.compress_vec(chunk).expect("a chunk is far below snappy's 4 GiB");
        let length = i32::try_from(packed.len()).expect("a packed chunk is about a chunk");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&packed);
    }
}

/// Appends one raw block, inflated.
fn inflate_block(block: &[u8], out: &mut Vec<u8>, bytes_max: usize) -> Result<(), RecordsError> {
    let claim = snap::raw::decompress_len(block).map_err(corrupt)?;
    let start = out.len();
    if claim > bytes_max.saturating_sub(start) {
        return Err(RecordsError::InflatesTooFar { max: bytes_max });
    }
    if claim > block.len().saturating_mul(GROWTH_MAX) {
        return Err(corrupt("block claims more than snappy can hold"));
    }
    out.resize(start + claim, 0);
    let room = out.get_mut(start..).unwrap_or_default();
    snap::raw::Decoder::new().decompress(block, room).map_err(corrupt)?;
    Ok(())
}

fn corrupt(reason: impl ToString) -> RecordsError {
    RecordsError::Inflate { codec: Codec::Snappy, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_block_is_read() {
        let packed = snap::raw::Encoder::new().compress_vec(&[3; 5000]).unwrap();
        let mut out = Vec::new();
        inflate(&packed, &mut out, 5000).unwrap();
        assert_eq!(out, [3; 5000]);
    }

    #[test]
    fn a_claim_is_given_no_memory() {
        // A raw block that claims 2^32 - 1 bytes, and one that claims 200 MB with nothing behind it.
        for claim in [[0xff, 0xff, 0xff, 0xff, 0x0f], [0x80, 0x84, 0xaf, 0x5f, 0x00]] {
            let mut out = Vec::new();
            assert!(inflate(&claim, &mut out, 256 << 20).is_err());
            assert_eq!(out.capacity(), 0);
        }
    }

    #[test]
    fn chunks_hold_what_xerials_writer_puts_in_them() {
        let mut packed = Vec::new();
        compress(&vec![0; CHUNK_BYTES + 1], &mut packed);
        assert_eq!(packed[..8], MAGIC);
        let first = i32::from_be_bytes(packed[16..20].try_into().unwrap());
        let second = 20 + usize::try_from(first).unwrap();
        // One byte, as a literal: its length, a tag, the byte.
        assert_eq!(packed[second..], [0, 0, 0, 3, 1, 0, 0]);
    }
}
