//! Where a statement finds the tables it names.

use std::sync::Arc;

use crate::Table;

/// The tables that a statement can name.
pub trait Catalog {
    /// The table of this name; names are case-sensitive.
    fn table(&self, name: &str) -> Option<Arc<Table>>;
    /// All tables, by name.
    fn tables(&self) -> Vec<Arc<Table>>;
}
