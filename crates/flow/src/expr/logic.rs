//! Three-valued logic, tests for NULL and TRUE, and CASE.

use super::{
    Function,
    eval::Evaluated,
    operand::{Arguments, Failure, Operand, TOO_LONG},
};
use crate::{
    column::{Column, Layout, Values},
    text::Text,
    types::Type,
};

pub(super) fn call(function: Function, arguments: &Arguments<'_, '_>) -> Column<'static> {
    let operand = arguments.operand(0);
    let rows = 0..arguments.rows;
    let value = operand.booleans();
    let is = |row: usize, wanted: bool| operand.is_valid(row) && value.at(row) == wanted;
    let values = match function {
        Function::Not => {
            let values = rows.map(|row| !value.at(row)).collect();
            return Column { values: Values::Boolean(values), valid: arguments.valid() };
        }
        Function::IsNull => rows.map(|row| !operand.is_valid(row)).collect(),
        Function::IsNotNull => rows.map(|row| operand.is_valid(row)).collect(),
        Function::IsTrue => rows.map(|row| is(row, true)).collect(),
        Function::IsNotTrue => rows.map(|row| !is(row, true)).collect(),
        Function::IsFalse => rows.map(|row| is(row, false)).collect(),
        _ => rows.map(|row| !is(row, false)).collect(),
    };
    Column::full(Values::Boolean(values))
}

/// AND or OR. The left side decides alone where it is FALSE, or TRUE.
pub(super) fn join<'c, 'a>(
    is_and: bool,
    left: Evaluated<'c, 'a>,
    right: Evaluated<'c, 'a>,
    rows: usize,
) -> Evaluated<'c, 'a> {
    let deciding = !is_and;
    let decides = |side: &Operand<'_, '_>, row: usize| {
        side.is_valid(row) && side.booleans().at(row) == deciding
    };
    let mut failures = left.failures;
    let late = right.failures.into_iter();
    failures.extend(late.filter(|failure| !decides(&left.operand, failure.row as usize)));
    let mut values = vec![deciding; rows];
    let mut valid = None;
    for (row, value) in values.iter_mut().enumerate() {
        if decides(&left.operand, row) || decides(&right.operand, row) {
            continue;
        }
        *value = !deciding;
        if !left.operand.is_valid(row) || !right.operand.is_valid(row) {
            valid.get_or_insert_with(|| vec![true; rows])[row] = false;
        }
    }
    Evaluated {
        operand: Operand::Owned(Column { values: Values::Boolean(values), valid }),
        failures,
    }
}

/// CASE: for each row the value of its first TRUE condition, else `otherwise`.
pub(super) fn choose<'c, 'a>(
    branches: Vec<(Evaluated<'c, 'a>, Evaluated<'c, 'a>)>,
    otherwise: Evaluated<'c, 'a>,
    of: Type,
    rows: usize,
) -> Evaluated<'c, 'a> {
    let mut chosen = vec![branches.len(); rows];
    for (index, (when, _)) in branches.iter().enumerate().rev() {
        let truth = when.operand.booleans();
        for (row, chosen) in chosen.iter_mut().enumerate() {
            if when.operand.is_valid(row) && truth.at(row) {
                *chosen = index;
            }
        }
    }
    let mut failures = Vec::new();
    let mut values = Vec::with_capacity(branches.len() + 1);
    for (index, (when, then)) in branches.into_iter().enumerate() {
        let reaches = |failure: &Failure| chosen[failure.row as usize] >= index;
        failures.extend(when.failures.into_iter().filter(reaches));
        let takes = |failure: &Failure| chosen[failure.row as usize] == index;
        failures.extend(then.failures.into_iter().filter(takes));
        values.push(then.operand);
    }
    let last = values.len();
    let takes = |failure: &Failure| chosen[failure.row as usize] == last;
    failures.extend(otherwise.failures.into_iter().filter(takes));
    values.push(otherwise.operand);
    let column = gather(&values, &chosen, of, &mut failures);
    Evaluated { operand: Operand::Owned(column), failures }
}

/// For each row the value of the operand that `chosen` names.
fn gather(
    values: &[Operand<'_, '_>],
    chosen: &[usize],
    of: Type,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    let picks = || chosen.iter().enumerate().map(|(row, index)| (row, &values[*index]));
    let is_valid: Vec<bool> = picks().map(|(row, operand)| operand.is_valid(row)).collect();
    let packed = match Layout::of(of) {
        Layout::Boolean => {
            Values::Boolean(picks().map(|(row, operand)| operand.booleans().at(row)).collect())
        }
        Layout::Integer => {
            Values::Integer(picks().map(|(row, operand)| operand.integers().at(row)).collect())
        }
        Layout::Double => {
            Values::Double(picks().map(|(row, operand)| operand.doubles().at(row)).collect())
        }
        Layout::Decimal => {
            Values::Decimal(picks().map(|(row, operand)| operand.decimals().at(row)).collect())
        }
        Layout::Text => {
            let mut text = Text::over(&[], chosen.len());
            for (row, operand) in picks() {
                if text.push(operand.texts().at(row)).is_err() {
                    failures.push(Failure { row: row as u32, reason: TOO_LONG });
                }
            }
            Values::Text(text)
        }
    };
    let valid = (!is_valid.iter().all(|valid| *valid)).then_some(is_valid);
    Column { values: packed, valid }
}
