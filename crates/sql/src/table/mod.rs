//! A table: named columns on a topic, as CREATE TABLE says it.

mod create;
mod describe;
mod kafka;
mod options;
mod stored;

use std::collections::BTreeMap;

use flow::{expr::Expr, plan::Origin, types::Type};

pub use self::describe::describe;
pub(crate) use self::{describe::metadata_key, kafka::KafkaTable};

/// A table. Kept as its SQL text: what is read back is what the text says today.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "stored::Stored", into = "stored::Stored")]
pub struct Table {
    /// Case-sensitive.
    pub name: String,
    /// In the order in which they were declared.
    pub columns: Vec<Column>,
    /// `WATERMARK FOR …`.
    pub watermark: Option<TableWatermark>,
    /// Names of columns; empty: none.
    pub primary_key: Vec<String>,
    /// `WITH (…)`.
    pub options: BTreeMap<String, String>,
    /// `COMMENT`.
    pub comment: Option<String>,
    /// The statement that made it.
    pub text: String,
    pub(crate) place: Connector,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Case-sensitive.
    pub name: String,
    /// What it is here; times have at most milliseconds.
    pub of: Type,
    /// Its type as declared, in Flink's spelling.
    pub declared: String,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Where it comes from.
    pub kind: ColumnKind,
    /// `COMMENT`.
    pub comment: Option<String>,
}

/// Where a column comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnKind {
    /// The record's value or key.
    Physical,
    /// The record's envelope.
    Metadata {
        /// What of it.
        origin: Origin,
        /// Its type there; another declared type means a cast.
        natural: Type,
        /// Left out when the table is written.
        is_virtual: bool,
    },
    /// Other columns. Left out when the table is written.
    Computed {
        /// Over the table's columns, by their position.
        expr: Expr,
        /// As written.
        text: String,
    },
}

/// `WATERMARK FOR column AS mark`.
#[derive(Clone, Debug, PartialEq)]
pub struct TableWatermark {
    /// The row time's position.
    pub column: usize,
    /// Over the table's columns, by their position.
    pub mark: Expr,
    /// As written.
    pub text: String,
}

/// Where a table lies.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Connector {
    /// `kafka` and `upsert-kafka`.
    Kafka(Box<KafkaTable>),
    Blackhole,
    Print,
}

impl Table {
    /// `properties.bootstrap.servers`: the cluster that it lies on; none: this one.
    #[must_use]
    pub fn bootstrap_servers(&self) -> Option<&str> {
        self.options.get("properties.bootstrap.servers").map(String::as_str)
    }

    /// The columns that are written, with their positions: physical ones and metadata that is not VIRTUAL.
    pub(crate) fn persisted(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| match &column.kind {
            ColumnKind::Physical => true,
            ColumnKind::Metadata { is_virtual, .. } => !is_virtual,
            ColumnKind::Computed { .. } => false,
        })
    }
}
