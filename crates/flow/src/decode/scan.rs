//! Walks a JSON document once, token by token, and checks it on the way. Nothing is built: a string is a slice, a number its digits, an
//! object or array that nobody asked for is checked and passed by.
//!
//! The grammar is RFC 8259's. Strings are not checked for UTF-8 here (whoever uses one does), nor are lone surrogates refused.

use super::number::Number;

/// How deep objects and arrays may nest: Jackson's limit.
const DEPTH_MAX: usize = 1_000;

/// The document is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// One value, passed by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'d> {
    Null,
    Boolean(bool),
    Number(Number<'d>),
    String(RawString<'d>),
    /// An object or an array, as it lies.
    Container(&'d [u8]),
}

/// A string between its quotes, as it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawString<'d> {
    pub(crate) raw: &'d [u8],
    pub(crate) has_escapes: bool,
    pub(crate) is_ascii: bool,
}

/// A position in a document.
pub(crate) struct Scanner<'d> {
    doc: &'d [u8],
    at: usize,
}

impl<'d> Scanner<'d> {
    pub(crate) const fn new(doc: &'d [u8]) -> Self {
        Self { doc, at: 0 }
    }

    /// The byte at hand; 0, which begins nothing, at the end.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.doc.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    pub(crate) const fn step(&mut self) {
        self.at += 1;
    }

    #[inline]
    pub(crate) fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Passes `bytes` if they are at hand.
    #[inline]
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        let is_there = self.doc.get(self.at..self.at + bytes.len()) == Some(bytes);
        if is_there {
            self.at += bytes.len();
        }
        is_there
    }

    /// Passes one punctuation mark and the space around it.
    pub(crate) fn expect(&mut self, byte: u8, why: &'static str) -> Result<(), Malformed> {
        self.skip_space();
        if self.peek() != byte {
            return Err(Malformed(why));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// Whether nothing but space is left.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.at >= self.doc.len()
    }

    /// Passes the value at hand.
    #[inline]
    pub(crate) fn token(&mut self) -> Result<Token<'d>, Malformed> {
        match self.peek() {
            b'"' => self.string().map(Token::String),
            b'-' | b'0'..=b'9' => self.number().map(Token::Number),
            b'{' | b'[' => self.container().map(Token::Container),
            b't' if self.take(b"true") => Ok(Token::Boolean(true)),
            b'f' if self.take(b"false") => Ok(Token::Boolean(false)),
            b'n' if self.take(b"null") => Ok(Token::Null),
            _ => Err(Malformed("a value is expected")),
        }
    }

    #[inline]
    fn number(&mut self) -> Result<Number<'d>, Malformed> {
        let rest = self.doc.get(self.at..).unwrap_or_default();
        let number = Number::scan(rest).ok_or(Malformed("a number is malformed"))?;
        self.at += number.text.len();
        Ok(number)
    }

    /// Passes the string at hand, its opening quote included.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<RawString<'d>, Malformed> {
        let start = self.at + 1;
        let mut at = start;
        let mut has_escapes = false;
        let mut high_bits = 0;
        loop {
            let rest = self.doc.get(at..).ok_or(Malformed("a string has no end"))?;
            let (plain, high) = plain_prefix(rest);
            high_bits |= high;
            at += plain;
            match self.doc.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    let raw = self.doc.get(start..at).unwrap_or_default();
                    return Ok(RawString { raw, has_escapes, is_ascii: high_bits == 0 });
                }
                Some(b'\\') => {
                    has_escapes = true;
                    at += escape_length(self.doc.get(at..).unwrap_or_default())?;
                }
                Some(_) => return Err(Malformed("a string has a control character")),
                None => return Err(Malformed("a string has no end")),
            }
        }
    }

    /// Passes the object or array at hand.
    fn container(&mut self) -> Result<&'d [u8], Malformed> {
        let start = self.at;
        // One bit per level: an object.
        let mut levels = [0_u64; DEPTH_MAX.div_ceil(64)];
        let mut depth = 0;
        loop {
            // A value is at hand.
            let opened = self.peek();
            if matches!(opened, b'{' | b'[') {
                if depth == DEPTH_MAX {
                    return Err(Malformed("objects and arrays nest too deep"));
                }
                let bit = 1 << (depth % 64);
                let is_object = opened == b'{';
                levels[depth / 64] = (levels[depth / 64] & !bit) | if is_object { bit } else { 0 };
                depth += 1;
                self.at += 1;
                self.skip_space();
                if self.peek() == opened + 2 {
                    self.at += 1;
                    depth -= 1;
                } else {
                    if is_object {
                        self.key()?;
                    }
                    continue;
                }
            } else {
                self.token()?;
            }
            // A value has been passed.
            loop {
                if depth == 0 {
                    return Ok(self.doc.get(start..self.at).unwrap_or_default());
                }
                self.skip_space();
                let is_object = levels[(depth - 1) / 64] >> ((depth - 1) % 64) & 1 == 1;
                let end = if is_object { b'}' } else { b']' };
                match self.peek() {
                    b',' => {
                        self.at += 1;
                        self.skip_space();
                        if is_object {
                            self.key()?;
                        }
                        break;
                    }
                    mark if mark == end => {
                        self.at += 1;
                        depth -= 1;
                    }
                    _ => return Err(Malformed("a comma or an end is expected")),
                }
            }
        }
    }

    /// Passes a key and its colon.
    fn key(&mut self) -> Result<(), Malformed> {
        if self.peek() != b'"' {
            return Err(Malformed("a key is expected"));
        }
        self.string()?;
        self.expect(b':', "a colon is expected")
    }
}

