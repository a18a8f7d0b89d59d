//! The tables a statement can name: the cluster's, and above them the session's own.

use std::{collections::BTreeMap, sync::Arc};

use metadata::Image;
use sql::{Catalog, Table};

/// Tables of the cluster's image under tables of the session.
pub(crate) struct Tables {
    stored: BTreeMap<String, Arc<Table>>,
    temporary: BTreeMap<String, Arc<Table>>,
}

impl Tables {
    /// The tables of `image`. One that this code cannot read is left out: DROP still knows its name.
    pub(crate) fn of(image: &Image) -> Self {
        let mut stored = BTreeMap::new();
        for (name, definition) in image.tables() {
            if let Ok(table) = serde_json::from_str::<Table>(definition) {
                stored.insert(name.to_owned(), Arc::new(table));
            }
        }
        Self { stored, temporary: BTreeMap::new() }
    }

    /// Adds a table of the session; it hides a stored one of its name.
    pub(crate) fn add_temporary(&mut self, table: Table) {
        self.temporary.insert(table.name.clone(), Arc::new(table));
    }

    /// Adds a table that the cluster has from now on.
    pub(crate) fn add_stored(&mut self, table: Table) {
        self.stored.insert(table.name.clone(), Arc::new(table));
    }

    /// Forgets a table that the cluster has no longer.
    pub(crate) fn remove_stored(&mut self, name: &str) {
        self.stored.remove(name);
    }

    /// Forgets a table of the session.
    pub(crate) fn remove_temporary(&mut self, name: &str) -> bool {
        self.temporary.remove(name).is_some()
    }

    /// Whether the session has a table of this name.
    pub(crate) fn is_temporary(&self, name: &str) -> bool {
        self.temporary.contains_key(name)
    }

    /// Whether the cluster has a table of this name.
    pub(crate) fn is_stored(&self, name: &str) -> bool {
        self.stored.contains_key(name)
    }
}

impl Catalog for Tables {
    fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.temporary.get(name).or_else(|| self.stored.get(name)).cloned()
    }

    fn tables(&self) -> Vec<Arc<Table>> {
        let mut tables = self.stored.clone();
        tables.extend(self.temporary.clone());
        tables.into_values().collect()
    }
}
