//! Some rows on their way through the steps: columns of equal length, and for each row the record it came from.

use crate::{
    column::Column,
    types::{Type, Value},
};

/// Rows, column by column.
#[derive(Clone, Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) columns: Vec<Column<'a>>,
    /// The record that each row came from: its index among the records that were decoded together. Ascending.
    pub(crate) origins: Vec<u32>,
}

impl Chunk<'_> {
    pub(crate) fn rows(&self) -> usize {
        self.origins.len()
    }

    /// Keeps the rows `kept` (ascending), and only them.
    pub(crate) fn keep(&mut self, kept: &[u32]) {
        debug_assert!(kept.is_sorted());
        if kept.len() == self.rows() {
            return;
        }
        for column in &mut self.columns {
            *column = column.take(kept);
        }
        self.origins = kept
            .iter()
            .map(|row| self.origins.get(*row as usize).copied().unwrap_or_default())
            .collect();
    }

    /// One row's values, owned.
    pub(crate) fn row(&self, row: usize, types: &[Type]) -> Vec<Value> {
        self.columns.iter().zip(types).map(|(column, of)| column.value(row, *of)).collect()
    }
}
