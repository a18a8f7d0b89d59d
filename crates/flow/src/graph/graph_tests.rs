//! What a graph promises, by tables of rows.

use std::sync::Arc;

use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs};
use proptest::prelude::*;
use records::{BatchBuilder, Codec, control};

use super::{fixture::*, *};
use crate::{
    counters::Counters,
    expr::{Expr, Function},
    plan::{Aggregate, Format, Origin, Plan, Sink, Step, TopicSink, Window},
    types::{Type, Value},
};

const MINUTE: i64 = 60_000;

#[test]
fn windows_close_at_the_row_that_reaches_their_end_and_give_groups_in_order_of_their_keys() {
    let mut graph = graph(tumble(), 1);
    graph.feed_values(
        0,
        &[
            bid("/b", 1_000, 0.5),
            bid("/a", 59_999, 1.5),
            bid("/b", 60_000, 9.0),
            bid("/b", 2_000, 2.0),
        ],
    );
    assert_eq!(graph.watermark(), Some(58_000));
    assert_eq!(graph.take_values(), [""; 0]);
    graph.feed_values(0, &[bid("/c", 61_998, 1.0)]);
    assert_eq!(graph.take_values(), [""; 0], "the watermark is 59,998: one millisecond short");
    graph.feed_values(0, &[bid("/c", 61_999, 1.0)]);
    let results = graph.take_results();
    let rows: Vec<_> = results
        .rows
        .iter()
        .map(|row| (text(row.key.as_deref()), text(row.value.as_deref()), row.timestamp))
        .collect();
    assert_eq!(
        rows,
        [
            (
                r#"{"window_start":"1970-01-01 00:00:00","url":"/a"}"#.to_owned(),
                r#"{"window_start":"1970-01-01 00:00:00","url":"/a","n":1,"total":1.5}"#.to_owned(),
                TimestampMs(59_999)
            ),
            (
                r#"{"window_start":"1970-01-01 00:00:00","url":"/b"}"#.to_owned(),
                r#"{"window_start":"1970-01-01 00:00:00","url":"/b","n":2,"total":2.5}"#.to_owned(),
                TimestampMs(59_999)
            ),
        ]
    );
    assert_eq!((results.rows_given, graph.windows_closed()), (2, 1));
    assert_eq!(graph.counters(), Counters { used: 6, ..Counters::default() });
}

#[test]
fn a_row_is_late_by_the_watermark_before_its_own_mark() {
    let mut graph = graph(tumble(), 1);
    // The second row closes the first minute; the third comes too late for it, in the same batch.
    graph.feed_values(
        0,
        &[
            bid("/a", 1_000, 1.0),
            bid("/a", 61_999, 1.0),
            bid("/a", 59_999, 1.0),
            bid("/a", 60_000, 1.0),
        ],
    );
    let results = graph.take_results();
    assert_eq!(results.rows.len(), 1);
    assert_eq!(
        results.late,
        [LateRow { input: 0, offset: Offset(2), row_time: 59_999, watermark: 59_999 }]
    );
    assert_eq!(graph.counters(), Counters { used: 3, late: 1, ..Counters::default() });
    // A row far ahead enters its own window, though its mark closes everything before.
    graph.feed_values(0, &[bid("/z", 10 * MINUTE, 1.0)]);
    assert_eq!(graph.counters().used, 4);
    assert_eq!(graph.take_values().len(), 1);
}

