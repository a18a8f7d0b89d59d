//! How the records of a batch are compressed, in the forms that Kafka's clients write.
//!
//! gzip: members of RFC 1952. snappy: xerial's framing, or one raw block. lz4: the frame format, independent 64 KiB
//! blocks, no content checksum. zstd: frames. Inflating reads step by step and stops at a bound, so that a bomb never
//! gets the memory that it claims.

use std::io::{self, Read, Write};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use crate::{RecordsError, batch::CODEC_BITS, xerial};

/// Kafka's default level for zstd.
const ZSTD_LEVEL: i32 = 3;
/// The largest window that a zstd frame may ask for, as a power of two: what the format's own tools accept by default.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// A compression codec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not compressed.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// snappy.
    Snappy,
    /// lz4.
    Lz4,
    /// zstd.
    Zstd,
}

impl Codec {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Kafka's name for it in `compression.type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec that Kafka calls `name`; `uncompressed` is the topic option's word for none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "uncompressed" => Some(Self::None),
            name => Self::ALL.into_iter().find(|codec| codec.name() == name),
        }
    }

    /// Its number in the attributes of a batch.
    pub(crate) const fn bits(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    pub(crate) fn from_attributes(attributes: i16) -> Result<Self, RecordsError> {
        let bits = u8::try_from(attributes & CODEC_BITS).unwrap_or(0);
        Self::ALL.get(usize::from(bits)).copied().ok_or(RecordsError::UnknownCodec(bits))
    }
}

/// Inflates `body` into `out`, whose old content is lost; stops with an error past `bytes_max`.
///
/// # Errors
/// [`RecordsError::Inflate`] for corrupt bytes, [`RecordsError::InflatesTooFar`] past the bound.
pub fn inflate(
    codec: Codec,
    body: &[u8],
    out: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<(), RecordsError> {
    out.clear();
    let done = match codec {
        Codec::None => read_bounded(body, out, bytes_max),
        Codec::Gzip => read_bounded(MultiGzDecoder::new(body), out, bytes_max),
        Codec::Snappy => return xerial::inflate(body, out, bytes_max),
        Codec::Lz4 => read_bounded(FrameDecoder::new(body), out, bytes_max).or_else(is_tolerated),
        Codec::Zstd => zstd_decoder(body).and_then(|decoder| read_bounded(decoder, out, bytes_max)),
    };
    done.map_err(|error| RecordsError::Inflate { codec, reason: error.to_string() })?;
    if out.len() > bytes_max {
        return Err(RecordsError::InflatesTooFar { max: bytes_max });
    }
    Ok(())
}

/// `plain`, compressed as Kafka's clients do, appended to `out`.
pub fn compress(codec: Codec, plain: &[u8], out: &mut Vec<u8>) {
    let done = match codec {
        Codec::None => out.write_all(plain),
        Codec::Gzip => write_gzip(plain, out),
        Codec::Snappy => {
            xerial::compress(plain, out);
            Ok(())
        }
        Codec::Lz4 => write_lz4(plain, out),
        Codec::Zstd => zstd::stream::copy_encode(plain, &mut *out, ZSTD_LEVEL),
    };
    done.expect("compressing from memory into a vector meets no i/o error");
}

/// Reads at most one byte more than `bytes_max`: the caller sees by the length that there was more.
fn read_bounded(source: impl Read, out: &mut Vec<u8>, bytes_max: usize) -> io::Result<()> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    source.take(limit).read_to_end(out).map(drop)
}

fn zstd_decoder(body: &[u8]) -> io::Result<impl Read> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

/// Kafka's reader skips the checksum of the whole frame, and so some writer may get it wrong; the batch has its CRC.
fn is_tolerated(error: io::Error) -> io::Result<()> {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<lz4_flex::frame::Error>());
    match inner {
        Some(lz4_flex::frame::Error::ContentChecksumError) => Ok(()),
        _ => Err(error),
    }
}

fn write_gzip(plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = GzEncoder::new(out, Compression::default());
    encoder.write_all(plain)?;
    encoder.finish().map(drop)
}

fn write_lz4(plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let info = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(info, out);
    encoder.write_all(plain)?;
    encoder.finish().map(drop).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: usize = 1 << 20;

    #[test]
    fn every_codec_reads_what_it_writes() {
        for plain in [vec![], vec![7; 100], (0..200_000_u32).flat_map(u32::to_be_bytes).collect()] {
            for codec in Codec::ALL {
                let mut packed = Vec::new();
                compress(codec, &plain, &mut packed);
                let mut out = vec![1, 2, 3];
                inflate(codec, &packed, &mut out, BOUND).unwrap();
                assert_eq!(out, plain, "{codec:?}");
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_bound_and_takes_no_more_memory() {
        let plain = vec![0; 64 << 20];
        for codec in Codec::ALL {
            let mut packed = Vec::new();
            compress(codec, &plain, &mut packed);
            let mut out = Vec::new();
            let error = inflate(codec, &packed, &mut out, BOUND).unwrap_err();
            assert_eq!(error, RecordsError::InflatesTooFar { max: BOUND }, "{codec:?}");
            assert!(out.capacity() <= 4 * BOUND, "{codec:?} took {}", out.capacity());
        }
    }

    #[test]
    fn cut_bytes_are_an_error() {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let mut packed = Vec::new();
            compress(codec, &[5; 1000], &mut packed);
            let half = &packed[..packed.len() / 2];
            assert!(inflate(codec, half, &mut Vec::new(), BOUND).is_err(), "{codec:?}");
        }
    }

    #[test]
    fn an_lz4_frame_with_a_wrong_content_checksum_is_read() {
        let mut packed = Vec::new();
        let info = FrameInfo::new().content_checksum(true);
        let mut encoder = FrameEncoder::with_frame_info(info, &mut packed);
        encoder.write_all(&[9; 500]).unwrap();
        encoder.finish().unwrap();
        *packed.last_mut().unwrap() ^= 1;
        let mut out = Vec::new();
        inflate(Codec::Lz4, &packed, &mut out, BOUND).unwrap();
        assert_eq!(out, [9; 500]);
    }

    #[test]
    fn names_and_numbers_are_kafkas() {
        for (number, codec) in (0_i16..).zip(Codec::ALL) {
            assert_eq!(codec.bits(), number);
            assert_eq!(Codec::from_attributes(number | 8), Ok(codec));
            assert_eq!(Codec::from_name(codec.name()), Some(codec));
        }
        assert_eq!(Codec::from_attributes(5), Err(RecordsError::UnknownCodec(5)));
        assert_eq!(Codec::from_name("uncompressed"), Some(Codec::None));
        assert_eq!(Codec::from_name("producer"), None);
    }
}
