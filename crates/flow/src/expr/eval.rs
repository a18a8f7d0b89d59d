//! Evaluates a bound expression over a chunk, column by column.
//!
//! A row can fail (a CAST, a division): it becomes bad, unless its value is not asked for. Everything is computed for every row, and what a
//! branch not taken, or the right side of a decided AND or OR, has failed with is forgotten: that is what evaluating lazily would have given.

use super::{
    Expr, Function, arithmetic, cast, compare, hash, logic, number,
    operand::{Arguments, Failure, Operand},
    text, time,
};
use crate::{
    chunk::Chunk,
    column::Column,
    types::{Type, Value},
};

/// What evaluation needs besides the rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scope {
    /// The session's time zone, milliseconds east of UTC.
    pub(crate) zone_ms: i64,
}

/// A value per row, and the rows that have none because they failed.
#[derive(Debug)]
pub(crate) struct Evaluated<'c, 'a> {
    pub(crate) operand: Operand<'c, 'a>,
    /// In no order; a row may stand here more than once, its first failure first.
    pub(crate) failures: Vec<Failure>,
}

impl<'c, 'a> Evaluated<'c, 'a> {
    const fn without_failure(operand: Operand<'c, 'a>) -> Self {
        Self { operand, failures: Vec::new() }
    }
}

impl Scope {
    pub(crate) fn eval<'c, 'a>(&self, expr: &Expr, chunk: &'c Chunk<'a>) -> Evaluated<'c, 'a> {
        self.eval_rows(expr, &chunk.columns, chunk.rows())
    }

