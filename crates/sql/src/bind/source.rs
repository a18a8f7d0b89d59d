//! A table, read: its columns as a source decodes and computes them.

use std::collections::BTreeMap;

use flow::{
    expr::Expr,
    plan::{NamedExpr, Origin, Source, SourceColumn, Watermark},
    types::Field,
};

use super::{
    nodes,
    relation::Relation,
    scope::{Role, Scope, ScopeColumn},
};
use crate::{
    Settings, SqlError, Table,
    syntax::Name,
    table::{ColumnKind, Connector, KafkaTable},
};

/// All columns of `table`; those that nothing reads are dropped at the end.
pub(super) fn relation(
    table: &Table,
    name: &Name,
    settings: &Settings,
    warnings: &mut Vec<String>,
) -> Result<Relation, SqlError> {
    let Connector::Kafka(kafka) = &table.place else {
        return Err(SqlError::new(
            format!("table '{}' cannot be read: it is only written to", table.name),
            name.span,
        )
        .with_hint("read from a 'kafka' table"));
    };
    if let Some(warning) = kafka.startup_warning {
        warnings.push(format!("table {}: {warning}", table.name));
    }
    if kafka.upsert {
        warnings.push(format!(
            "table {}: rows of an upsert-kafka table are read as they come; updates and deletes are not taken back",
            table.name
        ));
    }
    let mut row = Row::default();
    row.decoded(table, kafka);
    row.computed(table);
    let watermark = table.watermark.as_ref().map(|watermark| Watermark {
        row_time: row.place(watermark.column),
        mark: row.renumbered(&watermark.mark),
        idle_timeout_ms: kafka.idle_timeout_ms.unwrap_or_else(|| settings.idle_timeout_ms()),
    });
    let columns = table.columns.iter().enumerate().map(|(position, column)| ScopeColumn {
        name: column.name.clone(),
        expr: Expr::Column { ordinal: row.place(position), of: column.of },
        role: match &table.watermark {
            Some(watermark) if watermark.column == position => Role::RowTime,
            _ => Role::Plain,
        },
    });
    let scope = Scope { qualifier: Some(table.name.clone()), columns: columns.collect() };
    let source = Source {
        table: table.name.clone(),
        topics: kafka.topics.clone(),
        format: kafka.value.format.clone(),
        key_format: kafka
            .key
            .as_ref()
            .filter(|_| !kafka.value_has_key)
            .map(|key| key.format.format.clone()),
        ignore_parse_errors: kafka.value.ignore_parse_errors,
        columns: row.columns,
        computed: row.computed,
        watermark,
        startup: kafka.startup.clone(),
        bounded: kafka.bounded.clone(),
        upsert: kafka.upsert,
    };
    Ok(Relation {
        source,
        steps: Vec::new(),
        filters: Vec::new(),
        scope,
        window: None,
        is_aggregated: false,
    })
}

/// The source's row as it grows.
#[derive(Default)]
struct Row {
    columns: Vec<SourceColumn>,
    computed: Vec<NamedExpr>,
    /// From a column's position in the table to its ordinal in the row.
    places: BTreeMap<usize, usize>,
}

impl Row {
    fn decoded(&mut self, table: &Table, kafka: &KafkaTable) {
        let mut casts = Vec::new();
        for (position, column) in table.columns.iter().enumerate() {
            let (origin, of) = match &column.kind {
                ColumnKind::Physical => (physical(&column.name, kafka), column.of),
                ColumnKind::Metadata { origin, natural, .. } => (origin.clone(), *natural),
                ColumnKind::Computed { .. } => continue,
            };
            let ordinal = self.columns.len();
            let is_cast = of != column.of;
            let name = if is_cast { format!("${}", column.name) } else { column.name.clone() };
            if is_cast {
                let from = Box::new(Expr::Column { ordinal, of });
                casts.push((position, column, Expr::Cast { from, to: column.of, or_null: false }));
            } else {
                self.places.insert(position, ordinal);
            }
            let field = Field { name, of, nullable: column.nullable };
            self.columns.push(SourceColumn { field, origin });
        }
        for (position, column, expr) in casts {
            self.compute(position, &column.name, expr);
        }
    }

    fn computed(&mut self, table: &Table) {
        for (position, column) in table.columns.iter().enumerate() {
            if let ColumnKind::Computed { expr, .. } = &column.kind {
                let expr = self.renumbered(expr);
                self.compute(position, &column.name, expr);
            }
        }
    }

    fn compute(&mut self, position: usize, name: &str, expr: Expr) {
        self.places.insert(position, self.columns.len() + self.computed.len());
        self.computed.push(NamedExpr { name: name.to_owned(), expr });
    }

    fn place(&self, position: usize) -> usize {
        self.places.get(&position).copied().unwrap_or(position)
    }

    fn renumbered(&self, expr: &Expr) -> Expr {
        let mut expr = expr.clone();
        nodes::renumber(&mut expr, &|position| self.place(position));
        expr
    }
}

/// In the value, unless the value leaves the key's columns out.
fn physical(name: &str, kafka: &KafkaTable) -> Origin {
    match &kafka.key {
        Some(key) if !kafka.value_has_key && key.fields.iter().any(|field| field == name) => {
            Origin::Key(name.strip_prefix(key.prefix.as_str()).unwrap_or(name).to_owned())
        }
        _ => Origin::Value(name.to_owned()),
    }
}
