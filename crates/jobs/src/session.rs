//! What belongs to one asker: settings and temporary tables.
//!
//! The node keeps no sessions: the asker sends the statements that make its session along with each script, and is told
//! ([`crate::Answer::Session`]) which ones to send from then on. Nothing to expire, nothing to lose in a restart.

use metadata::Image;
use sql::{Settings, SqlError, Statement, StatementKind, Table};

use crate::catalog::Tables;

/// An asker's session, made anew for each script.
pub(crate) struct Session {
    pub(crate) tables: Tables,
    pub(crate) settings: Settings,
    /// The statements that make it.
    pub(crate) statements: Vec<String>,
}

impl Session {
    /// The session that `preamble` makes over the cluster's `image`.
    ///
    /// # Errors
    /// The first statement that is wrong.
    pub(crate) fn open(image: &Image, preamble: &str) -> Result<Self, SqlError> {
        let tables = Tables::of(image);
        let mut session = Self { tables, settings: Settings::default(), statements: Vec::new() };
        for statement in sql::parse_script(preamble)? {
            session.take(&statement)?;
        }
        Ok(session)
    }

    /// Takes `statement` in if it is one of the session's own. Answers what was done, or none if it is not one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn take(&mut self, statement: &Statement) -> Result<Option<Taken>, SqlError> {
        let mut taken = Taken { message: "OK".to_owned(), warnings: statement.warnings.clone() };
        match &statement.kind {
            StatementKind::Set { key, value } => {
                taken.warnings.extend(self.settings.set(key, value)?);
            }
            StatementKind::Reset(key) => self.settings.reset(key.as_deref()),
            StatementKind::CreateTable { definition, temporary: true, if_not_exists } => {
                let table = Table::from_create(definition, &statement.text)?;
                if self.tables.is_temporary(&table.name) && !if_not_exists {
                    let message = format!("temporary table {} exists already", table.name);
                    return Err(SqlError::new(message, statement.span));
                }
                taken.message = format!("temporary table {} created", table.name);
                self.tables.add_temporary(table);
            }
            StatementKind::DropTable { name, if_exists, temporary }
                if *temporary || self.tables.is_temporary(&name.text) =>
            {
                if !self.tables.remove_temporary(&name.text) && !if_exists {
                    let message = format!("there is no temporary table {}", name.text);
                    return Err(SqlError::new(message, name.span));
                }
                taken.message = format!("temporary table {} dropped", name.text);
            }
            _ => return Ok(None),
        }
        self.statements.push(statement.text.clone());
        Ok(Some(taken))
    }

    /// The statements that make it, as one script.
    pub(crate) fn preamble(&self) -> String {
        self.statements.iter().fold(String::new(), |script, text| script + text + ";\n")
    }
}

/// What taking a statement in did.
pub(crate) struct Taken {
    pub(crate) message: String,
    pub(crate) warnings: Vec<String>,
}
