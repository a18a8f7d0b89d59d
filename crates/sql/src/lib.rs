//! Flink's SQL dialect: text to bound plan, with errors that point at the text.
//!
//! ```
//! use std::sync::Arc;
//! use sql::{Catalog, Settings, StatementKind, Table};
//!
//! struct Tables(Vec<Arc<Table>>);
//! impl Catalog for Tables {
//!     fn table(&self, name: &str) -> Option<Arc<Table>> {
//!         self.0.iter().find(|table| table.name == name).cloned()
//!     }
//!     fn tables(&self) -> Vec<Arc<Table>> {
//!         self.0.clone()
//!     }
//! }
//!
//! let script = "CREATE TABLE clicks (url STRING, n INT)
//!     WITH ('connector' = 'kafka', 'topic' = 'clicks', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
//! SELECT url FROM clicks WHERE n > 1";
//! let mut tables = Tables(Vec::new());
//! for statement in sql::parse_script(script)? {
//!     match &statement.kind {
//!         StatementKind::CreateTable { definition, .. } => {
//!             tables.0.push(Arc::new(Table::from_create(definition, &statement.text)?));
//!         }
//!         _ => {
//!             let bound = sql::bind_select(&statement, &tables, &Settings::default())?;
//!             assert_eq!(bound.plan.source.columns.len(), 2);
//!             assert!(sql::explain(&bound.plan).contains("Filter: (n > 1)"));
//!         }
//!     }
//! }
//! # Ok::<(), sql::SqlError>(())
//! ```
//!
//! What this crate is not: it runs nothing, keeps no catalogue, and opens no topic.

mod bind;
mod catalog;
mod duration;
mod error;
mod explain;
pub mod limits;
mod nearest;
mod parse;
mod settings;
mod span;
mod statement;
mod syntax;
mod table;
mod zone;

pub use self::{
    bind::{Bound, bind_insert, bind_select, functions},
    catalog::Catalog,
    error::SqlError,
    explain::explain,
    parse::parse_script,
    settings::Settings,
    span::Span,
    statement::{Statement, StatementKind},
    syntax::{Name, Query, TableDefinition},
    table::{Column, ColumnKind, Table, TableWatermark, describe},
};
