//! Whether every window agrees with the truth: the result topic, read as a client reads it, against what was generated.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    OUTPUT,
    clicks::{Time, Views, WINDOW_MS},
    feed::{self, Fed},
};
use crate::boot::Node;

/// What came of the comparison.
pub(crate) struct Verdict {
    /// Windows with at least one view.
    pub(crate) windows: usize,
    /// Rows read from the result topic.
    pub(crate) rows: usize,
    /// Rows that are wrong, missing, doubled or too many.
    pub(crate) wrong: usize,
    /// The first few of these, for people.
    examples: Vec<String>,
    /// Whether the job's counters say what became of every event.
    counters_agree: bool,
}

const EXAMPLES_MAX: usize = 5;

/// Reads the result topic and compares.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn reach(node: &Node, fed: &Fed) -> Result<Verdict, String> {
    let rows = feed::read_all(node, OUTPUT).await?;
    let mut verdict = compare(&fed.truth, &rows);
    let count = |name: &str| fed.status["counters"][name].as_u64().unwrap_or(0);
    verdict.counters_agree = count("late") == fed.late
        && count("bad") == fed.broken
        && count("used") + fed.late + fed.broken == fed.sent
        && fed.status["offsets_consumed"].as_u64() == Some(fed.sent);
    Ok(verdict)
}

/// Each row of the result topic is a JSON object; a row must come exactly once.
fn compare(truth: &Views, rows: &[String]) -> Verdict {
    let mut expected: BTreeMap<(String, String, String), i64> = BTreeMap::new();
    for ((start, page), views) in truth {
        let end = Time::of(start + WINDOW_MS);
        expected.insert((flink(&Time::of(*start)), flink(&end), page.clone()), *views);
    }
    let starts = truth.keys().map(|(start, _)| start).collect::<std::collections::BTreeSet<_>>();
    let mut wrong = 0;
    let mut examples = Vec::new();
    let mut blame = |example: String| {
        wrong += 1;
        if examples.len() < EXAMPLES_MAX {
            examples.push(example);
        }
    };
    for row in rows {
        let value: Value = serde_json::from_str(row).unwrap_or(Value::Null);
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let key = (text("window_start"), text("window_end"), text("page"));
        match (expected.remove(&key), value["views"].as_i64()) {
            (Some(views), Some(found)) if views == found => {}
            (Some(views), _) => blame(format!("{row}: {views} views were made")),
            (None, _) => blame(format!("{row}: doubled, or never was")),
        }
    }
    for ((start, _, page), views) in expected {
        blame(format!("missing: {page} in the window of {start}, {views} views"));
    }
    Verdict { windows: starts.len(), rows: rows.len(), wrong, examples, counters_agree: true }
}

/// Flink's JSON writes only as many digits of a second as there are.
fn flink(time: &Time) -> String {
    let text = time.to_string();
    text.strip_suffix(".000").map_or(text.clone(), str::to_owned)
}

impl Verdict {
    /// Whether everything is as it must be.
    pub(crate) const fn agrees(&self) -> bool {
        self.wrong == 0 && self.counters_agree && self.rows > 0
    }

    /// For people.
    pub(crate) fn sentence(&self) -> String {
        if self.agrees() {
            return format!(
                "All {} rows of {} windows agree with what was generated, each exactly once, and the five counters account \
                 for every event.",
                self.rows, self.windows
            );
        }
        let mut text =
            format!("{} of {} rows do NOT agree with what was generated:\n", self.wrong, self.rows);
        self.examples.iter().for_each(|example| text.push_str(&format!("  {example}\n")));
        if !self.counters_agree {
            text.push_str("  the job's counters do not account for every event\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(page: &str, views: i64) -> String {
        format!(
            r#"{{"window_start":"2026-01-01 00:00:00","window_end":"2026-01-01 00:01:00","page":"{page}","views":{views}}}"#
        )
    }

    #[test]
    fn wrong_missing_doubled_and_foreign_rows_are_found() {
        let start = 1_767_225_600_000;
        let truth = Views::from([((start, "/a".to_owned()), 2), ((start, "/b".to_owned()), 1)]);
        assert!(compare(&truth, &[row("/a", 2), row("/b", 1)]).agrees());
        assert_eq!(compare(&truth, &[row("/a", 2)]).wrong, 1);
        assert_eq!(compare(&truth, &[row("/a", 3), row("/b", 1)]).wrong, 1);
        assert_eq!(compare(&truth, &[row("/a", 2), row("/b", 1), row("/b", 1)]).wrong, 1);
        assert_eq!(compare(&truth, &[row("/a", 2), row("/b", 1), row("/c", 1)]).wrong, 1);
    }
}
