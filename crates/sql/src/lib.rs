//! Flink's SQL dialect: text to bound plan, with errors that point at the text.

mod error;
pub mod limits;
mod parse;
mod span;
mod statement;
mod syntax;

pub use self::{
    error::SqlError,
    parse::parse_script,
    span::Span,
    statement::{Statement, StatementKind},
    syntax::{Name, Query, TableDefinition},
};
