//! What this broker's file says, under Kafka's names.

use std::collections::BTreeMap;

use model::BrokerId;

use super::{broker, row::InvalidOption};

/// A broker's static options: those that its file (or command line) sets; everything else is at its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerOptions {
    node: BrokerId,
    set: BTreeMap<String, String>,
}

impl ServerOptions {
    /// The options of `node`, where nothing but `node.id` is set.
    #[must_use]
    pub fn new(node: BrokerId) -> Self {
        Self { node, set: BTreeMap::from([("node.id".to_owned(), node.to_string())]) }
    }

    /// Whose they are.
    #[must_use]
    pub fn node(&self) -> BrokerId {
        self.node
    }

    /// Sets one. A name that no row has is kept and ignored: its reader warns with [`broker::nearest`].
    ///
    /// # Errors
    /// [`InvalidOption`]: the row refuses the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidOption> {
        if let Some(row) = broker::row(name) {
            row.check(value)?;
        }
        self.set.insert(name.to_owned(), value.trim().to_owned());
        Ok(())
    }

    /// What is set under `name`, default or not.
    #[must_use]
    pub fn is_set(&self, name: &str) -> Option<&str> {
        self.set.get(name).map(String::as_str)
    }

    /// The value of `name`: set, or its row's default.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.is_set(name).or_else(|| broker::row(name)?.default)
    }

    /// The value of `name` as a whole number.
    ///
    /// # Panics
    /// If no row of that name has a number: the caller's mistake, not the file's.
    #[must_use]
    pub fn number(&self, name: &str) -> i64 {
        let text = self.text(name).expect("a number is asked of a row that has a default");
        text.parse().expect("values are checked when they are set")
    }

    /// The value of `name` as true or false.
    ///
    /// # Panics
    /// If no row of that name has a truth: the caller's mistake, not the file's.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        let text = self.text(name).expect("a truth is asked of a row that has a default");
        text.eq_ignore_ascii_case("true")
    }

    /// Names that are set and that no row has.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.set.keys().map(String::as_str).filter(|name| broker::row(name).is_none())
    }
}
