//! One record, borrowed from its batch.
//!
//! ```text
//! length varint │ attributes i8 │ timestamp delta varlong │ offset delta varint
//!               │ key length varint (-1: none), key │ value length varint (-1: none), value
//!               │ header count varint, each: key length varint, key, value length varint (-1: none), value
//! ```

use model::{Offset, TimestampMs};

use crate::{RecordsError, varint};

/// One header: its name and its value.
pub type Header<'a> = (&'a str, Option<&'a [u8]>);

/// One record, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its place in the log.
    pub offset: Offset,
    /// Its time: the producer's, or the broker's where the batch says so.
    pub timestamp: TimestampMs,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: Headers<'a>,
}

/// The headers of a record, decoded as they are walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    count: u32,
    bytes: &'a [u8],
}

impl<'a> Headers<'a> {
    /// How many the record claims.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The encoded headers, without their count.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether they can be walked and fill their record exactly. Names need not be UTF-8 for that, as in Kafka.
    pub(crate) fn check(&self) -> Result<(), RecordsError> {
        let mut rest = self.bytes;
        for _ in 0..self.count {
            read_pair(&mut rest)?;
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(RecordsError::Record("record has bytes after its headers"))
        }
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = Result<Header<'a>, RecordsError>;
    type IntoIter = HeadersIter<'a>;

    fn into_iter(self) -> HeadersIter<'a> {
        HeadersIter { rest: self }
    }
}

/// Walks [`Headers`]; ends after the first error.
#[derive(Clone, Debug)]
pub struct HeadersIter<'a> {
    rest: Headers<'a>,
}

impl<'a> Iterator for HeadersIter<'a> {
    type Item = Result<Header<'a>, RecordsError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest.count = self.rest.count.checked_sub(1)?;
        let header = read_pair(&mut self.rest.bytes).and_then(|(name, value)| {
            let name = std::str::from_utf8(name)
                .map_err(|_| RecordsError::Record("header name is not UTF-8"))?;
            Ok((name, value))
        });
        if header.is_err() {
            self.rest.count = 0;
        }
        Some(header)
    }
}

/// A record as its bytes say it, deltas not yet resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRecord<'a> {
    pub(crate) timestamp_delta: i64,
    pub(crate) offset_delta: i32,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Headers<'a>,
}

impl<'a> RawRecord<'a> {
    /// Reads the record at the front of `input`. Headers are not walked, only counted against the bytes left.
    #[inline]
    pub(crate) fn read(input: &mut &'a [u8]) -> Result<Self, RecordsError> {
        let length = varint::read_i32(input)?;
        let mut body = take(input, length, "record is longer than its batch")?;
        let (_attributes, rest) =
            body.split_first().ok_or(RecordsError::Record("record is empty"))?;
        body = rest;
        let timestamp_delta = varint::read_i64(&mut body)?;
        let offset_delta = varint::read_i32(&mut body)?;
        let key = read_nullable(&mut body)?;
        let value = read_nullable(&mut body)?;
        let count = u32::try_from(varint::read_i32(&mut body)?)
            .map_err(|_| RecordsError::Record("header count is negative"))?;
        // A header takes two bytes at least, so a count past that lies.
        let room = body.len() / 2;
        if usize::try_from(count).is_ok_and(|count| count > room) {
            return Err(RecordsError::Record("more headers than bytes"));
        }
        if count == 0 && !body.is_empty() {
            return Err(RecordsError::Record("record has bytes after its headers"));
        }
        let headers = Headers { count, bytes: body };
        Ok(Self { timestamp_delta, offset_delta, key, value, headers })
    }
}

fn read_pair<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>), RecordsError> {
    let length = varint::read_i32(rest)?;
    let name = take(rest, length, "header name is longer than its record")?;
    Ok((name, read_nullable(rest)?))
}

#[inline]
fn read_nullable<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, RecordsError> {
    // Kafka reads every negative length as none.
    let length = varint::read_i32(rest)?;
    if length < 0 {
        return Ok(None);
    }
    take(rest, length, "field is longer than its record").map(Some)
}

#[inline]
fn take<'a>(
    rest: &mut &'a [u8],
    length: i32,
    too_long: &'static str,
) -> Result<&'a [u8], RecordsError> {
    let (taken, left) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or(RecordsError::Record(too_long))?;
    *rest = left;
    Ok(taken)
}
