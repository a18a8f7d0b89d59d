//! Walks over bound expressions: how large, how deep, which columns, with other columns.

use flow::{
    expr::Expr,
    plan::{Plan, Step},
};

/// Nodes of `expr`.
pub(super) fn count(expr: &Expr) -> usize {
    let mut nodes = 1;
    children(expr, &mut |child| nodes += count(child));
    nodes
}

/// Levels that `expr` takes where it is stored: objects and lists within each other.
pub(super) fn levels(expr: &Expr) -> usize {
    let mut deepest = 0;
    children(expr, &mut |child| deepest = deepest.max(levels(child)));
    let own = match expr {
        Expr::Column { .. } | Expr::Literal { .. } => 4,
        Expr::Call { .. } => 3,
        Expr::Case { .. } => 4,
        Expr::Cast { .. } => 2,
    };
    own + deepest
}

/// Shows every column ordinal of `expr`.
pub(super) fn columns(expr: &Expr, see: &mut dyn FnMut(usize)) {
    if let Expr::Column { ordinal, .. } = expr {
        see(*ordinal);
    }
    children(expr, &mut |child| columns(child, see));
}

/// Whether `expr` reads any column.
pub(super) fn reads_columns(expr: &Expr) -> bool {
    let mut any = false;
    columns(expr, &mut |_| any = true);
    any
}

/// Gives every column another ordinal.
pub(super) fn renumber(expr: &mut Expr, to: &dyn Fn(usize) -> usize) {
    if let Expr::Column { ordinal, .. } = expr {
        *ordinal = to(*ordinal);
        return;
    }
    children_mut(expr, &mut |child| renumber(child, to));
}

/// Shows every expression of a plan.
pub(super) fn visit(plan: &Plan, see: &mut dyn FnMut(&Expr)) {
    plan.source.computed.iter().for_each(|column| see(&column.expr));
    plan.source.watermark.iter().for_each(|watermark| see(&watermark.mark));
    for step in &plan.steps {
        match step {
            Step::Filter(condition) => see(condition),
            Step::Project(columns) => columns.iter().for_each(|column| see(&column.expr)),
            Step::WindowAggregate(aggregate) => {
                see(&aggregate.row_time);
                aggregate.keys.iter().for_each(|key| see(&key.expr));
                for call in &aggregate.calls {
                    call.argument.iter().chain(&call.filter).for_each(&mut *see);
                }
            }
        }
    }
}

fn children(expr: &Expr, see: &mut dyn FnMut(&Expr)) {
    match expr {
        Expr::Column { .. } | Expr::Literal { .. } => {}
        Expr::Call { arguments, .. } => arguments.iter().for_each(see),
        Expr::Case { branches, otherwise, .. } => {
            for (condition, value) in branches {
                see(condition);
                see(value);
            }
            otherwise.iter().for_each(|value| see(value));
        }
        Expr::Cast { from, .. } => see(from),
    }
}

fn children_mut(expr: &mut Expr, see: &mut dyn FnMut(&mut Expr)) {
    match expr {
        Expr::Column { .. } | Expr::Literal { .. } => {}
        Expr::Call { arguments, .. } => arguments.iter_mut().for_each(see),
        Expr::Case { branches, otherwise, .. } => {
            for (condition, value) in branches {
                see(condition);
                see(value);
            }
            otherwise.iter_mut().for_each(|value| see(value));
        }
        Expr::Cast { from, .. } => see(from),
    }
}
