//! Behind a GROUP BY: what its keys, its window and the aggregate calls are in the row that comes out.
//!
//! That row is: keys, calls, window_start, window_end, window_time. How many calls there are is known only at the end,
//! so the window's columns have the ordinals of [`WINDOW_COLUMNS`] until then.

use flow::{
    expr::Expr,
    plan::{Aggregate, AggregateCall},
    types::{Type, Value},
};

use super::{
    coerce::{is_numeric, is_timestamp},
    expression::Binder,
    functions::AGGREGATES,
    nodes,
    window::GroupWindow,
};
use crate::{
    SqlError,
    syntax::{Call, Expression, ExpressionKind as Kind, Name},
};

/// Ordinals that stand for window_start, window_end and window_time until theirs are known.
pub(super) const WINDOW_COLUMNS: [usize; 3] = [usize::MAX - 2, usize::MAX - 1, usize::MAX];

/// A GROUP BY being used.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) keys: Vec<Expr>,
    pub(super) calls: Vec<AggregateCall>,
    pub(super) window: GroupWindow,
    /// Which of the window's columns GROUP BY names.
    pub(super) named: [bool; 3],
}

/// Whether `ordinal` stands for a column of a window.
pub(super) fn is_window_ordinal(ordinal: usize) -> bool {
    WINDOW_COLUMNS.contains(&ordinal)
}

/// Whether `expr` reads a column of a window that is not grouped by yet.
pub(super) fn reads_window(expr: &Expr) -> bool {
    let mut any = false;
    nodes::columns(expr, &mut |ordinal| any |= is_window_ordinal(ordinal));
    any
}

/// The place of a window's column, if `expr` is just that.
pub(super) fn window_column(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Column { ordinal, .. } => WINDOW_COLUMNS.iter().position(|it| it == ordinal),
        _ => None,
    }
}

/// Whether an aggregate stands in `expression`, however deep.
pub(super) fn has_aggregate(expression: &Expression) -> bool {
    let any = |list: &[Expression]| list.iter().any(has_aggregate);
    match &expression.kind {
        Kind::Call(call) => {
            AGGREGATES.contains(&call.name.text.as_str())
                || call.arguments.iter().any(|argument| has_aggregate(&argument.value))
        }
        Kind::Not(inner) | Kind::Negate(inner) | Kind::Is(_, inner) => has_aggregate(inner),
        Kind::Cast { from, .. } => has_aggregate(from),
        Kind::Binary(_, left, right) => has_aggregate(left) || has_aggregate(right),
        Kind::And(terms) | Kind::Or(terms) => any(terms),
        Kind::Between { of, low, high, .. } => {
            has_aggregate(of) || has_aggregate(low) || has_aggregate(high)
        }
        Kind::In { of, list, .. } => has_aggregate(of) || any(list),
        Kind::Like { of, pattern, .. } => has_aggregate(of) || has_aggregate(pattern),
        Kind::Case { operand, branches, otherwise } => {
            operand.as_deref().is_some_and(has_aggregate)
                || branches.iter().any(|(when, then)| has_aggregate(when) || has_aggregate(then))
                || otherwise.as_deref().is_some_and(has_aggregate)
        }
        _ => false,
    }
}

impl Binder<'_> {
    /// What `expression` as a whole is in the grouped row: an aggregate, a key, a bound of the window.
    pub(super) fn grouped(&mut self, expression: &Expression) -> Result<Option<Expr>, SqlError> {
        let scope = self.scope;
        let Some(grouping) = self.grouping.as_deref_mut() else { return Ok(None) };
        if let Kind::Call(call) = &expression.kind {
            if AGGREGATES.contains(&call.name.text.as_str()) {
                let call = aggregate(&mut Binder::plain(scope), call)?;
                return Ok(Some(grouping.call(call)));
            }
            if let Some(bound) = grouping.window.property(&mut Binder::plain(scope), call)? {
                return Ok(Some(bound));
            }
        }
        let Ok(plain) = Binder::plain(scope).bind(expression) else { return Ok(None) };
        if let Some(place) = window_column(&plain) {
            let named = grouping.named.get(place).copied().unwrap_or(false);
            return Ok(named.then_some(plain));
        }
        let key = grouping.keys.iter().position(|key| *key == plain);
        Ok(key.map(|ordinal| Expr::Column { ordinal, of: plain.of() }))
    }
}

