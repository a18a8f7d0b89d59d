//! SELECT … FROM … WHERE … GROUP BY … HAVING over one relation.

use std::{rc::Rc, sync::Arc};

use flow::{
    expr::Expr,
    plan::{NamedExpr, Step, WindowAggregate},
};

use super::{
    aggregate::{Grouping, has_aggregate, reads_window, window_column},
    expression::Binder,
    nodes,
    relation::Relation,
    scope::{Role, Scope, ScopeColumn},
    source,
    window::{GroupWindow, TumbleCall},
};
use crate::{
    Catalog, Settings, SqlError, Table, limits,
    nearest::nearest,
    syntax::{Expression, ExpressionKind as Kind, Factor, FactorKind, Item, Name, Query, Select},
};

/// Binds queries of one statement.
pub(super) struct QueryBinder<'a> {
    catalog: &'a dyn Catalog,
    pub(super) settings: &'a Settings,
    pub(super) warnings: Vec<String>,
    pub(super) tables: Vec<Arc<Table>>,
    depth: usize,
}

/// Queries that WITH names, the last one first.
struct Named<'q> {
    name: &'q Name,
    query: &'q Query,
    before: With<'q>,
}

type With<'q> = Option<Rc<Named<'q>>>;

impl<'a> QueryBinder<'a> {
    pub(super) fn new(catalog: &'a dyn Catalog, settings: &'a Settings) -> Self {
        Self { catalog, settings, warnings: Vec::new(), tables: Vec::new(), depth: 0 }
    }

    /// A whole query.
    pub(super) fn query(&mut self, query: &Query) -> Result<Relation, SqlError> {
        let relation = self.query_with(query, &None)?;
        if relation.window.is_some() {
            return Err(SqlError::new("a window is not grouped by", query.select.from.span)
                .with_hint(
                    "add GROUP BY window_start, window_end; a window without it is not served yet",
                ));
        }
        Ok(relation)
    }

    fn query_with<'q>(&mut self, query: &'q Query, with: &With<'q>) -> Result<Relation, SqlError> {
        if self.depth > limits::NESTING_MAX {
            return Err(SqlError::new("the query is nested too deeply", query.span));
        }
        self.depth += 1;
        let mut with = with.clone();
        for (name, query) in &query.with {
            with = Some(Rc::new(Named { name, query, before: with }));
        }
        let relation = self.factor(&query.select.from, &with)?;
        let relation = select(&query.select, relation);
        self.depth -= 1;
        relation
    }

    fn factor<'q>(&mut self, factor: &'q Factor, with: &With<'q>) -> Result<Relation, SqlError> {
        let alias = factor.alias.as_ref().map(|alias| alias.text.clone());
        match &factor.kind {
            FactorKind::Table(name) => {
                let mut next = with.as_ref();
                while let Some(named) = next {
                    if named.name.text == name.text {
                        return self.subquery(
                            named.query,
                            &named.before,
                            alias.or(Some(name.text.clone())),
                        );
                    }
                    next = named.before.as_ref();
                }
                let table = self.table(name)?;
                let mut relation =
                    source::relation(&table, name, self.settings, &mut self.warnings)?;
                relation.scope.qualifier = alias.or(Some(name.text.clone()));
                Ok(relation)
            }
            FactorKind::Query(query) => self.subquery(query, with, alias),
            FactorKind::Function(call) => {
                let tumble = TumbleCall::parse(call)?;
                let mut relation = self.factor(tumble.table, with)?;
                if relation.is_aggregated || relation.window.is_some() {
                    return Err(SqlError::new(
                        "a window over windows is not served yet",
                        call.name.span,
                    )
                    .with_hint("write the first into a table, and read that"));
                }
                relation.window = Some(tumble.bind(&mut relation.scope)?);
                relation.scope.qualifier = alias;
                Ok(relation)
            }
        }
    }

    fn subquery<'q>(
        &mut self,
        query: &'q Query,
        with: &With<'q>,
        alias: Option<String>,
    ) -> Result<Relation, SqlError> {
        let mut relation = self.query_with(query, with)?;
        relation.settle();
        relation.scope.qualifier = alias;
        Ok(relation)
    }

    /// The table of this name.
    pub(super) fn table(&mut self, name: &Name) -> Result<Arc<Table>, SqlError> {
        let Some(table) = self.catalog.table(&name.text) else {
            let tables = self.catalog.tables();
            let error = SqlError::new(format!("there is no table '{}'", name.text), name.span);
            return Err(
                match nearest(&name.text, tables.iter().map(|table| table.name.as_str())) {
                    Some(meant) => error.with_hint(format!("did you mean '{meant}'?")),
                    None => error
                        .with_hint("CREATE TABLE makes one over a topic; SHOW TABLES lists them"),
                },
            );
        };
        if !self.tables.iter().any(|known| Arc::ptr_eq(known, &table)) {
            self.tables.push(Arc::clone(&table));
        }
        Ok(table)
    }
}

