//! Lines and columns of the tokenizer to bytes, in one pass over the text.

use sqlparser::tokenizer::{Location, Span as TokenSpan, TokenWithSpan};

use crate::span::Span;

/// Where each token begins and ends.
pub(super) struct Places {
    /// (line, column) and its byte, ascending.
    known: Vec<((u64, u64), usize)>,
    end: usize,
}

impl Places {
    /// Of the tokens of `text`, which begins at byte `base` of what the caller calls the text.
    pub(super) fn new(text: &str, base: usize, tokens: &[TokenWithSpan]) -> Self {
        let mut wanted: Vec<(u64, u64)> =
            tokens.iter().flat_map(|it| [key(it.span.start), key(it.span.end)]).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut known = Vec::with_capacity(wanted.len());
        let mut wanted = wanted.into_iter().peekable();
        let (mut line, mut column) = (1, 1);
        for (at, character) in text.char_indices() {
            while let Some(place) = wanted.next_if(|place| *place <= (line, column)) {
                known.push((place, base + at));
            }
            if character == '\n' {
                (line, column) = (line + 1, 1);
            } else {
                column += 1;
            }
        }
        let end = base + text.len();
        known.extend(wanted.map(|place| (place, end)));
        Self { known, end }
    }

    pub(super) fn span(&self, span: TokenSpan) -> Span {
        if span.start.line == 0 {
            return Span::default();
        }
        Span::new(self.byte(span.start), self.byte(span.end))
    }

    /// The end of the text.
    pub(super) fn end(&self) -> Span {
        Span::new(self.end, self.end)
    }

    /// The byte at or before `location`.
    pub(super) fn byte(&self, location: Location) -> usize {
        let after = self.known.partition_point(|(place, _)| *place <= key(location));
        after.checked_sub(1).and_then(|index| self.known.get(index)).map_or(0, |(_, byte)| *byte)
    }
}

fn key(location: Location) -> (u64, u64) {
    (location.line, location.column)
}
