//! Java's `.properties` files, which Kafka's `server.properties` is one of.
//!
//! ```text
//!   # comment                 also with '!'
//!   key=value                 also with ':' or blanks between
//!   key=one,\                 a line that ends with an odd number of '\' goes on in the next one,
//!       two                   whose leading blanks do not count
//!   key=tab\t \u0041          escapes, in keys and values
//! ```
//! Told a text; answers its entries with the line that each begins on. Nothing is refused: a file of Java's has no syntax errors but a
//! wrong `\u`, which stands for itself here.

/// One `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// The entries of `text`, in order.
pub(crate) fn parse(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut whole = line.to_owned();
        while goes_on(&whole) {
            whole.pop();
            let Some((_, next)) = lines.next() else { break };
            whole.push_str(next.trim_start());
        }
        let (key, value) = split(&whole);
        let (key, value) = (unescape(key), unescape(value).trim_end().to_owned());
        entries.push(Entry { line: index + 1, key, value });
    }
    entries
}

/// Whether the next line belongs to this one.
fn goes_on(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// Key and value, both as they are written.
fn split(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let ends_key = |(_, letter): &(usize, char)| {
        let ends = !is_escaped && (matches!(letter, '=' | ':') || letter.is_whitespace());
        is_escaped = !is_escaped && *letter == '\\';
        ends
    };
    let Some((end, _)) = line.char_indices().find(ends_key) else { return (line, "") };
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start())
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => {
                let digits = letters.as_str().get(..4);
                let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                match code.and_then(char::from_u32) {
                    Some(coded) => {
                        plain.push(coded);
                        letters = letters.as_str()[4..].chars();
                    }
                    None => plain.push('u'),
                }
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(usize, String, String)> {
        parse(text).into_iter().map(|entry| (entry.line, entry.key, entry.value)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let entry = parse(text).remove(0);
        (entry.key, entry.value)
    }

    #[test]
    fn entries_know_the_line_they_begin_on() {
        let text = "# a comment\n\nnode.id=1\n! another\n  listeners=A://:1,\\\n    B://:2\r\nlog.dirs : /data \n";
        let expected = [
            (3, "node.id".to_owned(), "1".to_owned()),
            (5, "listeners".to_owned(), "A://:1,B://:2".to_owned()),
            (7, "log.dirs".to_owned(), "/data".to_owned()),
        ];
        assert_eq!(pairs(text), expected);
    }

    #[test]
    fn separators_and_escapes_are_javas() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(one("a b c"), pair("a", "b c"));
        assert_eq!(one("a = = b"), pair("a", "= b"));
        assert_eq!(one("a\\=b=c"), pair("a=b", "c"));
        assert_eq!(one("path=C:\\\\data\\ttab \\u0041\\u00"), pair("path", "C:\\data\ttab Au00"));
        assert_eq!(one("alone"), pair("alone", ""));
        assert_eq!(one("a=b\\"), pair("a", "b"));
        assert_eq!(one("a=b\\\\\nc=d"), pair("a", "b\\"));
        assert_eq!(one("a=\\u00e4€\\u12"), pair("a", "ä€u12"));
    }

    #[test]
    fn any_text_is_read() {
        let mut chance = fastrand::Rng::with_seed(5);
        let letters = ['\\', 'u', '0', '=', ':', ' ', '\n', 'ä', '#', '\r', 'k'];
        for _ in 0..2_000 {
            let text: String =
                (0..chance.usize(..40)).map(|_| letters[chance.usize(..letters.len())]).collect();
            let lines = text.lines().count();
            assert!(parse(&text).iter().all(|entry| 0 < entry.line && entry.line <= lines));
        }
    }
}
