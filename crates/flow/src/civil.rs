//! The calendar: days and milliseconds since 1970-01-01 to and from years, months and days (proleptic Gregorian), and their text.
//!
//! Text follows what Flink's formats and casts read and write; which of them is which is said at each function.

pub(crate) const MS_PER_SECOND: i64 = 1_000;
pub(crate) const MS_PER_MINUTE: i64 = 60_000;
pub(crate) const MS_PER_HOUR: i64 = 3_600_000;
pub(crate) const MS_PER_DAY: i64 = 86_400_000;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: u32,
    /// 1 to 31.
    pub(crate) day: u32,
}

/// What becomes of a day past its month's end, as Java's resolver styles have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PastMonthEnd {
    /// It is an error (STRICT).
    Refuse,
    /// It is the month's last day, up to the 31st (SMART).
    Clamp,
}

impl Date {
    /// The day `days` after 1970-01-01. Days beyond ±10^12 are taken for that bound.
    pub(crate) const fn from_days(days: i64) -> Self {
        let bound = 1_000_000_000_000;
        let days = if days > bound {
            bound
        } else if days < -bound {
            -bound
        } else {
            days
        };
        // Years are counted from March 1 of year 0, in eras of 400 years: leap days come last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + (month <= 2) as i64;
        Self { year, month: month as u32, day }
    }

    /// Days since 1970-01-01.
    pub(crate) const fn days(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march =
            if self.month > 2 { self.month as i64 - 3 } else { self.month as i64 + 9 };
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day as i64 - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    /// Milliseconds since 1970-01-01, if 64 bits count them.
    pub(crate) const fn ms(self) -> Option<i64> {
        self.days().checked_mul(MS_PER_DAY)
    }

    /// The day, if there is one.
    pub(crate) const fn checked(
        year: i64,
        month: u32,
        day: u32,
        past: PastMonthEnd,
    ) -> Option<Self> {
        if month < 1 || month > 12 || day < 1 || day > 31 {
            return None;
        }
        let last = last_day(year, month);
        if day <= last {
            return Some(Self { year, month, day });
        }
        match past {
            PastMonthEnd::Refuse => None,
            PastMonthEnd::Clamp => Some(Self { year, month, day: last }),
        }
    }

    /// The same day `months` later, or that month's last.
    pub(crate) fn add_months(self, months: i64) -> Self {
        let index = self
            .year
            .saturating_mul(12)
            .saturating_add(i64::from(self.month) - 1)
            .saturating_add(months.clamp(-120_000_000, 120_000_000));
        let (year, month) = (index.div_euclid(12), index.rem_euclid(12) as u32 + 1);
        Self { year, month, day: self.day.min(last_day(year, month)) }
    }

    /// 1 for January 1.
    pub(crate) const fn day_of_year(self) -> i64 {
        self.days() - Self { year: self.year, month: 1, day: 1 }.days() + 1
    }

    /// 1 (Sunday) to 7, as `EXTRACT(DOW …)` has it.
    pub(crate) const fn day_of_week_from_sunday(self) -> i64 {
        (self.days() + 4).rem_euclid(7) + 1
    }

    /// ISO 8601's week of the year: the one with the year's first Thursday is 1.
    pub(crate) const fn iso_week(self) -> i64 {
        let monday_based = (self.days() + 3).rem_euclid(7);
        let thursday = Self::from_days(self.days() - monday_based + 3);
        (thursday.day_of_year() - 1) / 7 + 1
    }
}

pub(crate) const fn last_day(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day and the milliseconds of the day of a wall-clock time.
pub(crate) const fn split_day(ms: i64) -> (i64, i64) {
    (ms.div_euclid(MS_PER_DAY), ms.rem_euclid(MS_PER_DAY))
}

/// `yyyy-MM-dd`, with more digits and a sign where the year needs them.
pub(crate) fn write_date(out: &mut Vec<u8>, days: i64) {
    let Date { year, month, day } = Date::from_days(days);
    if (0..=9_999).contains(&year) {
        write_pair(out, (year / 100) as u32);
        write_pair(out, (year % 100) as u32);
    } else {
        out.push(if year < 0 { b'-' } else { b'+' });
        write_padded(out, year.unsigned_abs(), 4);
    }
    out.push(b'-');
    write_pair(out, month);
    out.push(b'-');
    write_pair(out, day);
}

/// `HH:mm:ss`.
pub(crate) fn write_time(out: &mut Vec<u8>, ms_of_day: i64) {
    let seconds = ms_of_day / MS_PER_SECOND;
    write_pair(out, (seconds / 3_600) as u32 % 24);
    out.push(b':');
    write_pair(out, (seconds / 60 % 60) as u32);
    out.push(b':');
    write_pair(out, (seconds % 60) as u32);
}

/// `yyyy-MM-dd HH:mm:ss` and as many digits of the fraction as there are, at least `digits_min`.
pub(crate) fn write_timestamp(out: &mut Vec<u8>, ms: i64, separator: u8, digits_min: usize) {
    let (days, ms_of_day) = split_day(ms);
    write_date(out, days);
    out.push(separator);
    write_time(out, ms_of_day);
    write_fraction(out, ms_of_day % MS_PER_SECOND, digits_min);
}

fn write_fraction(out: &mut Vec<u8>, ms: i64, digits_min: usize) {
    let digits = [ms / 100, ms / 10 % 10, ms % 10];
    let used = digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1);
    let shown = used.max(digits_min);
    if shown > 0 {
        out.push(b'.');
        out.extend(
            digits
                .iter()
                .map(|digit| b'0' + *digit as u8)
                .chain(std::iter::repeat(b'0'))
                .take(shown),
        );
    }
}

fn write_pair(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&[b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]);
}

