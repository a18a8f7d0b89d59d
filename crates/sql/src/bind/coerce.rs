//! Which type two types have in common, and casts. Source: Flink 2.2 `LogicalTypeMerging`, `LogicalTypeCasts`.

use flow::{
    expr::{Expr, Function},
    types::{Type, Value},
};

/// The type that both become in CASE, COALESCE and comparisons; none if they have none in common.
pub(crate) fn common(left: Type, right: Type) -> Option<Type> {
    use Type::{Date, Decimal, Double, Float, Null, Timestamp, TimestampLtz};
    Some(match (left, right) {
        (left, right) if left == right => left,
        (Null, other) | (other, Null) => other,
        (Timestamp { precision: a }, Timestamp { precision: b }) => {
            Timestamp { precision: a.max(b) }
        }
        (
            TimestampLtz { precision: a },
            TimestampLtz { precision: b } | Timestamp { precision: b },
        )
        | (Timestamp { precision: a }, TimestampLtz { precision: b }) => {
            TimestampLtz { precision: a.max(b) }
        }
        (Date, time @ (Timestamp { .. } | TimestampLtz { .. }))
        | (time @ (Timestamp { .. } | TimestampLtz { .. }), Date) => time,
        _ if !is_numeric(left) || !is_numeric(right) => return None,
        (Double, _) | (_, Double) => Double,
        (Float, Decimal { .. }) | (Decimal { .. }, Float) => Double,
        (Float, _) | (_, Float) => Float,
        (Decimal { .. }, _) | (_, Decimal { .. }) => {
            let ((p1, s1), (p2, s2)) = (digits(left)?, digits(right)?);
            let scale = s1.max(s2);
            let whole = (p1 - s1).max(p2 - s2);
            Decimal { precision: (whole + scale).min(DIGITS_MAX), scale }
        }
        _ if rank(left) >= rank(right) => left,
        _ => right,
    })
}

/// Digits of the widest DECIMAL.
pub(super) const DIGITS_MAX: u8 = 38;

pub(crate) fn is_numeric(of: Type) -> bool {
    is_integer(of) || matches!(of, Type::Float | Type::Double | Type::Decimal { .. })
}

pub(crate) fn is_integer(of: Type) -> bool {
    rank(of) > 0
}

pub(crate) fn is_timestamp(of: Type) -> bool {
    matches!(of, Type::Timestamp { .. } | Type::TimestampLtz { .. })
}

fn rank(of: Type) -> u8 {
    match of {
        Type::TinyInt => 1,
        Type::SmallInt => 2,
        Type::Int => 3,
        Type::BigInt => 4,
        _ => 0,
    }
}

/// (precision, scale) of an exact number.
pub(super) fn digits(of: Type) -> Option<(u8, u8)> {
    Some(match of {
        Type::TinyInt => (3, 0),
        Type::SmallInt => (5, 0),
        Type::Int => (10, 0),
        Type::BigInt => (19, 0),
        Type::Decimal { precision, scale } => (precision, scale),
        _ => return None,
    })
}

/// Whether INSERT casts by itself.
pub(crate) fn is_implicit(from: Type, to: Type) -> bool {
    use Type::{Date, Decimal, Double, Float, Null, Time};
    match (from, to) {
        (Null, _) => true,
        (from, to) if from == to => true,
        (from, Decimal { .. } | Double) => is_numeric(from),
        (from, Float) => is_integer(from) || matches!(from, Decimal { .. }),
        (from, to) if is_integer(to) => is_integer(from) && rank(from) <= rank(to),
        (from, to) if is_timestamp(to) => is_timestamp(from),
        (from, Date | Time) => matches!(from, Type::Timestamp { .. }),
        _ => false,
    }
}

/// Whether CAST is defined.
pub(crate) fn is_castable(from: Type, to: Type) -> bool {
    use Type::{Boolean, Bytes, Date, Null, String, Time};
    let is_time = |of: Type| is_timestamp(of) || matches!(of, Date | Time);
    match (from, to) {
        (_, Null) => false,
        (from, to) if from == to => true,
        (Null, _) | (_, String) | (String, _) => true,
        (Boolean, to) => is_numeric(to),
        (from, Boolean) => is_numeric(from),
        (from, to) if is_numeric(from) => is_numeric(to),
        (Date, Time) | (Time, Date) => false,
        (from, to) if is_time(from) => is_time(to),
        (Bytes, Bytes) => true,
        _ => false,
    }
}

/// `expr` as `to`. Constants are cast here and now where that needs neither zone nor rounding.
pub(crate) fn cast(expr: Expr, to: Type) -> Expr {
    if expr.of() == to {
        return expr;
    }
    if let Expr::Literal { value, of } = &expr
        && let Some(value) = fold(value, *of, to)
    {
        return Expr::Literal { value, of: to };
    }
    Expr::Cast { from: Box::new(expr), to, or_null: false }
}

