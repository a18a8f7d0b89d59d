//! Functions of dates and times. A TIMESTAMP_LTZ is looked at on the session's wall clock.

use super::{
    Function, TimeUnit,
    arithmetic::narrow,
    eval::Scope,
    operand::{Arguments, Failure, Operand, Reason, Side, each, zip},
    pattern::Pattern,
};
use crate::{
    civil::{self, Date, MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND},
    column::{Column, Values},
    types::{Type, Value},
};

/// '0000-01-01 00:00:00' and '9999-12-31 23:59:59.999': beyond, TO_TIMESTAMP_LTZ is NULL.
const INSTANT_LEAST_MS: i64 = -62_167_219_200_000;
const INSTANT_LAST_MS: i64 = 253_402_300_799_999;

pub(super) fn call(
    scope: &Scope,
    function: Function,
    arguments: &Arguments<'_, '_>,
    of: Type,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    use Function as F;
    match function {
        F::ToTimestampLtz => to_timestamp_ltz(arguments, failures),
        F::AddMilliseconds => {
            let unit = unit_ms(arguments.of(0));
            let sides = (arguments.operand(0).integers(), arguments.operand(1).integers());
            let values = zip(arguments.rows, sides, |value, ms| match of {
                Type::Time => value.wrapping_add(ms).rem_euclid(MS_PER_DAY),
                Type::Date => value.saturating_mul(unit).saturating_add(ms).div_euclid(MS_PER_DAY),
                // Saturates: a mark that wrapped would end time for the whole job.
                _ => value.saturating_mul(unit).saturating_add(ms),
            });
            Column { values: Values::Integer(values), valid: arguments.valid() }
        }
        F::MillisecondsBetween => {
            let clocks = (Clock::of(scope, arguments, 0), Clock::of(scope, arguments, 1));
            rows_to_integers(arguments, failures, |row| {
                Ok(Some(clocks.0.at(row).wrapping_sub(clocks.1.at(row))))
            })
        }
        F::AddMonths => {
            let clock = Clock::of(scope, arguments, 0);
            let months = arguments.operand(1).integers();
            rows_to_integers(arguments, failures, |row| {
                let (days, ms) = civil::split_day(clock.at(row));
                let moved = Date::from_days(days).add_months(months.at(row)).days();
                Ok(Some(clock.back(moved.saturating_mul(MS_PER_DAY).saturating_add(ms), of)))
            })
        }
        F::Extract(unit) => {
            let clock = Clock::of(scope, arguments, 0);
            rows_to_integers(arguments, failures, |row| Ok(Some(extract(unit, &clock, row))))
        }
        F::FloorTo(unit) | F::CeilTo(unit) => {
            let clock = Clock::of(scope, arguments, 0);
            let is_ceil = matches!(function, F::CeilTo(_));
            rows_to_integers(arguments, failures, |row| {
                let ms = clock.at(row);
                let floor = floor(unit, ms);
                let ms = if is_ceil && floor != ms { next(unit, floor) } else { floor };
                Ok(Some(clock.back(ms, of)))
            })
        }
        F::TimestampDiff(unit) => {
            let clocks = (Clock::of(scope, arguments, 0), Clock::of(scope, arguments, 1));
            rows_to_integers(arguments, failures, |row| {
                Ok(Some(narrow(of, difference(unit, clocks.0.at(row), clocks.1.at(row)))))
            })
        }
        _ => text_call(scope, function, arguments, failures),
    }
}

/// Functions between time and text.
fn text_call(
    scope: &Scope,
    function: Function,
    arguments: &Arguments<'_, '_>,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    use Function as F;
    let patterns = Patterns::of(arguments.operand(1), arguments.len() > 1);
    let text = arguments.operand(0).texts();
    match function {
        F::DateFormat => {
            let clock = Clock::of(scope, arguments, 0);
            arguments.rows_to_text(failures, |row, out| {
                let ms = match arguments.of(0) {
                    Type::String => civil::parse_loose_timestamp(text.at(row)),
                    _ => Some(clock.at(row)),
                };
                let Some(ms) = ms else { return Ok(None) };
                patterns.at(row)?.write(out, ms);
                Ok(Some(()))
            })
        }
        F::FromUnixtime => {
            let seconds = arguments.operand(0).integers();
            arguments.rows_to_text(failures, |row, out| {
                let ms = seconds.at(row).wrapping_mul(MS_PER_SECOND).wrapping_add(scope.zone_ms);
                patterns.at(row)?.write(out, ms);
                Ok(Some(()))
            })
        }
        F::UnixTimestamp => {
            rows_to_integers(arguments, failures, |row| {
                let ms = patterns.at(row)?.read(text.str_at(row));
                // Flink's own answer where the text cannot be read.
                Ok(Some(ms.map_or(i64::MIN, |ms| {
                    ms.saturating_sub(scope.zone_ms).div_euclid(MS_PER_SECOND)
                })))
            })
        }
        F::ToDate => rows_to_integers(arguments, failures, |row| {
            Ok(match arguments.len() {
                1 => civil::parse_loose_date(text.at(row)),
                _ => patterns.at(row)?.read(text.str_at(row)).map(|ms| civil::split_day(ms).0),
            })
        }),
        _ => rows_to_integers(arguments, failures, |row| {
            let loose = || civil::parse_loose_timestamp(text.at(row));
            Ok(match arguments.len() {
                1 => loose(),
                _ => patterns.at(row)?.read(text.str_at(row)).or_else(loose),
            })
        }),
    }
}

