//! Durations as Flink's options write them: `5 s`, `200ms`, `1 min`.

/// Milliseconds of `text`; a bare number counts milliseconds.
pub(crate) fn parse_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text.get(..digits)?.parse().ok()?;
    let each = match text.get(digits..)?.trim().to_ascii_lowercase().as_str() {
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(each)
}

/// `ms` in the largest unit that says it without a fraction.
pub(crate) fn show_ms(ms: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];
    let (each, unit) =
        units.into_iter().find(|(each, _)| ms % each == 0 && ms != 0).unwrap_or((1, "ms"));
    format!("{} {unit}", ms / each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flinks_spellings_are_read() {
        for (text, ms) in
            [("0", 0), ("5 s", 5_000), ("200ms", 200), ("1 min", 60_000), (" 2 HOURS ", 7_200_000)]
        {
            assert_eq!(parse_ms(text), Some(ms), "{text}");
        }
        for text in
            ["", "s", "-1 s", "1 fortnight", "99999999999999999999", "9999999999999999999 d"]
        {
            assert_eq!(parse_ms(text), None, "{text}");
        }
        assert_eq!(show_ms(90_000), "90 s");
        assert_eq!(show_ms(-120_000), "-2 min");
        assert_eq!(show_ms(0), "0 ms");
    }
}
