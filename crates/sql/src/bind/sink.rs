//! INSERT: a query's columns to those of a table, by position, cast where Flink casts by itself.

use flow::{
    expr::Expr,
    plan::{Sink, SinkKey, TopicSink},
};

use super::{
    coerce::{cast, is_implicit},
    literal::null,
    relation::Relation,
    scope::{Role, ScopeColumn, listed},
};
use crate::{
    SqlError, Table,
    syntax::Name,
    table::{Column, ColumnKind, Connector, KafkaTable},
};

/// What an INSERT names.
pub(super) struct Target<'a> {
    pub(super) table: &'a Table,
    pub(super) name: &'a Name,
    pub(super) columns: &'a [Name],
}

impl Target<'_> {
    /// `relation` made to fit, and where it goes.
    pub(super) fn bind(
        &self,
        relation: Relation,
        warnings: &mut Vec<String>,
    ) -> Result<(Relation, Sink), SqlError> {
        let table = self.table;
        let columns: Vec<&Column> = table.persisted().map(|(_, column)| column).collect();
        self.refuse_metadata(&columns)?;
        let relation = self.fitted(relation, &columns)?;
        match &table.place {
            Connector::Blackhole => Ok((relation.projected(), Sink::Blackhole)),
            Connector::Print => Ok((relation.projected(), Sink::Screen)),
            Connector::Kafka(kafka) => {
                warnings.extend(
                    kafka.sink_warning.map(|warning| format!("table {}: {warning}", table.name)),
                );
                self.topic(relation, kafka)
            }
        }
    }

    fn refuse_metadata(&self, columns: &[&Column]) -> Result<(), SqlError> {
        let written = columns.iter().find(|column| column.kind != ColumnKind::Physical);
        match written {
            None => Ok(()),
            Some(column) => Err(SqlError::new(
                format!("metadata column '{}' of table '{}' cannot be written", column.name, self.table.name),
                self.name.span,
            )
            .with_hint("declare it VIRTUAL: a record's timestamp, offset and partition are made by the log")),
        }
    }

    /// The table's columns in order, each from the query, or NULL where the column list leaves it out.
    fn fitted(&self, mut relation: Relation, columns: &[&Column]) -> Result<Relation, SqlError> {
        let chosen = self.chosen(columns)?;
        if chosen.len() != relation.scope.columns.len() {
            let message = format!(
                "the query gives {} columns, and table '{}' takes {}",
                relation.scope.columns.len(),
                self.table.name,
                chosen.len()
            );
            return Err(self.mismatch(message, &relation, &chosen));
        }
        for (position, (column, given)) in chosen.iter().zip(&relation.scope.columns).enumerate() {
            if !is_implicit(given.expr.of(), column.of) {
                let message = format!(
                    "column {} of the query is {}, and '{}' of table '{}' is {}",
                    position + 1,
                    given.expr.of(),
                    column.name,
                    self.table.name,
                    column.declared
                );
                let error = self.mismatch(message, &relation, &chosen);
                let schemas = error.hint.clone().unwrap_or_default();
                return Err(
                    error.with_hint(format!("write CAST(x AS {}); {schemas}", column.declared))
                );
            }
        }
        let given = std::mem::take(&mut relation.scope.columns);
        let mut fitted = Vec::with_capacity(columns.len());
        for column in columns {
            let found = chosen
                .iter()
                .position(|it| it.name == column.name)
                .and_then(|place| given.get(place));
            let expr = match found {
                Some(given) => cast(given.expr.clone(), column.of),
                None if column.nullable => null(column.of),
                None => {
                    return Err(SqlError::new(
                        format!("column '{}' is NOT NULL and not in the list", column.name),
                        self.name.span,
                    )
                    .with_hint("name it in the column list"));
                }
            };
            fitted.push(ScopeColumn { name: column.name.clone(), expr, role: Role::Plain });
        }
        relation.scope.columns = fitted;
        Ok(relation)
    }

    /// The columns that the query's columns are for, in their order.
    fn chosen<'c>(&self, columns: &[&'c Column]) -> Result<Vec<&'c Column>, SqlError> {
        if self.columns.is_empty() {
            return Ok(columns.to_vec());
        }
        let mut chosen: Vec<&Column> = Vec::new();
        for name in self.columns {
            let Some(column) = columns.iter().find(|column| column.name == name.text) else {
                let names = listed(columns.iter().map(|column| column.name.as_str()));
                return Err(SqlError::new(
                    format!("table '{}' has no column '{}' to write", self.table.name, name.text),
                    name.span,
                )
                .with_hint(format!("columns are {names}")));
            };
            if chosen.iter().any(|it| it.name == column.name) {
                return Err(SqlError::new(
                    format!("column '{}' is named twice", name.text),
                    name.span,
                ));
            }
            chosen.push(column);
        }
        Ok(chosen)
    }

    fn mismatch(&self, message: String, relation: &Relation, chosen: &[&Column]) -> SqlError {
        let query: Vec<String> = relation
            .scope
            .columns
            .iter()
            .map(|it| format!("{} {}", it.name, it.expr.of()))
            .collect();
        let table: Vec<String> =
            chosen.iter().map(|it| format!("{} {}", it.name, it.declared)).collect();
        SqlError::new(message, self.name.span).with_hint(format!(
            "query: [{}]; table: [{}]",
            query.join(", "),
            table.join(", ")
        ))
    }

    fn topic(&self, relation: Relation, kafka: &KafkaTable) -> Result<(Relation, Sink), SqlError> {
        let [topic] = kafka.topics.as_slice() else {
            return Err(SqlError::new(
                format!("table '{}' has several topics and can only be read", self.table.name),
                self.name.span,
            )
            .with_hint("name one topic to write to"));
        };
        if topic.is_internal() {
            return Err(SqlError::new(
                format!("topic '{topic}' is internal and not written to by jobs"),
                self.name.span,
            ));
        }
        let is_plain = |column: &ScopeColumn| matches!(column.expr, Expr::Column { .. });
        let mut relation = relation;
        if relation.scope.columns.iter().all(is_plain) {
            relation.filter();
        } else {
            relation = relation.projected();
        }
        let ordinals: Vec<(String, usize)> = relation
            .scope
            .columns
            .iter()
            .filter_map(|column| match column.expr {
                Expr::Column { ordinal, .. } => Some((column.name.clone(), ordinal)),
                _ => None,
            })
            .collect();
        let key = kafka.key.as_ref().map(|key| {
            let columns = key.fields.iter().filter_map(|field| {
                let (_, ordinal) = ordinals.iter().find(|(name, _)| name == field)?;
                Some((
                    field.strip_prefix(key.prefix.as_str()).unwrap_or(field).to_owned(),
                    *ordinal,
                ))
            });
            SinkKey { format: key.format.format.clone(), columns: columns.collect() }
        });
        let in_key = |name: &str| {
            kafka.key.as_ref().is_some_and(|key| key.fields.iter().any(|field| field == name))
        };
        let columns =
            ordinals.into_iter().filter(|(name, _)| kafka.value_has_key || !in_key(name)).collect();
        let sink = TopicSink {
            table: self.table.name.clone(),
            topic: topic.clone(),
            value: kafka.value.format.clone(),
            key,
            columns,
            upsert: kafka.upsert,
        };
        Ok((relation, Sink::Topic(sink)))
    }
}
