//! Functions of one number, POWER and ROUND.

use super::{
    Function,
    arithmetic::{narrow, narrow_double},
    compare::form_of,
    operand::{Arguments, Failure, each, zip},
};
use crate::{
    column::{Column, Layout, Values},
    decimal::{self, Form},
    types::Type,
};

pub(super) fn call(
    function: Function,
    arguments: &Arguments<'_, '_>,
    of: Type,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    match function {
        Function::Power => {
            let sides = (as_doubles(arguments, 0), as_doubles(arguments, 1));
            let values = sides.0.iter().zip(&sides.1).map(|(base, power)| base.powf(*power));
            Column { values: Values::Double(values.collect()), valid: arguments.valid() }
        }
        Function::Sqrt => {
            let values = as_doubles(arguments, 0).into_iter().map(f64::sqrt).collect();
            Column { values: Values::Double(values), valid: arguments.valid() }
        }
        _ => match Layout::of(arguments.of(0)) {
            Layout::Double => double(function, arguments, of),
            Layout::Decimal => decimal(function, arguments, of, failures),
            _ => integer(function, arguments, of),
        },
    }
}

fn integer(function: Function, arguments: &Arguments<'_, '_>, of: Type) -> Column<'static> {
    let value = arguments.operand(0).integers();
    let rows = arguments.rows;
    let values = match function {
        Function::Abs => each(rows, value, |value| narrow(of, value.wrapping_abs())),
        Function::Sign => each(rows, value, i64::signum),
        Function::Round if arguments.len() > 1 => {
            let places = arguments.operand(1).integers();
            zip(rows, (value, places), |value, places| narrow(of, round_integer(value, places)))
        }
        _ => each(rows, value, |value| value),
    };
    Column { values: Values::Integer(values), valid: arguments.valid() }
}

fn double(function: Function, arguments: &Arguments<'_, '_>, of: Type) -> Column<'static> {
    let value = arguments.operand(0).doubles();
    let rows = arguments.rows;
    let values = match function {
        Function::Abs => each(rows, value, f64::abs),
        Function::Floor => each(rows, value, f64::floor),
        Function::Ceil => each(rows, value, f64::ceil),
        Function::Sign => {
            each(rows, value, |value: f64| if value == 0.0 { value } else { value.signum() })
        }
        _ => {
            let places = places(arguments);
            (0..rows)
                .map(|row| narrow_double(of, round_double(value.at(row), places(row))))
                .collect()
        }
    };
    Column { values: Values::Double(values), valid: arguments.valid() }
}

fn decimal(
    function: Function,
    arguments: &Arguments<'_, '_>,
    of: Type,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    let form = form_of(of);
    let Type::Decimal { scale, .. } = arguments.of(0) else {
        return Column::nulls(of, arguments.rows);
    };
    let one = 10_i128.pow(u32::from(scale.min(decimal::PRECISION_MAX)));
    let places = places(arguments);
    let (values, valid) = arguments.rows_to(failures, |row| {
        let digits = arguments.operand(0).decimals().at(row);
        Ok(match function {
            Function::Abs => form.rescale(digits.wrapping_abs(), scale),
            Function::Floor => form.rescale(digits.div_euclid(one), 0),
            Function::Ceil => form.rescale(-(-digits).div_euclid(one), 0),
            Function::Sign => form.rescale(digits.signum(), 0),
            _ => round_decimal(form, (digits, scale), places(row)),
        })
    });
    Column { values: Values::Decimal(values), valid }
}

/// The second argument of ROUND; 0 without one.
fn places<'s>(arguments: &'s Arguments<'_, '_>) -> impl Fn(usize) -> i64 + 's {
    let places = arguments.operand(1).integers();
    move |row| places.at(row)
}

fn as_doubles(arguments: &Arguments<'_, '_>, index: usize) -> Vec<f64> {
    let (operand, rows) = (arguments.operand(index), arguments.rows);
    match arguments.of(index) {
        Type::Float | Type::Double => each(rows, operand.doubles(), |value| value),
        Type::Decimal { scale, .. } => {
            each(rows, operand.decimals(), |digits| decimal::to_double(digits, scale))
        }
        _ => each(rows, operand.integers(), |value| value as f64),
    }
}

/// Half away from zero.
fn round_integer(value: i64, places: i64) -> i64 {
    let Some(down) = u32::try_from(places.saturating_neg()).ok().filter(|down| *down > 0) else {
        return value;
    };
    let Some(unit) = 10_i128.checked_pow(down).filter(|_| down < 20) else { return 0 };
    let value = i128::from(value);
    let rounded = (value + value.signum() * (unit / 2)) / unit * unit;
    // Java's narrowing.
    rounded as i64
}

/// Rounds the shortest decimal text of a double half away from zero, as `BigDecimal.valueOf` has it.
fn round_double(value: f64, places: i64) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    let text = format!("{:e}", value.abs());
    let Some((mantissa, exponent)) = text.split_once('e') else { return value };
    let Ok(exponent) = exponent.parse::<i64>() else { return value };
    let fraction = mantissa.len().saturating_sub(2) as i64;
    let Ok(digits) = mantissa.replace('.', "").parse::<u64>() else { return value };
    // value = digits × 10^(exponent − fraction)
    let drop = fraction - exponent - places.clamp(-400, 400);
    if drop <= 0 {
        return value;
    }
    let Some(unit) = u32::try_from(drop).ok().and_then(|drop| 10_u64.checked_pow(drop)) else {
        return 0.0;
    };
    let rounded = digits / unit + u64::from(digits % unit >= unit.div_ceil(2));
    let result: f64 = format!("{rounded}e{}", -places).parse().unwrap_or(value);
    result.copysign(value)
}

fn round_decimal(form: Form, (digits, scale): (i128, u8), places: i64) -> Option<i128> {
    let widest = decimal::PRECISION_MAX;
    let Ok(places) = u8::try_from(places) else {
        let down = u32::try_from(places.unsigned_abs()).unwrap_or(u32::MAX);
        let Some(unit) = decimal::power_of_ten(down) else { return Some(0) };
        let unit = i128::try_from(unit).ok()?;
        let tens =
            Form { precision: widest, scale: 0 }.quotient(digits, -i32::from(scale), unit)?;
        return form.rescale(tens.checked_mul(unit)?, 0);
    };
    if places >= scale {
        return form.rescale(digits, scale);
    }
    form.rescale(Form { precision: widest, scale: places }.rescale(digits, scale)?, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero() {
        assert_eq!(round_integer(155, -1), 160);
        assert_eq!(round_integer(-155, -1), -160);
        assert_eq!(round_integer(155, 3), 155);
        assert_eq!(round_integer(155, -40), 0);
        for (value, places, rounded) in [
            (2.5, 0, 3.0),
            (-2.5, 0, -3.0),
            (1.005, 2, 1.01),
            (1234.5, -2, 1200.0),
            (1e-9, 3, 0.0),
            (1e300, 2, 1e300),
            (0.5, 0, 1.0),
            (f64::MAX, -400, 0.0),
        ] {
            assert_eq!(round_double(value, places), rounded, "{value} {places}");
        }
        let form = Form { precision: 10, scale: 2 };
        assert_eq!(round_decimal(form, (12_345, 2), 1), Some(12_350));
        assert_eq!(round_decimal(form, (12_345, 2), -1), Some(12_000));
        assert_eq!(round_decimal(form, (12_345, 2), 9), Some(12_345));
    }
}
