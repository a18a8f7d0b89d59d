//! Dates and times as text: to days and milliseconds, and back for EXPLAIN.

use flow::types::Type;

const DAY_MS: i64 = 86_400_000;

/// Days of DATE, milliseconds of TIME and TIMESTAMP; none if `text` is not one.
pub(crate) fn parse(text: &str, of: Type) -> Option<i64> {
    let text = text.trim();
    match of {
        Type::Date => date(text),
        Type::Time => time(text),
        Type::Timestamp { precision } => {
            let (day, rest) = match text.split_once([' ', 'T']) {
                Some((day, rest)) => (day, time(rest)?),
                None => (text, 0),
            };
            let ms = date(day)?.checked_mul(DAY_MS)?.checked_add(rest)?;
            let unit = 10_i64.pow(3 - u32::from(precision.min(3)));
            Some(ms - ms.rem_euclid(unit))
        }
        _ => None,
    }
}

/// `days` and milliseconds as SQL writes them.
pub(crate) fn show(value: i64, of: Type) -> String {
    let clock = |ms: i64| {
        let (seconds, ms) = (ms / 1_000, ms % 1_000);
        let fraction = if ms == 0 { String::new() } else { format!(".{ms:03}") };
        format!("{:02}:{:02}:{:02}{fraction}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    };
    let day = |days: i64| {
        let (year, month, day) = civil(days);
        format!("{year:04}-{month:02}-{day:02}")
    };
    match of {
        Type::Date => day(value),
        Type::Time => clock(value.rem_euclid(DAY_MS)),
        _ => format!("{} {}", day(value.div_euclid(DAY_MS)), clock(value.rem_euclid(DAY_MS))),
    }
}

fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let legal = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    legal.then(|| text.parse().ok()).flatten()
}

fn date(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let year = number(parts.next()?, 4..=4)?;
    let month = number(parts.next()?, 1..=2)?;
    let day = number(parts.next()?, 1..=2)?;
    let legal = (1..=12).contains(&month) && (1..=31).contains(&day);
    let days = days(year, month, day);
    // The 31st of a short month would be a day of the next.
    (legal && civil(days) == (year, month, day)).then_some(days)
}

fn time(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hours = number(parts.next()?, 1..=2)?;
    let minutes = number(parts.next()?, 1..=2)?;
    let (seconds, fraction) = match parts.next() {
        None => (0, 0),
        Some(rest) => {
            let (seconds, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
            number(fraction, 1..=9)?;
            let padded: String = fraction.chars().chain("00".chars()).take(3).collect();
            (number(seconds, 1..=2)?, number(&padded, 3..=3)?)
        }
    };
    let legal = hours < 24 && minutes < 60 && seconds < 60;
    legal.then_some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + fraction)
}

/// Days since 1970-01-01 of the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_and_clock_are_right() {
        let timestamp = Type::Timestamp { precision: 3 };
        for (text, of, expected) in [
            ("1970-01-01", Type::Date, 0),
            ("2000-02-29", Type::Date, 11_016),
            ("1969-12-31", Type::Date, -1),
            ("23:59:59.999", Type::Time, 86_399_999),
            ("2013-01-01 05:15:00", timestamp, 1_357_017_300_000),
            ("2013-01-01T05:15", timestamp, 1_357_017_300_000),
            ("1969-12-31 23:59:59.5", timestamp, -500),
            ("1969-12-31 23:59:59.5", Type::Timestamp { precision: 0 }, -1_000),
            ("2020-06-01", timestamp, 1_590_969_600_000),
        ] {
            assert_eq!(parse(text, of), Some(expected), "{text}");
        }
        for text in [
            "",
            "2020-02-30",
            "2020-13-01",
            "2020-1-1 24:00:00",
            "2020-01-01 1:2:3.",
            "20-01-01",
            "2020-01-01x",
        ] {
            assert_eq!(parse(text, timestamp), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        let timestamp = Type::Timestamp { precision: 3 };
        for day in (-800_000..800_000).step_by(37) {
            let ms = day * DAY_MS + 12_345;
            let text = show(ms, timestamp);
            if (1..=9999).contains(&civil(day).0) {
                assert_eq!(parse(&text, timestamp), Some(ms), "{text}");
            }
        }
    }
}
