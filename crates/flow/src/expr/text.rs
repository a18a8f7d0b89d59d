//! Functions of text. Positions and lengths count code points, from 1.

use super::{
    Function,
    operand::{Arguments, Failure, Operand, TOO_LONG},
};
use crate::{
    column::{Column, Values},
    text::TEXT_BYTES_MAX,
    types::Type,
};

pub(super) fn call(
    function: Function,
    arguments: &Arguments<'_, '_>,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    use Function as F;
    match function {
        F::CharLength | F::Position => {
            let (values, valid) = arguments.rows_to(failures, |row| {
                let text = arguments.operand(0).texts().str_at(row);
                let count = match function {
                    F::CharLength => text.chars().count(),
                    _ => position(text, arguments.operand(1).texts().str_at(row)),
                };
                Ok(Some(i64::try_from(count).unwrap_or(i64::MAX)))
            });
            Column { values: Values::Integer(values), valid }
        }
        F::Like | F::StartsWith | F::EndsWith => {
            let (values, valid) = arguments.rows_to(failures, |row| {
                let (text, other) =
                    (arguments.operand(0).texts().at(row), arguments.operand(1).texts().at(row));
                Ok(Some(match function {
                    F::StartsWith => text.starts_with(other),
                    F::EndsWith => text.ends_with(other),
                    _ => like(
                        arguments.operand(0).texts().str_at(row),
                        arguments.operand(1).texts().str_at(row),
                        escape(arguments, row),
                    ),
                }))
            });
            Column { values: Values::Boolean(values), valid }
        }
        F::ConcatWs => concat_with_separator(arguments, failures),
        F::LeftPad | F::RightPad | F::Repeat => lengthen(function, arguments, failures),
        _ => cut_or_change(function, arguments, failures),
    }
}

/// Functions whose result is a part of the text, or the text changed character by character.
fn cut_or_change(
    function: Function,
    arguments: &Arguments<'_, '_>,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    use Function as F;
    arguments.rows_to_text(failures, |row, out| {
        let string = |index: usize| arguments.operand(index).texts().str_at(row);
        let number = |index: usize| arguments.operand(index).integers().at(row);
        let text = string(0);
        match function {
            F::Concat => {
                for operand in &arguments.operands {
                    out.extend_from_slice(operand.texts().at(row));
                }
            }
            F::Upper => out.extend_from_slice(text.to_uppercase().as_bytes()),
            F::Lower => out.extend_from_slice(text.to_lowercase().as_bytes()),
            F::Trim | F::LeftTrim | F::RightTrim => {
                let set = if arguments.len() > 1 { string(1) } else { " " };
                out.extend_from_slice(trim(function, text, set).as_bytes());
            }
            F::Substring => {
                let length = (arguments.len() > 2).then(|| number(2));
                let Some(part) = substring(text, number(1), length) else { return Ok(None) };
                out.extend_from_slice(part.as_bytes());
            }
            F::Left => out.extend_from_slice(first_chars(text, number(1)).as_bytes()),
            F::Right => out.extend_from_slice(last_chars(text, number(1)).as_bytes()),
            F::Replace => replace(out, text, (string(1), string(2))).ok_or(TOO_LONG)?,
            F::SplitIndex => {
                let part = match arguments.of(1) {
                    Type::String => split_index(text, string(1), number(2)),
                    _ => {
                        let code = u8::try_from(number(1)).ok().filter(|code| *code > 0);
                        let separator = code.map(|code| char::from(code).to_string());
                        separator.and_then(|separator| split_index(text, &separator, number(2)))
                    }
                };
                let Some(part) = part else { return Ok(None) };
                out.extend_from_slice(part.as_bytes());
            }
            _ => out.extend(text.chars().rev().collect::<String>().bytes()),
        }
        Ok(Some(()))
    })
}

/// LPAD, RPAD and REPEAT: the length is looked at before anything is written.
fn lengthen(
    function: Function,
    arguments: &Arguments<'_, '_>,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    arguments.rows_to_text(failures, |row, out| {
        let text = arguments.operand(0).texts().str_at(row);
        let number = arguments.operand(1).integers().at(row);
        if function == Function::Repeat {
            let times = usize::try_from(number).unwrap_or(0);
            if text.len().saturating_mul(times) > TEXT_BYTES_MAX {
                return Err(TOO_LONG);
            }
            (0..times).for_each(|_| out.extend_from_slice(text.as_bytes()));
            return Ok(Some(()));
        }
        let padding = arguments.operand(2).texts().str_at(row);
        let Ok(length) = usize::try_from(number) else { return Ok(None) };
        if padding.is_empty() {
            return Ok(None);
        }
        if length > TEXT_BYTES_MAX {
            return Err(TOO_LONG);
        }
        let missing = length.saturating_sub(text.chars().count());
        let own = first_chars(text, number);
        let pad = padding.chars().cycle().take(missing);
        let padded: String = if function == Function::LeftPad {
            pad.chain(own.chars()).collect()
        } else {
            own.chars().chain(pad).collect()
        };
        out.extend_from_slice(padded.as_bytes());
        Ok(Some(()))
    })
}

/// CONCAT_WS: NULL only where the separator is; other NULLs are left out.
fn concat_with_separator(
    arguments: &Arguments<'_, '_>,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    let Some((separator, parts)) = arguments.operands.split_first() else {
        return Column::nulls(Type::String, arguments.rows);
    };
    let valid = (0..arguments.rows).map(|row| separator.is_valid(row)).collect();
    let column = Arguments { operands: Vec::new(), types: Vec::new(), rows: arguments.rows }
        .rows_to_text(failures, |row, out| {
            let mut is_first = true;
            for part in parts.iter().filter(|part: &&Operand<'_, '_>| part.is_valid(row)) {
                if !is_first {
                    out.extend_from_slice(separator.texts().at(row));
                }
                is_first = false;
                out.extend_from_slice(part.texts().at(row));
            }
            Ok(Some(()))
        });
    Column { values: column.values, valid: Some(valid) }
}

