//! Computed columns, and SELECT lists.

use crate::{
    chunk::Chunk,
    expr::{Expr, Failure, Operand, Scope},
    plan::NamedExpr,
};

/// Makes `chunk` the columns `select`. Answers the rows that failed (named by their records), which are gone.
pub(crate) fn project(scope: &Scope, select: &[NamedExpr], chunk: &mut Chunk<'_>) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut columns = Vec::with_capacity(select.len());
    let mut last_uses = last_uses(select, chunk.columns.len());
    for (index, named) in select.iter().enumerate() {
        // A plain column moves on with its last use, and is copied before.
        if let Expr::Column { ordinal, .. } = named.expr
            && last_uses.get_mut(ordinal).is_some_and(|last| *last == Some(index))
            && let Some(column) = chunk.columns.get_mut(ordinal)
        {
            let emptied = crate::column::Column::full(crate::column::Values::Boolean(Vec::new()));
            columns.push(std::mem::replace(column, emptied));
            continue;
        }
        let evaluated = scope.eval(&named.expr, chunk);
        failures.extend(evaluated.failures);
        let rows = chunk.rows();
        columns.push(evaluated.operand.into_column(named.expr.of(), rows));
    }
    chunk.columns = columns;
    drop_failed(chunk, failures)
}

/// Appends computed columns, each over all before it. Answers the rows that failed, which are gone.
pub(crate) fn append_computed(
    scope: &Scope,
    computed: &[NamedExpr],
    chunk: &mut Chunk<'_>,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    for named in computed {
        let evaluated = scope.eval(&named.expr, chunk);
        failures.extend(evaluated.failures);
        let rows = chunk.rows();
        let column = match evaluated.operand {
            Operand::Owned(column) => column,
            other => other.into_column(named.expr.of(), rows),
        };
        chunk.columns.push(column);
    }
    drop_failed(chunk, failures)
}

/// For each input column the select item after which nobody reads it, if that is a plain use of it.
fn last_uses(select: &[NamedExpr], columns: usize) -> Vec<Option<usize>> {
    let mut last = vec![None; columns];
    for (index, named) in select.iter().enumerate() {
        mark_uses(&named.expr, &mut |ordinal| {
            if let Some(last) = last.get_mut(ordinal) {
                *last = Some(index);
            }
        });
    }
    last
}

fn mark_uses(expr: &Expr, mark: &mut impl FnMut(usize)) {
    match expr {
        Expr::Column { ordinal, .. } => mark(*ordinal),
        Expr::Literal { .. } => {}
        Expr::Call { arguments, .. } => {
            arguments.iter().for_each(|argument| mark_uses(argument, mark));
        }
        Expr::Case { branches, otherwise, .. } => {
            for (when, then) in branches {
                mark_uses(when, mark);
                mark_uses(then, mark);
            }
            if let Some(otherwise) = otherwise {
                mark_uses(otherwise, mark);
            }
        }
        Expr::Cast { from, .. } => mark_uses(from, mark),
    }
}

/// Drops the rows of `failures` from `chunk`; answers the first failure of each, named by its record.
pub(super) fn drop_failed(chunk: &mut Chunk<'_>, mut failures: Vec<Failure>) -> Vec<Failure> {
    if failures.is_empty() {
        return failures;
    }
    failures.sort_by_key(|failure| failure.row);
    failures.dedup_by_key(|failure| failure.row);
    let mut failed = failures.iter().map(|failure| failure.row).peekable();
    let kept: Vec<u32> =
        (0..chunk.rows() as u32).filter(|row| failed.next_if_eq(row).is_none()).collect();
    for failure in &mut failures {
        failure.row = chunk.origins[failure.row as usize];
    }
    chunk.keep(&kept);
    failures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        column::Column,
        expr::Function,
        types::{Type, Value},
    };

    #[test]
    fn columns_are_moved_copied_and_computed_and_failed_rows_go() {
        let mut chunk = Chunk {
            columns: vec![
                Column::from_values(Type::Int, &[8, 0, 2].map(Value::Integer)),
                Column::from_values(Type::Int, &[1, 2, 3].map(Value::Integer)),
            ],
            origins: vec![4, 5, 6],
        };
        let column = |ordinal| Expr::Column { ordinal, of: Type::Int };
        let named = |expr| NamedExpr { name: String::new(), expr };
        let divided = Expr::Call {
            function: Function::Divide,
            arguments: vec![column(1), column(0)],
            of: Type::Int,
        };
        let select = [column(1), divided, column(0), column(1)].map(named);
        let failures = project(&Scope::default(), &select, &mut chunk);
        assert_eq!(failures, [Failure { row: 5, reason: "division by zero".into() }]);
        let rows = [0, 1].map(|row| chunk.row(row, &[Type::Int; 4]));
        assert_eq!(rows, [[1, 0, 8, 1].map(Value::Integer), [3, 1, 2, 3].map(Value::Integer)]);
        assert_eq!(chunk.origins, [4, 6]);
    }
}
