//! Calls of scalar functions.

use flow::{
    expr::{Expr, Function, TimeUnit},
    types::Type,
};

use super::{
    arithmetic,
    coerce::{cast, common, is_integer, is_numeric, is_timestamp},
    expression::{Binder, case, compare, truth},
    functions::{AGGREGATES, Outcome, Parameter, ROWS, Row, WINDOWS, functions},
    literal::{bigint, null},
    time,
};
use crate::{
    SqlError,
    nearest::nearest,
    span::Span,
    syntax::{Call, Expression},
};

/// Binds a call.
pub(super) fn bind(binder: &mut Binder<'_>, call: &Call, span: Span) -> Result<Expr, SqlError> {
    let name = call.name.text.as_str();
    refuse_misplaced(call)?;
    let arguments: Vec<&Expression> =
        call.arguments.iter().map(|argument| &argument.value).collect();
    // FLOOR(ts TO HOUR) comes with its unit as a second argument.
    let to_unit = matches!(name, "FLOOR" | "CEIL" | "CEILING") && arguments.len() == 2;
    if !to_unit && let Some(row) = ROWS.iter().find(|row| row.name == name) {
        return from_row(binder, row, &arguments, call);
    }
    match (name, arguments.as_slice()) {
        ("FLOOR", [value, unit]) => rounded_time(binder, Function::FloorTo, value, unit),
        ("CEIL" | "CEILING", [value, unit]) => rounded_time(binder, Function::CeilTo, value, unit),
        ("COALESCE", [_, ..]) => coalesce(binder, &arguments, span),
        ("IFNULL", [_, _]) => coalesce(binder, &arguments, span),
        ("NULLIF", [value, other]) => {
            let (value, other) = (binder.bind(value)?, binder.bind(other)?);
            let equal = compare(Function::Equal, value.clone(), other, span)?;
            let of = value.of();
            case(vec![(equal, null(of))], Some(value), span)
        }
        ("IF", [condition, then, otherwise]) => {
            let condition = binder.condition(condition, "IF")?;
            let (then, otherwise) = (binder.bind(then)?, binder.bind(otherwise)?);
            case(vec![(condition, then)], Some(otherwise), span)
        }
        ("GREATEST", [_, ..]) => extreme(binder, Function::Greatest, &arguments, span),
        ("LEAST", [_, ..]) => extreme(binder, Function::Least, &arguments, span),
        ("MOD", [left, right]) => {
            let (left, right) = (binder.bind(left)?, binder.bind(right)?);
            arithmetic::bind(Function::Modulo, left, right)
                .ok_or_else(|| SqlError::new("MOD takes two numbers", span))
        }
        ("ROUND", [value] | [value, _]) => round(binder, value, arguments.get(1).copied(), span),
        ("EXTRACT", [unit, value]) => extract(binder, time::unit(unit)?, value),
        ("TIMESTAMPDIFF", [unit, from, to]) => difference(binder, unit, from, to, span),
        ("TIMESTAMPADD", [unit, count, value]) => add(binder, unit, count, value),
        ("TO_TIMESTAMP_LTZ", [value] | [value, _]) => {
            to_timestamp_ltz(binder, value, arguments.get(1).copied())
        }
        (_, [value]) => match part(name) {
            Some(unit) => extract(binder, unit, value),
            None => Err(unknown(call, span)),
        },
        _ => Err(unknown(call, span)),
    }
}

fn refuse_misplaced(call: &Call) -> Result<(), SqlError> {
    let name = call.name.text.as_str();
    let at = call.name.span;
    if AGGREGATES.contains(&name) {
        return Err(SqlError::new(format!("{name} has no place here"), at).with_hint(
            "aggregates stand in SELECT and HAVING of a query with GROUP BY, not in each other",
        ));
    }
    if WINDOWS.contains(&name) || matches!(name, "HOP" | "SESSION" | "CUMULATE") {
        return Err(SqlError::new(format!("{name} has no place here"), at).with_hint(
            "windows stand in FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)), or in GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE)",
        ));
    }
    if call.star || call.distinct || call.filter.is_some() {
        return Err(SqlError::new(
            format!("{name} is no aggregate: it takes no *, DISTINCT or FILTER"),
            at,
        ));
    }
    if let Some(named) = call.arguments.iter().find_map(|argument| argument.name.as_ref()) {
        return Err(SqlError::new(format!("{name} takes its arguments by position"), named.span));
    }
    Ok(())
}