    /// Evaluates over columns of `rows` rows each.
    pub(crate) fn eval_rows<'c, 'a>(
        &self,
        expr: &Expr,
        columns: &'c [Column<'a>],
        rows: usize,
    ) -> Evaluated<'c, 'a> {
        match expr {
            Expr::Column { ordinal, .. } => Evaluated::without_failure(
                columns.get(*ordinal).map_or(Operand::Constant(Value::Null), Operand::Borrowed),
            ),
            Expr::Literal { value, .. } => {
                Evaluated::without_failure(Operand::Constant(value.clone()))
            }
            Expr::Call { function, arguments, of } => {
                if let (Function::And | Function::Or, [left, right]) =
                    (function, arguments.as_slice())
                {
                    let left = self.eval_rows(left, columns, rows);
                    let right = self.eval_rows(right, columns, rows);
                    return logic::join(*function == Function::And, left, right, rows);
                }
                let parts = arguments.iter().map(|part| self.eval_rows(part, columns, rows));
                let types = arguments.iter().map(Expr::of).collect();
                self.apply(parts.collect(), (types, rows), |arguments, failures| {
                    self.call(*function, arguments, *of, failures)
                })
            }
            Expr::Cast { from, to, or_null } => {
                let part = self.eval_rows(from, columns, rows);
                let to_itself = from.of() == *to;
                if to_itself {
                    return part;
                }
                self.apply(vec![part], (vec![from.of()], rows), |arguments, failures| {
                    let mut own = Vec::new();
                    let column = cast::cast(self, arguments, *to, &mut own);
                    if !or_null {
                        failures.append(&mut own);
                    }
                    column
                })
            }
            Expr::Case { branches, otherwise, of } => {
                let branches = branches
                    .iter()
                    .map(|(when, then)| {
                        (self.eval_rows(when, columns, rows), self.eval_rows(then, columns, rows))
                    })
                    .collect();
                let otherwise = otherwise.as_ref().map_or_else(
                    || Evaluated::without_failure(Operand::Constant(Value::Null)),
                    |otherwise| self.eval_rows(otherwise, columns, rows),
                );
                logic::choose(branches, otherwise, *of, rows)
            }
        }
    }

    /// Calls `compute` over the parts; over one row only where all parts are constants.
    fn apply<'c, 'a>(
        &self,
        parts: Vec<Evaluated<'c, 'a>>,
        (types, rows): (Vec<Type>, usize),
        compute: impl FnOnce(&Arguments<'c, 'a>, &mut Vec<Failure>) -> Column<'static>,
    ) -> Evaluated<'c, 'a> {
        let mut failures = Vec::new();
        let mut operands = Vec::with_capacity(parts.len());
        for mut part in parts {
            failures.append(&mut part.failures);
            operands.push(part.operand);
        }
        let is_constant =
            operands.iter().all(|operand| matches!(operand, Operand::Constant(_))) && rows > 0;
        let mut arguments = Arguments { operands, types, rows };
        if !is_constant {
            let column = compute(&arguments, &mut failures);
            return Evaluated { operand: Operand::Owned(column), failures };
        }
        arguments.rows = 1;
        let mut once = Vec::new();
        let column = compute(&arguments, &mut once);
        for failure in once {
            let all = 0..rows as u32;
            failures.extend(all.map(|row| Failure { row, reason: failure.reason.clone() }));
        }
        // The column's layout says all but STRING or BYTES; constants of either are read as bytes.
        let value = column.value(0, Type::Bytes);
        Evaluated { operand: Operand::Constant(value), failures }
    }

    fn call(
        &self,
        function: Function,
        arguments: &Arguments<'_, '_>,
        of: Type,
        failures: &mut Vec<Failure>,
    ) -> Column<'static> {
        use Function as F;
        if arguments.types.contains(&Type::Null) && !takes_nulls(function) {
            return Column::nulls(of, arguments.rows);
        }
        match function {
            F::Add | F::Subtract | F::Multiply | F::Divide | F::Modulo | F::Negate => {
                arithmetic::call(function, arguments, of, failures)
            }
            F::Equal
            | F::NotEqual
            | F::Less
            | F::LessOrEqual
            | F::Greater
            | F::GreaterOrEqual
            | F::IsDistinctFrom
            | F::IsNotDistinctFrom
            | F::Greatest
            | F::Least => compare::call(function, arguments, of),
            F::And
            | F::Or
            | F::Not
            | F::IsNull
            | F::IsNotNull
            | F::IsTrue
            | F::IsNotTrue
            | F::IsFalse
            | F::IsNotFalse => logic::call(function, arguments),
            F::Concat
            | F::ConcatWs
            | F::Upper
            | F::Lower
            | F::Trim
            | F::LeftTrim
            | F::RightTrim
            | F::Substring
            | F::CharLength
            | F::Position
            | F::Replace
            | F::SplitIndex
            | F::Like
            | F::StartsWith
            | F::EndsWith
            | F::Left
            | F::Right
            | F::LeftPad
            | F::RightPad
            | F::Reverse
            | F::Repeat => text::call(function, arguments, failures),
            F::Abs | F::Floor | F::Ceil | F::Round | F::Power | F::Sqrt | F::Sign => {
                number::call(function, arguments, of, failures)
            }
            F::AddMilliseconds
            | F::AddMonths
            | F::MillisecondsBetween
            | F::Extract(_)
            | F::FloorTo(_)
            | F::CeilTo(_)
            | F::TimestampDiff(_)
            | F::DateFormat
            | F::ToTimestamp
            | F::ToTimestampLtz
            | F::FromUnixtime
            | F::UnixTimestamp
            | F::ToDate => time::call(self, function, arguments, of, failures),
            F::Md5 | F::HashCode => hash::call(function, arguments, failures),
        }
    }
}

/// Functions that look at NULL instead of passing it on.
const fn takes_nulls(function: Function) -> bool {
    use Function as F;
    matches!(
        function,
        F::And
            | F::Or
            | F::IsNull
            | F::IsNotNull
            | F::IsTrue
            | F::IsNotTrue
            | F::IsFalse
            | F::IsNotFalse
            | F::IsDistinctFrom
            | F::IsNotDistinctFrom
            | F::ConcatWs
    )
}
