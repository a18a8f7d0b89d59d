//! The WITH of a table, read key by key; what nobody asked for is unknown.

use std::cell::RefCell;

use crate::{
    SqlError, duration,
    nearest::nearest,
    syntax::{Name, OptionDefinition, TableDefinition},
};

/// Options being read.
pub(super) struct Options<'a> {
    pub(super) table: &'a TableDefinition,
    /// Keys that have been asked for.
    known: RefCell<Vec<String>>,
}

impl<'a> Options<'a> {
    pub(super) fn new(table: &'a TableDefinition) -> Self {
        Self { table, known: RefCell::default() }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a OptionDefinition> {
        let mut known = self.known.borrow_mut();
        if !known.iter().any(|it| it == key) {
            known.push(key.to_owned());
        }
        self.table.options.iter().find(|option| option.key.text == key)
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a Name> {
        self.get(key).map(|option| &option.value)
    }

    pub(super) fn required(&self, key: &str, example: &str) -> Result<&'a Name, SqlError> {
        self.text(key).ok_or_else(|| {
            let message = format!("table {} needs the option '{key}'", self.table.name.text);
            SqlError::new(message, self.table.name.span)
                .with_hint(format!("add '{key}' = '{example}'"))
        })
    }

    pub(super) fn boolean(&self, key: &str) -> Result<bool, SqlError> {
        match self.text(key) {
            None => Ok(false),
            Some(value) if value.text.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.text.eq_ignore_ascii_case("false") => Ok(false),
            Some(value) => Err(wrong(key, value, "'true' or 'false'")),
        }
    }

    pub(super) fn one_of(&self, key: &str, legal: &[&str]) -> Result<Option<&'a Name>, SqlError> {
        let Some(value) = self.text(key) else { return Ok(None) };
        if legal.contains(&value.text.as_str()) {
            return Ok(Some(value));
        }
        let list = legal.iter().map(|it| format!("'{it}'")).collect::<Vec<_>>().join(", ");
        let meant = nearest(&value.text, legal.iter().copied());
        let meant = meant.map(|it| format!("did you mean '{it}'? ")).unwrap_or_default();
        Err(wrong(key, value, &format!("{meant}legal are {list}")))
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<i64>, SqlError> {
        let Some(value) = self.text(key) else { return Ok(None) };
        value.text.trim().parse().map(Some).map_err(|_| wrong(key, value, "a whole number"))
    }

    pub(super) fn duration(&self, key: &str) -> Result<Option<u64>, SqlError> {
        let Some(value) = self.text(key) else { return Ok(None) };
        duration::parse_ms(&value.text)
            .map(Some)
            .ok_or_else(|| wrong(key, value, "a duration, such as '30 s'"))
    }

    /// Takes keys that steer what is not steered here.
    pub(super) fn pass(&self, keys: &[&str]) {
        for key in keys {
            self.get(key);
        }
    }

    /// Refuses what was never asked for; `properties.…` go to Kafka's client in Flink and may be anything.
    pub(super) fn finish(&self, connector: &str) -> Result<(), SqlError> {
        let known = self.known.borrow();
        let is_known =
            |key: &str| key.starts_with("properties.") || known.iter().any(|it| it == key);
        let Some(unknown) = self.table.options.iter().find(|option| !is_known(&option.key.text))
        else {
            return Ok(());
        };
        let key = &unknown.key.text;
        let message = format!("connector '{connector}' has no option '{key}'");
        let hint = match nearest(key, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean '{meant}'?"),
            None if key.starts_with("logmill.") => {
                "options of Logmill's own are written SET 'logmill.…' = '…', so that the file also runs on Flink".to_owned()
            }
            None => {
                let mut names: Vec<&str> = known.iter().map(String::as_str).collect();
                names.sort_unstable();
                format!("options are {}, and properties.*", names.join(", "))
            }
        };
        Err(SqlError::new(message, unknown.key.span).with_hint(hint))
    }
}

pub(super) fn wrong(key: &str, value: &Name, wanted: &str) -> SqlError {
    SqlError::new(format!("option '{key}' cannot be '{}'", value.text), value.span)
        .with_hint(wanted)
}