fn unknown(call: &Call, span: Span) -> SqlError {
    let name = call.name.text.as_str();
    let changing = [
        "NOW",
        "PROCTIME",
        "CURRENT_TIMESTAMP",
        "LOCALTIMESTAMP",
        "CURRENT_DATE",
        "CURRENT_TIME",
        "LOCALTIME",
        "CURRENT_ROW_TIMESTAMP",
        "UNIX_TIMESTAMP",
        "RAND",
        "RAND_INTEGER",
        "UUID",
        "CURRENT_WATERMARK",
    ];
    if changing.contains(&name) {
        return SqlError::new(format!("{name} is not served: its value changes from run to run"), call.name.span)
            .with_hint("a job must give the same results when it is run again; use the row time, or METADATA FROM 'timestamp'");
    }
    if functions().contains(&name) {
        return SqlError::new(
            format!("{name} does not take {} arguments", call.arguments.len()),
            span,
        );
    }
    let error = SqlError::new(
        format!("there is no function {name}, or it is not served yet"),
        call.name.span,
    );
    match nearest(name, functions()) {
        Some(meant) => error.with_hint(format!("did you mean {meant}? SHOW FUNCTIONS lists all")),
        None => error.with_hint("SHOW FUNCTIONS lists those that are"),
    }
}

fn from_row(
    binder: &mut Binder<'_>,
    row: &Row,
    arguments: &[&Expression],
    call: &Call,
) -> Result<Expr, SqlError> {
    let most = if row.variadic { usize::MAX } else { row.parameters.len() };
    if !(row.required..=most).contains(&arguments.len()) {
        return Err(unknown(call, call.name.span));
    }
    let last = row.parameters.last().copied().unwrap_or(Parameter::Text);
    let mut bound = Vec::with_capacity(arguments.len());
    for (index, argument) in arguments.iter().enumerate() {
        let wanted = row.parameters.get(index).copied().unwrap_or(last);
        let value = binder.bind(argument)?;
        bound.push(fit(value, wanted).map_err(|of| {
            let wanted = describe(wanted);
            SqlError::new(
                format!("{} takes {wanted} here, and this is {of}", row.name),
                argument.span,
            )
            .with_hint(format!("write CAST(x AS {wanted})"))
        })?);
    }
    let first = bound.first().map_or(Type::Null, Expr::of);
    let of = match row.result {
        Outcome::Is(of) => of,
        Outcome::First => first,
        Outcome::Whole => match first {
            Type::Decimal { precision, .. } => Type::Decimal { precision, scale: 0 },
            of => of,
        },
    };
    Ok(Expr::Call { function: row.function, arguments: bound, of })
}

/// `value` as the parameter wants it, or its type if it cannot be.
fn fit(value: Expr, wanted: Parameter) -> Result<Expr, Type> {
    let of = value.of();
    let to = match (wanted, of) {
        (Parameter::Text, Type::String | Type::Null) => Type::String,
        (Parameter::Int, Type::TinyInt | Type::SmallInt | Type::Int | Type::Null) => Type::Int,
        (Parameter::BigInt, of) if is_integer(of) || of == Type::Null => Type::BigInt,
        (Parameter::Number, Type::Null) => Type::Int,
        (Parameter::Number, of) if is_numeric(of) => of,
        (Parameter::Double, of) if is_numeric(of) || of == Type::Null => Type::Double,
        (Parameter::Time, of) if is_timestamp(of) => of,
        (Parameter::Time, Type::String) => Type::String,
        (Parameter::Time, Type::Date | Type::Null) => Type::Timestamp { precision: 3 },
        (_, of) => return Err(of),
    };
    Ok(cast(value, to))
}

