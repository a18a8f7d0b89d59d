//! Date and time patterns as Java's `DateTimeFormatter` and `SimpleDateFormat` have them: the letters that both share.
//!
//! `y u M d H h k K m s S a E D`, text in quotes, everything that is no letter for itself. Other letters are refused.

use crate::civil::{self, Date, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND, PastMonthEnd};

/// One piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field { letter: char, width: usize },
}

/// A pattern, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// The widest field that is served.
const WIDTH_MAX: usize = 9;

impl Pattern {
    /// Takes `text` apart; none when it has a letter or a width that is not served.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\'' {
                let mut quoted = String::new();
                loop {
                    match chars.next()? {
                        '\'' if chars.peek() == Some(&'\'') => quoted.extend(chars.next()),
                        '\'' => break,
                        c => quoted.push(c),
                    }
                }
                // Two quotes with nothing between them are one.
                pieces.push(Piece::Text(if quoted.is_empty() { "'".to_owned() } else { quoted }));
            } else if c.is_ascii_alphabetic() {
                let mut width = 1;
                while chars.next_if_eq(&c).is_some() {
                    width += 1;
                }
                if !"yuMdHhkKmsSaED".contains(c) || width > WIDTH_MAX {
                    return None;
                }
                pieces.push(Piece::Field { letter: c, width });
            } else {
                pieces.push(Piece::Text(c.to_string()));
            }
        }
        Some(Self(pieces))
    }

    /// Writes a wall-clock time.
    pub(crate) fn write(&self, out: &mut Vec<u8>, ms: i64) {
        let (days, ms_of_day) = civil::split_day(ms);
        let date = Date::from_days(days);
        let hour = ms_of_day / MS_PER_HOUR;
        for piece in &self.0 {
            let (letter, width) = match piece {
                Piece::Text(text) => {
                    out.extend_from_slice(text.as_bytes());
                    continue;
                }
                Piece::Field { letter, width } => (*letter, *width),
            };
            let number = match letter {
                'y' | 'u' if width == 2 => date.year.rem_euclid(100),
                'y' | 'u' => date.year,
                'M' if width >= 3 => {
                    write_name(out, &MONTHS, date.month as usize - 1, width);
                    continue;
                }
                'E' => {
                    let day = date.day_of_week_from_sunday() as usize - 1;
                    write_name(out, &DAYS, day, width);
                    continue;
                }
                'a' => {
                    out.extend_from_slice(if hour < 12 { b"AM" } else { b"PM" });
                    continue;
                }
                'S' => {
                    let digits = format!("{:03}000000", ms_of_day % MS_PER_SECOND);
                    out.extend_from_slice(&digits.as_bytes()[..width]);
                    continue;
                }
                'M' => i64::from(date.month),
                'd' => i64::from(date.day),
                'D' => date.day_of_year(),
                'H' => hour,
                'k' => (hour + 23) % 24 + 1,
                'K' => hour % 12,
                'h' => (hour + 11) % 12 + 1,
                'm' => ms_of_day / MS_PER_MINUTE % 60,
                _ => ms_of_day / MS_PER_SECOND % 60,
            };
            if number < 0 {
                out.push(b'-');
            }
            civil::write_padded(out, number.unsigned_abs(), width);
        }
    }

    /// Reads a wall-clock time; what the pattern does not name is that of 1970-01-01 00:00:00. None when the text does not follow it.
    pub(crate) fn read(&self, text: &str) -> Option<i64> {
        let mut rest = text.as_bytes();
        let mut read = Read { date: (1970, 1, 1), ..Read::default() };
        for (index, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text.as_bytes())?,
                Piece::Field { letter, width } => {
                    let is_followed = matches!(self.0.get(index + 1), Some(Piece::Field { .. }));
                    read.field(&mut rest, (*letter, *width), is_followed)?;
                }
            }
        }
        if !rest.is_empty() {
            return None;
        }
        read.finish()
    }
}

fn write_name(out: &mut Vec<u8>, names: &[&str], index: usize, width: usize) {
    let name = names.get(index).copied().unwrap_or_default();
    let shown = if width >= 4 { name.len() } else { name.len().min(3) };
    out.extend_from_slice(&name.as_bytes()[..shown]);
}

/// What has been read so far.
#[derive(Default)]
struct Read {
    date: (i64, u32, u32),
    hour: u32,
    /// Counted to 12, with this half of the day.
    half: Option<bool>,
    is_half_clock: bool,
    minute: u32,
    second: u32,
    ms: i64,
}