/// `value` with leading zeros to `width`.
pub(crate) fn write_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    let mut rest = value;
    while rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let shown = (digits.len() - at).max(width).min(digits.len());
    out.extend_from_slice(&digits[digits.len() - shown..]);
}

/// `yyyy-MM-dd` exactly, in days.
pub(crate) fn parse_date(text: &[u8], past: PastMonthEnd) -> Option<i64> {
    let mut rest = text;
    let date = read_date(&mut rest, past)?;
    rest.is_empty().then(|| date.days())
}

/// `HH:mm:ss[.fraction]` exactly, in milliseconds.
pub(crate) fn parse_time(text: &[u8]) -> Option<i64> {
    let mut rest = text;
    let time = read_time(&mut rest, Seconds::Needed)?;
    rest.is_empty().then_some(time)
}

/// How a timestamp is written in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimestampForm {
    /// `T` between date and time, seconds optional (ISO-8601); else a space (SQL).
    pub(crate) iso: bool,
    /// A `Z` ends it.
    pub(crate) zulu: bool,
}

/// A timestamp as Flink's json format reads it, in milliseconds.
pub(crate) fn parse_timestamp(text: &[u8], form: TimestampForm) -> Option<i64> {
    let mut rest = text;
    let past = if form.iso && !form.zulu { PastMonthEnd::Refuse } else { PastMonthEnd::Clamp };
    let date = read_date(&mut rest, past)?;
    match take(&mut rest)? {
        b'T' if form.iso => {}
        b't' if form.iso && !form.zulu => {}
        b' ' if !form.iso => {}
        _ => return None,
    }
    let time = read_time(&mut rest, if form.iso { Seconds::Optional } else { Seconds::Needed })?;
    if form.zulu && take(&mut rest)? != b'Z' {
        return None;
    }
    if rest.is_empty() { date.ms()?.checked_add(time) } else { None }
}

/// What CAST and TO_TIMESTAMP read: `yyyy-M-d[ H:m:s[.fraction]]`, in milliseconds.
pub(crate) fn parse_loose_timestamp(text: &[u8]) -> Option<i64> {
    let mut rest = text;
    let year = read_digits(&mut rest, 4, 4)?;
    expect(&mut rest, b'-')?;
    let month = read_digits(&mut rest, 1, 2)?;
    expect(&mut rest, b'-')?;
    let day = read_digits(&mut rest, 1, 2)?;
    let date = Date::checked(i64::from(year), month, day, PastMonthEnd::Clamp)?;
    let mut time = 0;
    if !rest.is_empty() {
        expect(&mut rest, b' ')?;
        let hour = read_digits(&mut rest, 1, 2)?;
        expect(&mut rest, b':')?;
        let minute = read_digits(&mut rest, 1, 2)?;
        expect(&mut rest, b':')?;
        let second = read_digits(&mut rest, 1, 2)?;
        time = clock(hour, minute, second)? + read_fraction(&mut rest)?;
    }
    if rest.is_empty() { date.ms()?.checked_add(time) } else { None }
}

