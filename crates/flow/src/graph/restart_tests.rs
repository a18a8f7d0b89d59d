//! The graph against a slow and plain telling of its rules, however it is fed; and restarts at any point.

use std::{collections::BTreeMap, sync::Arc};

use model::{LeaderEpoch, Offset};
use proptest::prelude::*;
use records::Codec;

use super::{fixture::*, *};
use crate::{counters::Counters, plan::Plan};

const INPUTS: usize = 3;

/// One thing that happens to a graph.
#[derive(Clone, Debug)]
enum Event {
    Rows(usize, Vec<Option<String>>),
    Idle(usize, bool),
    End(usize),
}

#[derive(Clone, Debug)]
enum Row {
    Bid { url: u8, ts: i64, cents: i64 },
    Bad,
    Null,
}

fn row() -> impl Strategy<Value = Row> {
    prop_oneof![
        12 => (0..4_u8, 0..400_000_i64, -300..300_i64).prop_map(|(url, ts, cents)| Row::Bid { url, ts, cents }),
        1 => Just(Row::Bad),
        1 => Just(Row::Null),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let value = |row: &Row| match row {
        Row::Bid { url, ts, cents } => bid(&format!("/{url}"), *ts, *cents as f64 / 100.0),
        Row::Bad => Some("{".to_owned()),
        Row::Null => None,
    };
    prop_oneof![
        12 => (0..INPUTS, prop::collection::vec(row(), 1..20), 0..200_000_i64).prop_map(move |(input, rows, later)| {
            // Time goes on, roughly: a batch's rows lie within a range that moves.
            let rows = rows.into_iter().map(|row| match row {
                Row::Bid { url, ts, cents } => Row::Bid { url, ts: ts / 8 + later, cents },
                other => other,
            });
            Event::Rows(input, rows.map(|row| value(&row)).collect())
        }),
        2 => (0..INPUTS, any::<bool>()).prop_map(|(input, idle)| Event::Idle(input, idle)),
        1 => (0..INPUTS).prop_map(Event::End),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..25).prop_map(|mut events| {
        // What has ended gives no more rows.
        let mut ended = [false; INPUTS];
        events.retain(|event| match event {
            Event::Rows(input, _) | Event::Idle(input, _) => !ended[*input],
            Event::End(input) => !std::mem::replace(&mut ended[*input], true),
        });
        events
    })
}

/// What an undisturbed run shows.
#[derive(Debug, PartialEq)]
struct Seen {
    results: Results,
    counters: Counters,
    by_input: Vec<Counters>,
    watermark: Option<i64>,
    marks: Vec<Option<i64>>,
    windows_closed: u64,
}

fn see(graph: &mut Graph, results: Results) -> Seen {
    Seen {
        results,
        counters: graph.counters(),
        by_input: (0..INPUTS).map(|input| graph.input_counters(input)).collect(),
        watermark: graph.watermark(),
        marks: (0..INPUTS).map(|input| graph.input_watermark(input)).collect(),
        windows_closed: graph.windows_closed(),
    }
}

fn append(results: &mut Results, more: Results) {
    results.rows.extend(more.rows);
    results.rows_given += more.rows_given;
    results.dead.extend(more.dead);
    results.late.extend(more.late);
    results.failed.extend(more.failed);
}

fn happen(graph: &mut Graph, event: &Event) {
    match event {
        Event::Rows(input, values) => graph.feed_values(*input, values),
        Event::Idle(input, idle) => graph.set_idle(*input, *idle),
        Event::End(input) => graph.end_input(*input),
    }
}

/// A count, and a sum for each input.
type PlainGroup = (u64, [Option<f64>; INPUTS]);

/// The same rules, row by row, without chunks, tables or bytes.
#[derive(Default)]
struct Plain {
    marks: [Option<i64>; INPUTS],
    idle: [bool; INPUTS],
    ended: [bool; INPUTS],
    watermark: Option<i64>,
    windows: BTreeMap<i64, BTreeMap<String, PlainGroup>>,
    counters: Counters,
    given: Vec<String>,
}

impl Plain {
    fn happen(&mut self, event: &Event) {
        match event {
            Event::Rows(input, values) => {
                values.iter().for_each(|value| self.row(*input, value.as_deref()))
            }
            Event::Idle(input, idle) => self.idle[*input] = *idle,
            Event::End(input) => self.ended[*input] = true,
        }
        self.fire();
    }

    fn row(&mut self, input: usize, value: Option<&str>) {
        let Some(value) = value else {
            self.counters.skipped += 1;
            return;
        };
        let Ok(json) = serde_json::from_str::<serde_json::Value>(value) else {
            self.counters.bad += 1;
            return;
        };
        let (url, ts, amount) = (
            json["url"].as_str().unwrap(),
            json["ts"].as_i64().unwrap(),
            json["amount"].as_f64().unwrap(),
        );
        let start = ts - ts.rem_euclid(60_000);
        if self.watermark.is_some_and(|watermark| start + 59_999 <= watermark) {
            self.counters.late += 1;
        } else {
            self.counters.used += 1;
            let group = self.windows.entry(start).or_default().entry(url.to_owned()).or_default();
            group.0 += 1;
            let sum = &mut group.1[input];
            *sum = Some(sum.unwrap_or(0.0) + amount);
        }
        self.idle[input] = false;
        self.marks[input] = self.marks[input].max(Some(ts - 2_000));
        self.fire();
    }

    fn fire(&mut self) {
        let active: Vec<usize> =
            (0..INPUTS).filter(|input| !self.ended[*input] && !self.idle[*input]).collect();
        let reached = if self.ended == [true; INPUTS] {
            Some(i64::MAX)
        } else if active.is_empty() || active.iter().any(|input| self.marks[*input].is_none()) {
            None
        } else {
            active.iter().filter_map(|input| self.marks[*input]).min()
        };
        self.watermark = self.watermark.max(reached);
        while let Some((start, _)) = self.windows.first_key_value()
            && self.watermark.is_some_and(|watermark| start + 59_999 <= watermark)
        {
            let (start, groups) = self.windows.pop_first().unwrap();
            for (url, (count, sums)) in groups {
                let total = sums.into_iter().flatten().reduce(|sum, more| sum + more).unwrap();
                self.given.push(format!("{start} {url} {count} {total:?}"));
            }
        }
    }
}

/// A result's value in the plain telling's words.
fn plain_text(record: &ResultRecord) -> String {
    let json: serde_json::Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
    let start = record.timestamp.0 - 59_999;
    // The digits as they were written: serde_json's own reading may be off in the last one.
    let written = text(record.value.as_deref());
    let total: f64 = written.trim_end_matches('}').rsplit_once(':').unwrap().1.parse().unwrap();
    format!("{start} {} {} {total:?}", json["url"].as_str().unwrap(), json["n"])
}

fn run(plan: &Plan, events: &[Event], snapshots: &[bool]) -> Seen {
    let mut graph = graph(plan.clone(), INPUTS as i32);
    let mut results = Results::default();
    for (event, restarts) in events.iter().zip(snapshots.iter().cycle()) {
        happen(&mut graph, event);
        if *restarts {
            append(&mut results, graph.take_results());
            let mut bytes = Vec::new();
            graph.snapshot(&mut bytes);
            let restored =
                Graph::restore(Arc::new(plan.clone()), partitions(INPUTS as i32), &bytes).unwrap();
            let mut again = Vec::new();
            restored.snapshot(&mut again);
            assert_eq!(again, bytes, "a restored graph is the same graph");
            graph = restored;
        }
    }
    append(&mut results, graph.take_results());
    see(&mut graph, results)
}

proptest! {
    #[test]
    fn a_graph_does_what_its_rules_say(events in events()) {
        let seen = run(&tumble(), &events, &[false]);
        let mut plain = Plain::default();
        events.iter().for_each(|event| plain.happen(event));
        prop_assert_eq!(seen.counters, plain.counters);
        prop_assert_eq!(seen.watermark, plain.watermark);
        let given: Vec<_> = seen.results.rows.iter().map(plain_text).collect();
        prop_assert_eq!(given, plain.given);
        prop_assert_eq!(seen.results.late.len() as u64, seen.counters.late);
        prop_assert_eq!(seen.results.dead.len() as u64, seen.counters.bad);
    }

    #[test]
    fn restarts_at_any_point_change_nothing(events in events(), restarts in prop::collection::vec(any::<bool>(), 1..9)) {
        prop_assert_eq!(run(&tumble(), &events, &restarts), run(&tumble(), &events, &[false]));
    }

    #[test]
    fn how_rows_are_cut_into_feeds_changes_nothing(
        rows in prop::collection::vec(row(), 1..120),
        cuts in prop::collection::vec((1..40_usize, any::<bool>()), 1..12),
    ) {
        let values: Vec<_> = rows.iter().map(|row| match row {
            Row::Bid { url, ts, cents } => bid(&format!("/{url}"), *ts, *cents as f64 / 100.0),
            Row::Bad => Some("{".to_owned()),
            Row::Null => None,
        }).collect();
        let mut whole = graph(tumble(), 1);
        whole.feed_values(0, &values);
        let mut cut = graph(tumble(), 1);
        let mut rest = values.as_slice();
        for (length, is_compressed) in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*length).min(rest.len()));
            rest = later;
            let from = cut.position(0).unwrap_or(Offset::ZERO);
            let codec = if *is_compressed { Codec::Lz4 } else { Codec::None };
            let bytes = batch(from.0, codec, now);
            // In two calls over the same bytes.
            let middle = from.plus(now.len() as i64 / 2);
            cut.feed(0, &bytes, from, middle, &[], LeaderEpoch(7));
            cut.feed(0, &bytes, middle, from.plus(now.len() as i64), &[], LeaderEpoch(7));
        }
        prop_assert_eq!(cut.take_results(), whole.take_results());
        prop_assert_eq!(cut.counters(), whole.counters());
        let (mut one, mut other) = (Vec::new(), Vec::new());
        cut.snapshot(&mut one);
        whole.snapshot(&mut other);
        prop_assert_eq!(one, other);
    }
}

