//! The calendar, checked against days that everyone knows.

use super::*;

const SQL: TimestampForm = TimestampForm { iso: false, zulu: false };
const SQL_ZULU: TimestampForm = TimestampForm { iso: false, zulu: true };
const ISO: TimestampForm = TimestampForm { iso: true, zulu: false };
const ISO_ZULU: TimestampForm = TimestampForm { iso: true, zulu: true };

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn days_and_dates_are_one_to_one() {
    for (days, year, month, day) in [
        (0, 1970, 1, 1),
        (11_016, 2000, 2, 29),
        (19_782, 2024, 2, 29),
        (-1, 1969, 12, 31),
        (-719_528, 0, 1, 1),
    ] {
        let date = Date { year, month, day };
        assert_eq!(Date::from_days(days), date);
        assert_eq!(date.days(), days);
    }
    for days in (-800_000..3_000_000).step_by(97) {
        assert_eq!(Date::from_days(days).days(), days);
    }
}

#[test]
fn weeks_and_weekdays_are_the_calendars() {
    let date = |year, month, day| Date { year, month, day };
    assert_eq!(date(2024, 1, 7).day_of_week_from_sunday(), 1);
    assert_eq!(date(1970, 1, 1).day_of_week_from_sunday(), 5);
    assert_eq!(date(2021, 1, 3).iso_week(), 53);
    assert_eq!(date(2021, 1, 4).iso_week(), 1);
    assert_eq!(date(2018, 12, 31).iso_week(), 1);
    assert_eq!(date(2024, 12, 31).day_of_year(), 366);
    assert_eq!(date(2024, 1, 31).add_months(1), date(2024, 2, 29));
    assert_eq!(date(2024, 1, 31).add_months(-2), date(2023, 11, 30));
}

#[test]
fn timestamps_are_written_with_the_digits_they_have() {
    let show = |ms, least| written(|out| write_timestamp(out, ms, b' ', least));
    assert_eq!(show(1_577_836_860_000, 0), "2020-01-01 00:01:00");
    assert_eq!(show(1_577_836_860_120, 0), "2020-01-01 00:01:00.12");
    assert_eq!(show(1_577_836_860_001, 0), "2020-01-01 00:01:00.001");
    assert_eq!(show(1_577_836_860_000, 3), "2020-01-01 00:01:00.000");
    assert_eq!(show(-1, 0), "1969-12-31 23:59:59.999");
    assert_eq!(written(|out| write_date(out, 4_000_000)), "+12921-08-18");
    assert_eq!(written(|out| write_date(out, -719_529)), "-0001-12-31");
}

#[test]
fn timestamps_are_read_in_their_own_form_only() {
    let ms = Some(1_577_836_860_120);
    assert_eq!(parse_timestamp(b"2020-01-01 00:01:00.12", SQL), ms);
    assert_eq!(parse_timestamp(b"2020-01-01 00:01:00.120999", SQL), ms);
    assert_eq!(parse_timestamp(b"2020-01-01 00:01:00.12Z", SQL_ZULU), ms);
    assert_eq!(parse_timestamp(b"2020-01-01T00:01:00.12", ISO), ms);
    assert_eq!(parse_timestamp(b"2020-01-01T00:01:00.12Z", ISO_ZULU), ms);
    assert_eq!(parse_timestamp(b"2020-01-01T00:02", ISO), Some(1_577_836_920_000));
    for (wrong, form) in [
        (&b"2020-01-01T00:01:00"[..], SQL),
        (b"2020-01-01 00:01", SQL),
        (b"2020-01-01 00:01:00.", SQL),
        (b"2020-01-01 00:01:00Z", SQL),
        (b"2020-01-01 00:01:00", SQL_ZULU),
        (b"2020-01-01 00:01:00", ISO),
        (b"2020-02-30T00:01:00", ISO),
        (b"2020-13-01 00:01:00", SQL),
        (b"2020-01-01 24:00:00", SQL),
        (b"2020-1-01 00:01:00", SQL),
        (b"", SQL),
    ] {
        assert_eq!(parse_timestamp(wrong, form), None, "{:?}", String::from_utf8_lossy(wrong));
    }
    assert_eq!(
        parse_timestamp(b"2021-02-31 00:00:00", SQL),
        parse_timestamp(b"2021-02-28 00:00:00", SQL)
    );
}

#[test]
fn casts_read_more_loosely() {
    assert_eq!(parse_loose_timestamp(b"1970-1-2"), Some(MS_PER_DAY));
    assert_eq!(parse_loose_timestamp(b"1970-1-1 1:2:3.5"), Some(3_723_500));
    assert_eq!(parse_loose_timestamp(b"1970-1-1 1:2"), None);
    assert_eq!(parse_loose_date(b"1970-01-03"), Some(2));
    assert_eq!(parse_loose_date(b"1970"), Some(0));
    assert_eq!(parse_loose_date(b"1970-01-03 09:30:00.0"), Some(2));
    assert_eq!(parse_loose_date(b"1970-02-30"), None);
    assert_eq!(parse_loose_date(b"x"), None);
}

#[test]
fn written_dates_read_back() {
    for days in (-700_000..2_900_000).step_by(1_009) {
        let text = written(|out| write_date(out, days));
        assert_eq!(parse_date(text.as_bytes(), PastMonthEnd::Refuse), Some(days), "{text}");
    }
    assert_eq!(parse_time(b"23:59:58.007"), Some(MS_PER_DAY - 1_993));
    assert_eq!(parse_time(b"23:60:58"), None);
}

#[test]
fn years_beyond_what_milliseconds_count_are_refused() {
    for (text, form) in [
        (&b"+999999999-01-01 00:00:00"[..], SQL),
        (b"-999999999-01-01 00:00:00Z", SQL_ZULU),
        (b"+999999999-12-31T23:59:59.999", ISO),
        (b"+292278995-01-01T00:00:00Z", ISO_ZULU),
    ] {
        assert_eq!(parse_timestamp(text, form), None, "{}", String::from_utf8_lossy(text));
    }
    assert!(parse_timestamp(b"+292278993-01-01 00:00:00", SQL).is_some());
    assert!(parse_date(b"+999999999-01-01", PastMonthEnd::Refuse).is_some());
}