impl Grouping {
    /// The column of a call; the same call twice is one column.
    fn call(&mut self, call: AggregateCall) -> Expr {
        let of = call.of;
        let same = |other: &AggregateCall| {
            other.function == call.function
                && other.argument == call.argument
                && other.filter == call.filter
        };
        let place = self.calls.iter().position(same).unwrap_or_else(|| {
            let name = format!("{}_{}", call.name, self.calls.len());
            self.calls.push(AggregateCall { name, ..call.clone() });
            self.calls.len() - 1
        });
        Expr::Column { ordinal: self.keys.len() + place, of }
    }

    /// Gives the window's columns their ordinals.
    pub(super) fn settle(&self, expr: &mut Expr) {
        let first = self.keys.len() + self.calls.len();
        nodes::renumber(expr, &|ordinal| {
            let place = WINDOW_COLUMNS.iter().position(|it| *it == ordinal);
            place.map_or(ordinal, |place| first + place)
        });
    }
}

fn aggregate(binder: &mut Binder<'_>, call: &Call) -> Result<AggregateCall, SqlError> {
    let Call { name, arguments, distinct, star, filter } = call;
    if *distinct {
        return Err(SqlError::new(
            format!("{}(DISTINCT …) is not served yet", name.text),
            name.span,
        )
        .with_hint("count all, or group by the column and count in a second job"));
    }
    let filter = filter.as_deref().map(|it| binder.condition(it, "FILTER")).transpose()?;
    let argument = match arguments.as_slice() {
        [] => None,
        [argument] if argument.name.is_none() => Some(binder.bind(&argument.value)?),
        _ => {
            return Err(SqlError::new(format!("{} takes one argument", name.text), name.span));
        }
    };
    if argument.iter().chain(&filter).any(reads_window) {
        return Err(SqlError::new(
            "a window's bounds are the same for all rows of the window",
            name.span,
        )
        .with_hint("use window_start and window_end outside of the aggregate"));
    }
    let (function, of) = result(name, *star, argument.as_ref())?;
    // COUNT(1) counts rows.
    let is_constant =
        matches!(&argument, Some(Expr::Literal { value, .. }) if *value != Value::Null);
    let (function, argument) = match function {
        Aggregate::Count if is_constant => (Aggregate::CountRows, None),
        function => (function, argument),
    };
    Ok(AggregateCall { name: name.text.to_lowercase(), function, argument, filter, of })
}

/// The function and its result's type. Source: Flink 2.2 `LogicalTypeMerging.findSumAggType`, `findAvgAggType`.
fn result(name: &Name, star: bool, argument: Option<&Expr>) -> Result<(Aggregate, Type), SqlError> {
    let of = match (star, argument) {
        (true, _) | (false, None) if name.text == "COUNT" => {
            return Ok((Aggregate::CountRows, Type::BigInt));
        }
        (false, Some(_)) if name.text == "COUNT" => return Ok((Aggregate::Count, Type::BigInt)),
        (false, Some(argument)) => argument.of(),
        _ => return Err(SqlError::new(format!("{} takes a column, not *", name.text), name.span)),
    };
    let number = || {
        if is_numeric(of) {
            return Ok(of);
        }
        Err(SqlError::new(format!("{} takes a number, and this is {of}", name.text), name.span)
            .with_hint("cast it: SUM(CAST(x AS DOUBLE))"))
    };
    Ok(match name.text.as_str() {
        "SUM" => match number()? {
            Type::Decimal { scale, .. } => (Aggregate::Sum, Type::Decimal { precision: 38, scale }),
            of => (Aggregate::Sum, of),
        },
        "AVG" => match number()? {
            Type::Decimal { scale, .. } => {
                (Aggregate::Avg, Type::Decimal { precision: 38, scale: scale.max(6) })
            }
            of => (Aggregate::Avg, of),
        },
        _ => {
            let ordered = is_numeric(of)
                || is_timestamp(of)
                || matches!(of, Type::String | Type::Date | Type::Time);
            if !ordered {
                return Err(SqlError::new(format!("{} does not take {of}", name.text), name.span));
            }
            (if name.text == "MIN" { Aggregate::Min } else { Aggregate::Max }, of)
        }
    })
}