/// What `CAST(… AS DATE)` reads: a date, alone or before a space, parts of any length, month and day optional; in days.
pub(crate) fn parse_loose_date(text: &[u8]) -> Option<i64> {
    let end = text.iter().position(|byte| *byte == b' ').filter(|at| *at > 0);
    let text = &text[..end.unwrap_or(text.len())];
    let mut parts = text.splitn(3, |byte| *byte == b'-').map(|part| {
        let part = part.trim_ascii();
        let mut rest = part;
        let number = read_digits(&mut rest, 1, 9)?;
        rest.is_empty().then_some(number)
    });
    let year = parts.next()??;
    let month = parts.next().unwrap_or(Some(1))?;
    let day = parts.next().unwrap_or(Some(1))?;
    let is_year = year <= 9_999;
    let date = Date::checked(i64::from(year), month, day, PastMonthEnd::Refuse)?;
    is_year.then(|| date.days())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seconds {
    Needed,
    Optional,
}

fn read_date(rest: &mut &[u8], past: PastMonthEnd) -> Option<Date> {
    // Four digits; a sign goes with more of them, as ISO 8601 has it.
    let sign = match rest.first()? {
        b'+' => Some(1),
        b'-' => Some(-1),
        _ => None,
    };
    let year = match sign {
        None => i64::from(read_digits(rest, 4, 4)?),
        Some(sign) => {
            take(rest)?;
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let year = i64::from(read_digits(rest, 4, 9)?);
            if sign > 0 && digits == 4 {
                return None;
            }
            sign * year
        }
    };
    expect(rest, b'-')?;
    let month = read_digits(rest, 2, 2)?;
    expect(rest, b'-')?;
    let day = read_digits(rest, 2, 2)?;
    Date::checked(year, month, day, past)
}

fn read_time(rest: &mut &[u8], seconds: Seconds) -> Option<i64> {
    let hour = read_digits(rest, 2, 2)?;
    expect(rest, b':')?;
    let minute = read_digits(rest, 2, 2)?;
    if seconds == Seconds::Optional && rest.first() != Some(&b':') {
        return clock(hour, minute, 0);
    }
    expect(rest, b':')?;
    let second = read_digits(rest, 2, 2)?;
    Some(clock(hour, minute, second)? + read_fraction(rest)?)
}

/// Nothing, or a point and 1 to 9 digits; answers whole milliseconds, the rest cut off.
fn read_fraction(rest: &mut &[u8]) -> Option<i64> {
    if rest.first() != Some(&b'.') {
        return Some(0);
    }
    take(rest)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&digits) {
        return None;
    }
    let (fraction, after) = rest.split_at(digits);
    *rest = after;
    let digit = |at: usize| fraction.get(at).map_or(0, |byte| i64::from(byte - b'0'));
    Some(digit(0) * 100 + digit(1) * 10 + digit(2))
}

fn clock(hour: u32, minute: u32, second: u32) -> Option<i64> {
    let is_clock = hour < 24 && minute < 60 && second < 60;
    is_clock.then(|| {
        i64::from(hour) * MS_PER_HOUR
            + i64::from(minute) * MS_PER_MINUTE
            + i64::from(second) * MS_PER_SECOND
    })
}

/// `least` to `most` digits (`most` ≤ 9), as many as there are.
pub(crate) fn read_digits(rest: &mut &[u8], least: usize, most: usize) -> Option<u32> {
    let digits = rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    if digits < least {
        return None;
    }
    let (number, after) = rest.split_at(digits);
    *rest = after;
    Some(number.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0')))
}

fn expect(rest: &mut &[u8], byte: u8) -> Option<()> {
    (take(rest)? == byte).then_some(())
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
#[path = "civil_tests.rs"]
mod tests;
