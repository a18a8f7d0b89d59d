//! A token becomes a value of a column: Flink's rules of what a column of each type takes.
//!
//! Numbers given as strings are read; a STRING column takes a number's, a boolean's or a whole object's text; a time is text in its own form.

use std::borrow::Cow;

use super::scan::{RawString, Token};
use crate::{
    civil::{self, PastMonthEnd, TimestampForm},
    column::{Layout, Values},
    decimal::Form,
    expr::{bounds, cut_fraction, form_of},
    scalar,
    text::Text,
    types::Type,
};

/// What a column takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Boolean,
    /// TINYINT and SMALLINT: whole numbers only.
    Narrow {
        least: i64,
        most: i64,
    },
    /// INT and BIGINT: a fraction is cut off.
    Integer {
        least: i64,
        most: i64,
    },
    Float,
    Double,
    Decimal(Form),
    String,
    Bytes,
    Date,
    Time,
    Timestamp {
        form: TimestampForm,
        precision: u8,
    },
}

/// The field is not of the column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfit;

impl Kind {
    pub(crate) const fn of(of: Type, iso: bool) -> Self {
        let (least, most) = bounds(of);
        match of {
            Type::Boolean | Type::Null => Self::Boolean,
            Type::TinyInt | Type::SmallInt => Self::Narrow { least, most },
            Type::Int | Type::BigInt => Self::Integer { least, most },
            Type::Float => Self::Float,
            Type::Double => Self::Double,
            Type::Decimal { .. } => Self::Decimal(form_of(of)),
            Type::String => Self::String,
            Type::Bytes => Self::Bytes,
            Type::Date => Self::Date,
            Type::Time => Self::Time,
            Type::Timestamp { precision } => {
                Self::Timestamp { form: TimestampForm { iso, zulu: false }, precision }
            }
            Type::TimestampLtz { precision } => {
                Self::Timestamp { form: TimestampForm { iso, zulu: true }, precision }
            }
        }
    }
}

/// A column that is being filled.
#[derive(Debug)]
pub(crate) struct Filling<'a> {
    pub(crate) values: Values<'a>,
    pub(crate) valid: Vec<bool>,
}

impl<'a> Filling<'a> {
    /// `rows` NULLs; texts that lie in `source` are borrowed from it.
    pub(crate) fn new(of: Type, source: &'a [u8], rows: usize) -> Self {
        Self { values: Values::blank(Layout::of(of), source, rows), valid: vec![false; rows] }
    }

    /// Sets row `row` to what `token` says.
    #[inline]
    pub(crate) fn set(&mut self, row: usize, kind: Kind, token: Token<'_>) -> Result<(), Unfit> {
        if token == Token::Null {
            self.valid[row] = false;
            return Ok(());
        }
        let is_valid = match (&mut self.values, kind) {
            (Values::Integer(values), Kind::Integer { least, most }) => {
                values[row] = to_integer(token, least, most)?;
                true
            }
            (Values::Double(values), Kind::Double) => {
                values[row] = match token {
                    Token::Number(number) => number.to_double(),
                    _ => scalar::parse_double(&plain(token)?).ok_or(Unfit)?,
                };
                true
            }
            (Values::Text(text), Kind::String) => {
                set_string(text, row, token)?;
                true
            }
            (Values::Boolean(values), _) => {
                values[row] = match token {
                    Token::Boolean(value) => value,
                    // As Java reads one: whatever is not "true" is false.
                    _ => plain(token)?.trim_ascii().eq_ignore_ascii_case(b"true"),
                };
                true
            }
            (Values::Decimal(values), Kind::Decimal(form)) => {
                let digits = to_decimal(token, form)?;
                values[row] = digits.unwrap_or(0);
                digits.is_some()
            }
            (Values::Double(values), _) => {
                values[row] = scalar::parse_float(&plain(token)?).ok_or(Unfit)?;
                true
            }
            (Values::Integer(values), _) => {
                values[row] = to_time(token, kind)?;
                true
            }
            (Values::Text(text), _) => {
                let Token::String(string) = token else { return Err(Unfit) };
                let encoded = resolve(string)?;
                let mut fits = true;
                text.set_written(row, |out| fits = decode_base64(&encoded, out))
                    .map_err(|_| Unfit)?;
                if !fits {
                    return Err(Unfit);
                }
                true
            }
            _ => return Err(Unfit),
        };
        self.valid[row] = is_valid;
        Ok(())
    }
}

#[inline]
fn to_integer(token: Token<'_>, least: i64, most: i64) -> Result<i64, Unfit> {
    match token {
        Token::Number(number) => {
            number.to_integer().filter(|value| (least..=most).contains(value)).ok_or(Unfit)
        }
        Token::String(_) => {
            scalar::parse_integer(plain(token)?.trim_ascii(), least, most).ok_or(Unfit)
        }
        _ => Err(Unfit),
    }
}