#[test]
fn every_offset_is_counted_once_by_what_became_of_it() {
    let mut plan = tumble();
    let is_a = call(
        Function::NotEqual,
        vec![
            column(0, Type::String),
            Expr::Literal { value: Value::String("/no".into()), of: Type::String },
        ],
        Type::Boolean,
    );
    plan.steps.insert(0, Step::Filter(is_a));
    let mut graph = graph(plan, 1);
    let values = [
        bid("/a", 1_000, 1.0),
        None,
        Some("{\"url\":\"/a\"}".to_owned()),
        Some("{\"url\":\"/a\",\"ts\":\"x\"}".to_owned()),
        Some("nonsense".to_owned()),
        bid("/no", 2_000, 1.0),
        Some("{\"url\":null,\"ts\":3000}".to_owned()),
        Some("{\"ts\":300000000000000000}".to_owned()),
        Some("null".to_owned()),
        bid("/a", 4_000, 1.0),
    ];
    graph.feed_values(0, &values);
    assert_eq!(graph.counters(), Counters { used: 2, filtered: 2, late: 0, bad: 4, skipped: 2 });
    let dead = graph.take_results().dead;
    let dead: Vec<_> = dead
        .iter()
        .map(|dead| (dead.offset.0, dead.reason.as_str(), text(dead.key.as_deref())))
        .collect();
    assert_eq!(
        dead,
        [
            (2, "null row time", "key".to_owned()),
            (3, "field 'ts' cannot be read as BIGINT", "key".to_owned()),
            (4, "the value is not a JSON object", "key".to_owned()),
            (7, "null row time", "key".to_owned()),
        ]
    );
}

#[test]
fn filtered_rows_move_the_watermark() {
    let mut plan = tumble();
    let small = call(
        Function::Less,
        vec![
            column(2, Type::Double),
            Expr::Literal { value: Value::Double(5.0), of: Type::Double },
        ],
        Type::Boolean,
    );
    plan.steps.insert(0, Step::Filter(small));
    let mut graph = graph(plan, 1);
    graph.feed_values(0, &[bid("/a", 1_000, 1.0), bid("/a", 70_000, 9.0), bid("/a", 2_000, 1.0)]);
    assert_eq!(graph.counters(), Counters { used: 1, filtered: 1, late: 1, ..Counters::default() });
    assert_eq!(graph.take_values().len(), 1);
}

