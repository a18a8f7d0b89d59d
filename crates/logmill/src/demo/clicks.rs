//! The clickstream: who looked at which page when, with everything that goes wrong on the way, and the truth about it.
//!
//! Events come out of order by up to [`DISORDER_MS`], which is less than the watermark's delay: none of these is late,
//! however the partitions are interleaved. Late ones are made for windows that the job has already reported closed:
//! these are late, however the partitions are interleaved. Broken ones cannot be read at all.

use std::collections::BTreeMap;

use world::Chance;

/// How far behind its turn an event may come, milliseconds.
const DISORDER_MS: u64 = 4_000;
/// The watermark's delay in the demo's SQL, milliseconds.
pub(crate) const DELAY_MS: i64 = 5_000;
/// The windows of the demo's SQL, milliseconds.
pub(crate) const WINDOW_MS: i64 = 60_000;
/// Where event time begins: 2026-01-01 00:00:00.
const BEGIN_MS: i64 = 1_767_225_600_000;
const PAGES: u64 = 200;
const USERS: u64 = 20_000;
/// One event of this many is broken.
const BROKEN_OF: u64 = 2_000;

/// Views per (window start, page).
pub(crate) type Views = BTreeMap<(i64, String), i64>;

/// An event as it goes to the broker.
pub(crate) struct Click {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Makes events and keeps the truth.
pub(crate) struct Clicks {
    chance: Chance,
    /// Event-time milliseconds per event, in thousandths.
    step_micros: i64,
    made: i64,
    truth: Views,
    pub(crate) broken: u64,
    pub(crate) late: u64,
}

impl Clicks {
    /// `events` of them over `windows` windows of event time.
    pub(crate) fn new(seed: u64, events: u64, windows: i64) -> Self {
        let span_micros = windows.saturating_mul(WINDOW_MS).saturating_mul(1_000);
        let events = i64::try_from(events.max(1)).unwrap_or(i64::MAX);
        Self {
            chance: Chance::from_seed(seed),
            step_micros: (span_micros / events).max(1),
            made: 0,
            truth: Views::new(),
            broken: 0,
            late: 0,
        }
    }

    /// The next event: out of order by seconds, now and then broken.
    pub(crate) fn next(&mut self) -> Click {
        let turn_ms = self.turn_ms();
        self.made += 1;
        let behind = self.chance.below(DISORDER_MS);
        let time_ms = (turn_ms - i64::try_from(behind).unwrap_or(0)).max(BEGIN_MS);
        if self.chance.below(BROKEN_OF) == 0 {
            self.broken += 1;
            let value =
                format!("{{\"user_id\":\"u7\",\"page\":\"/broken\",\"event_time\":\"{time_ms}");
            return Click { key: "u7".to_owned(), value };
        }
        let page = self.page();
        *self.truth.entry((window_of(time_ms), page.clone())).or_default() += 1;
        self.click(&page, time_ms)
    }

    /// An event of a window that closed before `watermark_ms`; none while there is no such window.
    pub(crate) fn next_late(&mut self, watermark_ms: i64) -> Option<Click> {
        let closed_ms = window_of(watermark_ms + 1).checked_sub(BEGIN_MS).filter(|ms| *ms > 0)?;
        let behind = self.chance.below(closed_ms.unsigned_abs());
        self.late += 1;
        let page = self.page();
        Some(self.click(&page, BEGIN_MS + i64::try_from(behind).unwrap_or(0)))
    }

    /// An event far enough ahead to close every window before it; its own window stays open. It goes to the partition
    /// that the caller picks, one to each, because the job's watermark is the least of them.
    pub(crate) fn closing(&mut self) -> Click {
        let time_ms = window_of(self.turn_ms()) + 2 * WINDOW_MS + DELAY_MS;
        self.click("/closing", time_ms)
    }

    /// What every window must say.
    pub(crate) const fn truth(&self) -> &Views {
        &self.truth
    }

    fn turn_ms(&self) -> i64 {
        BEGIN_MS + self.made.saturating_mul(self.step_micros) / 1_000
    }

    fn page(&mut self) -> String {
        // The product of two even draws leans to the small numbers, as popularity does.
        let page = self.chance.below(PAGES) * self.chance.below(PAGES) / PAGES;
        format!("/page/{page}")
    }

    fn click(&mut self, page: &str, time_ms: i64) -> Click {
        let user = format!("u{}", self.chance.below(USERS));
        let time = Time::of(time_ms);
        let value = format!(r#"{{"user_id":"{user}","page":"{page}","event_time":"{time}"}}"#);
        Click { key: user, value }
    }
}

/// The start of the window that `time_ms` lies in.
pub(crate) const fn window_of(time_ms: i64) -> i64 {
    time_ms - time_ms.rem_euclid(WINDOW_MS)
}

/// A wall-clock time as Flink's JSON writes it: `yyyy-MM-dd HH:mm:ss.SSS`.
pub(crate) struct Time {
    date: (i64, i64, i64),
    ms_of_day: i64,
}

impl Time {
    /// The time `ms` after 1970-01-01 00:00:00. Days to dates: H. Hinnant, "chrono-compatible low-level date algorithms".
    pub(crate) const fn of(ms: i64) -> Self {
        let (days, ms_of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        Self { date: (year, month, day), ms_of_day }
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.date;
        let seconds = self.ms_of_day / 1_000;
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let ms = self.ms_of_day % 1_000;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{ms:03}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        assert_eq!(Time::of(0).to_string(), "1970-01-01 00:00:00.000");
        assert_eq!(Time::of(BEGIN_MS).to_string(), "2026-01-01 00:00:00.000");
        assert_eq!(Time::of(951_782_400_000 + 1).to_string(), "2000-02-29 00:00:00.001");
    }

    #[test]
    fn one_seed_makes_one_stream_and_its_truth_adds_up() {
        let mut one = Clicks::new(7, 10_000, 10);
        let mut other = Clicks::new(7, 10_000, 10);
        for _ in 0..10_000 {
            assert_eq!(one.next().value, other.next().value);
        }
        let views: i64 = one.truth().values().sum();
        assert_eq!(views + i64::try_from(one.broken).unwrap(), 10_000);
        assert!(one.broken > 0);
    }

    #[test]
    fn a_late_event_is_of_a_closed_window() {
        let mut clicks = Clicks::new(7, 100, 10);
        assert!(clicks.next_late(BEGIN_MS + WINDOW_MS - 2).is_none());
        assert!(clicks.next_late(BEGIN_MS + WINDOW_MS - 1).is_some());
    }
}
