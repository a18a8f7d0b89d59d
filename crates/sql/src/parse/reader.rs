//! Tokens, read one statement after the other; errors with a place.

use sqlparser::{
    parser::{Parser, ParserError},
    tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Word},
};

use super::{dialect::FlinkDialect, expression::Translator, guard, places::Places, statement};
use crate::{
    SqlError, Statement, limits,
    span::Span,
    syntax::{Expression, Name, Query},
};

/// A text being read.
pub(super) struct Reader<'a> {
    pub(super) parser: Parser<'a>,
    pub(super) places: Places,
    /// The whole text; spans are its bytes.
    pub(super) text: &'a str,
    /// Oddities of the statement being read.
    pub(super) warnings: Vec<String>,
}

/// Reads all statements of `text`.
///
/// # Errors
/// The first thing that is not a statement served here; the error knows where and, often, what to do.
pub fn parse_script(text: &str) -> Result<Vec<Statement>, SqlError> {
    // The grammar is read by recursion, in frames of many KiB: on a stack of its own, whatever the caller's has left.
    stacker::grow(limits::PARSE_STACK_BYTES, || read(text)).map_err(|error| error.located_in(text))
}

fn read(text: &str) -> Result<Vec<Statement>, SqlError> {
    if text.len() > limits::TEXT_BYTES_MAX {
        return Err(SqlError::new("the text is too long", Span::default())
            .with_hint(format!("at most {} KiB at once", limits::TEXT_BYTES_MAX >> 10)));
    }
    // Editors on Windows begin files with a byte order mark.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let base = text.len() - body.len();
    let dialect = FlinkDialect::for_tokens(0);
    let tokens = Tokenizer::new(&dialect, body).tokenize_with_location().map_err(|error| {
        let end = [TokenWithSpan::at(Token::EOF, error.location, error.location)];
        let at = Places::new(body, base, &end).byte(error.location);
        let message = lower_first(&error.message);
        SqlError::new(message, Span::new(at, at))
            .with_hint("text stands in 'single quotes', names in `back-ticks`")
    })?;
    let places = Places::new(body, base, &tokens);
    guard::check(&tokens, &places)?;
    let dialect = FlinkDialect::for_tokens(tokens.len());
    let parser = Parser::new(&dialect)
        .with_recursion_limit(limits::NESTING_MAX)
        .with_tokens_with_locations(tokens);
    let mut reader = Reader { parser, places, text, warnings: Vec::new() };
    let mut statements = Vec::new();
    loop {
        while reader.parser.consume_token(&Token::SemiColon) {}
        if reader.at_end() {
            return Ok(statements);
        }
        if statements.len() >= limits::STATEMENTS_MAX {
            return Err(SqlError::new("too many statements at once", reader.here())
                .with_hint(format!("at most {}", limits::STATEMENTS_MAX)));
        }
        statement::read(&mut reader, &mut statements)?;
        if !reader.at_end() && !reader.parser.consume_token(&Token::SemiColon) {
            return Err(reader.unexpected("';' or the end"));
        }
    }
}

