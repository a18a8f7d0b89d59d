//! Constants: numbers, texts, bytes, moments, intervals.

use sqlparser::ast::{Expr as Tree, TypedString, UnaryOperator, Value};

use super::{
    expression::{Translator, node},
    interval::{self, Unit},
};
use crate::{
    SqlError,
    span::Span,
    syntax::{Expression, ExpressionKind as Kind},
};

impl Translator<'_> {
    pub(super) fn literal(&self, value: &Value, span: Span) -> Result<Expression, SqlError> {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Boolean(truth) => Kind::Boolean(*truth),
            Value::Number(digits, false) => Kind::Number(digits.clone()),
            Value::SingleQuotedString(text)
            | Value::NationalStringLiteral(text)
            | Value::UnicodeStringLiteral(text) => Kind::Text(text.clone()),
            Value::HexStringLiteral(digits) => match hex(digits) {
                Some(bytes) => Kind::Bytes(bytes),
                None => {
                    return Err(SqlError::new("not a binary literal", span)
                        .with_hint("write X'0aff': pairs of hexadecimal digits"));
                }
            },
            Value::DoubleQuotedString(_) => {
                return Err(SqlError::new("double quotes are not used in Flink SQL", span)
                    .with_hint("text stands in 'single quotes', names in `back-ticks`"));
            }
            _ => return Err(SqlError::new("this kind of literal is not SQL", span)),
        };
        Ok(node(span, kind))
    }

    /// `DATE '2020-01-31'`.
    pub(super) fn moment(&self, typed: &TypedString) -> Result<Expression, SqlError> {
        use flow::types::Type;
        use sqlparser::ast::{DataType, TimezoneInfo};
        let span = self.places.span(typed.value.span);
        let of = match typed.data_type {
            DataType::Date => Type::Date,
            DataType::Time(None, TimezoneInfo::None) => Type::Time,
            DataType::Timestamp(None, TimezoneInfo::None) => Type::Timestamp { precision: 3 },
            _ => {
                return Err(SqlError::new(
                    "a type before a literal is DATE, TIME or TIMESTAMP",
                    span,
                )
                .with_hint("write CAST('…' AS type)"));
            }
        };
        match &typed.value.value {
            Value::SingleQuotedString(text) => Ok(node(span, Kind::Moment(of, text.clone()))),
            _ => Err(SqlError::new("expected text in single quotes", span)),
        }
    }

    pub(super) fn interval(
        &self,
        interval: &sqlparser::ast::Interval,
    ) -> Result<Expression, SqlError> {
        let (text, span) = match &*interval.value {
            Tree::Value(value) => match &value.value {
                Value::SingleQuotedString(text) | Value::Number(text, _) => {
                    (text.clone(), self.places.span(value.span))
                }
                _ => {
                    return self.refuse(
                        "this form of INTERVAL",
                        self.near,
                        "write INTERVAL '5' MINUTE",
                    );
                }
            },
            Tree::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
                Tree::Value(value) => match &value.value {
                    Value::SingleQuotedString(text) | Value::Number(text, _) => {
                        (format!("-{text}"), self.places.span(value.span))
                    }
                    _ => {
                        return self.refuse(
                            "this form of INTERVAL",
                            self.near,
                            "write INTERVAL '5' MINUTE",
                        );
                    }
                },
                _ => {
                    return self.refuse(
                        "this form of INTERVAL",
                        self.near,
                        "write INTERVAL '5' MINUTE",
                    );
                }
            },
            _ => {
                return self.refuse(
                    "an INTERVAL of a computed length",
                    self.near,
                    "write a constant: INTERVAL '5' MINUTE, or TIMESTAMPADD(MINUTE, 5, x)",
                );
            }
        };
        let unit = |field: &Option<sqlparser::ast::DateTimeField>| {
            field.as_ref().map(|field| Unit::parse(&field.to_string()))
        };
        let (from, to) = (unit(&interval.leading_field), unit(&interval.last_field));
        let hint = "write INTERVAL '5' MINUTE; units are SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER, YEAR, \
            and ranges like DAY TO SECOND";
        let (Some(Some(from)), None | Some(Some(_))) = (from, to) else {
            return Err(SqlError::new("the INTERVAL has no unit", span).with_hint(hint));
        };
        match interval::parse(&text, from, to.flatten()) {
            Some(interval) => Ok(node(span, Kind::Interval(interval))),
            None => {
                Err(SqlError::new(format!("'{text}' is no such INTERVAL"), span).with_hint(hint))
            }
        }
    }
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = digits.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte * 16 + digit)).ok())
        .collect()
}