/// The value as another type, if it is the same value there.
fn fold(value: &Value, from: Type, to: Type) -> Option<Value> {
    match value {
        Value::Null => Some(Value::Null),
        Value::Integer(number) if is_integer(from) => match to {
            Type::TinyInt => i8::try_from(*number).ok().map(|_| value.clone()),
            Type::SmallInt => i16::try_from(*number).ok().map(|_| value.clone()),
            Type::Int => i32::try_from(*number).ok().map(|_| value.clone()),
            Type::BigInt => Some(value.clone()),
            Type::Double => number.to_string().parse().ok().map(Value::Double),
            Type::Decimal { precision, scale } => rescale(i128::from(*number), 0, precision, scale),
            _ => None,
        },
        Value::Decimal(unscaled) => {
            let Type::Decimal { scale: from, .. } = from else { return None };
            match to {
                Type::Decimal { precision, scale } => rescale(*unscaled, from, precision, scale),
                Type::Double => format!("{unscaled}e-{from}").parse().ok().map(Value::Double),
                _ => None,
            }
        }
        Value::Integer(_) => {
            matches!((from, to), (Type::Timestamp { precision: a }, Type::Timestamp { precision: b }) if a <= b)
                .then(|| value.clone())
        }
        _ => None,
    }
}

fn rescale(unscaled: i128, from: u8, precision: u8, to: u8) -> Option<Value> {
    let up = 10_i128.checked_pow(u32::from(to.checked_sub(from)?))?;
    let value = unscaled.checked_mul(up)?;
    let most = 10_i128.checked_pow(u32::from(precision))?;
    (value.unsigned_abs() < most.unsigned_abs()).then_some(Value::Decimal(value))
}

/// All of `terms` joined by AND or OR, as a balanced tree: a chain of them may be long, and must not be deep.
pub(crate) fn joined(mut terms: Vec<Expr>, function: Function) -> Option<Expr> {
    while terms.len() > 1 {
        let mut pairs = Vec::with_capacity(terms.len().div_ceil(2));
        let mut rest = terms.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => {
                    Expr::Call { function, arguments: vec![left, right], of: Type::Boolean }
                }
                None => left,
            });
        }
        terms = pairs;
    }
    terms.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn decimal(precision: u8, scale: u8) -> Type {
        Type::Decimal { precision, scale }
    }

    #[test]
    fn common_types_are_flinks() {
        let table = [
            (Type::Int, Type::BigInt, Some(Type::BigInt)),
            (Type::TinyInt, Type::SmallInt, Some(Type::SmallInt)),
            (Type::Int, decimal(5, 2), Some(decimal(12, 2))),
            (decimal(10, 2), decimal(15, 4), Some(decimal(15, 4))),
            (decimal(38, 0), decimal(10, 5), Some(decimal(38, 5))),
            (Type::Float, Type::BigInt, Some(Type::Float)),
            (Type::Float, decimal(5, 2), Some(Type::Double)),
            (Type::Null, Type::String, Some(Type::String)),
            (Type::Date, Type::Timestamp { precision: 3 }, Some(Type::Timestamp { precision: 3 })),
            (Type::String, Type::Int, None),
            (Type::Boolean, Type::Int, None),
        ];
        for (left, right, expected) in table {
            assert_eq!(common(left, right), expected, "{left} {right}");
            assert_eq!(common(right, left), expected, "{right} {left}");
        }
    }

    #[test]
    fn inserts_widen_but_do_not_narrow() {
        assert!(is_implicit(Type::Int, Type::BigInt));
        assert!(!is_implicit(Type::BigInt, Type::Int));
        assert!(is_implicit(decimal(38, 2), decimal(15, 2)));
        assert!(is_implicit(Type::BigInt, decimal(10, 0)));
        assert!(!is_implicit(Type::Double, Type::Float));
        assert!(!is_implicit(Type::Int, Type::String));
        assert!(is_implicit(Type::TimestampLtz { precision: 3 }, Type::Timestamp { precision: 3 }));
    }

    #[test]
    fn constants_are_cast_exactly_or_not_at_all() {
        let literal = |value, of| Expr::Literal { value, of };
        let one = literal(Value::Integer(1), Type::Int);
        assert_eq!(cast(one.clone(), Type::Double), literal(Value::Double(1.0), Type::Double));
        assert_eq!(cast(one.clone(), decimal(5, 2)), literal(Value::Decimal(100), decimal(5, 2)));
        assert!(matches!(cast(one, decimal(2, 2)), Expr::Cast { .. }));
        let cents = literal(Value::Decimal(1_234), decimal(4, 2));
        assert_eq!(cast(cents.clone(), Type::Double), literal(Value::Double(12.34), Type::Double));
        assert!(matches!(cast(cents, decimal(4, 1)), Expr::Cast { .. }));
    }

    #[test]
    fn long_chains_are_not_deep() {
        let terms = vec![Expr::Literal { value: Value::Boolean(true), of: Type::Boolean }; 1_000];
        let tree = joined(terms, Function::And).expect("not empty");
        assert!(crate::bind::nodes::levels(&tree) <= 3 * 11 + 3);
        assert_eq!(joined(Vec::new(), Function::And), None);
    }
}
