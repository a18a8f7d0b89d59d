//! How a table is kept: its text and a version.
//!
//! `{"version":1,"name":"t","sql":"CREATE TABLE …"}`; the name is for people who look at the facts.

use serde::{Deserialize, Serialize};

use super::Table;
use crate::{StatementKind, parse_script};

/// The version that this code writes.
const VERSION: u16 = 1;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    version: u16,
    name: String,
    sql: String,
}

impl From<Table> for Stored {
    fn from(table: Table) -> Self {
        Self { version: VERSION, name: table.name, sql: table.text }
    }
}

impl TryFrom<Stored> for Table {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        if stored.version > VERSION {
            return Err(format!("a table of version {} is too new to be read", stored.version));
        }
        let statements = parse_script(&stored.sql).map_err(|error| error.to_string())?;
        match statements.first().map(|statement| &statement.kind) {
            Some(StatementKind::CreateTable { definition, .. }) => {
                Self::from_create(definition, &stored.sql).map_err(|error| error.to_string())
            }
            _ => Err("the stored text is no CREATE TABLE".to_owned()),
        }
    }
}