/// None: it is a number that does not fit, which is NULL.
fn to_decimal(token: Token<'_>, form: Form) -> Result<Option<i128>, Unfit> {
    match token {
        Token::Number(number) => form.parse(number.text).ok_or(Unfit),
        Token::String(_) => form.parse(plain(token)?.trim_ascii()).ok_or(Unfit),
        _ => Err(Unfit),
    }
}

/// What else is packed as an integer.
fn to_time(token: Token<'_>, kind: Kind) -> Result<i64, Unfit> {
    let text = plain(token)?;
    match kind {
        Kind::Narrow { least, most } => scalar::parse_integer(text.trim_ascii(), least, most),
        Kind::Date => civil::parse_date(&text, PastMonthEnd::Refuse),
        Kind::Time => civil::parse_time(&text),
        Kind::Timestamp { form, precision } => {
            civil::parse_timestamp(&text, form).map(|ms| cut_fraction(ms, precision))
        }
        _ => None,
    }
    .ok_or(Unfit)
}

/// The text of a string, number or boolean.
fn plain<'d>(token: Token<'d>) -> Result<Cow<'d, [u8]>, Unfit> {
    match token {
        Token::String(string) => resolve(string),
        Token::Number(number) => Ok(Cow::Borrowed(number.text)),
        Token::Boolean(true) => Ok(Cow::Borrowed(b"true")),
        Token::Boolean(false) => Ok(Cow::Borrowed(b"false")),
        Token::Null | Token::Container(_) => Err(Unfit),
    }
}

/// A string's text: borrowed where there is no escape.
fn resolve(string: RawString<'_>) -> Result<Cow<'_, [u8]>, Unfit> {
    if !string.has_escapes {
        return if string.is_utf8() { Ok(Cow::Borrowed(string.raw)) } else { Err(Unfit) };
    }
    let mut text = Vec::with_capacity(string.raw.len());
    if string.unescape(&mut text) { Ok(Cow::Owned(text)) } else { Err(Unfit) }
}

#[inline]
fn set_string(text: &mut Text<'_>, row: usize, token: Token<'_>) -> Result<(), Unfit> {
    match token {
        Token::String(string) if !string.has_escapes => {
            if !string.is_utf8() {
                return Err(Unfit);
            }
            text.set(row, string.raw).map_err(|_| Unfit)
        }
        Token::String(string) => {
            let mut is_unicode = true;
            text.set_written(row, |out| is_unicode = string.unescape(out)).map_err(|_| Unfit)?;
            if is_unicode { Ok(()) } else { Err(Unfit) }
        }
        Token::Container(raw) => {
            if std::str::from_utf8(raw).is_err() {
                return Err(Unfit);
            }
            text.set_written(row, |out| compact(raw, out)).map_err(|_| Unfit)
        }
        _ => text.set(row, &plain(token)?).map_err(|_| Unfit),
    }
}

/// A JSON text without the space between its tokens.
fn compact(raw: &[u8], out: &mut Vec<u8>) {
    let mut is_in_string = false;
    let mut is_escaped = false;
    for byte in raw {
        if !is_in_string && matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            continue;
        }
        out.push(*byte);
        if is_escaped {
            is_escaped = false;
        } else {
            is_escaped = is_in_string && *byte == b'\\';
            is_in_string ^= *byte == b'"';
        }
    }
}

/// Appends the bytes that `text` encodes; answers whether it is base64, padded or not.
fn decode_base64(text: &[u8], out: &mut Vec<u8>) -> bool {
    let body = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    if body.len() % 4 == 1 || (body.len() != text.len() && !text.len().is_multiple_of(4)) {
        return false;
    }
    for group in body.chunks(4) {
        let mut bits: u32 = 0;
        for byte in group {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return false,
            };
            bits = (bits << 6) | u32::from(value);
        }
        bits <<= 6 * (4 - group.len());
        let [_, first, second, third] = bits.to_be_bytes();
        out.extend_from_slice(&[first, second, third][..group.len() * 3 / 4]);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_padded_or_not() {
        let read = |text: &str| {
            let mut out = Vec::new();
            decode_base64(text.as_bytes(), &mut out).then_some(out)
        };
        assert_eq!(read("aGk=").as_deref(), Some(&b"hi"[..]));
        assert_eq!(read("aGk").as_deref(), Some(&b"hi"[..]));
        assert_eq!(read("aA==").as_deref(), Some(&b"h"[..]));
        assert_eq!(read("").as_deref(), Some(&b""[..]));
        for wrong in ["a", "aGk=x", "aG*=", "a===", "aGkx="] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn containers_lose_the_space_between_tokens_only() {
        let mut out = Vec::new();
        compact(br#"{ "a b" : [ 1 , "x\" y" ] }"#, &mut out);
        assert_eq!(out, br#"{"a b":[1,"x\" y"]}"#);
    }
}