fn select(select: &Select, mut relation: Relation) -> Result<Relation, SqlError> {
    if let Some(filter) = &select.filter {
        if has_aggregate(filter) {
            return Err(SqlError::new("WHERE is asked before rows are aggregated", filter.span)
                .with_hint("put conditions on aggregates into HAVING"));
        }
        let condition = Binder::plain(&relation.scope).condition(filter, "WHERE")?;
        if reads_window(&condition) {
            return Err(SqlError::new(
                "WHERE on a window's columns is not served yet",
                filter.span,
            )
            .with_hint("put the condition into HAVING: it is the same for all rows of a window"));
        }
        relation.filters.push(condition);
    }
    let aggregates = select.items.iter().any(|item| match item {
        Item::Expression { value, .. } => has_aggregate(value),
        Item::All { .. } => false,
    });
    if select.group.is_empty() && !aggregates && select.having.is_none() {
        return rows(select, relation);
    }
    if select.group.is_empty() {
        return Err(SqlError::new("an aggregate without a window never ends", select.span).with_hint(
            "group by a window: FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end",
        ));
    }
    windows(select, relation)
}

/// Without GROUP BY: each row becomes another.
fn rows(select: &Select, mut relation: Relation) -> Result<Relation, SqlError> {
    let mut columns = Vec::new();
    for item in &select.items {
        match item {
            Item::All { of, span } => columns.extend(all(of.as_ref(), &relation.scope, *span)?),
            Item::Expression { value, alias } => {
                let expr = Binder::plain(&relation.scope).bind(value)?;
                if reads_window(&expr) && window_column(&expr).is_none() {
                    return Err(SqlError::new(
                        "a window's columns are known behind GROUP BY only",
                        value.span,
                    )
                    .with_hint("group by window_start, window_end, and compute with them there"));
                }
                let role = relation
                    .scope
                    .columns
                    .iter()
                    .find(|column| column.expr == expr)
                    .map_or(Role::Plain, |column| column.role);
                columns.push(ScopeColumn {
                    name: output_name(value, alias.as_ref(), columns.len()),
                    expr,
                    role,
                });
            }
        }
    }
    relation.scope = Scope { qualifier: None, columns };
    Ok(relation)
}

fn all(of: Option<&Name>, scope: &Scope, span: crate::Span) -> Result<Vec<ScopeColumn>, SqlError> {
    match of {
        Some(name) if scope.qualifier.as_ref() != Some(&name.text) => {
            Err(SqlError::new(format!("there is no table '{}' in FROM", name.text), span))
        }
        _ => Ok(scope.columns.clone()),
    }
}

