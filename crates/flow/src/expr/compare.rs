//! Comparisons, and what picks the greatest or least. Text compares by its bytes, which for UTF-8 is by code points.

use std::cmp::Ordering;

use super::{
    Function,
    arithmetic::digits,
    operand::{Arguments, zip},
};
use crate::{
    column::{Column, Layout, Values},
    types::Type,
};

pub(super) fn call(function: Function, arguments: &Arguments<'_, '_>, of: Type) -> Column<'static> {
    match function {
        Function::IsDistinctFrom => distinct(arguments, true),
        Function::IsNotDistinctFrom => distinct(arguments, false),
        Function::Greatest => extreme(arguments, of, Ordering::Greater),
        Function::Least => extreme(arguments, of, Ordering::Less),
        Function::Equal => holds(arguments, Ordering::is_eq, |left, right| left == right),
        Function::NotEqual => holds(arguments, Ordering::is_ne, |left, right| left != right),
        Function::Less => holds(arguments, Ordering::is_lt, |left, right| left < right),
        Function::LessOrEqual => holds(arguments, Ordering::is_le, |left, right| left <= right),
        Function::Greater => holds(arguments, Ordering::is_gt, |left, right| left > right),
        _ => holds(arguments, Ordering::is_ge, |left, right| left >= right),
    }
}

/// `is` decides by order; doubles by `is_double`, since NaN has none.
fn holds(
    arguments: &Arguments<'_, '_>,
    is: impl Fn(Ordering) -> bool + Copy,
    is_double: impl Fn(f64, f64) -> bool + Copy,
) -> Column<'static> {
    let (left, right, rows) = (arguments.operand(0), arguments.operand(1), arguments.rows);
    let values = match Layout::of(arguments.of(0)) {
        Layout::Integer if Layout::of(arguments.of(1)) == Layout::Integer => {
            zip(rows, (left.integers(), right.integers()), |left, right| is(left.cmp(&right)))
        }
        Layout::Double => zip(rows, (left.doubles(), right.doubles()), is_double),
        Layout::Boolean => {
            zip(rows, (left.booleans(), right.booleans()), |left, right| is(left.cmp(&right)))
        }
        Layout::Text => {
            let (left, right) = (left.texts(), right.texts());
            (0..rows).map(|row| is(left.at(row).cmp(right.at(row)))).collect()
        }
        Layout::Integer | Layout::Decimal => {
            (0..rows).map(|row| is(order(arguments, (0, 1), row))).collect()
        }
    };
    Column { values: Values::Boolean(values), valid: arguments.valid() }
}

/// How two operands of a row stand to each other; neither is NULL. Doubles by Java's total order.
fn order(arguments: &Arguments<'_, '_>, (left, right): (usize, usize), row: usize) -> Ordering {
    let (left_of, right_of) = (arguments.of(left), arguments.of(right));
    let (left, right) = (arguments.operand(left), arguments.operand(right));
    match (Layout::of(left_of), Layout::of(right_of)) {
        (Layout::Integer, Layout::Integer) => {
            left.integers().at(row).cmp(&right.integers().at(row))
        }
        (Layout::Double, _) => compare_doubles(left.doubles().at(row), right.doubles().at(row)),
        (Layout::Boolean, _) => left.booleans().at(row).cmp(&right.booleans().at(row)),
        (Layout::Text, _) => left.texts().at(row).cmp(right.texts().at(row)),
        (Layout::Integer | Layout::Decimal, _) => {
            compare_decimals(digits(left, left_of, row), digits(right, right_of, row))
        }
    }
}

/// As Java's `Double.compare`: −0.0 is less than 0.0, NaN is the greatest.
pub(crate) fn compare_doubles(left: f64, right: f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (false, false) => left.total_cmp(&right),
        (left, right) => left.cmp(&right),
    }
}

fn compare_decimals(left: (i128, u8), right: (i128, u8)) -> Ordering {
    let scale = left.1.max(right.1);
    let raise = |(digits, own): (i128, u8)| {
        digits.checked_mul(10_i128.pow(u32::from((scale - own).min(38))))
    };
    match (raise(left), raise(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        // What does not fit is larger in size than what does; only the one of the lower scale is raised.
        (None, _) => left.0.cmp(&0),
        (_, None) => 0.cmp(&right.0),
    }
}

fn distinct(arguments: &Arguments<'_, '_>, is: bool) -> Column<'static> {
    let (left, right) = (arguments.operand(0), arguments.operand(1));
    let differ = |row| match (left.is_valid(row), right.is_valid(row)) {
        (true, true) => order(arguments, (0, 1), row).is_ne(),
        (left, right) => left != right,
    };
    Column::full(Values::Boolean((0..arguments.rows).map(|row| differ(row) == is).collect()))
}

fn extreme(arguments: &Arguments<'_, '_>, of: Type, wanted: Ordering) -> Column<'static> {
    let best = |row: usize| {
        (1..arguments.len()).fold(0, |best, next| {
            if order(arguments, (next, best), row) == wanted { next } else { best }
        })
    };
    let never = &mut Vec::new();
    match Layout::of(of) {
        Layout::Boolean => {
            let (values, valid) = arguments
                .rows_to(never, |row| Ok(Some(arguments.operand(best(row)).booleans().at(row))));
            Column { values: Values::Boolean(values), valid }
        }
        Layout::Integer => {
            let (values, valid) = arguments
                .rows_to(never, |row| Ok(Some(arguments.operand(best(row)).integers().at(row))));
            Column { values: Values::Integer(values), valid }
        }
        Layout::Double => {
            let (values, valid) = arguments
                .rows_to(never, |row| Ok(Some(arguments.operand(best(row)).doubles().at(row))));
            Column { values: Values::Double(values), valid }
        }
        Layout::Decimal => {
            let form = form_of(of);
            let (values, valid) = arguments.rows_to(never, |row| {
                let best = best(row);
                let (digits, scale) = digits(arguments.operand(best), arguments.of(best), row);
                Ok(form.rescale(digits, scale))
            });
            Column { values: Values::Decimal(values), valid }
        }
        Layout::Text => arguments.rows_to_text(never, |row, out| {
            out.extend_from_slice(arguments.operand(best(row)).texts().at(row));
            Ok(Some(()))
        }),
    }
}

/// The form of a DECIMAL type; the widest one for others.
pub(crate) const fn form_of(of: Type) -> crate::decimal::Form {
    match of {
        Type::Decimal { precision, scale } => crate::decimal::Form { precision, scale },
        _ => crate::decimal::Form { precision: crate::decimal::PRECISION_MAX, scale: 0 },
    }
}
