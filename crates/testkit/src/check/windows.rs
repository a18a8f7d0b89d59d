//! A window job: every window of every page, once, with the right count, whatever the job went through.

use std::collections::BTreeMap;

use super::Read;

/// The job that is checked.
pub const SCRIPT: &str = "
CREATE TABLE clicks (page STRING, t TIMESTAMP(3), WATERMARK FOR t AS t - INTERVAL '1' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 'clicks', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
CREATE TABLE views (window_start TIMESTAMP(3), page STRING, n BIGINT, PRIMARY KEY (window_start, page) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'views', 'key.format' = 'json', 'value.format' = 'json');
INSERT INTO views SELECT window_start, page, COUNT(*)
  FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(t), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, page;
";

const WINDOW_S: u64 = 10;
const DELAY_S: u64 = 1;

/// Compares the job's results with what its input comes to. Anything missing may still come: then ask again later.
#[must_use]
pub fn every_window_once_and_right(clicks: &[Read], views: &[Read]) -> Vec<String> {
    let mut expected: BTreeMap<(u64, String), u64> = BTreeMap::new();
    let mut newest = 0.0f64;
    for click in clicks {
        let value = click.value.as_deref().unwrap_or_default();
        let (Some(page), Some(at)) = (field(value, "page"), field(value, "t").map(seconds)) else {
            return vec![format!("no click: {value}")];
        };
        newest = newest.max(at);
        let window = at as u64 / WINDOW_S * WINDOW_S;
        *expected.entry((window, page.to_owned())).or_default() += 1;
    }
    expected.retain(|(window, _), _| (window + WINDOW_S + DELAY_S) as f64 <= newest);
    let mut found = Vec::new();
    let mut seen: BTreeMap<(u64, String), u64> = BTreeMap::new();
    for view in views {
        let value = view.value.as_deref().unwrap_or_default();
        let window = field(value, "window_start").map(seconds).unwrap_or_default() as u64;
        let place = (window, field(value, "page").unwrap_or_default().to_owned());
        let count = number(value, "n");
        if seen.insert(place.clone(), count).is_some() {
            found.push(format!("emitted twice: {value}"));
        }
        match expected.get(&place) {
            Some(right) if *right == count => {}
            right => found.push(format!("wrong: {value}, where {right:?} is right")),
        }
    }
    let missing = expected.keys().filter(|place| !seen.contains_key(place));
    found.extend(missing.map(|place| format!("missing: {place:?}")));
    found
}

/// A text field of flat JSON as the workload and the job write it.
fn field<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let rest = json.split_once(&format!("\"{name}\":\""))?.1;
    rest.split_once('"').map(|(value, _)| value)
}

fn number(json: &str, name: &str) -> u64 {
    let rest = json.split_once(&format!("\"{name}\":")).map_or("", |(_, rest)| rest);
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u64::MAX)
}

/// The seconds of the day in `2026-01-01 hh:mm:ss.f`.
fn seconds(text: &str) -> f64 {
    let time = text.split_once(' ').map_or("", |(_, time)| time);
    time.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use model::Offset;

    use super::*;

    fn reads(values: &[&str]) -> Vec<Read> {
        let read = |value: &&str| Read {
            offset: Offset::ZERO,
            key: None,
            value: Some((*value).to_owned()),
        };
        values.iter().map(read).collect()
    }

    #[test]
    fn a_window_that_is_missing_doubled_or_wrong_is_seen() {
        let clicks = reads(&[
            r#"{"id":"a","page":"/p","t":"2026-01-01 00:00:01.5"}"#,
            r#"{"id":"b","page":"/p","t":"2026-01-01 00:00:11.5"}"#,
        ]);
        let right = r#"{"window_start":"2026-01-01 00:00:00","page":"/p","n":1}"#;
        let wrong = r#"{"window_start":"2026-01-01 00:00:00","page":"/p","n":2}"#;
        assert!(every_window_once_and_right(&clicks, &reads(&[right])).is_empty());
        for views in [&[][..], &[right, right], &[wrong]] {
            assert_eq!(every_window_once_and_right(&clicks, &reads(views)).len(), 1, "{views:?}");
        }
    }
}
