//! Time zones with a fixed offset. Zones with daylight saving are refused until they are served.

/// Minutes east of UTC of `table.local-time-zone`; none if the zone is not known to have kept one offset.
pub(crate) fn parse_minutes(text: &str) -> Option<i32> {
    let text = text.trim();
    if let Some((_, minutes)) = FIXED.iter().find(|(name, _)| *name == text) {
        return Some(*minutes);
    }
    let rest = ["UTC", "GMT", "UT"].iter().find_map(|zone| text.strip_prefix(zone)).unwrap_or(text);
    let (sign, rest) = match (rest.strip_prefix('+'), rest.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 => (rest.get(..2)?, rest.get(2..)?),
        None => (rest, "0"),
    };
    let number = |text: &str, most: i32| -> Option<i32> {
        let legal = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
        legal.then(|| text.parse().ok()).flatten().filter(|number| *number <= most)
    };
    let total = number(hours, 18)? * 60 + number(minutes, 59)?;
    (total <= 18 * 60).then_some(sign * total)
}

/// Zones that have kept one offset since 1994 at least, by their names in the tz database.
const FIXED: [(&str, i32); 22] = [
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("Etc/UTC", 0),
    ("Etc/GMT", 0),
    ("Africa/Abidjan", 0),
    ("Africa/Lagos", 60),
    ("Africa/Johannesburg", 120),
    ("Africa/Nairobi", 180),
    ("Asia/Riyadh", 180),
    ("Asia/Dubai", 240),
    ("Asia/Tashkent", 300),
    ("Asia/Kolkata", 330),
    ("Asia/Calcutta", 330),
    ("Asia/Kathmandu", 345),
    ("Asia/Bangkok", 420),
    ("Asia/Jakarta", 420),
    ("Asia/Shanghai", 480),
    ("Asia/Singapore", 480),
    ("Asia/Seoul", 540),
    ("Asia/Tokyo", 540),
    ("America/Phoenix", -420),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_offsets_are_read() {
        for (text, minutes) in [
            ("UTC", 0),
            ("Asia/Shanghai", 480),
            ("GMT+01:00", 60),
            ("UTC-8", -480),
            ("+05:30", 330),
            ("-0930", -570),
            ("GMT-03:30", -210),
        ] {
            assert_eq!(parse_minutes(text), Some(minutes), "{text}");
        }
        for text in [
            "",
            "Europe/Berlin",
            "America/Los_Angeles",
            "+25:00",
            "+1:99",
            "UTC+",
            "8",
            "+18:01",
            "++1",
        ] {
            assert_eq!(parse_minutes(text), None, "{text}");
        }
    }
}
