//! WHERE, and HAVING behind an aggregate: rows for which a condition is TRUE go on.

use crate::{
    chunk::Chunk,
    expr::{Expr, Failure, Scope},
};

/// Keeps the rows of `chunk` for which `condition` is TRUE. Answers the rows that failed (and are gone), and how many were turned away.
pub(crate) fn filter(
    scope: &Scope,
    condition: &Expr,
    chunk: &mut Chunk<'_>,
) -> (Vec<Failure>, u64) {
    let evaluated = scope.eval(condition, chunk);
    let truth = evaluated.operand.booleans();
    let mut goes_on: Vec<bool> =
        (0..chunk.rows()).map(|row| evaluated.operand.is_valid(row) && truth.at(row)).collect();
    let mut failures = evaluated.failures;
    failures.sort_by_key(|failure| failure.row);
    failures.dedup_by_key(|failure| failure.row);
    for failure in &mut failures {
        goes_on[failure.row as usize] = false;
        // From here on it is named by the record it came from.
        failure.row = chunk.origins[failure.row as usize];
    }
    let before = chunk.rows();
    let rows = 0..before as u32;
    let kept: Vec<u32> = rows.filter(|row| goes_on[*row as usize]).collect();
    let turned_away = before - kept.len() - failures.len();
    chunk.keep(&kept);
    (failures, turned_away as u64)
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
    fn rows_go_on_where_the_condition_is_true_and_fail_where_it_fails() {
        let values = [6, 0, 3, 4].map(Value::Integer);
        let mut values = values.to_vec();
        values.push(Value::Null);
        let mut chunk = Chunk {
            columns: vec![Column::from_values(Type::Int, &values)],
            origins: vec![10, 11, 12, 13, 14],
        };
        let column = Expr::Column { ordinal: 0, of: Type::Int };
        let number = |value| Expr::Literal { value: Value::Integer(value), of: Type::Int };
        let call = |function, arguments, of| Expr::Call { function, arguments, of };
        let divided = call(Function::Divide, vec![number(12), column], Type::Int);
        let condition = call(Function::Less, vec![divided, number(4)], Type::Boolean);
        let (failures, turned_away) = filter(&Scope::default(), &condition, &mut chunk);
        assert_eq!(failures, [Failure { row: 11, reason: "division by zero".into() }]);
        assert_eq!(turned_away, 2);
        assert_eq!(chunk.origins, [10, 13]);
        assert_eq!(chunk.columns[0].value(1, Type::Int), Value::Integer(4));
    }
}
