//! Statements of a script, each with its own text and place.

use crate::{
    span::{Place, Span},
    syntax::{Name, Query, TableDefinition},
};

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it asks for.
    pub kind: StatementKind,
    /// Its own text, without the semicolon.
    pub text: String,
    /// Where it stands in the script.
    pub span: Span,
    /// What was accepted although it is odd.
    pub warnings: Vec<String>,
    pub(crate) start: Place,
}

/// What a statement asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `CREATE [TEMPORARY] TABLE [IF NOT EXISTS] …`: see [`crate::Table::from_create`].
    CreateTable {
        /// Columns, watermark, key and options.
        definition: Box<TableDefinition>,
        /// Kept for the session only.
        temporary: bool,
        /// Does nothing when there is a table of this name.
        if_not_exists: bool,
    },
    /// `DROP [TEMPORARY] TABLE [IF EXISTS] t`.
    DropTable {
        /// Which.
        name: Name,
        /// Does nothing when there is none.
        if_exists: bool,
        /// Only a temporary one.
        temporary: bool,
    },
    /// `INSERT INTO t [(a, b)] SELECT …`: a job. See [`crate::bind_insert`].
    Insert {
        /// The table that is written.
        target: Name,
        /// The columns it names; empty: all.
        columns: Vec<Name>,
        /// What is written.
        query: Query,
    },
    /// A push query. See [`crate::bind_select`].
    Select(Query),
    /// `SHOW TABLES`.
    ShowTables,
    /// `SHOW JOBS`.
    ShowJobs,
    /// `SHOW FUNCTIONS`.
    ShowFunctions,
    /// `SHOW CREATE TABLE t`.
    ShowCreateTable(Name),
    /// `DESCRIBE t`.
    Describe(Name),
    /// `EXPLAIN [PLAN FOR] …`: an INSERT or a SELECT.
    Explain(Box<Statement>),
    /// `STOP JOB 'id' [WITH SAVEPOINT] [WITH DRAIN]`.
    StopJob {
        /// The job's id or name.
        id_or_name: Name,
        /// Asked for, and of no effect: a job always keeps its state.
        with_savepoint: bool,
    },
    /// `SET 'key' = 'value'`; without both: show all.
    Set {
        /// Which option.
        key: String,
        /// Its new value.
        value: String,
    },
    /// `SET` alone: show the settings.
    ShowSettings,
    /// `RESET` of one option or of all.
    Reset(Option<String>),
}

impl Statement {
    /// The warnings of the statement as `; ` separated text, if any.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        (!self.warnings.is_empty()).then(|| self.warnings.join("; "))
    }
}