impl RawString<'_> {
    /// Appends the text, escapes resolved. Answers whether it is Unicode: UTF-8 without lone surrogates.
    pub(crate) fn unescape(&self, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let mut rest = self.raw;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
            let (plain, escape) = rest.split_at(at);
            out.extend_from_slice(plain);
            let Some(length) = unescape_one(escape, out) else { return false };
            rest = escape.get(length..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
        self.is_ascii || std::str::from_utf8(out.get(start..).unwrap_or_default()).is_ok()
    }

    /// Whether the bytes are UTF-8 as they lie.
    pub(crate) fn is_utf8(&self) -> bool {
        self.is_ascii || std::str::from_utf8(self.raw).is_ok()
    }
}

/// How many bytes come before the first quote, backslash or control character, and the high bits among them. Eight at a time.
#[inline]
fn plain_prefix(bytes: &[u8]) -> (usize, u64) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut high_bits = 0;
    let mut count = 0;
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let (quote, slash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
        // In each, a byte's high bit is set where it is what is looked for; false hits lie above a true one only.
        let hits = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let hits = hits & HIGH;
        if hits != 0 {
            let plain = hits.trailing_zeros() / 8;
            let before = (1_u64 << (plain * 8)) - 1;
            return (count + plain as usize, high_bits | (word & before & HIGH));
        }
        high_bits |= word & HIGH;
        count += 8;
        rest = after;
    }
    for byte in rest {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            break;
        }
        high_bits |= u64::from(byte & 0x80);
        count += 1;
    }
    (count, high_bits)
}

/// The length of the escape that `bytes` begin with.
fn escape_length(bytes: &[u8]) -> Result<usize, Malformed> {
    match bytes.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') if bytes.get(2..6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => {
            Ok(6)
        }
        _ => Err(Malformed("a string has an unknown escape")),
    }
}

/// Appends what the escape at the front of `bytes` stands for; answers its length, or two escapes' for a surrogate pair.
fn unescape_one(bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let plain = match bytes.get(1)? {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => {
            let first = read_hex(bytes)?;
            let (code, length) = match first {
                0xd800..0xdc00 => {
                    let second =
                        read_hex(bytes.get(6..)?).filter(|_| bytes.get(6) == Some(&b'\\'))?;
                    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    (0x1_0000 + ((first - 0xd800) << 10) + low, 12)
                }
                code => (code, 6),
            };
            let mut buffer = [0; 4];
            out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut buffer).as_bytes());
            return Some(length);
        }
        same => *same,
    };
    out.push(plain);
    Some(2)
}

/// The number in `\uXXXX`.
fn read_hex(escape: &[u8]) -> Option<u32> {
    if escape.get(1) != Some(&b'u') {
        return None;
    }
    let digits = std::str::from_utf8(escape.get(2..6)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(doc: &str) -> Result<Token<'_>, Malformed> {
        let mut scanner = Scanner::new(doc.as_bytes());
        scanner.skip_space();
        let token = scanner.token()?;
        if scanner.is_at_end() { Ok(token) } else { Err(Malformed("trailing")) }
    }

    #[test]
    fn documents_are_json_exactly_when_serde_says_so() {
        for doc in [
            "null",
            "true",
            "tru",
            "nul",
            "1",
            "-",
            "-0",
            "01",
            "1.",
            ".5",
            "1.5",
            "1e",
            "1e5",
            "1E+5",
            "1e-",
            "+1",
            "\"\"",
            "\"",
            "\"a",
            "\"\\\"",
            "\"\\n\"",
            "\"\\x\"",
            "\"\\u00e9\"",
            "\"\\u00g9\"",
            "\"\u{1}\"",
            "\"\t\"",
            "{}",
            "[]",
            "{",
            "[",
            "}",
            "{]",
            "[}",
            "[1,2]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{1:2}",
            "[[[[]]]]",
            "[{\"a\":[{}]}]",
            " [ 1 , { \"a\" : null } ] ",
            "[]]",
            "",
            "nullx",
            "[tru]",
            "{\"a\":[}",
            "1 1",
            "[\"a\\",
        ] {
            let serde = serde_json::from_str::<serde::de::IgnoredAny>(doc).is_ok();
            assert_eq!(token(doc).is_ok(), serde, "{doc:?}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(token(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(
            token(&nested(DEPTH_MAX + 1)),
            Err(Malformed("objects and arrays nest too deep"))
        );
        assert!(token(&"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn strings_end_wherever_their_quote_lies() {
        for length in 0..40 {
            let text = format!("\"{}\"", "x".repeat(length));
            let Ok(Token::String(string)) = token(&text) else { panic!("{text}") };
            assert_eq!(
                (string.raw.len(), string.has_escapes, string.is_ascii),
                (length, false, true)
            );
            let text = format!("\"{}é\"", "x".repeat(length));
            let Ok(Token::String(string)) = token(&text) else { panic!("{text}") };
            assert!(!string.is_ascii && string.is_utf8());
        }
    }

    #[test]
    fn escapes_are_resolved() {
        let resolve = |text: &str| {
            let Ok(Token::String(string)) = token(text) else { panic!("{text}") };
            let mut out = Vec::new();
            string.unescape(&mut out).then(|| String::from_utf8(out).unwrap())
        };
        assert_eq!(resolve(r#""a\"\\\/\b\f\n\r\t""#).as_deref(), Some("a\"\\/\u{8}\u{c}\n\r\t"));
        assert_eq!(resolve(r#""\u00e9\ud83d\ude00x""#).as_deref(), Some("é😀x"));
        for lone in [r#""\ud83d""#, r#""\ud83dx""#, r#""\ude00""#, r#""\ud83d\u0041""#] {
            assert_eq!(resolve(lone), None, "{lone}");
        }
    }
}
