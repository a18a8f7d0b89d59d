//! What SET has set. Keys are Flink's, so that the same file runs there; `logmill.…` are ours, and Flink lets them pass.

use std::collections::BTreeMap;

use model::TopicName;

use crate::{SqlError, duration, nearest::nearest, span::Span, zone};

/// The options of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    given: BTreeMap<String, String>,
}

/// What a key's value must be.
#[derive(Clone, Copy)]
enum Kind {
    Any,
    Zone,
    Duration,
    Topic,
    /// Has no effect here; the text says why.
    Idle(&'static str),
}

/// The keys that mean something here.
const KNOWN: [(&str, Kind); 16] = [
    ("table.local-time-zone", Kind::Zone),
    ("table.exec.source.idle-timeout", Kind::Duration),
    ("pipeline.name", Kind::Any),
    (DEAD_LETTER_TOPIC, Kind::Topic),
    (LATE_TOPIC, Kind::Idle("late rows are counted, and written to no topic yet")),
    ("execution.checkpointing.interval", Kind::Idle("turns are sealed every few milliseconds")),
    ("execution.checkpointing.mode", Kind::Idle("results are exactly once always")),
    ("execution.attached", Kind::Any),
    ("parallelism.default", Kind::Any),
    ("pipeline.auto-watermark-interval", Kind::Any),
    ("pipeline.max-parallelism", Kind::Any),
    ("pipeline.object-reuse", Kind::Any),
    ("table.exec.mini-batch.enabled", Kind::Any),
    ("table.exec.mini-batch.allow-latency", Kind::Any),
    ("table.exec.mini-batch.size", Kind::Any),
    ("table.dml-sync", Kind::Idle("INSERT returns when the job is stored")),
];

/// Beginnings of keys that are taken silently: they steer parts of Flink that do not exist here.
const PASSED: [&str; 12] = [
    "sql-client.",
    "execution.",
    "table.optimizer.",
    "table.exec.",
    "taskmanager.",
    "jobmanager.",
    "state.",
    "rest.",
    "restart-strategy.",
    "parallelism.",
    "pipeline.",
    "logmill.",
];

const DEAD_LETTER_TOPIC: &str = "logmill.dead-letter.topic";
const LATE_TOPIC: &str = "logmill.late.topic";

impl Settings {
    /// Sets `key`. Answers a warning when the key is not known, or of no effect.
    ///
    /// # Errors
    /// A value that the key cannot have.
    pub fn set(&mut self, key: &str, value: &str) -> Result<Option<String>, SqlError> {
        let wrong = |wanted: &str| {
            let message = format!("option '{key}' cannot be '{value}'");
            Err(SqlError::new(message, Span::default()).with_hint(wanted))
        };
        if key == "execution.runtime-mode" && !value.eq_ignore_ascii_case("streaming") {
            return wrong(
                "only 'streaming' is served; a bounded table ('scan.bounded.mode') makes a job that ends",
            );
        }
        let kind = KNOWN.iter().find(|(known, _)| *known == key).map(|(_, kind)| *kind);
        match kind {
            Some(Kind::Zone) if zone::parse_minutes(value).is_none() => {
                return wrong(
                    "a zone of one offset, such as 'UTC', '+02:00' or 'Asia/Tokyo'; zones with daylight saving are not served yet",
                );
            }
            Some(Kind::Duration) if duration::parse_ms(value).is_none() => {
                return wrong("a duration, such as '30 s'");
            }
            Some(Kind::Topic) if !value.is_empty() && TopicName::parse(value).is_err() => {
                return wrong("a topic's name, or nothing for no such topic");
            }
            _ => {}
        }
        self.given.insert(key.to_owned(), value.to_owned());
        let passed = PASSED.iter().any(|beginning| key.starts_with(beginning));
        Ok(match kind {
            Some(Kind::Idle(why)) => Some(format!("'{key}' has no effect: {why}")),
            Some(_) => None,
            None if passed && !key.starts_with("logmill.") => None,
            None => {
                let meant = nearest(key, KNOWN.iter().map(|(known, _)| *known));
                let meant = meant.map(|known| format!("; did you mean '{known}'?"));
                Some(format!(
                    "'{key}' is not known here and has no effect{}",
                    meant.unwrap_or_default()
                ))
            }
        })
    }

    /// Forgets `key`, or everything.
    pub fn reset(&mut self, key: Option<&str>) {
        match key {
            Some(key) => drop(self.given.remove(key)),
            None => self.given.clear(),
        }
    }

    /// What `key` was set to.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.given.get(key).map(String::as_str)
    }

    /// All that was set, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// `pipeline.name`: the name of jobs.
    #[must_use]
    pub fn pipeline_name(&self) -> Option<&str> {
        self.get("pipeline.name")
    }

    /// `table.local-time-zone` in minutes east of UTC; UTC where it is not set.
    #[must_use]
    pub fn zone_minutes(&self) -> i32 {
        self.get("table.local-time-zone").and_then(zone::parse_minutes).unwrap_or(0)
    }

    /// `table.exec.source.idle-timeout`; 0, never idle, where it is not set.
    #[must_use]
    pub fn idle_timeout_ms(&self) -> u64 {
        self.get("table.exec.source.idle-timeout").and_then(duration::parse_ms).unwrap_or(0)
    }

    /// `logmill.dead-letter.topic`: where bad rows go.
    #[must_use]
    pub fn dead_letter_topic(&self) -> Option<TopicName> {
        self.get(DEAD_LETTER_TOPIC).and_then(|name| TopicName::parse(name).ok())
    }

    /// `logmill.late.topic`: where late rows are to go.
    #[must_use]
    pub fn late_topic(&self) -> Option<TopicName> {
        self.get(LATE_TOPIC).and_then(|name| TopicName::parse(name).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_are_checked_and_foreign_ones_pass() {
        let mut settings = Settings::default();
        assert_eq!(settings.set("table.local-time-zone", "Asia/Tokyo"), Ok(None));
        assert_eq!(settings.zone_minutes(), 540);
        assert!(settings.set("table.local-time-zone", "Europe/Berlin").is_err());
        assert_eq!(settings.zone_minutes(), 540, "a refused value changes nothing");
        assert!(settings.set("table.exec.source.idle-timeout", "soon").is_err());
        assert_eq!(settings.set("table.exec.source.idle-timeout", "5 s"), Ok(None));
        assert_eq!(settings.idle_timeout_ms(), 5_000);
        assert_eq!(settings.set("sql-client.execution.result-mode", "tableau"), Ok(None));
        assert!(settings.set("execution.runtime-mode", "batch").is_err());
        let warning = settings.set("logmill.dead-leter.topic", "x").expect("accepted");
        assert!(warning.expect("a warning").contains("logmill.dead-letter.topic"));
        assert!(settings.set("logmill.dead-letter.topic", "no such name").is_err());
        settings.reset(None);
        assert_eq!(settings.iter().count(), 0);
    }
}