const fn describe(wanted: Parameter) -> &'static str {
    match wanted {
        Parameter::Text => "STRING",
        Parameter::Int => "INT",
        Parameter::BigInt => "BIGINT",
        Parameter::Number | Parameter::Double => "DOUBLE",
        Parameter::Time => "TIMESTAMP(3)",
    }
}

fn coalesce(
    binder: &mut Binder<'_>,
    arguments: &[&Expression],
    span: Span,
) -> Result<Expr, SqlError> {
    let mut bound = arguments.iter().map(|it| binder.bind(it)).collect::<Result<Vec<_>, _>>()?;
    let otherwise = bound.pop();
    if bound.is_empty() {
        return otherwise.ok_or_else(|| SqlError::new("COALESCE takes arguments", span));
    }
    let branches = bound
        .into_iter()
        .map(|value| (truth(Function::IsNotNull, vec![value.clone()]), value))
        .collect();
    case(branches, otherwise, span)
}

fn extreme(
    binder: &mut Binder<'_>,
    function: Function,
    arguments: &[&Expression],
    span: Span,
) -> Result<Expr, SqlError> {
    let bound = arguments.iter().map(|it| binder.bind(it)).collect::<Result<Vec<_>, _>>()?;
    let of = bound
        .iter()
        .try_fold(Type::Null, |of, value| common(of, value.of()))
        .filter(|of| !matches!(of, Type::Bytes | Type::Boolean))
        .ok_or_else(|| {
            SqlError::new("the arguments have no type in common that has an order", span)
        })?;
    let arguments = bound.into_iter().map(|value| cast(value, of)).collect();
    Ok(Expr::Call { function, arguments, of })
}

fn round(
    binder: &mut Binder<'_>,
    value: &Expression,
    places: Option<&Expression>,
    span: Span,
) -> Result<Expr, SqlError> {
    let bound = binder.bind(value)?;
    if !is_numeric(bound.of()) {
        return Err(SqlError::new(
            format!("ROUND takes a number, and this is {}", bound.of()),
            value.span,
        ));
    }
    let places = match places {
        None => 0,
        Some(places) => {
            let bound = binder.bind(places)?;
            time::constant_integer(&bound).ok_or_else(|| {
                SqlError::new("ROUND takes a constant number of places", span)
                    .with_hint("write ROUND(x, 2)")
            })?
        }
    };
    let places = places.clamp(-40, 40);
    let of = match bound.of() {
        Type::Decimal { precision, scale } => arithmetic::rounded(precision, scale, places),
        of => of,
    };
    let places = Expr::Literal { value: flow::types::Value::Integer(places), of: Type::Int };
    Ok(Expr::Call { function: Function::Round, arguments: vec![bound, places], of })
}

/// A time as itself; text as a TIMESTAMP.
fn moment(binder: &mut Binder<'_>, value: &Expression) -> Result<Expr, SqlError> {
    let bound = binder.bind(value)?;
    match bound.of() {
        of if is_timestamp(of) || matches!(of, Type::Date | Type::Time) => Ok(bound),
        Type::String | Type::Null => Ok(cast(bound, Type::Timestamp { precision: 3 })),
        of => Err(SqlError::new(format!("expected a time, and this is {of}"), value.span)
            .with_hint("make it a time: TO_TIMESTAMP_LTZ(x, 3)")),
    }
}

fn rounded_time(
    binder: &mut Binder<'_>,
    function: fn(TimeUnit) -> Function,
    value: &Expression,
    unit: &Expression,
) -> Result<Expr, SqlError> {
    let bound = moment(binder, value)?;
    let at = unit.span;
    let unit = time::unit(unit)?;
    if time::interval(unit, 1).is_none() {
        return Err(SqlError::new("a time cannot be cut to this unit", at)
            .with_hint("SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR"));
    }
    let of = bound.of();
    Ok(Expr::Call { function: function(unit), arguments: vec![bound], of })
}

