//! Settings as somebody wrote them: key, value, and where, so that a complaint can name the line.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use metadata::options::{Bounds, Kind, Row, ServerOptions, broker};
use model::BrokerId;

use super::{Place, Problem, Problems, properties};

/// A file and what the command line puts over it.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) file: Option<PathBuf>,
    /// Whether the node is all of its cluster, and nobody is to reach its controller.
    pub(crate) is_alone: bool,
    values: BTreeMap<String, (Place, String)>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<String>,
}

impl Written {
    /// Nothing yet, for a node that is all of its cluster.
    pub(crate) fn alone() -> Self {
        Self { is_alone: true, ..Self::default() }
    }

    /// Reads `file`.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(file: &Path) -> Result<Self, Problems> {
        let text = fs::read_to_string(file).map_err(|error| Problems {
            file: Some(file.to_owned()),
            problems: vec![Problem {
                place: Place::Missing,
                what: "the file cannot be read".to_owned(),
                why: error.to_string(),
                remedy: "name a file of key=value lines, such as config/node-1.properties"
                    .to_owned(),
            }],
        })?;
        let mut written = Self { file: Some(file.to_owned()), ..Self::default() };
        written.add_text(&text);
        Ok(written)
    }

    /// The lines of a file's text.
    pub(crate) fn add_text(&mut self, text: &str) {
        for entry in properties::parse(text) {
            let place = Place::Line(entry.line);
            if let Some((Place::Line(before), _)) = self.put(&entry.key, &entry.value, place) {
                self.warnings.push(format!(
                    "'{}' stands in line {before} and again in line {}; the last one counts",
                    entry.key, entry.line
                ));
            }
        }
    }

    /// What a command sets by itself.
    pub(crate) fn preset(&mut self, key: &str, value: &str) {
        self.put(key, value, Place::Missing);
    }

    /// What stands on the command line, as `key=value` each.
    pub(crate) fn add_overrides(&mut self, settings: &[String]) {
        for setting in settings {
            match setting.split_once('=') {
                Some((key, value)) => drop(self.put(key, value, Place::CommandLine)),
                None => self.problems.push(Problem {
                    place: Place::CommandLine,
                    what: setting.clone(),
                    why: "there is no '=' in it".to_owned(),
                    remedy: "write KEY=VALUE".to_owned(),
                }),
            }
        }
    }

    fn put(&mut self, key: &str, value: &str, place: Place) -> Option<(Place, String)> {
        self.values.insert(key.trim().to_owned(), (place, value.trim().to_owned()))
    }

    /// What is written under `key`; an empty value is none.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// What is written under `key`, or its row's default.
    pub(crate) fn value_or_default(&self, key: &str) -> &str {
        let default = || broker::row(key).and_then(|row| row.default).unwrap_or_default();
        self.value(key).unwrap_or_else(default)
    }

    /// Complains about `key`, at the place where it is written.
    pub(crate) fn complain(
        &mut self,
        key: &str,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (place, what) = match self.values.get(key) {
            Some((place, value)) => (*place, format!("{key}={value}")),
            None => (Place::Missing, format!("{key} is not set")),
        };
        self.problems.push(Problem { place, what, why: why.into(), remedy: remedy.into() });
    }

    /// Every value against its row; a key without one is warned of.
    pub(crate) fn options(&mut self, node: BrokerId) -> ServerOptions {
        let mut options = ServerOptions::new(node);
        for (key, (place, value)) in &self.values {
            if key == "node.id" || (value.is_empty() && broker::row(key).is_some()) {
                continue;
            }
            if let Err(invalid) = options.set(key, value) {
                let row = broker::row(key).expect("only a row refuses");
                self.problems.push(Problem {
                    place: *place,
                    what: format!("{key}={value}"),
                    why: reason(&invalid.0).to_owned(),
                    remedy: allowed(row),
                });
            }
        }
        for key in options.unknown() {
            self.warnings.push(unknown(key));
        }
        options
    }

    /// Everything that is wrong, if anything is.
    ///
    /// # Errors
    /// [`Problems`]
    pub(crate) fn settle(self) -> Result<Vec<String>, Problems> {
        if self.problems.is_empty() {
            Ok(self.warnings)
        } else {
            Err(Problems { file: self.file, problems: self.problems })
        }
    }
}

