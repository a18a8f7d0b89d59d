//! Constants as written to constants of a type.

use flow::{
    expr::Expr,
    types::{Type, Value},
};

use super::{coerce::DIGITS_MAX, moment};
use crate::{SqlError, span::Span, syntax::ExpressionKind as Kind};

/// The constant that `kind` is; none if it is something else.
pub(super) fn bind(kind: &Kind, span: Span) -> Option<Result<Expr, SqlError>> {
    Some(Ok(match kind {
        Kind::Null => null(Type::Null),
        Kind::Boolean(truth) => constant(Value::Boolean(*truth), Type::Boolean),
        Kind::Text(text) => constant(Value::String(text.clone()), Type::String),
        Kind::Bytes(bytes) => constant(Value::Bytes(bytes.clone()), Type::Bytes),
        Kind::Number(digits) => return Some(number(digits, span)),
        Kind::Moment(of, text) => match moment::parse(text, *of) {
            Some(value) => constant(Value::Integer(value), *of),
            None => {
                return Some(Err(SqlError::new(format!("'{text}' is no {}", word(*of)), span)
                    .with_hint("write DATE '2013-01-31', TIME '05:15:00', TIMESTAMP '2013-01-31 05:15:00.000'")));
            }
        },
        _ => return None,
    }))
}

pub(super) const fn constant(value: Value, of: Type) -> Expr {
    Expr::Literal { value, of }
}

pub(super) const fn null(of: Type) -> Expr {
    constant(Value::Null, of)
}

pub(super) const fn bigint(value: i64) -> Expr {
    constant(Value::Integer(value), Type::BigInt)
}

fn word(of: Type) -> &'static str {
    match of {
        Type::Date => "DATE",
        Type::Time => "TIME",
        _ => "TIMESTAMP",
    }
}

/// INT, else BIGINT, else DECIMAL; DOUBLE with an exponent.
fn number(text: &str, span: Span) -> Result<Expr, SqlError> {
    let wrong = || {
        SqlError::new("the number is too large", span)
            .with_hint(format!("exact numbers have at most {DIGITS_MAX} digits; 1e40 is a DOUBLE"))
    };
    if text.contains(['e', 'E']) {
        let value: f64 = text.parse().map_err(|_| SqlError::new("not a number", span))?;
        return if value.is_finite() {
            Ok(constant(Value::Double(value), Type::Double))
        } else {
            Err(wrong())
        };
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !text.contains('.')
        && let Ok(value) = whole.parse::<i64>()
    {
        let of = if i32::try_from(value).is_ok() { Type::Int } else { Type::BigInt };
        return Ok(constant(Value::Integer(value), of));
    }
    let scale = u8::try_from(fraction.len()).map_err(|_| wrong())?;
    let significant = whole.trim_start_matches('0').len().max(usize::from(fraction.is_empty()));
    let length = u8::try_from((significant + fraction.len()).max(1)).map_err(|_| wrong())?;
    // Leading zeros before the point count as one digit: 0.05 is DECIMAL(3, 2).
    let precision = if significant == 0 { length.saturating_add(1) } else { length };
    let unscaled: i128 = format!("{whole}{fraction}").parse().map_err(|_| wrong())?;
    if precision > DIGITS_MAX {
        return Err(wrong());
    }
    Ok(constant(Value::Decimal(unscaled), Type::Decimal { precision, scale }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_flinks_types() {
        let decimal = |precision, scale| Type::Decimal { precision, scale };
        let table = [
            ("0", Type::Int),
            ("2147483647", Type::Int),
            ("2147483648", Type::BigInt),
            ("9223372036854775808", decimal(19, 0)),
            ("1.50", decimal(3, 2)),
            ("0.05", decimal(3, 2)),
            (".5", decimal(2, 1)),
            ("1e3", Type::Double),
        ];
        for (text, of) in table {
            assert_eq!(number(text, Span::default()).map(|expr| expr.of()), Ok(of), "{text}");
        }
        for text in ["1e999", &"9".repeat(39), &format!("0.{}", "1".repeat(300)), "1e"] {
            assert!(number(text, Span::default()).is_err(), "{text}");
        }
    }
}
