//! Times moved by intervals, and units of time.

use flow::{
    expr::{Expr, Function, TimeUnit},
    types::{Type, Value},
};

use super::{
    coerce::{cast, is_integer, is_timestamp},
    expression::Binder,
    literal::bigint,
};
use crate::{
    SqlError,
    syntax::{Expression, ExpressionKind as Kind, Interval, Operator},
};

/// `time ± INTERVAL`; none if no side is an interval.
pub(super) fn shifted(
    binder: &mut Binder<'_>,
    operator: Operator,
    left: &Expression,
    right: &Expression,
) -> Result<Option<Expr>, SqlError> {
    let (time, interval) = match (&left.kind, &right.kind) {
        (_, Kind::Interval(interval)) => (left, *interval),
        (Kind::Interval(interval), _) if operator == Operator::Add => (right, *interval),
        (Kind::Interval(_), _) => {
            return Err(SqlError::new("a time cannot be subtracted from an INTERVAL", left.span));
        }
        _ => return Ok(None),
    };
    let interval = if operator == Operator::Subtract { negated(interval) } else { Some(interval) };
    let Some(interval) = interval else {
        return Err(SqlError::new("the INTERVAL is too long", right.span));
    };
    let value = binder.bind(time)?;
    shift(value, interval).map(Some).map_err(|of| {
        SqlError::new(format!("an INTERVAL is added to a time, and this is {of}"), time.span)
            .with_hint("make it a time: TO_TIMESTAMP_LTZ(x, 3)")
    })
}

/// `value` moved by `interval`; the type if it is no time.
pub(super) fn shift(value: Expr, interval: Interval) -> Result<Expr, Type> {
    let of = value.of();
    let (function, by) = match interval {
        Interval::Milliseconds(ms) => (Function::AddMilliseconds, ms),
        Interval::Months(months) => (Function::AddMonths, months),
    };
    let legal = match of {
        // A day is the least that a DATE can be moved by.
        Type::Date => matches!(interval, Interval::Months(_) | Interval::Milliseconds(_)),
        Type::Time => matches!(interval, Interval::Milliseconds(_)),
        of => is_timestamp(of),
    };
    if !legal {
        return Err(of);
    }
    // Seconds are too coarse to be moved by milliseconds.
    let of = match of {
        Type::Timestamp { .. } => Type::Timestamp { precision: 3 },
        Type::TimestampLtz { .. } => Type::TimestampLtz { precision: 3 },
        of => of,
    };
    Ok(Expr::Call { function, arguments: vec![cast(value, of), bigint(by)], of })
}

fn negated(interval: Interval) -> Option<Interval> {
    match interval {
        Interval::Milliseconds(ms) => ms.checked_neg().map(Interval::Milliseconds),
        Interval::Months(months) => months.checked_neg().map(Interval::Months),
    }
}

/// The unit that EXTRACT, FLOOR … TO and TIMESTAMPDIFF name.
pub(super) fn unit(expression: &Expression) -> Result<TimeUnit, SqlError> {
    if let Kind::Column(parts) = &expression.kind
        && let [name] = parts.as_slice()
        && let Some(unit) = parse_unit(&name.text)
    {
        return Ok(unit);
    }
    Err(SqlError::new("expected a unit of time", expression.span)
        .with_hint("SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR"))
}

fn parse_unit(word: &str) -> Option<TimeUnit> {
    Some(match word.to_ascii_uppercase().as_str() {
        "MILLISECOND" => TimeUnit::Millisecond,
        "SECOND" | "SQL_TSI_SECOND" => TimeUnit::Second,
        "MINUTE" | "SQL_TSI_MINUTE" => TimeUnit::Minute,
        "HOUR" | "SQL_TSI_HOUR" => TimeUnit::Hour,
        "DAY" | "DAYOFMONTH" | "SQL_TSI_DAY" => TimeUnit::Day,
        "WEEK" | "SQL_TSI_WEEK" => TimeUnit::Week,
        "MONTH" | "SQL_TSI_MONTH" => TimeUnit::Month,
        "QUARTER" | "SQL_TSI_QUARTER" => TimeUnit::Quarter,
        "YEAR" | "SQL_TSI_YEAR" => TimeUnit::Year,
        "DOW" | "DAYOFWEEK" => TimeUnit::DayOfWeek,
        "DOY" | "DAYOFYEAR" => TimeUnit::DayOfYear,
        "EPOCH" => TimeUnit::Epoch,
        _ => return None,
    })
}

/// `count` units as an interval, where a unit is a length.
pub(super) fn interval(unit: TimeUnit, count: i64) -> Option<Interval> {
    let milliseconds = |each: i64| count.checked_mul(each).map(Interval::Milliseconds);
    let months = |each: i64| count.checked_mul(each).map(Interval::Months);
    match unit {
        TimeUnit::Millisecond => milliseconds(1),
        TimeUnit::Second => milliseconds(1_000),
        TimeUnit::Minute => milliseconds(60_000),
        TimeUnit::Hour => milliseconds(3_600_000),
        TimeUnit::Day => milliseconds(86_400_000),
        TimeUnit::Week => milliseconds(7 * 86_400_000),
        TimeUnit::Month => months(1),
        TimeUnit::Quarter => months(3),
        TimeUnit::Year => months(12),
        TimeUnit::DayOfWeek | TimeUnit::DayOfYear | TimeUnit::Epoch => None,
    }
}

/// A whole number that is known now.
pub(super) fn constant_integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal { value: Value::Integer(value), of } if is_integer(*of) => Some(*value),
        _ => None,
    }
}
