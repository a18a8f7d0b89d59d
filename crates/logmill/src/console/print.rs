//! Answers on a terminal or in a pipe.

use std::io::{self, Write};

use clap::ValueEnum;
use jobs::Answer;
use serde_json::Value;

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Prints answers and remembers what matters afterwards.
pub(crate) struct Printer {
    output: Output,
    /// Whether a statement failed.
    pub(crate) has_failed: bool,
    /// Jobs that were submitted.
    pub(crate) jobs: Vec<String>,
    /// Statements that make the session from now on.
    pub(crate) session: String,
}

impl Printer {
    pub(crate) const fn new(output: Output) -> Self {
        Self { output, has_failed: false, jobs: Vec::new(), session: String::new() }
    }

    /// Prints one piece; false when nobody reads any more.
    pub(crate) fn print(&mut self, answer: Answer) -> bool {
        match &answer {
            Answer::Job { id, .. } => self.jobs.push(id.clone()),
            Answer::Error { .. } => self.has_failed = true,
            Answer::Session { statement } => {
                self.session.push_str(statement);
                self.session.push_str(";\n");
            }
            _ => {}
        }
        let text = match self.output {
            Output::Json => match serde_json::to_string(&answer) {
                Ok(line) => line + "\n",
                Err(_) => return true,
            },
            Output::Text => match answer {
                Answer::Error { rendered, .. } => {
                    eprint!("{rendered}");
                    return true;
                }
                Answer::Warning { message } => {
                    eprintln!("warning: {message}");
                    return true;
                }
                other => text(&other),
            },
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
    }
}

fn text(answer: &Answer) -> String {
    match answer {
        Answer::Done { message } => format!("{message}\n"),
        Answer::Job { id, name } => format!("job {id} runs ({name})\n"),
        Answer::Text { text } => format!("{}\n", text.trim_end()),
        Answer::Table { columns, rows } => table(columns, rows),
        Answer::Columns { names, .. } => format!("{}\n", names.join(" | ")),
        Answer::Row { values } => {
            format!("{}\n", values.iter().map(cell).collect::<Vec<_>>().join(" | "))
        }
        Answer::Session { .. } | Answer::Warning { .. } | Answer::Error { .. } => String::new(),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn table(columns: &[String], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<_> = columns.iter().map(|name| name.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = line(columns) + &line(&rule);
    rows.iter().for_each(|row| text.push_str(&line(row)));
    text.push_str(&format!("{} row{}\n", rows.len(), if rows.len() == 1 { "" } else { "s" }));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let columns = ["name".to_owned(), "n".to_owned()];
        let rows =
            [vec!["a".to_owned(), "10".to_owned()], vec!["long one".to_owned(), "2".to_owned()]];
        let expected = "name      n\n--------  --\na         10\nlong one  2\n2 rows\n";
        assert_eq!(table(&columns, &rows), expected);
    }
}
