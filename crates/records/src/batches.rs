//! The batches of a byte slice, one after another.

use crate::{Batch, RecordsError};

/// Consecutive whole batches. Ends silently at a last one that is cut short, with an error at bytes that are none.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    /// The batches of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been walked: after the end, the part of the last batch that is there.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, RecordsError>;

    fn next(&mut self) -> Option<Self::Item> {
        match Batch::parse(self.rest) {
            Ok(batch) => {
                self.rest = self.rest.get(batch.size_bytes()..).unwrap_or_default();
                Some(Ok(batch))
            }
            Err(RecordsError::CutShort { .. }) => None,
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

impl std::iter::FusedIterator for Batches<'_> {}

#[cfg(test)]
mod tests {
    use model::{Offset, TimestampMs};

    use super::*;
    use crate::{BatchBuilder, Codec};

    fn two_batches() -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::None);
        let mut bytes = Vec::new();
        for base in [0, 1] {
            builder.base_offset(Offset(base)).append(TimestampMs(0), None, Some(b"v"), &[]);
            bytes.extend_from_slice(&builder.finish());
        }
        bytes
    }

    #[test]
    fn a_partial_last_batch_ends_the_walk_silently() {
        let bytes = two_batches();
        for cut in 0..bytes.len() {
            let whole = Batches::new(&bytes[..cut]).map(Result::unwrap).count();
            assert_eq!(whole, cut / (bytes.len() / 2));
        }
    }

    #[test]
    fn nonsense_is_an_error_once() {
        let mut bytes = two_batches();
        let half = bytes.len() / 2;
        bytes[half + 16] = 9;
        let walk: Vec<_> = Batches::new(&bytes).collect();
        assert_eq!(walk.len(), 2);
        assert_eq!(walk[1].as_ref().unwrap_err(), &RecordsError::Magic(9));
    }
}
