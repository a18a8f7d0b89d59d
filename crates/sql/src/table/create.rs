//! CREATE TABLE, checked: names, types, expressions, options.

use flow::{
    expr::Expr,
    plan::{Format, Origin},
    types::Type,
};

use super::{Column, ColumnKind, Connector, KafkaTable, Table, TableWatermark, options::Options};
use crate::{
    SqlError,
    bind::{Binder, Role, Scope, ScopeColumn},
    syntax::{ColumnDefinition, ColumnDefinitionKind, Name, TableDefinition, TypeName},
};

impl Table {
    /// The table that `definition` describes; `text` is the statement's own text.
    ///
    /// # Errors
    /// What is wrong with it, with its place in the script that the definition was read from.
    pub fn from_create(definition: &TableDefinition, text: &str) -> Result<Self, SqlError> {
        create(definition, text)
            .map_err(|error| error.located_from(text, definition.span.start, definition.start))
    }
}

fn create(definition: &TableDefinition, text: &str) -> Result<Table, SqlError> {
    unique(definition)?;
    let columns = columns(definition)?;
    for name in &definition.primary_key {
        let column = columns.iter().find(|column| column.name == name.text);
        if column.is_none_or(|column| column.kind != ColumnKind::Physical) {
            return Err(SqlError::new(
                format!("PRIMARY KEY: '{}' is no physical column", name.text),
                name.span,
            )
            .with_hint("name columns that are part of the record"));
        }
    }
    let mut table = Table {
        name: definition.name.text.clone(),
        watermark: watermark(definition, &columns)?,
        columns,
        primary_key: definition.primary_key.iter().map(|name| name.text.clone()).collect(),
        options: definition
            .options
            .iter()
            .map(|option| (option.key.text.clone(), option.value.text.clone()))
            .collect(),
        comment: definition.comment.clone(),
        text: text.to_owned(),
        place: connector(definition)?,
    };
    for column in &mut table.columns {
        column.nullable &= !table.primary_key.contains(&column.name);
    }
    check_raw(definition, &table)?;
    Ok(table)
}

fn unique(definition: &TableDefinition) -> Result<(), SqlError> {
    let mut seen = std::collections::BTreeSet::new();
    let twice = definition.columns.iter().find(|column| !seen.insert(column.name.text.as_str()));
    match twice {
        Some(column) => Err(SqlError::new(
            format!("column '{}' is declared twice", column.name.text),
            column.name.span,
        )),
        None => Ok(()),
    }
}

/// Physical and metadata columns first: computed ones read them wherever they stand.
fn columns(definition: &TableDefinition) -> Result<Vec<Column>, SqlError> {
    let mut made: Vec<Option<Column>> = Vec::new();
    for column in &definition.columns {
        made.push(match &column.kind {
            ColumnDefinitionKind::Physical(of) => Some(plain(column, of, ColumnKind::Physical)),
            ColumnDefinitionKind::Metadata { of, from, is_virtual } => {
                Some(plain(column, of, metadata(column, of, from.as_ref(), *is_virtual)?))
            }
            ColumnDefinitionKind::Computed { .. } => None,
        });
    }
    for (position, column) in definition.columns.iter().enumerate() {
        if let ColumnDefinitionKind::Computed { value, text } = &column.kind {
            let scope = scope(&definition.name, &made);
            let expr = Binder::plain(&scope).computed(value)?;
            let of = expr.of();
            if of == Type::Null {
                return Err(SqlError::new("the column has no type", value.span)
                    .with_hint("write CAST(NULL AS type)"));
            }
            let kind = ColumnKind::Computed { expr, text: text.clone() };
            let computed = Column {
                name: column.name.text.clone(),
                of,
                declared: of.to_string(),
                nullable: true,
                kind,
                comment: column.comment.clone(),
            };
            if let Some(slot) = made.get_mut(position) {
                *slot = Some(computed);
            }
        }
    }
    Ok(made.into_iter().flatten().collect())
}

fn plain(column: &ColumnDefinition, of: &TypeName, kind: ColumnKind) -> Column {
    Column {
        name: column.name.text.clone(),
        of: of.of,
        declared: of.declared.clone(),
        nullable: of.nullable,
        kind,
        comment: column.comment.clone(),
    }
}

/// The columns that are known so far, each by its position.
fn scope(table: &Name, columns: &[Option<Column>]) -> Scope {
    let known = columns.iter().enumerate().filter_map(|(ordinal, column)| {
        let column = column.as_ref()?;
        let expr = Expr::Column { ordinal, of: column.of };
        Some(ScopeColumn { name: column.name.clone(), expr, role: Role::Plain })
    });
    Scope { qualifier: Some(table.text.clone()), columns: known.collect() }
}