fn to_timestamp_ltz(arguments: &Arguments<'_, '_>, failures: &mut Vec<Failure>) -> Column<'static> {
    let is_in_range = |ms: i64| (INSTANT_LEAST_MS..=INSTANT_LAST_MS).contains(&ms);
    let precision = arguments.operand(1).integers();
    let scale_at =
        |row| if arguments.len() > 1 && precision.at(row) == 0 { MS_PER_SECOND } else { 1 };
    match arguments.of(0) {
        Type::Float | Type::Double => {
            let value = arguments.operand(0).doubles();
            rows_to_integers(arguments, failures, |row| {
                let ms = (value.at(row) * scale_at(row) as f64) as i64;
                Ok(is_in_range(ms).then_some(ms))
            })
        }
        Type::Decimal { scale, .. } => {
            let (value, one) =
                (arguments.operand(0).decimals(), 10_i128.pow(u32::from(scale.min(38))));
            rows_to_integers(arguments, failures, |row| {
                let whole = i64::try_from(value.at(row) / one).ok();
                let ms = whole.and_then(|whole| whole.checked_mul(scale_at(row)));
                Ok(ms.filter(|ms| is_in_range(*ms)))
            })
        }
        _ => {
            // The common case, without a branch per row.
            let Side::One(digits) = precision else {
                let value = arguments.operand(0).integers();
                return rows_to_integers(arguments, failures, |row| {
                    let ms = value.at(row).checked_mul(scale_at(row));
                    Ok(ms.filter(|ms| is_in_range(*ms)))
                });
            };
            let scale = if arguments.len() > 1 && digits == 0 { MS_PER_SECOND } else { 1 };
            let value = arguments.operand(0).integers();
            let values = each(arguments.rows, value, |value| value.saturating_mul(scale));
            let mut valid = arguments.valid();
            if !values.iter().all(|ms| is_in_range(*ms)) {
                let valid = valid.get_or_insert_with(|| vec![true; arguments.rows]);
                valid.iter_mut().zip(&values).for_each(|(valid, ms)| *valid &= is_in_range(*ms));
            }
            Column { values: Values::Integer(values), valid }
        }
    }
}

fn rows_to_integers(
    arguments: &Arguments<'_, '_>,
    failures: &mut Vec<Failure>,
    map: impl FnMut(usize) -> Result<Option<i64>, Reason>,
) -> Column<'static> {
    let (values, valid) = arguments.rows_to(failures, map);
    Column { values: Values::Integer(values), valid }
}

/// What one unit of a type's value is in milliseconds.
const fn unit_ms(of: Type) -> i64 {
    if matches!(of, Type::Date) { MS_PER_DAY } else { 1 }
}

/// A date or time as milliseconds of the wall clock.
struct Clock<'s> {
    values: Side<'s, i64>,
    unit_ms: i64,
    zone_ms: i64,
}

impl<'s> Clock<'s> {
    fn of(scope: &Scope, arguments: &'s Arguments<'_, '_>, index: usize) -> Self {
        let of = arguments.of(index);
        let zone_ms = if matches!(of, Type::TimestampLtz { .. }) { scope.zone_ms } else { 0 };
        Self { values: arguments.operand(index).integers(), unit_ms: unit_ms(of), zone_ms }
    }

    fn at(&self, row: usize) -> i64 {
        self.values.at(row).wrapping_mul(self.unit_ms).wrapping_add(self.zone_ms)
    }

    /// Wall-clock milliseconds as a value of type `of`.
    fn back(&self, ms: i64, of: Type) -> i64 {
        if of == Type::Date { ms.div_euclid(MS_PER_DAY) } else { ms.wrapping_sub(self.zone_ms) }
    }
}