impl Read {
    fn field(
        &mut self,
        rest: &mut &[u8],
        (letter, width): (char, usize),
        is_followed: bool,
    ) -> Option<()> {
        if letter == 'M' && width >= 3 {
            self.date.1 = read_name(rest, &MONTHS)? as u32 + 1;
            return Some(());
        }
        if letter == 'E' {
            read_name(rest, &DAYS)?;
            return Some(());
        }
        if letter == 'a' {
            let (half, after) = rest.split_at_checked(2)?;
            self.half = Some(match half.to_ascii_uppercase().as_slice() {
                b"AM" => false,
                b"PM" => true,
                _ => return None,
            });
            *rest = after;
            return Some(());
        }
        // A number alone takes as many digits as there are; one with another behind it takes just its width.
        let most = if width > 1 || is_followed { width } else { WIDTH_MAX };
        let number = civil::read_digits(rest, width, most)?;
        match letter {
            'y' | 'u' if width == 2 => self.date.0 = 2_000 + i64::from(number),
            'y' | 'u' => self.date.0 = i64::from(number),
            'M' => self.date.1 = number,
            'd' => self.date.2 = number,
            'H' => self.hour = number,
            'k' => self.hour = number % 24,
            'h' | 'K' => {
                self.hour = number % 12;
                self.is_half_clock = true;
            }
            'm' => self.minute = number,
            's' => self.second = number,
            'S' => self.ms = i64::from(number) * 1_000 / 10_i64.pow(width as u32),
            _ => return None,
        }
        Some(())
    }

    fn finish(self) -> Option<i64> {
        let (year, month, day) = self.date;
        let date = Date::checked(year, month, day, PastMonthEnd::Clamp)?;
        let hour = match (self.is_half_clock, self.half) {
            (true, Some(true)) => self.hour + 12,
            _ => self.hour,
        };
        let is_clock = hour < 24 && self.minute < 60 && self.second < 60;
        if !is_clock {
            return None;
        }
        let ms_of_day = i64::from(hour) * MS_PER_HOUR
            + i64::from(self.minute) * MS_PER_MINUTE
            + i64::from(self.second) * MS_PER_SECOND
            + self.ms;
        date.ms()?.checked_add(ms_of_day)
    }
}

/// The index of the name that `rest` begins with, whole or its first three letters.
fn read_name(rest: &mut &[u8], names: &[&str]) -> Option<usize> {
    for length in [usize::MAX, 3] {
        for (index, name) in names.iter().enumerate() {
            let (shown, _) = name.as_bytes().split_at(length.min(name.len()));
            if let Some(after) = rest.strip_prefix(shown) {
                *rest = after;
                return Some(index);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::civil::MS_PER_DAY;

    fn show(pattern: &str, ms: i64) -> String {
        let mut out = Vec::new();
        Pattern::parse(pattern).unwrap().write(&mut out, ms);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn patterns_write_what_java_writes() {
        let ms = 1_709_211_845_067; // Thursday 2024-02-29 13:04:05.067
        for (pattern, text) in [
            ("yyyy-MM-dd HH:mm:ss", "2024-02-29 13:04:05"),
            ("yyyyMMddHHmmssSSS", "20240229130405067"),
            ("yy/M/d h:m a", "24/2/29 1:4 PM"),
            ("EEE, dd MMM yyyy", "Thu, 29 Feb 2024"),
            ("EEEE MMMM", "Thursday February"),
            ("yyyy-MM-dd'T'HH 'o''clock' ''", "2024-02-29T13 o'clock '"),
            ("D k K S", "60 13 1 0"),
        ] {
            assert_eq!(show(pattern, ms), text, "{pattern}");
        }
        assert_eq!(Pattern::parse("yyyy-QQ"), None);
        assert_eq!(Pattern::parse("'open"), None);
    }

    #[test]
    fn patterns_read_what_they_write() {
        let ms = 1_709_211_845_067;
        for pattern in ["yyyy-MM-dd HH:mm:ss.SSS", "yyyyMMddHHmmssSSS", "d MMM yyyy h:m:s.SSS a"] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().read(&show(pattern, ms)),
                Some(ms),
                "{pattern}"
            );
        }
        let day = Pattern::parse("yyyy-MM-dd").unwrap();
        assert_eq!(day.read("1970-01-02"), Some(MS_PER_DAY));
        for wrong in ["1970-1-2", "1970-13-02", "1970-01-02x", "", "x"] {
            assert_eq!(day.read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn years_beyond_what_milliseconds_count_are_refused() {
        assert_eq!(Pattern::parse("y").unwrap().read("999999999"), None);
    }
}
