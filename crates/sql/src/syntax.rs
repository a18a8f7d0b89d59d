//! Statements as they were written: names are not resolved, types not checked, every node knows its place.
//!
//! Made by `parse`, read by `table` and `bind`. Special spellings (`EXTRACT(HOUR FROM x)`, `x || y`) are calls here.

use flow::types::Type;

use crate::span::{Place, Span};

/// An identifier, without its back-ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As written; columns and tables are case-sensitive.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    pub(crate) kind: ExpressionKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ExpressionKind {
    /// `a`, `t.a`.
    Column(Vec<Name>),
    Null,
    Boolean(bool),
    /// Digits as written.
    Number(String),
    Text(String),
    Bytes(Vec<u8>),
    /// `DATE '…'`, `TIME '…'`, `TIMESTAMP '…'`.
    Moment(Type, String),
    Interval(Interval),
    Not(Box<Expression>),
    Negate(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Is(Test, Box<Expression>),
    Between {
        of: Box<Expression>,
        low: Box<Expression>,
        high: Box<Expression>,
        negated: bool,
    },
    In {
        of: Box<Expression>,
        list: Vec<Expression>,
        negated: bool,
    },
    Like {
        of: Box<Expression>,
        pattern: Box<Expression>,
        escape: Option<char>,
        negated: bool,
    },
    Case {
        operand: Option<Box<Expression>>,
        branches: Vec<(Expression, Expression)>,
        otherwise: Option<Box<Expression>>,
    },
    Cast {
        from: Box<Expression>,
        to: TypeName,
        or_null: bool,
    },
    Call(Call),
    /// `TABLE t`, or a subquery, as an argument of a window function.
    Table(Box<Factor>),
    /// `DESCRIPTOR(ts)`.
    Descriptor(Vec<Name>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Concat,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    IsDistinctFrom,
    IsNotDistinctFrom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Null,
    NotNull,
    True,
    NotTrue,
    False,
    NotFalse,
    Unknown,
    NotUnknown,
}

/// `f(a, b)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// In upper case.
    pub(crate) name: Name,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) distinct: bool,
    /// `COUNT(*)`.
    pub(crate) star: bool,
    /// `FILTER (WHERE …)`.
    pub(crate) filter: Option<Box<Expression>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Argument {
    /// `SIZE =>`, in upper case.
    pub(crate) name: Option<Name>,
    pub(crate) value: Expression,
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interval {
    Milliseconds(i64),
    Months(i64),
}

/// A type as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeName {
    /// What it is here.
    pub(crate) of: Type,
    /// CHAR(n) and VARCHAR(n) cut, CHAR(n) also pads, when cast to.
    pub(crate) length: Option<Length>,
    pub(crate) nullable: bool,
    /// In Flink's spelling.
    pub(crate) declared: String,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length {
    pub(crate) characters: u32,
    pub(crate) padded: bool,
}

/// `[WITH …] SELECT …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub(crate) with: Vec<(Name, Query)>,
    pub(crate) select: Box<Select>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Select {
    pub(crate) items: Vec<Item>,
    pub(crate) from: Factor,
    pub(crate) filter: Option<Expression>,
    pub(crate) group: Vec<Expression>,
    pub(crate) having: Option<Expression>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// `*`, `t.*`.
    All {
        of: Option<Name>,
        span: Span,
    },
    Expression {
        value: Expression,
        alias: Option<Name>,
    },
}

/// What FROM names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Factor {
    pub(crate) kind: FactorKind,
    pub(crate) alias: Option<Name>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FactorKind {
    Table(Name),
    Query(Query),
    /// `TUMBLE(…)`, with or without `TABLE(…)` around it.
    Function(Call),
}

/// The parenthesis and the WITH of a CREATE TABLE.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDefinition {
    /// The table's name.
    pub name: Name,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) watermark: Option<WatermarkDefinition>,
    pub(crate) primary_key: Vec<Name>,
    pub(crate) comment: Option<String>,
    pub(crate) options: Vec<OptionDefinition>,
    /// The whole statement.
    pub(crate) span: Span,
    pub(crate) start: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: Name,
    pub(crate) kind: ColumnDefinitionKind,
    pub(crate) comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ColumnDefinitionKind {
    Physical(TypeName),
    Metadata { of: TypeName, from: Option<Name>, is_virtual: bool },
    Computed { value: Expression, text: String },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WatermarkDefinition {
    pub(crate) column: Name,
    pub(crate) mark: Expression,
    pub(crate) text: String,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OptionDefinition {
    pub(crate) key: Name,
    pub(crate) value: Name,
}