fn extract(binder: &mut Binder<'_>, unit: TimeUnit, value: &Expression) -> Result<Expr, SqlError> {
    let bound = moment(binder, value)?;
    let of_clock = matches!(
        unit,
        TimeUnit::Hour | TimeUnit::Minute | TimeUnit::Second | TimeUnit::Millisecond
    );
    if bound.of() == Type::Time && !of_clock {
        return Err(SqlError::new("a TIME has hours, minutes and seconds only", value.span));
    }
    Ok(Expr::Call { function: Function::Extract(unit), arguments: vec![bound], of: Type::BigInt })
}

fn difference(
    binder: &mut Binder<'_>,
    unit: &Expression,
    from: &Expression,
    to: &Expression,
    span: Span,
) -> Result<Expr, SqlError> {
    let at = unit.span;
    let unit = time::unit(unit)?;
    if time::interval(unit, 1).is_none() {
        return Err(SqlError::new("times do not differ in this unit", at)
            .with_hint("SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR"));
    }
    let (from, to) = (moment(binder, from)?, moment(binder, to)?);
    let of = common(from.of(), to.of()).ok_or_else(|| {
        SqlError::new(format!("{} and {} have no difference", from.of(), to.of()), span)
    })?;
    let arguments = vec![cast(from, of), cast(to, of)];
    Ok(Expr::Call { function: Function::TimestampDiff(unit), arguments, of: Type::Int })
}

fn add(
    binder: &mut Binder<'_>,
    unit: &Expression,
    count: &Expression,
    value: &Expression,
) -> Result<Expr, SqlError> {
    let unit_kind = time::unit(unit)?;
    let counted = binder.bind(count)?;
    let interval =
        time::constant_integer(&counted).and_then(|count| time::interval(unit_kind, count));
    let Some(interval) = interval else {
        return Err(SqlError::new("TIMESTAMPADD takes a constant number of units", count.span)
            .with_hint("write TIMESTAMPADD(MINUTE, 5, x)"));
    };
    let bound = moment(binder, value)?;
    time::shift(bound, interval)
        .map_err(|of| SqlError::new(format!("{of} cannot be moved by this unit"), value.span))
}

fn to_timestamp_ltz(
    binder: &mut Binder<'_>,
    value: &Expression,
    precision: Option<&Expression>,
) -> Result<Expr, SqlError> {
    let bound = binder.bind(value)?;
    let of = match bound.of() {
        of if is_integer(of) || of == Type::Null => Type::BigInt,
        of if is_numeric(of) => Type::Double,
        of => {
            return Err(SqlError::new(
                format!("TO_TIMESTAMP_LTZ takes a number here, and this is {of}"),
                value.span,
            )
            .with_hint("write CAST(TO_TIMESTAMP(x) AS TIMESTAMP_LTZ(3)) for text"));
        }
    };
    let digits = match precision {
        None => 3,
        Some(given) => {
            let bound = binder.bind(given)?;
            time::constant_integer(&bound).filter(|digits| matches!(digits, 0 | 3)).ok_or_else(
                || {
                    SqlError::new("the precision of TO_TIMESTAMP_LTZ is 0 or 3", given.span)
                        .with_hint("0 counts seconds, 3 milliseconds")
                },
            )?
        }
    };
    let arguments = vec![cast(bound, of), bigint(digits)];
    let of = Type::TimestampLtz { precision: 3 };
    Ok(Expr::Call { function: Function::ToTimestampLtz, arguments, of })
}

/// `HOUR(ts)` and its like.
fn part(name: &str) -> Option<TimeUnit> {
    Some(match name {
        "YEAR" => TimeUnit::Year,
        "QUARTER" => TimeUnit::Quarter,
        "MONTH" => TimeUnit::Month,
        "WEEK" => TimeUnit::Week,
        "DAYOFYEAR" => TimeUnit::DayOfYear,
        "DAYOFMONTH" => TimeUnit::Day,
        "DAYOFWEEK" => TimeUnit::DayOfWeek,
        "HOUR" => TimeUnit::Hour,
        "MINUTE" => TimeUnit::Minute,
        "SECOND" => TimeUnit::Second,
        _ => return None,
    })
}
