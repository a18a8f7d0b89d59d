//! Places in a text: byte ranges, and lines and columns for people.

/// A half-open range of bytes of the text that was parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Span {
    /// From `start` up to `end`.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The smallest span that covers both. A default (empty, at 0) span is no place and yields.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self == Self::default() {
            return other;
        }
        if other == Self::default() {
            return self;
        }
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The bytes of `text` that it names; empty where it does not fit.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

impl Place {
    /// Where byte `at` of `text` is.
    pub(crate) fn of(text: &str, at: usize) -> Self {
        let mut end = at.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = text.get(..end).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let start_of_line = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(start_of_line..).unwrap_or_default().chars().count() + 1;
        Self { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_counts_characters_not_bytes() {
        let text = "ä\nöü x";
        assert_eq!(Place::of(text, text.len() - 1), Place { line: 2, column: 4 });
        assert_eq!(Place::of(text, 1), Place { line: 1, column: 1 });
        assert_eq!(Place::of(text, 9_999), Place { line: 2, column: 5 });
    }

    #[test]
    fn empty_span_yields_to_a_real_one() {
        assert_eq!(Span::default().to(Span::new(3, 5)), Span::new(3, 5));
        assert_eq!(Span::new(3, 5).to(Span::new(1, 2)), Span::new(1, 5));
    }
}