fn escape(arguments: &Arguments<'_, '_>, row: usize) -> Option<char> {
    if arguments.len() > 2 {
        arguments.operand(2).texts().str_at(row).chars().next()
    } else {
        Some('\\')
    }
}

/// 1 for the first character; 0 when `part` is not there.
fn position(part: &str, text: &str) -> usize {
    text.find(part).map_or(0, |at| text[..at].chars().count() + 1)
}

/// `%` any characters, `_` one, `escape` makes the next one plain.
fn like(text: &str, pattern: &str, escape: Option<char>) -> bool {
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    // Where to go on after the last `%`, should the attempt at hand fail: it then takes one character more.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let mut next_pattern = pattern.clone();
        let (wanted, is_plain) = match next_pattern.next() {
            Some(c) if Some(c) == escape => (next_pattern.next(), true),
            c => (c, false),
        };
        if wanted == Some('%') && !is_plain {
            pattern = next_pattern;
            retry = Some((text.clone(), pattern.clone()));
            continue;
        }
        let mut next_text = text.clone();
        let matches = match (next_text.next(), wanted) {
            (None, None) => return true,
            (Some(_), Some('_')) if !is_plain => true,
            (Some(c), Some(wanted)) => c == wanted,
            _ => false,
        };
        if matches {
            (text, pattern) = (next_text, next_pattern);
            continue;
        }
        let Some((at, after)) = &mut retry else { return false };
        if at.next().is_none() {
            return false;
        }
        (text, pattern) = (at.clone(), after.clone());
    }
}

fn trim<'t>(function: Function, text: &'t str, set: &str) -> &'t str {
    let is_in = |c: char| set.contains(c);
    match function {
        Function::LeftTrim => text.trim_start_matches(is_in),
        Function::RightTrim => text.trim_end_matches(is_in),
        _ => text.trim_matches(is_in),
    }
}

/// SUBSTRING: a negative start counts from the end; a negative length gives NULL.
fn substring(text: &str, start: i64, length: Option<i64>) -> Option<&str> {
    let length = match length {
        None => usize::MAX,
        Some(length) => usize::try_from(length).ok()?,
    };
    let skipped = if start >= 0 {
        usize::try_from(start.saturating_sub(1).max(0)).unwrap_or(usize::MAX)
    } else {
        let back = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
        let Some(skipped) = text.chars().count().checked_sub(back) else { return Some("") };
        skipped
    };
    let rest = &text[byte_of(text, skipped)..];
    Some(&rest[..byte_of(rest, length)])
}

fn first_chars(text: &str, count: i64) -> &str {
    &text[..byte_of(text, usize::try_from(count).unwrap_or(0))]
}

fn last_chars(text: &str, count: i64) -> &str {
    let count = usize::try_from(count).unwrap_or(0);
    &text[byte_of(text, text.chars().count().saturating_sub(count))..]
}

/// Where the character with index `index` begins; the end when there are fewer.
fn byte_of(text: &str, index: usize) -> usize {
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

fn replace(out: &mut Vec<u8>, text: &str, (old, new): (&str, &str)) -> Option<()> {
    let hits = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() };
    let grown = hits.checked_mul(new.len())?.checked_add(text.len())?;
    (grown <= TEXT_BYTES_MAX).then(|| out.extend_from_slice(text.replace(old, new).as_bytes()))
}

/// The part with index `index` of `text` split at `separator`; an empty separator stands for white space.
fn split_index<'t>(text: &'t str, separator: &str, index: i64) -> Option<&'t str> {
    let index = usize::try_from(index).ok()?;
    if text.is_empty() {
        return None;
    }
    if separator.is_empty() {
        return text.split(char::is_whitespace).nth(index);
    }
    text.split(separator).nth(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_matches_as_sql_says() {
        for (text, pattern, matches) in [
            ("abc", "abc", true),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%b%", true),
            ("abc", "a_c", true),
            ("abc", "a_", false),
            ("", "%", true),
            ("", "_", false),
            ("aXbXc", "a%X_", true),
            ("100%", "100\\%", true),
            ("100x", "100\\%", false),
            ("ä", "_", true),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaab", "%a%a%a%a%a%a%a%c", false),
            ("abab", "%ab", true),
        ] {
            assert_eq!(like(text, pattern, Some('\\')), matches, "{text} LIKE {pattern}");
        }
    }

    #[test]
    fn parts_count_characters() {
        assert_eq!(substring("häuser", 2, Some(3)), Some("äus"));
        assert_eq!(substring("häuser", -3, None), Some("ser"));
        assert_eq!(substring("häuser", -9, None), Some(""));
        assert_eq!(substring("häuser", 0, Some(1)), Some("h"));
        assert_eq!(substring("häuser", 2, Some(-1)), None);
        assert_eq!(
            (first_chars("äb", 1), last_chars("äb", 1), first_chars("äb", -1)),
            ("ä", "b", "")
        );
        assert_eq!((position("s", "häs"), position("", "x"), position("y", "x")), (3, 1, 0));
        assert_eq!(split_index("a,b,,c", ",", 3), Some("c"));
        assert_eq!(split_index("a,b", ",", 2), None);
        assert_eq!(split_index("", ",", 0), None);
    }
}
