//! Plans and batches for tests.

use std::sync::Arc;

use model::{LeaderEpoch, Offset, PartitionId, TimestampMs, TopicName, TopicPartition};
use records::{BatchBuilder, Codec};

use super::Graph;
use crate::{
    expr::{Expr, Function},
    plan::{
        Aggregate, AggregateCall, Bounded, Format, NamedExpr, Origin, PLAN_VERSION, Plan, Sink,
        SinkKey, Source, SourceColumn, Startup, Step, TopicSink, Watermark, Window,
        WindowAggregate,
    },
    types::{Field, Type, Value},
};

pub(super) const LTZ: Type = Type::TimestampLtz { precision: 3 };
pub(super) const TIMESTAMP: Type = Type::Timestamp { precision: 3 };
pub(super) const JSON: Format = Format::Json {
    iso_timestamps: false,
    omit_nulls: false,
    missing_is_bad: false,
    plain_decimals: false,
};

pub(super) fn column(ordinal: usize, of: Type) -> Expr {
    Expr::Column { ordinal, of }
}

pub(super) fn integer(value: i64, of: Type) -> Expr {
    Expr::Literal { value: Value::Integer(value), of }
}

pub(super) fn call(function: Function, arguments: Vec<Expr>, of: Type) -> Expr {
    Expr::Call { function, arguments, of }
}

pub(super) fn named(name: &str, expr: Expr) -> NamedExpr {
    NamedExpr { name: name.to_owned(), expr }
}

pub(super) fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

pub(super) fn source_column(name: &str, of: Type, origin: Origin) -> SourceColumn {
    SourceColumn { field: Field { name: name.to_owned(), of, nullable: true }, origin }
}

pub(super) fn aggregate_call(
    function: Aggregate,
    argument: Option<Expr>,
    of: Type,
) -> AggregateCall {
    AggregateCall { name: format!("{function:?}"), function, argument, filter: None, of }
}

/// `url STRING, ts BIGINT, amount DOUBLE, rowtime AS TO_TIMESTAMP_LTZ(ts, 3), WATERMARK FOR rowtime AS rowtime - INTERVAL '2' SECOND`.
pub(super) fn bids() -> Source {
    let value = |name: &str, of| source_column(name, of, Origin::Value(name.to_owned()));
    let row_time =
        call(Function::ToTimestampLtz, vec![column(1, Type::BigInt), integer(3, Type::Int)], LTZ);
    Source {
        table: "bids".to_owned(),
        topics: vec![topic("bids")],
        format: JSON,
        key_format: None,
        ignore_parse_errors: false,
        columns: vec![
            value("url", Type::String),
            value("ts", Type::BigInt),
            value("amount", Type::Double),
        ],
        computed: vec![named("rowtime", row_time)],
        watermark: Some(Watermark {
            row_time: 3,
            mark: call(
                Function::AddMilliseconds,
                vec![column(3, LTZ), integer(-2_000, Type::BigInt)],
                LTZ,
            ),
            idle_timeout_ms: 0,
        }),
        startup: Startup::Earliest,
        bounded: Bounded::Unbounded,
        upsert: false,
    }
}

/// `TUMBLE` of a minute over [`bids`]: COUNT(*) and SUM(amount) by url.
pub(super) fn minutes_by_url() -> WindowAggregate {
    WindowAggregate {
        window: Window::Tumble { size_ms: 60_000, offset_ms: 0 },
        row_time: column(3, LTZ),
        keys: vec![named("url", column(0, Type::String))],
        calls: vec![
            aggregate_call(Aggregate::CountRows, None, Type::BigInt),
            aggregate_call(Aggregate::Sum, Some(column(2, Type::Double)), Type::Double),
        ],
    }
}

/// `INSERT INTO sink SELECT window_start, url, COUNT(*), SUM(amount) …` of the comparison with Flink.
pub(super) fn tumble() -> Plan {
    let columns = ["window_start", "url", "n", "total"];
    Plan {
        version: PLAN_VERSION,
        source: bids(),
        steps: vec![
            Step::WindowAggregate(minutes_by_url()),
            Step::Project(vec![
                named("window_start", column(3, TIMESTAMP)),
                named("url", column(0, Type::String)),
                named("n", column(1, Type::BigInt)),
                named("total", column(2, Type::Double)),
            ]),
        ],
        sink: Sink::Topic(TopicSink {
            table: "sink".to_owned(),
            topic: topic("out"),
            value: JSON,
            key: Some(SinkKey {
                format: JSON,
                columns: vec![("window_start".to_owned(), 0), ("url".to_owned(), 1)],
            }),
            columns: columns
                .iter()
                .enumerate()
                .map(|(at, name)| ((*name).to_owned(), at))
                .collect(),
            upsert: true,
        }),
        zone_minutes: 0,
        dead_letters: Some(topic("dead")),
    }
}

/// The graph of `plan` over `inputs` partitions of one topic.
pub(super) fn graph(plan: Plan, inputs: i32) -> Graph {
    Graph::new(Arc::new(plan), partitions(inputs)).unwrap()
}

pub(super) fn partitions(count: i32) -> Vec<TopicPartition> {
    (0..count).map(|number| TopicPartition::new(topic("bids"), PartitionId(number))).collect()
}

/// One batch of records with these values from `base` on.
pub(super) fn batch(base: i64, codec: Codec, values: &[Option<String>]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec);
    builder.base_offset(Offset(base));
    for (index, value) in values.iter().enumerate() {
        let value = value.as_deref().map(str::as_bytes);
        builder.append(TimestampMs(1_000 + index as i64), Some(b"key"), value, &[]);
    }
    builder.finish().to_vec()
}

pub(super) fn bid(url: &str, ts: i64, amount: f64) -> Option<String> {
    Some(format!(
        "{{\"event_id\":1,\"url\":\"{url}\",\"ts\":{ts},\"amount\":{amount:?},\"ua\":\"x y\"}}"
    ))
}

impl Graph {
    /// Feeds one batch of these values at the input's position.
    pub(super) fn feed_values(&mut self, input: usize, values: &[Option<String>]) {
        let from = self.position(input).unwrap_or(Offset::ZERO);
        let bytes = batch(from.0, Codec::None, values);
        self.feed_all(input, &bytes, from.plus(values.len() as i64));
    }

    /// Feeds from the input's position up to `until`.
    pub(super) fn feed_all(&mut self, input: usize, bytes: &[u8], until: Offset) {
        let from = self.position(input).unwrap_or(Offset::ZERO);
        self.feed(input, bytes, from, until, &[], LeaderEpoch(7));
        assert_eq!(self.position(input), Some(until));
    }

    /// The values given, as text.
    pub(super) fn take_values(&mut self) -> Vec<String> {
        let rows = self.take_results().rows;
        rows.iter().map(|row| text(row.value.as_deref())).collect()
    }
}

pub(super) fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "(none)".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}
