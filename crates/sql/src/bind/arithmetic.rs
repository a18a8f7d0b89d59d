//! Types of + - * / %. Source: Flink 2.2 `LogicalTypeMerging`, whose rules for DECIMAL are SQL Server's.

use flow::{
    expr::{Expr, Function},
    types::Type,
};

use super::coerce::{DIGITS_MAX, cast, common, digits, is_integer, is_numeric};

/// `left function right` over numbers; none if they are not numbers.
pub(super) fn bind(function: Function, left: Expr, right: Expr) -> Option<Expr> {
    let (from, to) = (left.of(), right.of());
    let both = common(from, to)?;
    if !is_numeric(both) {
        return None;
    }
    let is_decimal = matches!(both, Type::Decimal { .. });
    if is_decimal {
        return Some(decimal(function, left, right));
    }
    let of = both;
    let whole = Expr::Call { function, arguments: vec![cast(left, of), cast(right, of)], of };
    // The remainder has the divisor's type.
    let divisor = if to == Type::Null { of } else { to };
    if function == Function::Modulo && is_integer(divisor) {
        Some(cast(whole, divisor))
    } else {
        Some(whole)
    }
}

fn decimal(function: Function, left: Expr, right: Expr) -> Expr {
    let exact = |expr: Expr| match (expr.of(), digits(expr.of())) {
        (Type::Decimal { .. }, _) => expr,
        (_, Some((precision, scale))) => cast(expr, Type::Decimal { precision, scale }),
        (_, None) => cast(expr, Type::Decimal { precision: 1, scale: 0 }),
    };
    let (left, right) = (exact(left), exact(right));
    let (one, other) = (digits(left.of()).unwrap_or((1, 0)), digits(right.of()).unwrap_or((1, 0)));
    let of = result(function, one, other);
    Expr::Call { function, arguments: vec![left, right], of }
}

/// The DECIMAL that an operation on two of them gives.
fn result(function: Function, left: (u8, u8), right: (u8, u8)) -> Type {
    let wide = |(precision, scale): (u8, u8)| (i32::from(precision), i32::from(scale));
    let ((p1, s1), (p2, s2)) = (wide(left), wide(right));
    match function {
        Function::Multiply => adjusted(p1 + p2 + 1, s1 + s2),
        Function::Divide => {
            let scale = (s1 + p2 + 1).max(6);
            adjusted(p1 - s1 + s2 + scale, scale)
        }
        Function::Modulo => {
            let scale = s1.max(s2);
            adjusted((p1 - s1).min(p2 - s2) + scale, scale)
        }
        _ => {
            let scale = s1.max(s2);
            adjusted((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
    }
}

/// Cut to what exists: digits before the point are kept, behind it at least six.
fn adjusted(precision: i32, scale: i32) -> Type {
    let most = i32::from(DIGITS_MAX);
    let (precision, scale) = if precision <= most {
        (precision, scale)
    } else {
        (most, (most - (precision - scale)).max(scale.min(6)))
    };
    let small = |number: i32| u8::try_from(number).unwrap_or(DIGITS_MAX);
    Type::Decimal { precision: small(precision.max(1)), scale: small(scale.max(0)) }
}

/// ROUND(DECIMAL(p, s), places).
pub(super) fn rounded(precision: u8, scale: u8, places: i64) -> Type {
    if places >= i64::from(scale) {
        return Type::Decimal { precision, scale };
    }
    let whole = precision - scale;
    let places = u8::try_from(places.max(0)).unwrap_or(0);
    Type::Decimal { precision: (1 + whole + places).min(DIGITS_MAX), scale: places }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_results_are_flinks() {
        let table = [
            (Function::Add, (10, 2), (10, 2), (11, 2)),
            (Function::Subtract, (10, 2), (5, 4), (13, 4)),
            (Function::Add, (38, 10), (38, 10), (38, 9)),
            (Function::Multiply, (10, 2), (10, 2), (21, 4)),
            (Function::Multiply, (38, 10), (38, 10), (38, 6)),
            (Function::Divide, (10, 2), (10, 2), (23, 13)),
            (Function::Divide, (38, 18), (38, 18), (38, 6)),
            (Function::Modulo, (10, 2), (5, 3), (5, 3)),
            (Function::Modulo, (5, 0), (10, 0), (5, 0)),
        ];
        for (function, left, right, (precision, scale)) in table {
            assert_eq!(
                result(function, left, right),
                Type::Decimal { precision, scale },
                "{function:?} {left:?} {right:?}"
            );
        }
        assert_eq!(rounded(10, 4, 2), Type::Decimal { precision: 9, scale: 2 });
        assert_eq!(rounded(10, 4, 9), Type::Decimal { precision: 10, scale: 4 });
        assert_eq!(rounded(10, 4, -1), Type::Decimal { precision: 7, scale: 0 });
    }

    #[test]
    fn integers_stay_integers_and_remainders_take_the_divisors_type() {
        let column = |of| Expr::Column { ordinal: 0, of };
        let of = |function, left, right| {
            bind(function, column(left), column(right)).map(|expr| expr.of())
        };
        assert_eq!(of(Function::Divide, Type::Int, Type::Int), Some(Type::Int));
        assert_eq!(of(Function::Add, Type::Int, Type::BigInt), Some(Type::BigInt));
        assert_eq!(of(Function::Modulo, Type::BigInt, Type::Int), Some(Type::Int));
        assert_eq!(of(Function::Add, Type::Int, Type::Double), Some(Type::Double));
        assert_eq!(of(Function::Add, Type::Int, Type::String), None);
    }
}
