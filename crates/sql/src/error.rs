//! What is wrong with a statement: where, what, and what to do about it.

use std::fmt;

use crate::span::{Place, Span};

/// An error in a statement. [`SqlError::render`] shows it under its line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SqlError {
    /// What is wrong; lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where, in bytes of the text that was parsed.
    pub span: Span,
    /// The line of its start, from 1; 0 where it is not known.
    pub line: usize,
    /// The column of its start in characters, from 1; 0 where it is not known.
    pub column: usize,
}

impl SqlError {
    /// `message` about what stands at `span`.
    pub fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), hint: None, span, line: 0, column: 0 }
    }

    /// Says what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Fills line and column in from the whole text that was parsed.
    #[must_use]
    pub(crate) fn located_in(mut self, text: &str) -> Self {
        let place = Place::of(text, self.span.start);
        (self.line, self.column) = (place.line, place.column);
        self
    }

    /// Fills line and column in from `text`, which begins at byte `at`, line and column `start` of what was parsed.
    #[must_use]
    pub(crate) fn located_from(mut self, text: &str, at: usize, start: Place) -> Self {
        let place = Place::of(text, self.span.start.saturating_sub(at));
        let shift = if place.line == 1 { start.column.saturating_sub(1) } else { 0 };
        (self.line, self.column) = (start.line + place.line - 1, place.column + shift);
        self
    }

    /// The reason, the line of `text` it is about with a caret under it, and the hint.
    ///
    /// `text` is what was parsed; any other text is answered with the reason alone.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        use fmt::Write;
        let mut out = format!("error: {}\n", self.message);
        let line = self.line.checked_sub(1).and_then(|index| text.split('\n').nth(index));
        if let Some(line) = line {
            let (shown, before) = window(line.trim_end_matches('\r'), self.column);
            let width =
                Span::of(self.span, text).split('\n').next().map_or(0, |it| it.chars().count());
            let room = shown.chars().count().saturating_sub(before).max(1);
            let number = self.line.to_string();
            let margin = " ".repeat(number.len());
            let caret = format!("{}{}", " ".repeat(before), "^".repeat(width.clamp(1, room)));
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{margin}--> line {}, column {}", self.line, self.column);
            let _ = writeln!(out, "{margin} |\n{number} | {shown}\n{margin} | {caret}");
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "hint: {hint}");
        }
        out
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// The part of a long line around `column`, and how many of its characters stand before it. Tabs become blanks.
fn window(line: &str, column: usize) -> (String, usize) {
    const BEFORE: usize = 80;
    const SHOWN: usize = 120;
    let before = column.saturating_sub(1);
    let skipped = before.saturating_sub(BEFORE);
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    (line.chars().skip(skipped).take(SHOWN).map(clean).collect(), before - skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caret_stands_under_the_culprit() {
        let text = "SELECT a,\n  bogus FROM t";
        let error = SqlError::new("no column 'bogus'", Span::new(12, 17))
            .with_hint("columns are a, b")
            .located_in(text);
        let expected = "error: no column 'bogus'\n --> line 2, column 3\n  |\n2 |   bogus FROM t\n  |   ^^^^^\nhint: columns are a, b\n";
        assert_eq!(error.render(text), expected);
    }

    #[test]
    fn foreign_text_and_long_lines_do_not_panic() {
        let error = SqlError::new("x", Span::new(500, 700)).located_in(&"y".repeat(1_000));
        assert!(error.render("short").starts_with("error: x"));
        assert!(error.render("").starts_with("error: x"));
        assert!(error.render(&"ä".repeat(1_000)).lines().all(|line| line.chars().count() < 140));
    }
}
