//! JSON objects straight to columns: only the members that the plan reads, in one pass over each document.
//!
//! Documents of a topic mostly have the same members in the same order. The decoder remembers the keys of the last document as they were
//! written, `"key":` and all; where the next one has the same bytes at the same place, finding its column is one comparison.
//!
//! ```text
//! {"event_id":7,"url":"/a","ua":"x"}        shape: [ "event_id": → 0 │ "url": → 1 │ "ua": → – ]
//!  ^ as expected  ^ as expected ^ passed by
//! ```
//! Of a key that comes twice the last value counts. What follows the object makes the record bad.

use super::{
    field::{Filling, Kind},
    scan::{Malformed, Scanner, Token},
};
use crate::{expr::Reason, types::Type};

/// How many keys of a shape are remembered; more are looked up.
const SHAPE_KEYS_MAX: usize = 256;

/// Decodes the objects of one topic.
#[derive(Debug)]
pub(crate) struct JsonDecoder {
    members: Vec<Member>,
    ignore_errors: bool,
    missing_is_bad: bool,
    shape: Vec<Expected>,
    /// For each member: the document that last had it, counted from 1.
    seen: Vec<u64>,
    documents: u64,
}

/// One member that is read.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) of: Type,
    pub(crate) kind: Kind,
    /// Which column it fills.
    pub(crate) column: usize,
}

/// What is done about a document's trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leniency {
    /// A field that cannot be read is NULL.
    pub(crate) ignore_errors: bool,
    /// A member that is not there makes the record bad.
    pub(crate) missing_is_bad: bool,
}

/// What a document became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Row,
    /// JSON's `null`: no row, as Flink has it.
    Nothing,
    Bad(Reason),
}

/// A key as it was written, and whose member it is.
#[derive(Debug)]
struct Expected {
    /// With quotes and colon.
    written: Box<[u8]>,
    member: Option<usize>,
}

impl JsonDecoder {
    pub(crate) fn new(members: Vec<Member>, leniency: Leniency) -> Self {
        let seen = vec![0; members.len()];
        let Leniency { ignore_errors, missing_is_bad } = leniency;
        Self { members, ignore_errors, missing_is_bad, shape: Vec::new(), seen, documents: 0 }
    }

    /// Decodes `doc` into row `row` of `columns`.
    pub(crate) fn decode(
        &mut self,
        doc: &[u8],
        row: usize,
        columns: &mut [Filling<'_>],
    ) -> Decoded {
        self.documents += 1;
        let mut scanner = Scanner::new(doc);
        scanner.skip_space();
        let decoded = match scanner.peek() {
            b'{' => self.object(&mut scanner, row, columns),
            b'n' if scanner.take(b"null") && scanner.is_at_end() => return Decoded::Nothing,
            _ => Err(Reason::Borrowed("the value is not a JSON object")),
        };
        match decoded {
            Err(reason) => Decoded::Bad(reason),
            Ok(()) if !scanner.is_at_end() => Decoded::Bad(Reason::Borrowed(
                "the JSON is malformed: something follows the object",
            )),
            Ok(()) => self.find_missing().map_or(Decoded::Row, Decoded::Bad),
        }
    }

    fn object(
        &mut self,
        scanner: &mut Scanner<'_>,
        row: usize,
        columns: &mut [Filling<'_>],
    ) -> Result<(), Reason> {
        scanner.step();
        scanner.skip_space();
        if scanner.peek() == b'}' {
            scanner.step();
            return Ok(());
        }
        let mut place = 0;
        loop {
            let member = match self.shape.get(place) {
                Some(expected) if scanner.take(&expected.written) => expected.member,
                _ => self.look_up(scanner, place)?,
            };
            place += 1;
            scanner.skip_space();
            let token = scanner.token().map_err(malformed)?;
            if let Some(index) = member {
                self.set(index, token, row, columns)?;
            }
            scanner.skip_space();
            match scanner.peek() {
                b',' => {
                    scanner.step();
                    scanner.skip_space();
                }
                b'}' => {
                    scanner.step();
                    return Ok(());
                }
                _ => return Err(malformed(Malformed("a comma or an end is expected"))),
            }
        }
    }

    /// Reads the key at hand and remembers it for `place`.
    #[cold]
    fn look_up(
        &mut self,
        scanner: &mut Scanner<'_>,
        place: usize,
    ) -> Result<Option<usize>, Reason> {
        if scanner.peek() != b'"' {
            return Err(malformed(Malformed("a key is expected")));
        }
        let key = scanner.string().map_err(malformed)?;
        scanner.expect(b':', "a colon is expected").map_err(malformed)?;
        let find =
            |name: &[u8]| self.members.iter().position(|member| member.name.as_bytes() == name);
        let member = if key.has_escapes {
            let mut name = Vec::new();
            if key.unescape(&mut name) { find(&name) } else { None }
        } else {
            find(key.raw)
        };
        let expected =
            Expected { written: [b"\"", key.raw, b"\":"].concat().into_boxed_slice(), member };
        if let Some(slot) = self.shape.get_mut(place) {
            *slot = expected;
        } else if self.shape.len() < SHAPE_KEYS_MAX {
            // Places are taken in order, so this one is the next.
            self.shape.push(expected);
        }
        Ok(member)
    }

    #[inline]
    fn set(
        &mut self,
        index: usize,
        token: Token<'_>,
        row: usize,
        columns: &mut [Filling<'_>],
    ) -> Result<(), Reason> {
        let (Some(member), Some(seen)) = (self.members.get(index), self.seen.get_mut(index)) else {
            return Ok(());
        };
        *seen = self.documents;
        let Some(column) = columns.get_mut(member.column) else { return Ok(()) };
        if column.set(row, member.kind, token).is_ok() {
            return Ok(());
        }
        if self.ignore_errors {
            column.valid[row] = false;
            return Ok(());
        }
        Err(Reason::Owned(format!("field '{}' cannot be read as {}", member.name, member.of)))
    }

    fn find_missing(&self) -> Option<Reason> {
        if !self.missing_is_bad || self.ignore_errors {
            return None;
        }
        let missing = self.seen.iter().position(|seen| *seen != self.documents)?;
        let name = &self.members.get(missing)?.name;
        Some(Reason::Owned(format!("field '{name}' is missing")))
    }
}

fn malformed(Malformed(why): Malformed) -> Reason {
    Reason::Owned(format!("the JSON is malformed: {why}"))
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
