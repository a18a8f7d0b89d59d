//! The functions whose arguments and results follow one line each. The others are in [`super::call`].

use flow::{expr::Function, types::Type};

/// A function as a table row.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) function: Function,
    pub(super) parameters: &'static [Parameter],
    /// How many of the parameters must be given.
    pub(super) required: usize,
    /// The last parameter may be given any number of times.
    pub(super) variadic: bool,
    pub(super) result: Outcome,
}

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    Text,
    /// TINYINT, SMALLINT, INT: becomes INT.
    Int,
    /// Any whole number: becomes BIGINT.
    BigInt,
    /// Any number, as it is.
    Number,
    /// Any number: becomes DOUBLE.
    Double,
    /// TIMESTAMP, TIMESTAMP_LTZ, or text, of which what is no time is NULL.
    Time,
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Is(Type),
    /// The type of the first argument.
    First,
    /// The first argument without its places behind the point.
    Whole,
}

const fn row(
    name: &'static str,
    function: Function,
    parameters: &'static [Parameter],
    required: usize,
    result: Outcome,
) -> Row {
    Row { name, function, parameters, required, variadic: false, result }
}

const fn any_number(
    name: &'static str,
    function: Function,
    parameters: &'static [Parameter],
) -> Row {
    Row { name, function, parameters, required: parameters.len(), variadic: true, result: TEXT }
}

const TEXT: Outcome = Outcome::Is(Type::String);
const INT: Outcome = Outcome::Is(Type::Int);
const DOUBLE: Outcome = Outcome::Is(Type::Double);
const BOOLEAN: Outcome = Outcome::Is(Type::Boolean);
const TIMESTAMP: Outcome = Outcome::Is(Type::Timestamp { precision: 3 });

use Parameter::{BigInt, Double, Int, Number, Text, Time};

pub(super) const ROWS: &[Row] = &[
    row("UPPER", Function::Upper, &[Text], 1, TEXT),
    row("LOWER", Function::Lower, &[Text], 1, TEXT),
    row("TRIM", Function::Trim, &[Text, Text], 1, TEXT),
    row("BTRIM", Function::Trim, &[Text, Text], 1, TEXT),
    row("LTRIM", Function::LeftTrim, &[Text, Text], 1, TEXT),
    row("RTRIM", Function::RightTrim, &[Text, Text], 1, TEXT),
    row("SUBSTRING", Function::Substring, &[Text, Int, Int], 2, TEXT),
    row("SUBSTR", Function::Substring, &[Text, Int, Int], 2, TEXT),
    row("CHAR_LENGTH", Function::CharLength, &[Text], 1, INT),
    row("CHARACTER_LENGTH", Function::CharLength, &[Text], 1, INT),
    row("POSITION", Function::Position, &[Text, Text], 2, INT),
    row("REPLACE", Function::Replace, &[Text, Text, Text], 3, TEXT),
    row("SPLIT_INDEX", Function::SplitIndex, &[Text, Text, Int], 3, TEXT),
    row("STARTSWITH", Function::StartsWith, &[Text, Text], 2, BOOLEAN),
    row("ENDSWITH", Function::EndsWith, &[Text, Text], 2, BOOLEAN),
    row("LEFT", Function::Left, &[Text, Int], 2, TEXT),
    row("RIGHT", Function::Right, &[Text, Int], 2, TEXT),
    row("LPAD", Function::LeftPad, &[Text, Int, Text], 3, TEXT),
    row("RPAD", Function::RightPad, &[Text, Int, Text], 3, TEXT),
    row("REVERSE", Function::Reverse, &[Text], 1, TEXT),
    row("REPEAT", Function::Repeat, &[Text, Int], 2, TEXT),
    any_number("CONCAT", Function::Concat, &[Text]),
    any_number("CONCAT_WS", Function::ConcatWs, &[Text, Text]),
    row("ABS", Function::Abs, &[Number], 1, Outcome::First),
    row("SIGN", Function::Sign, &[Number], 1, Outcome::First),
    row("FLOOR", Function::Floor, &[Number], 1, Outcome::Whole),
    row("CEIL", Function::Ceil, &[Number], 1, Outcome::Whole),
    row("CEILING", Function::Ceil, &[Number], 1, Outcome::Whole),
    row("POWER", Function::Power, &[Double, Double], 2, DOUBLE),
    row("SQRT", Function::Sqrt, &[Double], 1, DOUBLE),
    row("DATE_FORMAT", Function::DateFormat, &[Time, Text], 2, TEXT),
    row("TO_TIMESTAMP", Function::ToTimestamp, &[Text, Text], 1, TIMESTAMP),
    row("TO_DATE", Function::ToDate, &[Text, Text], 1, Outcome::Is(Type::Date)),
    row("FROM_UNIXTIME", Function::FromUnixtime, &[BigInt, Text], 1, TEXT),
    row("UNIX_TIMESTAMP", Function::UnixTimestamp, &[Text, Text], 1, Outcome::Is(Type::BigInt)),
    row("MD5", Function::Md5, &[Text], 1, TEXT),
    row("HASH_CODE", Function::HashCode, &[Text], 1, INT),
];

/// Names with rules of their own.
pub(super) const SPECIAL: &[&str] = &[
    "COALESCE",
    "IFNULL",
    "NULLIF",
    "IF",
    "GREATEST",
    "LEAST",
    "MOD",
    "ROUND",
    "EXTRACT",
    "YEAR",
    "QUARTER",
    "MONTH",
    "WEEK",
    "DAYOFYEAR",
    "DAYOFMONTH",
    "DAYOFWEEK",
    "HOUR",
    "MINUTE",
    "SECOND",
    "TIMESTAMPDIFF",
    "TIMESTAMPADD",
    "TO_TIMESTAMP_LTZ",
    "CAST",
    "TRY_CAST",
    "CASE",
];

/// Aggregates.
pub(super) const AGGREGATES: &[&str] = &["COUNT", "SUM", "MIN", "MAX", "AVG"];

/// What describes windows.
pub(super) const WINDOWS: &[&str] = &["TUMBLE", "TUMBLE_START", "TUMBLE_END", "TUMBLE_ROWTIME"];

/// The names of all functions that are served, sorted.
#[must_use]
pub fn functions() -> Vec<&'static str> {
    let mut names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    names.extend([SPECIAL, AGGREGATES, WINDOWS].into_iter().flatten());
    names.sort_unstable();
    names.dedup();
    names
}
