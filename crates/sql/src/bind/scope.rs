//! The columns that a name can mean.

use flow::expr::Expr;

use crate::{SqlError, nearest::nearest, span::Span, syntax::Name};

/// Columns in reach of an expression.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scope {
    /// What may stand before the point: the table's name or its alias.
    pub(crate) qualifier: Option<String>,
    pub(crate) columns: Vec<ScopeColumn>,
}

/// A column in reach.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScopeColumn {
    pub(crate) name: String,
    /// What it is, over the row that the steps so far give.
    pub(crate) expr: Expr,
    pub(crate) role: Role,
}

/// What a column is besides a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    /// The row time that the watermark is about.
    RowTime,
    /// `window_start`, `window_end`, `window_time` of a window that is not yet grouped by.
    Window,
}

impl Scope {
    /// The column that `parts` names.
    pub(crate) fn resolve(&self, parts: &[Name], span: Span) -> Result<&ScopeColumn, SqlError> {
        let (qualifier, name) = match parts {
            [name] => (None, name),
            [qualifier, name] => (Some(qualifier), name),
            _ => {
                return Err(SqlError::new("a column's name has at most one point", span)
                    .with_hint("write column, or table.column"));
            }
        };
        if let Some(qualifier) = qualifier
            && self.qualifier.as_deref() != Some(&qualifier.text)
        {
            let error = SqlError::new(
                format!("there is no table '{}' in FROM", qualifier.text),
                qualifier.span,
            );
            return Err(match &self.qualifier {
                Some(known) => error.with_hint(format!("the columns here are of '{known}'")),
                None => error.with_hint("what FROM names has no alias: write the column alone"),
            });
        }
        let mut found = self.columns.iter().filter(|column| column.name == name.text);
        match (found.next(), found.next()) {
            (Some(column), None) => Ok(column),
            (Some(_), Some(_)) => {
                Err(SqlError::new(format!("column '{}' is ambiguous", name.text), name.span)
                    .with_hint("give the columns of the subquery different names: a AS b"))
            }
            (None, _) => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &Name) -> SqlError {
        let names = || self.columns.iter().map(|column| column.name.as_str());
        let error = SqlError::new(format!("there is no column '{}'", name.text), name.span);
        match nearest(&name.text, names()) {
            Some(meant) => error.with_hint(format!("did you mean '{meant}'?")),
            None => error.with_hint(format!("columns are {}", listed(names()))),
        }
    }
}

/// The first names of a list.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let names: Vec<&str> = names.take(SHOWN + 1).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<&str> = names.into_iter().take(SHOWN).collect();
    format!("{}{more}", shown.join(", "))
}
