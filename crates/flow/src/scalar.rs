//! Text to single values, as Java and Flink's casts read it.

/// `Integer.parseInt` and its kin: a sign, digits; within `least..=most`.
pub(crate) fn parse_integer(text: &[u8], least: i64, most: i64) -> Option<i64> {
    let (is_negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        // Downwards, because that side reaches one further.
        value = value.checked_mul(10)?.checked_sub(i64::from(byte - b'0'))?;
    }
    let value = if is_negative { value } else { value.checked_neg()? };
    (least..=most).contains(&value).then_some(value)
}

/// What `CAST(text AS INT)` reads: digits behind a point are cut off.
pub(crate) fn parse_loose_integer(text: &[u8], least: i64, most: i64) -> Option<i64> {
    let text = text.trim_ascii();
    let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let (whole, fraction) = text.split_at(point);
    let fraction = fraction.get(1..).unwrap_or_default();
    fraction.iter().all(u8::is_ascii_digit).then(|| parse_integer(whole, least, most))?
}

/// `Double.parseDouble`, but for hexadecimal.
pub(crate) fn parse_double(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    let body = match text.first()? {
        b'+' | b'-' => &text[1..],
        _ => text,
    };
    let value = match body {
        b"NaN" => return Some(f64::NAN),
        b"Infinity" => f64::INFINITY,
        _ => {
            let number = match body {
                [number @ .., b'd' | b'D' | b'f' | b'F'] => number,
                _ => body,
            };
            // Rust would also take "inf" and "nan", and a second sign.
            if !matches!(number.first(), Some(b'0'..=b'9' | b'.')) {
                return None;
            }
            std::str::from_utf8(number).ok()?.parse().ok()?
        }
    };
    Some(if text.first() == Some(&b'-') { -value } else { value })
}

/// `Float.parseFloat`: rounded once.
pub(crate) fn parse_float(text: &[u8]) -> Option<f64> {
    let double = parse_double(text)?;
    let trimmed = text.trim_ascii();
    let number = trimmed.strip_suffix(b"f").or(trimmed.strip_suffix(b"F")).unwrap_or(trimmed);
    let rounded = std::str::from_utf8(number).ok().and_then(|number| number.parse::<f32>().ok());
    Some(rounded.map_or_else(|| f64::from(double as f32), f64::from))
}

/// What `CAST(text AS BOOLEAN)` reads.
pub(crate) fn parse_boolean(text: &[u8]) -> Option<bool> {
    let is = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is(["t", "true", "y", "yes", "1"]) {
        Some(true)
    } else if is(["f", "false", "n", "no", "0"]) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_to_their_very_ends() {
        let all = |text: &str| parse_integer(text.as_bytes(), i64::MIN, i64::MAX);
        assert_eq!(all("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(all("+9223372036854775807"), Some(i64::MAX));
        assert_eq!(all("9223372036854775808"), None);
        for wrong in ["", "-", "1.0", " 1", "1e3", "٣"] {
            assert_eq!(all(wrong), None, "{wrong}");
        }
        assert_eq!(parse_integer(b"128", -128, 127), None);
        assert_eq!(parse_loose_integer(b" 12.9 ", 0, 99), Some(12));
        assert_eq!(parse_loose_integer(b"12.x", 0, 99), None);
    }

    #[test]
    fn doubles_are_read_as_java_reads_them() {
        assert_eq!(parse_double(b" -1.5e3 "), Some(-1_500.0));
        assert_eq!(parse_double(b"1d"), Some(1.0));
        assert_eq!(parse_double(b"-Infinity"), Some(f64::NEG_INFINITY));
        assert!(parse_double(b"NaN").is_some_and(f64::is_nan));
        for wrong in ["inf", "nan", "", "--1", "1x", "-", "+-2", "infinity"] {
            assert_eq!(parse_double(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(parse_float(b"0.1"), Some(f64::from(0.1_f32)));
    }

    #[test]
    fn booleans_have_five_words_each() {
        assert_eq!(parse_boolean(b"YES"), Some(true));
        assert_eq!(parse_boolean(b"0"), Some(false));
        assert_eq!(parse_boolean(b"on"), None);
    }
}