/// With GROUP BY: the rows of a window and key become one.
fn windows(select: &Select, mut relation: Relation) -> Result<Relation, SqlError> {
    let (mut grouping, keys) = group(select, &mut relation)?;
    let scope = std::mem::take(&mut relation.scope);
    let mut having = match &select.having {
        None => None,
        Some(having) => Some(
            Binder { scope: &scope, grouping: Some(&mut grouping) }.condition(having, "HAVING")?,
        ),
    };
    let mut columns = Vec::new();
    for item in &select.items {
        match item {
            Item::All { span, .. } => {
                return Err(SqlError::new("'*' has no meaning behind GROUP BY", *span)
                    .with_hint("list the columns: window_start, window_end, a, COUNT(*)"));
            }
            Item::Expression { value, alias } => {
                let expr = Binder { scope: &scope, grouping: Some(&mut grouping) }.bind(value)?;
                let name = output_name(value, alias.as_ref(), columns.len());
                let role =
                    if window_column(&expr) == Some(2) { Role::RowTime } else { Role::Plain };
                columns.push(ScopeColumn { name, expr, role });
            }
        }
    }
    columns.iter_mut().for_each(|column| grouping.settle(&mut column.expr));
    having.iter_mut().for_each(|condition| grouping.settle(condition));
    relation.filter();
    relation.steps.push(Step::WindowAggregate(WindowAggregate {
        window: grouping.window.window,
        row_time: grouping.window.row_time,
        keys,
        calls: grouping.calls,
    }));
    relation.filters.extend(having);
    relation.scope = Scope { qualifier: None, columns };
    relation.window = None;
    relation.is_aggregated = true;
    Ok(relation)
}

/// What GROUP BY says: the window and the keys.
fn group(select: &Select, relation: &mut Relation) -> Result<(Grouping, Vec<NamedExpr>), SqlError> {
    let scope = &relation.scope;
    let mut window = relation.window.clone();
    let mut named = [false; 3];
    let mut keys: Vec<NamedExpr> = Vec::new();
    for expression in &select.group {
        if let Kind::Call(call) = &expression.kind
            && let Some(legacy) = GroupWindow::legacy(scope, call)?
        {
            if window.is_some() {
                return Err(SqlError::new("one window per query", expression.span)
                    .with_hint("leave out TABLE(TUMBLE(…)), or GROUP BY TUMBLE(…)"));
            }
            window = Some(legacy);
            continue;
        }
        if has_aggregate(expression) {
            return Err(SqlError::new("an aggregate is no key", expression.span));
        }
        let key = Binder::plain(scope).bind(expression)?;
        if let Some(slot) = window_column(&key).and_then(|place| named.get_mut(place)) {
            *slot = true;
            continue;
        }
        check_key(&key, expression)?;
        if !keys.iter().any(|known| known.expr == key) {
            keys.push(NamedExpr { name: output_name(expression, None, keys.len()), expr: key });
        }
    }
    let Some(window) = window else {
        return Err(SqlError::new("GROUP BY without a window is not served yet", select.group.first().map_or(select.span, |it| it.span))
            .with_hint("group by a window: FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end"));
    };
    if relation.is_aggregated {
        return Err(SqlError::new("a window over windows is not served yet", select.span)
            .with_hint("write the first into a table, and read that"));
    }
    let [start, end, _] = named;
    let is_whole = window.is_legacy || (start && end);
    if !is_whole {
        return Err(SqlError::new(
            "GROUP BY must name both window_start and window_end",
            select.group.first().map_or(select.span, |it| it.span),
        )
        .with_hint("GROUP BY window_start, window_end, …"));
    }
    let exprs = keys.iter().map(|key| key.expr.clone()).collect();
    Ok((Grouping { keys: exprs, calls: Vec::new(), window, named }, keys))
}

fn check_key(key: &Expr, expression: &Expression) -> Result<(), SqlError> {
    if reads_window(key) {
        return Err(SqlError::new(
            "GROUP BY takes a window's columns as they are",
            expression.span,
        )
        .with_hint("group by window_start, window_end, and compute with them in SELECT"));
    }
    if !nodes::reads_columns(key) {
        return Err(SqlError::new(
            "GROUP BY takes columns and expressions over them, not constants",
            expression.span,
        )
        .with_hint(
            "repeat the expression of the SELECT list; positions and aliases are not SQL here",
        ));
    }
    Ok(())
}

/// The name of an output column; Flink's for those that have none.
fn output_name(value: &Expression, alias: Option<&Name>, position: usize) -> String {
    match (alias, &value.kind) {
        (Some(alias), _) => alias.text.clone(),
        (None, Kind::Column(parts)) => {
            parts.last().map_or_else(|| format!("EXPR${position}"), |name| name.text.clone())
        }
        (None, _) => format!("EXPR${position}"),
    }
}