fn extract(unit: TimeUnit, clock: &Clock<'_>, row: usize) -> i64 {
    let wall = clock.at(row);
    let (days, ms) = civil::split_day(wall);
    let date = || Date::from_days(days);
    match unit {
        TimeUnit::Millisecond => ms % MS_PER_SECOND,
        TimeUnit::Second => ms / MS_PER_SECOND % 60,
        TimeUnit::Minute => ms / MS_PER_MINUTE % 60,
        TimeUnit::Hour => ms / MS_PER_HOUR,
        TimeUnit::Day => i64::from(date().day),
        TimeUnit::Week => date().iso_week(),
        TimeUnit::Month => i64::from(date().month),
        TimeUnit::Quarter => i64::from(date().month.div_ceil(3)),
        TimeUnit::Year => date().year,
        TimeUnit::DayOfWeek => date().day_of_week_from_sunday(),
        TimeUnit::DayOfYear => date().day_of_year(),
        TimeUnit::Epoch => wall.wrapping_sub(clock.zone_ms).div_euclid(MS_PER_SECOND),
    }
}

/// The length of a unit that has one.
const fn length_ms(unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Millisecond => Some(1),
        TimeUnit::Second | TimeUnit::Epoch => Some(MS_PER_SECOND),
        TimeUnit::Minute => Some(MS_PER_MINUTE),
        TimeUnit::Hour => Some(MS_PER_HOUR),
        TimeUnit::Day | TimeUnit::DayOfWeek | TimeUnit::DayOfYear => Some(MS_PER_DAY),
        TimeUnit::Week => Some(7 * MS_PER_DAY),
        TimeUnit::Month | TimeUnit::Quarter | TimeUnit::Year => None,
    }
}

const fn length_months(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Year => 12,
        TimeUnit::Quarter => 3,
        _ => 1,
    }
}

/// Down to the unit's beginning. Weeks begin on Sunday.
fn floor(unit: TimeUnit, ms: i64) -> i64 {
    match unit {
        TimeUnit::Week => {
            // 1970-01-04 was a Sunday.
            let sunday = 3 * MS_PER_DAY;
            ms.saturating_sub((ms.saturating_sub(sunday)).rem_euclid(7 * MS_PER_DAY))
        }
        _ => match length_ms(unit) {
            Some(length) => ms.saturating_sub(ms.rem_euclid(length)),
            None => {
                let date = Date::from_days(civil::split_day(ms).0);
                let months = length_months(unit) as u32;
                let month = (date.month - 1) / months * months + 1;
                Date { year: date.year, month, day: 1 }.days().saturating_mul(MS_PER_DAY)
            }
        },
    }
}

/// The beginning of the unit after the one that begins at `ms`.
fn next(unit: TimeUnit, ms: i64) -> i64 {
    match length_ms(unit) {
        Some(length) => ms.saturating_add(length),
        None => {
            let date = Date::from_days(civil::split_day(ms).0);
            date.add_months(length_months(unit)).days().saturating_mul(MS_PER_DAY)
        }
    }
}

/// Whole units from `earlier` to `later`.
fn difference(unit: TimeUnit, earlier: i64, later: i64) -> i64 {
    match length_ms(unit) {
        Some(length) => later.wrapping_sub(earlier) / length,
        None if later < earlier => -difference(unit, later, earlier),
        None => {
            let ((from_day, from_ms), (to_day, to_ms)) =
                (civil::split_day(earlier), civil::split_day(later));
            let (from, to) = (Date::from_days(from_day), Date::from_days(to_day));
            let months = (to.year - from.year) * 12 + i64::from(to.month) - i64::from(from.month);
            let reached = (from.add_months(months).days(), from_ms) <= (to_day, to_ms);
            (months - i64::from(!reached)) / length_months(unit)
        }
    }
}

/// The pattern of each row: taken apart once where it is a literal.
struct Patterns<'s, 'c, 'a> {
    operand: &'s Operand<'c, 'a>,
    once: Option<Result<Pattern, Reason>>,
}

impl<'s, 'c, 'a> Patterns<'s, 'c, 'a> {
    /// Of `operand`; where there is none, `yyyy-MM-dd HH:mm:ss`.
    fn of(operand: &'s Operand<'c, 'a>, is_given: bool) -> Self {
        let text = match operand {
            _ if !is_given => Some("yyyy-MM-dd HH:mm:ss"),
            Operand::Constant(Value::Null) => None,
            Operand::Constant(_) => Some(operand.texts().str_at(0)),
            _ => None,
        };
        Self { operand, once: text.map(parse_pattern) }
    }

    fn at(&self, row: usize) -> Result<std::borrow::Cow<'_, Pattern>, Reason> {
        match &self.once {
            Some(Ok(pattern)) => Ok(std::borrow::Cow::Borrowed(pattern)),
            Some(Err(reason)) => Err(reason.clone()),
            None => parse_pattern(self.operand.texts().str_at(row)).map(std::borrow::Cow::Owned),
        }
    }
}

fn parse_pattern(text: &str) -> Result<Pattern, Reason> {
    Pattern::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        Reason::Owned(format!("'{shown}' is no pattern of a date and time"))
    })
}