impl Reader<'_> {
    pub(super) fn at_end(&self) -> bool {
        self.parser.peek_token_ref().token == Token::EOF
    }

    /// The place of the next token.
    pub(super) fn here(&self) -> Span {
        match self.parser.peek_token_ref() {
            // Behind the last token, where the missing one belongs; not behind the white space.
            TokenWithSpan { token: Token::EOF, .. } => match self.last() {
                Span { start: 0, end: 0 } => self.places.end(),
                last => Span::new(last.end, last.end),
            },
            token => self.places.span(token.span),
        }
    }

    /// The place of the token just read.
    pub(super) fn last(&self) -> Span {
        let mut index = self.parser.index();
        while index > 0 {
            index -= 1;
            let token = self.parser.token_at(index);
            if !matches!(token.token, Token::Whitespace(_) | Token::EOF) {
                return self.places.span(token.span);
            }
        }
        Span::default()
    }

    /// Whether the next token is this word, unquoted.
    pub(super) fn is(&self, word: &str) -> bool {
        self.is_nth(0, word)
    }

    pub(super) fn is_nth(&self, nth: usize, word: &str) -> bool {
        matches!(self.parser.peek_nth_token(nth).token,
            Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(word))
    }

    pub(super) fn accept(&mut self, word: &str) -> bool {
        let there = self.is(word);
        if there {
            self.parser.next_token();
        }
        there
    }

    /// Reads these words if all of them are next.
    pub(super) fn accept_all(&mut self, words: &[&str]) -> bool {
        let there = words.iter().enumerate().all(|(nth, word)| self.is_nth(nth, word));
        if there {
            words.iter().for_each(|_| drop(self.parser.next_token()));
        }
        there
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), SqlError> {
        if self.accept(word) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    pub(super) fn accept_symbol(&mut self, symbol: &Token) -> bool {
        self.parser.consume_token(symbol)
    }

    pub(super) fn expect_symbol(&mut self, symbol: &Token) -> Result<Span, SqlError> {
        if self.accept_symbol(symbol) {
            Ok(self.last())
        } else {
            Err(self.unexpected(&format!("'{symbol}'")))
        }
    }

    /// An identifier.
    pub(super) fn name(&mut self, what: &str) -> Result<Name, SqlError> {
        match self.parser.peek_token_ref().token.clone() {
            Token::Word(word) => {
                self.parser.next_token();
                Ok(Name { text: word.value, span: self.last() })
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// A table's name; the default catalogue and database may stand before it.
    pub(super) fn table_name(&mut self) -> Result<Name, SqlError> {
        let mut parts = vec![self.name("a table's name")?];
        while self.accept_symbol(&Token::Period) {
            parts.push(self.name("a name")?);
        }
        simple_name(&parts)
    }

    /// `'text'`.
    pub(super) fn string(&mut self, what: &str) -> Result<Name, SqlError> {
        match self.parser.peek_token_ref().token.clone() {
            Token::SingleQuotedString(text) => {
                self.parser.next_token();
                Ok(Name { text, span: self.last() })
            }
            _ => Err(self.unexpected(what)),
        }
    }

    pub(super) fn expression(&mut self) -> Result<Expression, SqlError> {
        let before = self.here();
        let tree = self.parser.parse_expr().map_err(|error| self.refused(error, before))?;
        let span = Span::new(before.start, self.last().end);
        Translator { places: &self.places, near: span }.expression(&tree, 0)
    }

    pub(super) fn query(&mut self) -> Result<Query, SqlError> {
        let before = self.here();
        let tree = self.parser.parse_query().map_err(|error| self.refused(error, before))?;
        let span = Span::new(before.start, self.last().end);
        Translator { places: &self.places, near: span }.query(&tree, 0)
    }

    /// "expected …, found …" at the next token.
    pub(super) fn unexpected(&self, wanted: &str) -> SqlError {
        let found = match &self.parser.peek_token_ref().token {
            Token::EOF => "the end".to_owned(),
            token => format!("'{token}'"),
        };
        SqlError::new(format!("expected {wanted}, found {found}"), self.here())
    }

    /// What the parser said, at the place that it said it about.
    pub(super) fn refused(&self, error: ParserError, near: Span) -> SqlError {
        let message = match error {
            ParserError::RecursionLimitExceeded => {
                return SqlError::new("the statement is nested too deeply", near)
                    .with_hint(format!("at most {} levels", limits::NESTING_MAX));
            }
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
        };
        let (message, location) = split_location(&message);
        let span = match location {
            Some(location) => {
                let start = self.places.byte(location);
                let word = self.text.get(start..).unwrap_or_default();
                let width =
                    word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len());
                Span::new(start, start + width.max(1))
            }
            None => self.here(),
        };
        SqlError::new(lower_first(&message.replace("EOF", "the end")), span)
    }
}

/// One name of `a`, `default_database.a` or `default_catalog.default_database.a`.
pub(super) fn simple_name(parts: &[Name]) -> Result<Name, SqlError> {
    let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
    match (texts.as_slice(), parts.last()) {
        (
            [_] | ["default_database", _] | ["default_catalog", "default_database", _],
            Some(name),
        ) => Ok(name.clone()),
        (_, last) => {
            let span = parts.iter().fold(Span::default(), |span, part| span.to(part.span));
            let name = last.map_or("t", |name| name.text.as_str());
            Err(SqlError::new("catalogues and databases are not served yet", span)
                .with_hint(format!("name the table alone: {name}")))
        }
    }
}

/// `message at Line: 3, Column: 7` taken apart.
fn split_location(message: &str) -> (&str, Option<Location>) {
    let read = || {
        let (before, place) = message.rsplit_once(" at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        Some((before, Location::new(line.trim().parse().ok()?, column.trim().parse().ok()?)))
    };
    read().map_or((message, None), |(before, location)| (before, Some(location)))
}

/// The message with a small first letter, unless it begins with a keyword.
fn lower_first(message: &str) -> String {
    let mut characters = message.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain([second]).chain(characters).collect()
        }
        _ => message.to_owned(),
    }
}
