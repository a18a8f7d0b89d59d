//! Names to ordinals, types checked and coerced, a query to a plan.
//!
//!   FROM ─▶ Relation (what a row is, as expressions) ─▶ WHERE, GROUP BY, SELECT over it ─▶ sink ─▶ prune
//!
//! A relation's columns are expressions over the row that the steps so far give, so that subqueries of plain columns
//! cost nothing. At the end only the source columns that something reads are kept.

mod aggregate;
mod arithmetic;
mod call;
pub(crate) mod coerce;
mod expression;
mod functions;
mod literal;
pub(crate) mod moment;
mod nodes;
mod prune;
mod relation;
mod scope;
mod select;
mod sink;
mod source;
mod time;
mod window;

use std::sync::Arc;

use flow::plan::{PLAN_VERSION, Plan, Sink, Step};

pub use self::functions::functions;
pub(crate) use self::{
    expression::Binder,
    scope::{Role, Scope, ScopeColumn},
};
use self::{relation::Relation, select::QueryBinder};
use crate::{
    Catalog, Settings, SqlError, Statement, StatementKind, Table, limits, span::Span, syntax::Query,
};

/// A statement, bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// What runs.
    pub plan: Plan,
    /// What was accepted although it may not do what was meant.
    pub warnings: Vec<String>,
    /// Every table that it reads or writes.
    pub tables: Vec<Arc<Table>>,
}

/// Binds an INSERT.
///
/// # Errors
/// What is wrong with it, with its place in the script that the statement was read from.
pub fn bind_insert(
    statement: &Statement,
    catalog: &dyn Catalog,
    settings: &Settings,
) -> Result<Bound, SqlError> {
    let bound = match &statement.kind {
        StatementKind::Insert { target, columns, query } => {
            let mut binder = QueryBinder::new(catalog, settings);
            binder.query(query).and_then(|relation| {
                let table = binder.table(target)?;
                let sink = sink::Target { table: &table, name: target, columns };
                let (relation, sink) = sink.bind(relation, &mut binder.warnings)?;
                Ok(finish(binder, relation, sink, query))
            })
        }
        _ => Err(SqlError::new("not an INSERT", statement.span)),
    };
    located(bound.and_then(|bound| bound), statement)
}

/// Binds a SELECT, whose rows go to the asker.
///
/// # Errors
/// As [`bind_insert`].
pub fn bind_select(
    statement: &Statement,
    catalog: &dyn Catalog,
    settings: &Settings,
) -> Result<Bound, SqlError> {
    let bound = match &statement.kind {
        StatementKind::Select(query) => {
            let mut binder = QueryBinder::new(catalog, settings);
            binder.query(query).map(|relation| {
                let relation = relation.projected();
                finish(binder, relation, Sink::Screen, query)
            })
        }
        _ => Err(SqlError::new("not a SELECT", statement.span)),
    };
    located(bound.and_then(|bound| bound), statement)
}

fn finish(
    binder: QueryBinder<'_>,
    relation: Relation,
    sink: Sink,
    query: &Query,
) -> Result<Bound, SqlError> {
    let mut plan = Plan {
        version: PLAN_VERSION,
        source: relation.source,
        steps: relation.steps,
        sink,
        zone_minutes: binder.settings.zone_minutes(),
        dead_letters: binder.settings.dead_letter_topic(),
    };
    let has_window = plan.steps.iter().any(|step| matches!(step, Step::WindowAggregate(_)));
    prune::prune(&mut plan, has_window);
    check_size(&plan, query.span)?;
    Ok(Bound { plan, warnings: binder.warnings, tables: binder.tables })
}

/// A plan must be small enough to be stored and read again.
fn check_size(plan: &Plan, at: Span) -> Result<(), SqlError> {
    let (mut nodes, mut levels) = (0, 0);
    nodes::visit(plan, &mut |expr| {
        nodes += nodes::count(expr);
        levels = levels.max(nodes::levels(expr));
    });
    if levels > limits::STORED_LEVELS_MAX {
        return Err(SqlError::new("an expression of the query is nested too deeply", at)
            .with_hint("split it with a subquery in FROM"));
    }
    if nodes > limits::PLAN_NODES_MAX {
        return Err(SqlError::new("the query's expressions are too large", at)
            .with_hint(format!("at most {} nodes in all", limits::PLAN_NODES_MAX)));
    }
    Ok(())
}

fn located(bound: Result<Bound, SqlError>, statement: &Statement) -> Result<Bound, SqlError> {
    bound
        .map_err(|error| error.located_from(&statement.text, statement.span.start, statement.start))
}