#[test]
fn snapshots_of_other_plans_damaged_ones_and_lost_inputs_are_refused() {
    let mut first = graph(tumble(), 2);
    first.feed_values(1, &[bid("/a", 1_000, 1.0)]);
    let mut bytes = Vec::new();
    first.snapshot(&mut bytes);
    let restore = |plan: Plan, inputs: i32, bytes: &[u8]| {
        Graph::restore(Arc::new(plan), partitions(inputs), bytes)
    };
    let mut other = tumble();
    other.zone_minutes = 60;
    assert_eq!(
        restore(other, 2, &bytes).err(),
        Some(GraphError::Snapshot("it is of another plan"))
    );
    assert_eq!(
        restore(tumble(), 1, &bytes).err(),
        Some(GraphError::Snapshot("it has an input that is gone"))
    );
    for length in 0..bytes.len() {
        assert!(restore(tumble(), 2, &bytes[..length]).is_err());
    }
    let grown = restore(tumble(), 3, &bytes).unwrap();
    assert_eq!((grown.position(1), grown.position(2)), (Some(Offset(1)), None));
    let mut swapped = partitions(2);
    swapped.reverse();
    let mut swapped = Graph::restore(Arc::new(tumble()), swapped, &bytes).unwrap();
    assert_eq!((swapped.position(0), swapped.position(1)), (Some(Offset(1)), None));
    (0..2).for_each(|input| swapped.end_input(input));
    assert_eq!(swapped.take_values().len(), 1);
}

#[test]
fn a_snapshot_whose_body_lies_is_refused() {
    // The checksum is right, the body is not: every byte of it in turn, and counts that promise too much.
    let mut first = graph(tumble(), 1);
    first.feed_values(0, &[bid("/a", 1_000, 1.0), bid("/b", 1_000, 1.0)]);
    let mut bytes = Vec::new();
    first.snapshot(&mut bytes);
    for at in 8..bytes.len() - 4 {
        for value in [0, 1, 0x7f, 0xff] {
            let mut lying = bytes[..bytes.len() - 4].to_vec();
            lying[at] = value;
            let crc = crc32fast::hash(&lying);
            lying.extend_from_slice(&crc.to_le_bytes());
            if let Ok(mut graph) = Graph::restore(Arc::new(tumble()), partitions(1), &lying) {
                graph.feed_values(0, &[bid("/a", 1_000, 1.0), bid("/c", 200_000, 1.0)]);
                graph.end_input(0);
            }
        }
    }
}
