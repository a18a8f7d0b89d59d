//! Bound expressions: every column an ordinal, every call a known function with its result type.
//!
//! Made by `sql` (which has checked and coerced all types: operands of a comparison or an arithmetic call have the
//! types that Flink would give them, casts are explicit); evaluated here over columns.

mod arithmetic;
mod cast;
mod check;
mod compare;
mod eval;
mod hash;
mod logic;
mod number;
mod operand;
mod pattern;
mod text;
mod time;

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    arithmetic::{narrow, narrow_double},
    cast::{bounds, cut_fraction, write_integer},
    compare::{compare_doubles, form_of},
    eval::Scope,
    operand::{Failure, Operand, Reason, Validity},
};
use crate::types::{Type, Value};

/// A bound expression over the columns of its input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Expr {
    /// The input's column with this ordinal.
    Column {
        /// Ordinal in the input schema.
        ordinal: usize,
        /// Its type.
        of: Type,
    },
    /// A constant.
    Literal {
        /// The value.
        value: Value,
        /// Its type.
        of: Type,
    },
    /// A function of its arguments.
    Call {
        /// Which.
        function: Function,
        /// Its arguments, coerced.
        arguments: Vec<Expr>,
        /// The result's type.
        of: Type,
    },
    /// `CASE WHEN … THEN … ELSE … END`; also what COALESCE, NULLIF and IF become.
    Case {
        /// Conditions and what they give, all coerced to `of`.
        branches: Vec<(Expr, Expr)>,
        /// ELSE; NULL when there is none.
        otherwise: Option<Box<Expr>>,
        /// The result's type.
        of: Type,
    },
    /// `CAST` or, when `or_null`, `TRY_CAST`.
    Cast {
        /// What is cast.
        from: Box<Expr>,
        /// To which type.
        to: Type,
        /// Whether a failure is NULL instead of a bad row.
        or_null: bool,
    },
}

/// Units of time that functions and intervals name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TimeUnit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    DayOfWeek,
    DayOfYear,
    Epoch,
}

/// A scalar function. NULL in, NULL out, unless its line says otherwise. Names and rules are Flink's
/// ("System (Built-in) Functions", 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "Flink's names")]
pub enum Function {
    // arithmetic; both sides have the result's type, but for DECIMAL, where the result follows Flink's rules,
    // HALF_UP, overflow gives NULL. Integer division by zero makes a bad row.
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Negate,
    // comparison; both sides have one type (decimals: one scale)
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    // three-valued logic
    And,
    Or,
    Not,
    // never NULL
    IsNull,
    IsNotNull,
    IsTrue,
    IsNotTrue,
    IsFalse,
    IsNotFalse,
    IsDistinctFrom,
    IsNotDistinctFrom,
    // text
    Concat,
    /// Skips NULL arguments; NULL only when the separator is.
    ConcatWs,
    Upper,
    Lower,
    Trim,
    LeftTrim,
    RightTrim,
    Substring,
    CharLength,
    Position,
    Replace,
    SplitIndex,
    /// Pattern with `%` and `_`, escape `\`.
    Like,
    StartsWith,
    EndsWith,
    Left,
    Right,
    LeftPad,
    RightPad,
    Reverse,
    Repeat,
    // numbers
    Abs,
    Floor,
    Ceil,
    Round,
    Power,
    Sqrt,
    Sign,
    Greatest,
    Least,
    // time; an interval argument is a BIGINT literal of milliseconds, or of months for `AddMonths`
    AddMilliseconds,
    AddMonths,
    /// Milliseconds from the second argument to the first.
    MillisecondsBetween,
    Extract(TimeUnit),
    FloorTo(TimeUnit),
    CeilTo(TimeUnit),
    TimestampDiff(TimeUnit),
    /// (TIMESTAMP or TIMESTAMP_LTZ, Java pattern) to text.
    DateFormat,
    /// (text[, Java pattern]) to TIMESTAMP(3); NULL when it cannot be read.
    ToTimestamp,
    /// (BIGINT or DOUBLE, precision 0 or 3) to TIMESTAMP_LTZ(3).
    ToTimestampLtz,
    /// (BIGINT seconds[, pattern]) to text.
    FromUnixtime,
    /// (text[, pattern]) to BIGINT seconds.
    UnixTimestamp,
    ToDate,
    // hashes
    Md5,
    HashCode,
}

impl Expr {
    /// The type of what it gives.
    #[must_use]
    pub const fn of(&self) -> Type {
        match self {
            Self::Column { of, .. }
            | Self::Literal { of, .. }
            | Self::Call { of, .. }
            | Self::Case { of, .. } => *of,
            Self::Cast { to, .. } => *to,
        }
    }
}

#[cfg(test)]
mod eval_tests;
