//! What a statement is answered with, piece by piece.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One piece of an answer; one line of the HTTP answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    /// The statement was carried out.
    Done {
        /// What was done.
        message: String,
    },
    /// Something was accepted although it is odd.
    Warning {
        /// What.
        message: String,
    },
    /// A job runs now.
    Job {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// A small table: SHOW, DESCRIBE.
    Table {
        /// Column names.
        columns: Vec<String>,
        /// Rows, as text.
        rows: Vec<Vec<String>>,
    },
    /// Text of several lines: EXPLAIN, SHOW CREATE TABLE.
    Text {
        /// The lines.
        text: String,
    },
    /// The columns of the rows to come.
    Columns {
        /// Names.
        names: Vec<String>,
        /// Types, as DESCRIBE prints them.
        types: Vec<String>,
    },
    /// A row of a push query.
    Row {
        /// One value per column.
        values: Vec<Value>,
    },
    /// A statement that belongs to the asker's session: it must be sent along from now on.
    Session {
        /// Its text.
        statement: String,
    },
    /// The statement failed; nothing after it in the script was tried.
    Error {
        /// The reason.
        message: String,
        /// The reason under its place in the text, and a hint.
        rendered: String,
    },
}

impl Answer {
    /// A failure that has no place in the text.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Error { rendered: format!("error: {message}\n"), message }
    }
}

/// Who asks. A push query goes on until the asker is gone.
pub trait Asker: Send {
    /// Hands over a piece; false: the asker is gone.
    fn answer(&mut self, answer: Answer) -> bool;
    /// Whether the asker is still there.
    fn is_there(&self) -> bool;
}
