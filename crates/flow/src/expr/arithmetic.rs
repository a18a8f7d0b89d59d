//! `+ − × / %` and negation. Integers wrap in their width, as Java's do; DECIMAL that does not fit is NULL.

use super::{
    Function,
    operand::{Arguments, Failure, Operand, Reason, each, zip},
};
use crate::{
    column::{Column, Layout, Values},
    decimal::Form,
    types::Type,
};

pub(super) fn call(
    function: Function,
    arguments: &Arguments<'_, '_>,
    of: Type,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    match of {
        Type::Decimal { precision, scale } => {
            decimal(function, arguments, Form { precision, scale }, failures)
        }
        _ if Layout::of(of) == Layout::Double => double(function, arguments, of),
        _ => integer(function, arguments, of, failures),
    }
}

/// `value` in the width of `of`.
#[inline]
pub(crate) const fn narrow(of: Type, value: i64) -> i64 {
    match of {
        Type::TinyInt => value as i8 as i64,
        Type::SmallInt => value as i16 as i64,
        Type::Int => value as i32 as i64,
        _ => value,
    }
}

/// `value` with what `of` can hold of it.
#[inline]
pub(crate) const fn narrow_double(of: Type, value: f64) -> f64 {
    match of {
        Type::Float => value as f32 as f64,
        _ => value,
    }
}

fn integer(
    function: Function,
    arguments: &Arguments<'_, '_>,
    of: Type,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    let sides = (arguments.operand(0).integers(), arguments.operand(1).integers());
    let rows = arguments.rows;
    let values = match function {
        Function::Add => zip(rows, sides, |left, right| narrow(of, left.wrapping_add(right))),
        Function::Subtract => zip(rows, sides, |left, right| narrow(of, left.wrapping_sub(right))),
        Function::Multiply => zip(rows, sides, |left, right| narrow(of, left.wrapping_mul(right))),
        Function::Negate => each(rows, sides.0, |value| narrow(of, value.wrapping_neg())),
        _ => {
            let (values, valid) = arguments.rows_to(failures, |row| {
                let (left, right) = (sides.0.at(row), sides.1.at(row));
                match (right, function) {
                    (0, _) => Err(DIVISION_BY_ZERO),
                    (_, Function::Divide) => Ok(Some(narrow(of, left.wrapping_div(right)))),
                    _ => Ok(Some(narrow(of, left.wrapping_rem(right)))),
                }
            });
            return Column { values: Values::Integer(values), valid };
        }
    };
    Column { values: Values::Integer(values), valid: arguments.valid() }
}

fn double(function: Function, arguments: &Arguments<'_, '_>, of: Type) -> Column<'static> {
    let sides = (arguments.operand(0).doubles(), arguments.operand(1).doubles());
    let rows = arguments.rows;
    let values = match function {
        Function::Add => zip(rows, sides, |left, right| narrow_double(of, left + right)),
        Function::Subtract => zip(rows, sides, |left, right| narrow_double(of, left - right)),
        Function::Multiply => zip(rows, sides, |left, right| narrow_double(of, left * right)),
        Function::Divide => zip(rows, sides, |left, right| narrow_double(of, left / right)),
        Function::Modulo => zip(rows, sides, |left, right| narrow_double(of, left % right)),
        _ => each(rows, sides.0, |value: f64| -value),
    };
    Column { values: Values::Double(values), valid: arguments.valid() }
}

fn decimal(
    function: Function,
    arguments: &Arguments<'_, '_>,
    form: Form,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    let (left, right) = (arguments.operand(0), arguments.operand(1));
    let (left_of, right_of) = (arguments.of(0), arguments.of(1));
    let (values, valid) = arguments.rows_to(failures, |row| {
        let left = digits(left, left_of, row);
        if function == Function::Negate {
            return Ok(form.rescale(left.0.wrapping_neg(), left.1));
        }
        let right = digits(right, right_of, row);
        Ok(match function {
            Function::Add => form.add(left, right),
            Function::Subtract => form.add(left, (right.0.wrapping_neg(), right.1)),
            Function::Multiply => form.multiply(left, right),
            _ if right.0 == 0 => return Err(DIVISION_BY_ZERO),
            Function::Divide => form.divide(left, right),
            _ => form.remainder(left, right),
        })
    });
    Column { values: Values::Decimal(values), valid }
}

/// The digits and the scale of a DECIMAL, or of an integer standing in for one.
pub(super) fn digits(operand: &Operand<'_, '_>, of: Type, row: usize) -> (i128, u8) {
    match of {
        Type::Decimal { scale, .. } => (operand.decimals().at(row), scale),
        _ => (i128::from(operand.integers().at(row)), 0),
    }
}

const DIVISION_BY_ZERO: Reason = Reason::Borrowed("division by zero");
