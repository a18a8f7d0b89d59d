//! `sqlparser`'s queries to ours: one SELECT over one thing in FROM, with WITH in front; the rest is refused by name.

use sqlparser::ast::{
    GroupByExpr, ObjectName, Query as Tree, Select as SelectTree, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, Spanned, TableAlias, TableFactor,
    WildcardAdditionalOptions,
};

use super::{expression::Translator, reader::simple_name};
use crate::{
    SqlError,
    span::Span,
    syntax::{
        Argument, Call, Expression, ExpressionKind, Factor, FactorKind, Item, Name, Query, Select,
    },
};

impl Translator<'_> {
    pub(super) fn query(&self, tree: &Tree, depth: usize) -> Result<Query, SqlError> {
        if depth > crate::limits::EXPRESSION_DEPTH_MAX {
            return Err(SqlError::new("the query is nested too deeply", self.near));
        }
        if let Some(order) = &tree.order_by {
            return self.refuse(
                "ORDER BY",
                self.place(order.span()),
                "a stream has no end to sort at; sort what you read",
            );
        }
        if tree.limit_clause.is_some() || tree.fetch.is_some() {
            return self.refuse("LIMIT", self.near, "stop the query when you have seen enough");
        }
        if !tree.locks.is_empty()
            || tree.for_clause.is_some()
            || tree.settings.is_some()
            || tree.format_clause.is_some()
            || !tree.pipe_operators.is_empty()
        {
            return self.refuse(
                "a clause after the query",
                self.near,
                "end the statement behind GROUP BY or HAVING",
            );
        }
        let mut with = Vec::new();
        if let Some(clause) = &tree.with {
            if clause.recursive {
                return self.refuse(
                    "WITH RECURSIVE",
                    self.near,
                    "write the query without recursion",
                );
            }
            for table in &clause.cte_tables {
                if !table.alias.columns.is_empty() {
                    return self.refuse(
                        "a column list in WITH",
                        self.place(table.alias.name.span),
                        "name the columns in its SELECT: a AS b",
                    );
                }
                with.push((self.name(&table.alias.name), self.query(&table.query, depth + 1)?));
            }
        }
        let span = self.place(tree.span());
        match &*tree.body {
            SetExpr::Select(select) => {
                Ok(Query { with, select: Box::new(self.select(select, depth)?), span })
            }
            SetExpr::Query(inner) if with.is_empty() => self.query(inner, depth + 1),
            SetExpr::Query(inner) => {
                let mut inner = self.query(inner, depth + 1)?;
                with.append(&mut inner.with);
                Ok(Query { with, ..inner })
            }
            SetExpr::SetOperation { op, .. } => self.refuse(
                &format!("{op}"),
                self.near,
                "write one INSERT per part, into the same table",
            ),
            SetExpr::Values(_) => self.refuse("VALUES", self.near, "read from a table"),
            _ => self.refuse("this statement", self.near, "write SELECT … FROM …"),
        }
    }

    fn place(&self, span: sqlparser::tokenizer::Span) -> Span {
        let span = self.places.span(span);
        if span == Span::default() { self.near } else { span }
    }

    fn select(&self, tree: &SelectTree, depth: usize) -> Result<Select, SqlError> {
        let span = self.place(tree.select_token.0.span);
        if tree.distinct.is_some() {
            return self.refuse("SELECT DISTINCT", span, "GROUP BY the columns within a window");
        }
        if tree.qualify.is_some() || !tree.named_window.is_empty() {
            return self.refuse(
                "a WINDOW or QUALIFY clause",
                span,
                "windows stand in FROM: TABLE(TUMBLE(…))",
            );
        }
        let odd = tree.select_modifiers.is_some()
            || tree.top.is_some()
            || tree.exclude.is_some()
            || tree.into.is_some()
            || !tree.lateral_views.is_empty()
            || tree.prewhere.is_some()
            || !tree.connect_by.is_empty()
            || !tree.cluster_by.is_empty()
            || !tree.distribute_by.is_empty()
            || !tree.sort_by.is_empty()
            || tree.value_table_mode.is_some();
        if odd {
            return self.refuse(
                "a clause of this SELECT",
                span,
                "SELECT … FROM … WHERE … GROUP BY … HAVING …",
            );
        }
        let items =
            tree.projection.iter().map(|item| self.item(item, depth)).collect::<Result<_, _>>()?;
        let filter = tree.selection.as_ref().map(|it| self.expression(it, depth)).transpose()?;
        let having = tree.having.as_ref().map(|it| self.expression(it, depth)).transpose()?;
        let group = match &tree.group_by {
            GroupByExpr::Expressions(list, modifiers) if modifiers.is_empty() => {
                list.iter().map(|it| self.expression(it, depth)).collect::<Result<Vec<_>, _>>()?
            }
            _ => {
                return self.refuse(
                    "this GROUP BY",
                    span,
                    "list the columns: GROUP BY window_start, window_end, a",
                );
            }
        };
        let from = match tree.from.as_slice() {
            [] => {
                return Err(SqlError::new("a SELECT without FROM reads nothing", span)
                    .with_hint("write SELECT … FROM t"));
            }
            [one] if one.joins.is_empty() => self.factor(&one.relation, depth)?,
            [one] => {
                let join = one.joins.first().map_or(self.near, |join| self.place(join.span()));
                return self.refuse("JOIN", join, "one table per query for now");
            }
            [_, second, ..] => {
                return self.refuse(
                    "a list of tables in FROM",
                    self.place(second.span()),
                    "one table per query for now",
                );
            }
        };
        Ok(Select { items, from, filter, group, having, span })
    }

    fn item(&self, item: &SelectItem, depth: usize) -> Result<Item, SqlError> {
        let plain = |options: &WildcardAdditionalOptions| {
            options.opt_ilike.is_none()
                && options.opt_exclude.is_none()
                && options.opt_except.is_none()
                && options.opt_replace.is_none()
                && options.opt_rename.is_none()
                && options.opt_alias.is_none()
        };
        match item {
            SelectItem::UnnamedExpr(value) => {
                Ok(Item::Expression { value: self.expression(value, depth)?, alias: None })
            }
            SelectItem::ExprWithAlias { expr, alias } => Ok(Item::Expression {
                value: self.expression(expr, depth)?,
                alias: Some(self.name(alias)),
            }),
            SelectItem::Wildcard(options) if plain(options) => {
                Ok(Item::All { of: None, span: self.place(options.wildcard_token.0.span) })
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) if plain(options) => {
                let name = self.object_name(name)?;
                Ok(Item::All { span: name.span, of: Some(name) })
            }
            _ => {
                self.refuse("this form of a column list", self.near, "list the columns, or write *")
            }
        }
    }

    fn object_name(&self, name: &ObjectName) -> Result<Name, SqlError> {
        let parts: Vec<Name> = name
            .0
            .iter()
            .filter_map(|part| part.as_ident())
            .map(|ident| self.name(ident))
            .collect();
        if parts.len() != name.0.len() {
            return self.refuse("this name", self.near, "name a table");
        }
        simple_name(&parts)
    }

    fn factor(&self, tree: &TableFactor, depth: usize) -> Result<Factor, SqlError> {
        let span = self.place(tree.span());
        match tree {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } => {
                if version.is_some() {
                    return self.refuse("FOR SYSTEM_TIME AS OF", span, "read the table as it is");
                }
                if !with_hints.is_empty() || !partitions.is_empty() || !index_hints.is_empty() {
                    return self.refuse("a clause behind the table", span, "write FROM t AS a");
                }
                let alias = self.alias(alias.as_ref())?;
                let Some(args) = args else {
                    return Ok(Factor {
                        kind: FactorKind::Table(self.object_name(name)?),
                        alias,
                        span,
                    });
                };
                let called = self.function_name(name)?;
                let arguments: Vec<Argument> = args
                    .args
                    .iter()
                    .map(|it| self.argument(it, &called, depth + 1))
                    .collect::<Result<_, _>>()?;
                let span = arguments.iter().fold(called.span, |span, it| span.to(it.value.span));
                let name = Name { text: called.text.to_ascii_uppercase(), span: called.span };
                let call = Call { name, arguments, distinct: false, star: false, filter: None };
                Ok(Factor { kind: FactorKind::Function(call), alias, span })
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let query = self.query(subquery, depth + 1)?;
                Ok(Factor {
                    kind: FactorKind::Query(query),
                    alias: self.alias(alias.as_ref())?,
                    span,
                })
            }
            TableFactor::TableFunction { expr, alias } => {
                let alias = self.alias(alias.as_ref())?;
                match self.expression(expr, depth + 1)? {
                    Expression { kind: ExpressionKind::Call(call), span } => {
                        Ok(Factor { kind: FactorKind::Function(call), alias, span })
                    }
                    other => Err(SqlError::new("TABLE(…) takes a window function", other.span)
                        .with_hint(
                            "write TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))",
                        )),
                }
            }
            TableFactor::NestedJoin { .. } => {
                self.refuse("JOIN", span, "one table per query for now")
            }
            TableFactor::MatchRecognize { .. } => {
                self.refuse("MATCH_RECOGNIZE", span, "one table per query for now")
            }
            _ => self.refuse("this in FROM", span, "write a table, a subquery or TABLE(TUMBLE(…))"),
        }
    }

    fn alias(&self, alias: Option<&TableAlias>) -> Result<Option<Name>, SqlError> {
        let Some(alias) = alias else { return Ok(None) };
        if !alias.columns.is_empty() || alias.at.is_some() {
            let span = self.place(alias.name.span);
            return self.refuse(
                "a column list behind an alias",
                span,
                "name the columns in the SELECT: a AS b",
            );
        }
        Ok(Some(self.name(&alias.name)))
    }
}