fn metadata(
    column: &ColumnDefinition,
    of: &TypeName,
    from: Option<&Name>,
    is_virtual: bool,
) -> Result<ColumnKind, SqlError> {
    let key = from.unwrap_or(&column.name);
    let (origin, natural) = match key.text.as_str() {
        "timestamp" => (Origin::Timestamp, Type::TimestampLtz { precision: 3 }),
        "offset" => (Origin::Offset, Type::BigInt),
        "partition" => (Origin::Partition, Type::Int),
        "topic" => (Origin::Topic, Type::String),
        "leader-epoch" => (Origin::LeaderEpoch, Type::Int),
        "timestamp-type" => (Origin::TimestampType, Type::String),
        "headers" | "header-list" => {
            return Err(SqlError::new("metadata 'headers' is not served yet", key.span).with_hint(
                "served are timestamp, offset, partition, topic, leader-epoch, timestamp-type",
            ));
        }
        _ => {
            return Err(SqlError::new(format!("a record has no metadata '{}'", key.text), key.span)
                .with_hint("METADATA FROM 'timestamp', 'offset', 'partition', 'topic', 'leader-epoch' or 'timestamp-type'"));
        }
    };
    if !crate::bind::coerce::is_castable(natural, of.of) {
        let message = format!("metadata '{}' is {natural} and cannot be {}", key.text, of.declared);
        return Err(SqlError::new(message, of.span).with_hint(format!("declare it {natural}")));
    }
    Ok(ColumnKind::Metadata { origin, natural, is_virtual })
}

fn watermark(
    definition: &TableDefinition,
    columns: &[Column],
) -> Result<Option<TableWatermark>, SqlError> {
    let Some(given) = &definition.watermark else { return Ok(None) };
    let found = columns.iter().enumerate().find(|(_, column)| column.name == given.column.text);
    let Some((position, column)) = found else {
        let names = columns.iter().map(|column| column.name.as_str());
        let meant = crate::nearest::nearest(&given.column.text, names);
        let error = SqlError::new(
            format!("WATERMARK: there is no column '{}'", given.column.text),
            given.column.span,
        );
        return Err(match meant {
            Some(meant) => error.with_hint(format!("did you mean '{meant}'?")),
            None => error.with_hint("the row time is a column of this table"),
        });
    };
    let is_time = matches!(column.of, Type::Timestamp { .. } | Type::TimestampLtz { .. });
    let digits = column
        .declared
        .trim_end_matches(')')
        .rsplit_once('(')
        .and_then(|(_, digits)| digits.parse().ok());
    if !is_time || digits.is_some_and(|digits: u32| digits > 3) {
        return Err(SqlError::new(
            format!(
                "WATERMARK: '{}' is {}, and a row time is TIMESTAMP(3) or TIMESTAMP_LTZ(3)",
                column.name, column.declared
            ),
            given.column.span,
        )
        .with_hint(match column.of {
            Type::BigInt | Type::Int => "add a column: rowtime AS TO_TIMESTAMP_LTZ(ts, 3)",
            Type::String => "add a column: rowtime AS TO_TIMESTAMP(ts)",
            _ => "declare it TIMESTAMP(3) or TIMESTAMP_LTZ(3)",
        }));
    }
    let made: Vec<Option<Column>> = columns.iter().cloned().map(Some).collect();
    let scope = scope(&definition.name, &made);
    let mark = Binder::plain(&scope).computed(&given.mark)?;
    let fits = matches!(
        (column.of, mark.of()),
        (Type::Timestamp { .. }, Type::Timestamp { .. })
            | (Type::TimestampLtz { .. }, Type::TimestampLtz { .. })
    );
    if !fits {
        let message = format!("WATERMARK: the mark is {}, the row time {}", mark.of(), column.of);
        return Err(SqlError::new(message, given.mark.span)
            .with_hint(format!("write {0} - INTERVAL '5' SECOND", column.name)));
    }
    Ok(Some(TableWatermark { column: position, mark, text: given.text.clone() }))
}

fn connector(definition: &TableDefinition) -> Result<Connector, SqlError> {
    let options = Options::new(definition);
    let name = options.required("connector", "kafka")?;
    let place = match name.text.as_str() {
        "kafka" => Connector::Kafka(Box::new(KafkaTable::read(&options, false)?)),
        "upsert-kafka" => Connector::Kafka(Box::new(KafkaTable::read(&options, true)?)),
        "blackhole" => {
            options.pass(&["property-version", "sink.parallelism"]);
            Connector::Blackhole
        }
        "print" => {
            options.pass(&[
                "property-version",
                "sink.parallelism",
                "print-identifier",
                "standard-error",
            ]);
            Connector::Print
        }
        _ => {
            options.one_of("connector", &["kafka", "upsert-kafka", "blackhole", "print"])?;
            Connector::Blackhole
        }
    };
    options.finish(&name.text)?;
    Ok(place)
}

/// The format raw has room for one column.
fn check_raw(definition: &TableDefinition, table: &Table) -> Result<(), SqlError> {
    let Connector::Kafka(kafka) = &table.place else { return Ok(()) };
    let physical: Vec<&str> = table
        .columns
        .iter()
        .filter(|column| column.kind == ColumnKind::Physical)
        .map(|column| column.name.as_str())
        .collect();
    let in_key = |name: &str| {
        kafka.key.as_ref().is_some_and(|key| key.fields.iter().any(|field| field == name))
    };
    let in_value = physical.iter().filter(|name| kafka.value_has_key || !in_key(name)).count();
    let mut wrong = None;
    if kafka.value.format == Format::Raw && in_value != 1 {
        wrong = Some(("value", in_value));
    }
    if let Some(key) = kafka.key.as_ref().filter(|key| key.format.format == Format::Raw)
        && key.fields.len() != 1
    {
        wrong = Some(("key", key.fields.len()));
    }
    match wrong {
        Some((part, count)) => {
            let message =
                format!("the format 'raw' of the {part} takes one column, and there are {count}");
            Err(SqlError::new(message, definition.name.span)
                .with_hint("use 'json', or declare one column"))
        }
        None => Ok(()),
    }
}
