//! `INTERVAL '1:30' MINUTE TO SECOND`: the text in quotes to milliseconds or months.

use crate::syntax::Interval;

/// A field of an interval, from the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl Unit {
    /// Its name, in singular or plural, in any case.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().trim_end_matches('S') {
            "YEAR" => Self::Year,
            "QUARTER" => Self::Quarter,
            "MONTH" => Self::Month,
            "WEEK" => Self::Week,
            "DAY" => Self::Day,
            "HOUR" => Self::Hour,
            "MINUTE" => Self::Minute,
            "SECOND" => Self::Second,
            "MILLISECOND" => Self::Millisecond,
            _ => return None,
        })
    }

    /// `count` of it.
    pub(crate) fn times(self, count: i64) -> Option<Interval> {
        let months = |each: i64| count.checked_mul(each).map(Interval::Months);
        let milliseconds = |each: i64| count.checked_mul(each).map(Interval::Milliseconds);
        match self {
            Self::Year => months(12),
            Self::Quarter => months(3),
            Self::Month => months(1),
            Self::Week => milliseconds(7 * 86_400_000),
            Self::Day => milliseconds(86_400_000),
            Self::Hour => milliseconds(3_600_000),
            Self::Minute => milliseconds(60_000),
            Self::Second => milliseconds(1_000),
            Self::Millisecond => milliseconds(1),
        }
    }

    /// The field after it in `DAY TO SECOND` and `YEAR TO MONTH`, and what stands between them.
    fn next(self) -> Option<(char, Self)> {
        match self {
            Self::Year => Some(('-', Self::Month)),
            Self::Day => Some((' ', Self::Hour)),
            Self::Hour => Some((':', Self::Minute)),
            Self::Minute => Some((':', Self::Second)),
            _ => None,
        }
    }
}

/// Reads what `from` (`TO to`) says is in `text`; none if it is not.
pub(super) fn parse(text: &str, from: Unit, to: Option<Unit>) -> Option<Interval> {
    let text = text.trim();
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let last = to.unwrap_or(from);
    let mut unit = from;
    let (mut months, mut milliseconds) = (0_i64, 0_i64);
    loop {
        let step = if unit == last { None } else { Some(unit.next()?) };
        let field = match step {
            Some((mark, _)) => {
                let (field, after) = rest.split_once(mark)?;
                rest = after;
                field
            }
            None => rest,
        };
        match amount(field, unit)? {
            Interval::Months(more) => months = months.checked_add(more)?,
            Interval::Milliseconds(more) => milliseconds = milliseconds.checked_add(more)?,
        }
        match step {
            Some((_, next)) => unit = next,
            None => break,
        }
    }
    let sign = if negative { -1 } else { 1 };
    Some(match from {
        Unit::Year | Unit::Quarter | Unit::Month => Interval::Months(sign * months),
        _ => Interval::Milliseconds(sign * milliseconds),
    })
}

/// One field; seconds may have a fraction, of which milliseconds count.
fn amount(field: &str, unit: Unit) -> Option<Interval> {
    let digits = |text: &str| {
        let legal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        legal.then(|| text.parse::<i64>().ok()).flatten()
    };
    let Some((whole, fraction)) = field.split_once('.').filter(|_| unit == Unit::Second) else {
        return unit.times(digits(field)?);
    };
    digits(fraction)?;
    let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
    let whole = digits(whole)?.checked_mul(1_000)?;
    Some(Interval::Milliseconds(whole.checked_add(digits(&padded)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        use Interval::{Milliseconds, Months};
        let table = [
            ("5", Unit::Minute, None, Milliseconds(300_000)),
            ("-5", Unit::Second, None, Milliseconds(-5_000)),
            ("0.001", Unit::Second, None, Milliseconds(1)),
            ("1.5", Unit::Second, None, Milliseconds(1_500)),
            ("1:30", Unit::Minute, Some(Unit::Second), Milliseconds(90_000)),
            ("2 3:04:05.678", Unit::Day, Some(Unit::Second), Milliseconds(183_845_678)),
            ("1 10", Unit::Day, Some(Unit::Hour), Milliseconds(122_400_000)),
            ("1-2", Unit::Year, Some(Unit::Month), Months(14)),
            ("2", Unit::Quarter, None, Months(6)),
            ("1", Unit::Week, None, Milliseconds(604_800_000)),
        ];
        for (text, from, to, expected) in table {
            assert_eq!(parse(text, from, to), Some(expected), "{text}");
        }
    }

    #[test]
    fn nonsense_is_not() {
        for (text, from, to) in [
            ("", Unit::Day, None),
            ("x", Unit::Day, None),
            ("1.5", Unit::Day, None),
            ("1:2", Unit::Day, Some(Unit::Hour)),
            ("1", Unit::Second, Some(Unit::Day)),
            ("99999999999999999999", Unit::Second, None),
            ("9999999999999999", Unit::Day, None),
            ("--1", Unit::Day, None),
            ("1.", Unit::Second, None),
        ] {
            assert_eq!(parse(text, from, to), None, "{text}");
        }
    }
}