/// Kafka's sentence without its repetition of the setting.
fn reason(invalid: &str) -> &str {
    let rest =
        invalid.split_once(" for configuration ").and_then(|(_, rest)| rest.split_once(": "));
    rest.map_or(invalid, |(_, why)| why)
}

/// What may stand there.
fn allowed(row: &Row) -> String {
    let kind = match row.kind {
        Kind::Boolean => "true or false",
        Kind::Int | Kind::Short | Kind::Long => "a whole number",
        Kind::Double => "a number",
        Kind::List => "a list with commas",
        Kind::Text | Kind::Class | Kind::Password => "a text",
    };
    let bounds = match row.bounds {
        Bounds::Any => String::new(),
        Bounds::AtLeast(least) => format!(" from {least}"),
        Bounds::Within(first, last) => format!(" from {first} to {last}"),
        Bounds::UnsetOrWithin(first, last) => format!(" from {first} to {last}, or -1"),
        Bounds::Ratio => " from 0 to 1".to_owned(),
        Bounds::OneOf(texts) => format!(": one of {}", texts.join(", ")),
        Bounds::Each(texts) => format!(" of {}", texts.join(", ")),
    };
    let default = match row.default {
        Some(default) if !default.is_empty() => format!("; the default is {default}"),
        _ => String::new(),
    };
    format!("give {kind}{bounds}{default}")
}

fn unknown(key: &str) -> String {
    if key.starts_with("zookeeper.") {
        return format!("'{key}' has no effect: there is no ZooKeeper here");
    }
    match broker::nearest(key) {
        Some(nearest) => {
            format!("setting '{key}' is not known and has no effect; did you mean '{nearest}'?")
        }
        None => format!("setting '{key}' is not known and has no effect"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, overrides: &[&str]) -> Written {
        let mut written = Written::default();
        written.add_text(text);
        let overrides: Vec<_> = overrides.iter().map(|&text| text.to_owned()).collect();
        written.add_overrides(&overrides);
        written
    }

    #[test]
    fn the_command_line_wins() {
        let mut written = written("num.partitions=2\n", &["num.partitions=3"]);
        let options = written.options(BrokerId(1));
        assert_eq!(options.number("num.partitions"), 3);
        assert!(written.settle().unwrap().is_empty());
    }

    #[test]
    fn unknown_keys_and_repetitions_are_warnings() {
        let text = "num.partition=2\nzookeeper.connect=z:1\nnode.id=1\nnode.id=1\nfoo=bar\n";
        let mut written = written(text, &[]);
        written.options(BrokerId(1));
        let warnings = written.settle().unwrap();
        assert_eq!(warnings.len(), 4, "{warnings:?}");
        assert!(warnings.iter().any(|warning| warning.contains("did you mean 'num.partitions'?")));
        assert!(warnings.iter().any(|warning| warning.contains("line 3 and again in line 4")));
    }

    #[test]
    fn every_wrong_value_is_told_with_its_place_and_what_is_allowed() {
        let mut written = written("\nnum.partitions=many\nlog.dirs=\n", &["min.insync.replicas=0"]);
        written.options(BrokerId(1));
        let problems = written.settle().unwrap_err().problems;
        assert_eq!(problems.len(), 2);
        let many = problems.iter().find(|problem| problem.place == Place::Line(2)).unwrap();
        assert_eq!(many.why, "Not a number of type INT");
        assert_eq!(many.remedy, "give a whole number from 1; the default is 1");
        assert!(problems.iter().any(|problem| problem.place == Place::CommandLine));
    }
}