#[test]
fn idle_and_ended_inputs_let_windows_close() {
    let mut graph = graph(tumble(), 3);
    graph.feed_values(0, &[bid("/a", 1_000, 1.0), bid("/a", 120_000, 1.0)]);
    graph.feed_values(1, &[bid("/a", 2_000, 2.0), bid("/a", 62_500, 2.0)]);
    assert_eq!((graph.watermark(), graph.take_values().len()), (None, 0));
    graph.set_idle(2, true);
    assert_eq!(graph.watermark(), Some(60_500));
    assert_eq!(
        graph.take_values(),
        [r#"{"window_start":"1970-01-01 00:00:00","url":"/a","n":2,"total":3.0}"#]
    );
    graph.feed_values(2, &[bid("/a", 3_000, 1.0)]);
    assert_eq!(graph.counters().late, 1, "back from idleness, too late");
    graph.end_input(2);
    graph.end_input(1);
    assert_eq!((graph.watermark(), graph.input_watermark(1)), (Some(118_000), Some(i64::MAX)));
    assert_eq!(graph.take_values().len(), 0, "the second minute ends at 120,000");
    graph.end_input(0);
    assert_eq!(graph.watermark(), Some(i64::MAX));
    assert_eq!(
        graph.take_values(),
        [
            r#"{"window_start":"1970-01-01 00:01:00","url":"/a","n":1,"total":2.0}"#,
            r#"{"window_start":"1970-01-01 00:02:00","url":"/a","n":1,"total":1.0}"#
        ]
    );
    assert_eq!((graph.windows_closed(), graph.state_bytes()), (3, 0));
}

#[test]
fn an_input_back_from_idleness_brings_its_old_mark_with_it() {
    let mut graph = graph(tumble(), 2);
    graph.feed_values(0, &[bid("/a", 181_999, 1.0)]);
    graph.feed_values(1, &[bid("/a", 61_000, 1.0)]);
    graph.set_idle(0, true);
    graph.set_idle(1, true);
    assert_eq!(graph.watermark(), Some(59_000), "all are idle: nothing moves");
    // A row far behind its own input's mark, alone in being active: the mark counts again.
    graph.feed_values(0, &[bid("/a", 0, 1.0)]);
    assert_eq!(graph.watermark(), Some(179_999));
    assert_eq!((graph.take_values().len(), graph.counters().late), (2, 0));
}

#[test]
fn windows_of_instants_follow_the_sessions_wall_clock() {
    let mut plan = tumble();
    plan.zone_minutes = 330;
    let Step::WindowAggregate(aggregate) = &mut plan.steps[0] else { panic!() };
    aggregate.window = Window::Tumble { size_ms: 60 * MINUTE, offset_ms: 0 };
    let mut graph = graph(plan, 1);
    // 00:29:59.999 UTC is 05:59:59.999 there; 00:30 begins the next hour.
    graph.feed_values(
        0,
        &[
            bid("/a", 30 * MINUTE - 1, 1.0),
            bid("/a", 30 * MINUTE, 1.0),
            bid("/a", 30 * MINUTE + 1_999, 1.0),
        ],
    );
    let results = graph.take_results();
    assert_eq!(results.rows[0].timestamp, TimestampMs(30 * MINUTE - 1));
    assert_eq!(
        text(results.rows[0].value.as_deref()),
        r#"{"window_start":"1970-01-01 05:00:00","url":"/a","n":1,"total":1.0}"#
    );
    assert_eq!(results.rows.len(), 1);
}

#[test]
fn gaps_markers_and_aborted_transactions_are_skipped() {
    let mut graph = graph(tumble(), 1);
    let transactional = |producer: i64, base: i64, count: i64| {
        let mut builder = BatchBuilder::new(Codec::None);
        builder
            .base_offset(Offset(base))
            .producer(ProducerId(producer), ProducerEpoch(0), 0)
            .transactional(true);
        for index in 0..count {
            builder.append(
                TimestampMs(0),
                None,
                bid("/a", 1_000 + index, 1.0).as_deref().map(str::as_bytes),
                &[],
            );
        }
        builder.finish().to_vec()
    };
    let marker = |kind, producer, base: i64| {
        let mut bytes =
            control::marker(kind, 0, ProducerId(producer), ProducerEpoch(0), TimestampMs(0))
                .to_vec();
        records::stamp::offset_and_epoch(&mut bytes, Offset(base), LeaderEpoch(1));
        bytes
    };
    let bytes = [
        batch(3, Codec::None, &[bid("/a", 1_000, 1.0)]), // 0..3 is gone
        transactional(1, 4, 2),                          // aborted
        transactional(2, 6, 2),                          // committed
        marker(control::Marker::Abort, 1, 8),
        transactional(1, 9, 1), // a new one of the same producer
        marker(control::Marker::Commit, 1, 10),
        marker(control::Marker::Commit, 2, 11),
        batch(
            15,
            Codec::Gzip,
            &[bid("/a", 1_000, 1.0), bid("/a", 1_000, 1.0), bid("/a", 1_000, 1.0)],
        ), // 12..15 is gone
    ]
    .concat();
    graph.feed(0, &bytes, Offset(0), Offset(17), &[(ProducerId(1), Offset(4))], LeaderEpoch(1));
    assert_eq!(graph.position(0), Some(Offset(17)));
    assert_eq!(
        graph.counters(),
        Counters { used: 1 + 2 + 1 + 2, skipped: 3 + 2 + 1 + 2 + 3, ..Counters::default() }
    );
    graph.feed(0, &bytes, Offset(17), Offset(20), &[(ProducerId(1), Offset(4))], LeaderEpoch(1));
    assert_eq!(graph.counters().total(), 20);
    assert_eq!(graph.counters().used, 7, "offset 17 is the last record; 18 and 19 are not there");
    graph.feed(0, &bytes, Offset(0), Offset(20), &[], LeaderEpoch(1));
    assert_eq!(graph.counters().total(), 20, "what was fed before is not processed again");
}

#[test]
fn damaged_batches_are_bad_for_exactly_their_offsets() {
    let good = |base| batch(base, Codec::None, &[bid("/a", 1_000, 1.0), bid("/a", 1_001, 1.0)]);
    let mut flipped = good(2);
    let last = flipped.len() - 3;
    flipped[last] ^= 1;
    let mut squashed = batch(4, Codec::Lz4, &[bid("/a", 1_000, 1.0), bid("/a", 1_001, 1.0)]);
    let crc_start = 21;
    let length = squashed.len();
    squashed[length - 20..].fill(0xff);
    let crc = records::crc32c(&squashed[crc_start..]);
    squashed[17..21].copy_from_slice(&crc.to_be_bytes());
    let bytes = [good(0), flipped, squashed, good(6)].concat();
    let mut graph = graph(tumble(), 1);
    graph.feed_all(0, &bytes, Offset(8));
    assert_eq!(graph.counters(), Counters { used: 4, bad: 4, ..Counters::default() });
    let dead = graph.take_results().dead;
    assert_eq!(dead.iter().map(|dead| dead.offset.0).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(dead[0].reason, "the batch cannot be read: the batch's CRC is wrong");
    // Bytes that are no batch: all that is left.
    let bytes = [good(8), vec![7; 100]].concat();
    graph.feed_all(0, &bytes, Offset(14));
    assert_eq!(graph.counters(), Counters { used: 6, bad: 8, ..Counters::default() });
    let bytes = &good(14)[..70];
    graph.feed_all(0, bytes, Offset(16));
    assert_eq!(graph.counters().bad, 10, "cut short");
    assert_eq!(graph.take_results().dead.len(), 2);
}

#[test]
fn digits_of_sums_do_not_depend_on_how_inputs_are_interleaved() {
    let amounts = [0.1, 0.7, 1e16, -1e16, 0.3, 1e-9, 3.3, 7e15, -7e15];
    let rows = |input: usize| -> Vec<Option<String>> {
        amounts
            .iter()
            .cycle()
            .skip(input)
            .take(20)
            .map(|amount| bid("/a", 1_000, *amount))
            .collect()
    };
    let mut one_after_the_other = graph(tumble(), 3);
    for input in [2, 0, 1] {
        one_after_the_other.feed_values(input, &rows(input));
    }
    let mut in_turns = graph(tumble(), 3);
    for row in 0..20 {
        for input in 0..3 {
            in_turns.feed_values(input, &rows(input)[row..=row]);
        }
    }
    for graph in [&mut one_after_the_other, &mut in_turns] {
        (0..3).for_each(|input| graph.end_input(input));
    }
    let values = in_turns.take_values();
    assert_eq!(values.len(), 1);
    assert_eq!(one_after_the_other.take_values(), values);
}

/// A plan that passes `columns` of a table through `steps` onto the screen.
fn pass_through(source: crate::plan::Source, steps: Vec<Step>) -> Plan {
    Plan { source, steps, sink: Sink::Screen, ..tumble() }
}

#[test]
fn rows_pass_through_to_the_screen_with_their_metadata() {
    let mut source = bids();
    source.watermark = None;
    source.computed.clear();
    source.columns.extend([
        source_column("o", Type::BigInt, Origin::Offset),
        source_column("p", Type::Int, Origin::Partition),
        source_column("t", Type::String, Origin::Topic),
        source_column("e", Type::Int, Origin::LeaderEpoch),
        source_column("at", LTZ, Origin::Timestamp),
        source_column("kind", Type::String, Origin::TimestampType),
    ]);
    let mut graph = graph(pass_through(source, vec![]), 2);
    graph.feed_values(1, &[bid("/a", 5, 1.0), Some("{}".to_owned())]);
    let metadata = |offset: i64| {
        [
            Value::Integer(offset),
            Value::Integer(1),
            Value::String("bids".into()),
            Value::Integer(7),
            Value::Integer(1_000 + offset),
            Value::String("CreateTime".into()),
        ]
    };
    let rows = graph.take_screen_rows();
    assert_eq!(rows[0][..3], [Value::String("/a".into()), Value::Integer(5), Value::Double(1.0)]);
    assert_eq!(rows[0][3..], metadata(0));
    assert_eq!(rows[1][..3], [Value::Null, Value::Null, Value::Null]);
    assert_eq!(rows[1][3..], metadata(1));
    assert_eq!(graph.counters().used, 2);
    assert_eq!((graph.watermark(), graph.schema().len()), (None, 9));
}

#[test]
fn raw_bytes_pass_through_to_a_topic_with_their_time_and_key() {
    let mut source = bids();
    source.format = Format::Raw;
    source.watermark = None;
    source.computed.clear();
    source.columns = vec![
        source_column("v", Type::Bytes, Origin::Value("v".into())),
        source_column("k", Type::String, Origin::Key("k".into())),
    ];
    let mut plan = pass_through(source, vec![]);
    plan.sink = Sink::Topic(TopicSink {
        table: "dst".to_owned(),
        topic: topic("dst"),
        value: Format::Raw,
        key: Some(crate::plan::SinkKey { format: Format::Raw, columns: vec![("k".to_owned(), 1)] }),
        columns: vec![("v".to_owned(), 0)],
        upsert: false,
    });
    let mut graph = graph(plan, 1);
    graph.feed_values(0, &[Some("not json".to_owned()), None, Some(String::new())]);
    let rows = graph.take_results().rows;
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (text(row.key.as_deref()), text(row.value.as_deref()), row.timestamp.0))
        .collect();
    assert_eq!(
        shown,
        [
            ("key".to_owned(), "not json".to_owned(), 1_000),
            ("key".to_owned(), String::new(), 1_002)
        ]
    );
    assert_eq!(graph.counters(), Counters { used: 2, skipped: 1, ..Counters::default() });
}

#[test]
fn failures_of_evaluation_make_rows_bad_unless_they_are_not_asked_for() {
    let cast =
        Expr::Cast { from: Box::new(column(0, Type::String)), to: Type::Int, or_null: false };
    let is_long = call(
        Function::Greater,
        vec![
            call(Function::CharLength, vec![column(0, Type::String)], Type::Int),
            integer(3, Type::Int),
        ],
        Type::Boolean,
    );
    let guarded = Expr::Case {
        branches: vec![(is_long, integer(-1, Type::Int))],
        otherwise: Some(Box::new(cast.clone())),
        of: Type::Int,
    };
    let mut plan = pass_through(bids(), vec![Step::Project(vec![named("n", guarded)])]);
    plan.sink = Sink::Screen;
    let mut graph = graph(plan, 1);
    graph.feed_values(0, &[bid("12", 1, 0.0), bid("long", 1, 0.0), bid("x", 1, 0.0)]);
    assert_eq!(graph.take_screen_rows(), [[Value::Integer(12)], [Value::Integer(-1)]]);
    assert_eq!(graph.take_results().dead[0].reason, "CAST of 'x' to INT failed");
    assert_eq!(graph.counters(), Counters { used: 2, bad: 1, ..Counters::default() });
    assert_eq!(graph.watermark(), Some(-1_999), "marks move without a window, too");
}

#[test]
fn every_aggregate_ignores_nulls_and_filters() {
    let decimal = Type::Decimal { precision: 10, scale: 2 };
    let mut source = bids();
    let value = |name: &str, of| source_column(name, of, Origin::Value(name.to_owned()));
    source.columns = vec![
        value("url", Type::String),
        value("ts", Type::BigInt),
        value("i", Type::Int),
        value("d", decimal),
    ];
    source.computed[0].expr =
        call(Function::ToTimestampLtz, vec![column(1, Type::BigInt), integer(3, Type::Int)], LTZ);
    source.watermark.as_mut().unwrap().row_time = 4;
    source.watermark.as_mut().unwrap().mark = column(4, LTZ);
    let (int, dec) = (|| Some(column(2, Type::Int)), || Some(column(3, decimal)));
    let sum_of = Type::Decimal { precision: 38, scale: 2 };
    let avg_of = Type::Decimal { precision: 38, scale: 6 };
    let mut filtered = aggregate_call(Aggregate::CountRows, None, Type::BigInt);
    filtered.filter = Some(call(
        Function::Greater,
        vec![column(2, Type::Int), integer(0, Type::Int)],
        Type::Boolean,
    ));
    let mut aggregate = minutes_by_url();
    aggregate.row_time = column(4, LTZ);
    aggregate.calls = vec![
        aggregate_call(Aggregate::CountRows, None, Type::BigInt),
        aggregate_call(Aggregate::Count, int(), Type::BigInt),
        aggregate_call(Aggregate::Sum, int(), Type::Int),
        aggregate_call(Aggregate::Avg, int(), Type::Int),
        aggregate_call(Aggregate::Min, int(), Type::Int),
        aggregate_call(Aggregate::Max, int(), Type::Int),
        aggregate_call(Aggregate::Sum, dec(), sum_of),
        aggregate_call(Aggregate::Avg, dec(), avg_of),
        aggregate_call(Aggregate::Max, Some(column(0, Type::String)), Type::String),
        filtered,
    ];
    let mut graph = graph(pass_through(source, vec![Step::WindowAggregate(aggregate)]), 1);
    let row = |url: &str, i: &str, d: &str| {
        Some(format!("{{\"url\":{url},\"ts\":5,\"i\":{i},\"d\":{d}}}"))
    };
    graph.feed_values(
        0,
        &[
            row("\"a\"", "2147483647", "1.01"),
            row("\"a\"", "4", "2.01"),
            row("\"a\"", "-3", "null"),
            row("\"a\"", "null", "2"),
            row("null", "null", "null"),
            row("null", "null", "null"),
        ],
    );
    graph.end_input(0);
    let rows = graph.take_screen_rows();
    use Value::{Decimal as D, Integer as I, Null};
    let a = || Value::String("a".into());
    let window = [I(0), I(60_000), I(59_999)];
    assert_eq!(
        rows[0][..11],
        [
            a(),
            I(4),
            I(3),
            I(i64::from(i32::MIN)),
            I(715_827_882),
            I(-3),
            I(2_147_483_647),
            D(502),
            D(1_673_333),
            a(),
            I(2)
        ]
    );
    assert_eq!(rows[0][11..], window);
    assert_eq!(rows[1][..11], [Null, I(2), I(0), Null, Null, Null, Null, Null, Null, Null, I(0)]);
    assert_eq!(rows.len(), 2, "NULL keys are equal");
}

#[test]
fn rows_that_fail_behind_the_window_are_noted_and_those_turned_away_are_gone() {
    let mut plan = tumble();
    let more = call(
        Function::Greater,
        vec![column(1, Type::BigInt), integer(0, Type::BigInt)],
        Type::Boolean,
    );
    let divided = call(
        Function::Divide,
        vec![
            integer(6, Type::BigInt),
            call(
                Function::Subtract,
                vec![column(1, Type::BigInt), integer(2, Type::BigInt)],
                Type::BigInt,
            ),
        ],
        Type::BigInt,
    );
    plan.steps =
        vec![plan.steps[0].clone(), Step::Filter(more), Step::Project(vec![named("x", divided)])];
    plan.sink = Sink::Screen;
    let mut graph = graph(plan, 1);
    graph.feed_values(0, &[bid("/a", 1, 1.0), bid("/b", 2, 1.0), bid("/b", 3, 1.0)]);
    graph.end_input(0);
    assert_eq!(graph.take_screen_rows(), [[Value::Integer(-6)]]);
    assert_eq!(
        graph.take_results().failed,
        [FailedRow { window_time: 59_999, reason: "division by zero".into() }]
    );
    assert_eq!(graph.counters(), Counters { used: 3, ..Counters::default() });
}

#[test]
fn a_muted_graph_moves_and_gives_nothing() {
    let mut muted = graph(tumble(), 1);
    muted.set_muted(true);
    let rows = [bid("/a", 1, 1.0), bid("/a", 70_000, 1.0), bid("/a", 1, 1.0), Some("x".to_owned())];
    muted.feed_values(0, &rows);
    assert_eq!(muted.take_results(), Results::default());
    assert_eq!((muted.windows_closed(), muted.counters().total()), (1, 4));
    muted.set_muted(false);
    muted.end_input(0);
    assert_eq!(muted.take_values().len(), 1);
}

#[test]
fn row_times_at_the_ends_of_time_neither_panic_nor_wrap() {
    let mut source = bids();
    source.columns[1] = source_column("ts", TIMESTAMP, Origin::Value("ts".into()));
    source.computed[0].expr = column(1, TIMESTAMP);
    source.watermark.as_mut().unwrap().mark = call(
        Function::AddMilliseconds,
        vec![column(3, TIMESTAMP), integer(-2_000, Type::BigInt)],
        TIMESTAMP,
    );
    let mut aggregate = minutes_by_url();
    aggregate.row_time = column(3, TIMESTAMP);
    let row = |ts: &str| Some(format!("{{\"url\":\"/a\",\"ts\":\"{ts}\",\"amount\":1}}"));
    for zone_minutes in [-1_440, 0, 1_440] {
        let mut plan = pass_through(source.clone(), vec![Step::WindowAggregate(aggregate.clone())]);
        plan.zone_minutes = zone_minutes;
        let mut graph = graph(plan, 1);
        graph.feed_values(0, &[row("-292275054-12-31 23:59:59"), row("1970-01-01 00:00:00")]);
        assert_eq!(graph.counters(), Counters { used: 2, ..Counters::default() });
        assert_eq!(graph.watermark(), Some(-2_000), "the first mark has not wrapped around");
        graph.feed_values(0, &[row("+292278993-01-01 00:00:00"), row("+292278994-08-01 00:00:00")]);
        graph.end_input(0);
        assert_eq!(graph.counters(), Counters { used: 4, ..Counters::default() });
        assert_eq!((graph.take_screen_rows().len(), graph.state_bytes()), (4, 0));
    }
}

#[test]
fn plans_that_cannot_run_are_refused() {
    let refuse = |change: &dyn Fn(&mut Plan)| {
        let mut plan = tumble();
        change(&mut plan);
        Graph::new(Arc::new(plan), partitions(1)).err()
    };
    assert_eq!(refuse(&|plan| plan.source.watermark = None), Some(GraphError::NoWatermark));
    assert_eq!(
        refuse(&|plan| plan.version = 9),
        Some(GraphError::PlanVersion { found: 9, expected: 1 })
    );
    for change in [
        &(|plan: &mut Plan| plan.steps.push(Step::Filter(column(99, Type::Boolean))))
            as &dyn Fn(&mut Plan),
        &|plan| plan.steps.push(Step::Filter(column(0, Type::Boolean))),
        &|plan| {
            plan.source.computed[0].expr =
                call(Function::Upper, vec![column(1, Type::BigInt)], Type::String)
        },
        &|plan| plan.source.watermark.as_mut().unwrap().row_time = 0,
        &|plan| {
            let Step::WindowAggregate(aggregate) = &mut plan.steps[0] else { return };
            aggregate.window = Window::Tumble { size_ms: 0, offset_ms: 0 };
        },
        &|plan| {
            let Step::WindowAggregate(aggregate) = &mut plan.steps[0] else { return };
            aggregate.calls[1].argument = Some(column(0, Type::String));
        },
        &|plan| {
            let Sink::Topic(sink) = &mut plan.sink else { return };
            sink.columns[0].1 = 4;
        },
    ] {
        assert!(matches!(refuse(change), Some(GraphError::Plan(_))));
    }
}

proptest! {
    #[test]
    fn no_bytes_stop_a_graph_and_every_offset_is_counted(
        sizes in prop::collection::vec((1..6_usize, 0..3_usize), 1..6),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
        fixes_crc: bool,
        (from, length) in (0..12_i64, 0..40_i64),
    ) {
        let mut bytes = Vec::new();
        let mut starts = Vec::new();
        let mut base = 0;
        for (count, codec) in sizes {
            let codec = [Codec::None, Codec::Snappy, Codec::None][codec];
            let values: Vec<_> = (0..count).map(|index| bid("/a", index as i64 * 20_000, 1.0)).collect();
            starts.push(bytes.len());
            bytes.extend(batch(base, codec, &values));
            base += count as i64;
        }
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if fixes_crc {
            // What the checksum would have caught must be caught later on.
            starts.push(bytes.len());
            for range in starts.windows(2) {
                let crc = records::crc32c(&bytes[range[0] + 21..range[1]]);
                bytes[range[0] + 17..range[0] + 21].copy_from_slice(&crc.to_be_bytes());
            }
        }
        if is_cut {
            let length = cut.index(bytes.len());
            bytes.truncate(length);
        }
        let mut graph = graph(tumble(), 1);
        let until = Offset(from + length);
        graph.feed(0, &bytes, Offset(from), until, &[(ProducerId(3), Offset(2))], LeaderEpoch(0));
        prop_assert_eq!(graph.position(0), Some(until));
        prop_assert_eq!(graph.counters().total(), length as u64);
    }
}
