//! How fast one core takes JSON events of 182 bytes through the tumbling count and sum of the comparison with Flink.
//!
//! The events are shaped as those that Flink was measured with: a thousand skewed pages, times out of order by up to two seconds over ten
//! minutes, keys. Half a million of them on four inputs in turns, in batches of 100.

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flow::{
    expr::{Expr, Function},
    graph::Graph,
    plan::{
        Aggregate, AggregateCall, Bounded, Format, NamedExpr, Origin, PLAN_VERSION, Plan, Sink,
        Source, SourceColumn, Startup, Step, TopicSink, Watermark, Window, WindowAggregate,
    },
    types::{Field, Type, Value},
};
use model::{LeaderEpoch, Offset, PartitionId, TimestampMs, TopicName, TopicPartition};
use records::{BatchBuilder, Codec};

const INPUTS: usize = 4;
const EVENTS: usize = 500_000;
const BATCH_EVENTS: usize = 100;
/// Batches that one call feeds: about what a turn reads.
const FEED_BATCHES: usize = 50;
const LTZ: Type = Type::TimestampLtz { precision: 3 };
const TIMESTAMP: Type = Type::Timestamp { precision: 3 };
const JSON: Format = Format::Json {
    iso_timestamps: false,
    omit_nulls: false,
    missing_is_bad: false,
    plain_decimals: false,
};

fn column(ordinal: usize, of: Type) -> Expr {
    Expr::Column { ordinal, of }
}

fn call(function: Function, column: Expr, number: i64) -> Expr {
    let number = Expr::Literal { value: Value::Integer(number), of: Type::BigInt };
    Expr::Call { function, arguments: vec![column, number], of: LTZ }
}

fn named(name: &str, expr: Expr) -> NamedExpr {
    NamedExpr { name: name.to_owned(), expr }
}

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).expect("a legal name")
}

fn source() -> Source {
    let value = |name: &str, of| SourceColumn {
        field: Field { name: name.to_owned(), of, nullable: true },
        origin: Origin::Value(name.to_owned()),
    };
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
        computed: vec![named(
            "rowtime",
            call(Function::ToTimestampLtz, column(1, Type::BigInt), 3),
        )],
        watermark: Some(Watermark {
            row_time: 3,
            mark: call(Function::AddMilliseconds, column(3, LTZ), -2_000),
            idle_timeout_ms: 0,
        }),
        startup: Startup::Earliest,
        bounded: Bounded::Latest,
        upsert: false,
    }
}

fn plan(steps: Vec<Step>, names: &[&str]) -> Plan {
    Plan {
        version: PLAN_VERSION,
        source: source(),
        steps,
        sink: Sink::Topic(TopicSink {
            table: "sink".to_owned(),
            topic: topic("out"),
            value: JSON,
            key: None,
            columns: names.iter().enumerate().map(|(at, name)| ((*name).to_owned(), at)).collect(),
            upsert: false,
        }),
        zone_minutes: 0,
        dead_letters: None,
    }
}

fn tumble() -> Plan {
    let call = |function, argument, of| AggregateCall {
        name: String::new(),
        function,
        argument,
        filter: None,
        of,
    };
    let aggregate = WindowAggregate {
        window: Window::Tumble { size_ms: 60_000, offset_ms: 0 },
        row_time: column(3, LTZ),
        keys: vec![named("url", column(0, Type::String))],
        calls: vec![
            call(Aggregate::CountRows, None, Type::BigInt),
            call(Aggregate::Sum, Some(column(2, Type::Double)), Type::Double),
        ],
    };
    let select = vec![
        named("window_start", column(3, TIMESTAMP)),
        named("url", column(0, Type::String)),
        named("n", column(1, Type::BigInt)),
        named("total", column(2, Type::Double)),
    ];
    let steps = vec![Step::WindowAggregate(aggregate), Step::Project(select)];
    plan(steps, &["window_start", "url", "n", "total"])
}

/// For each input, feeds of whole batches and the offsets after them.
fn feeds() -> Vec<Vec<(Vec<u8>, i64)>> {
    let mut chance: u64 = 7;
    let mut next = |below: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % below
    };
    let channels = ["organic", "email", "search", "social", "affiliate"];
    let mut inputs = vec![Vec::new(); INPUTS];
    let mut value_bytes = 0;
    for (input, feeds) in inputs.iter_mut().enumerate() {
        let mut builder = BatchBuilder::new(Codec::None);
        let (mut feed, mut offset) = (Vec::new(), 0_i64);
        for batch in 0..EVENTS / INPUTS / BATCH_EVENTS {
            builder.base_offset(Offset(offset));
            for event in 0..BATCH_EVENTS {
                let number = (batch * BATCH_EVENTS + event) * INPUTS + input;
                let ts = 1_690_000_000_000 + (number as i64 * 600_000 / EVENTS as i64)
                    - next(2_000) as i64;
                let (user, page) = (next(100_000), next(1_000) * next(1_000) / 1_000);
                let (units, cents) = (next(500), next(100));
                let channel = channels[next(5) as usize];
                let value = format!(
                    "{{\"event_id\":{number},\"user_id\":{user},\"url\":\"https://shop.example/p/{page}\",\"ts\":{ts},\"amount\":{units}.{cents:02},\"channel\":\"{channel}\",\"ua\":\"Mozilla/5.0 (X11; Linux x86_64) rrrrrrrrrrrrrrrrrrrr\"}}"
                );
                let key = user.to_string();
                value_bytes += value.len();
                builder.append(TimestampMs(ts), Some(key.as_bytes()), Some(value.as_bytes()), &[]);
            }
            feed.extend_from_slice(&builder.finish());
            offset += BATCH_EVENTS as i64;
            if (batch + 1) % FEED_BATCHES == 0 {
                feeds.push((std::mem::take(&mut feed), offset));
            }
        }
    }
    let mean = value_bytes / EVENTS;
    assert!((178..=186).contains(&mean), "events of {mean} bytes are not what is claimed");
    inputs
}

fn run(plan: &Arc<Plan>, feeds: &[Vec<(Vec<u8>, i64)>]) -> u64 {
    let partition = |number| TopicPartition::new(topic("bids"), PartitionId(number));
    let inputs = (0..INPUTS as i32).map(partition).collect();
    let mut graph = Graph::new(plan.clone(), inputs).expect("the plan can run");
    let mut given = 0;
    for turn in 0..feeds[0].len() {
        for (input, feeds) in feeds.iter().enumerate() {
            let (bytes, until) = &feeds[turn];
            let from = graph.position(input).unwrap_or(Offset::ZERO);
            graph.feed(input, bytes, from, Offset(*until), &[], LeaderEpoch(0));
        }
        given += graph.take_results().rows_given;
    }
    (0..INPUTS).for_each(|input| graph.end_input(input));
    assert_eq!(graph.counters().used, EVENTS as u64);
    given + graph.take_results().rows_given
}

fn bench(criterion: &mut Criterion) {
    let feeds = feeds();
    let mut group = criterion.benchmark_group("events");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(10);
    let tumble = Arc::new(tumble());
    group.bench_function("tumble", |bencher| bencher.iter(|| run(&tumble, black_box(&feeds))));
    let pass = vec![Step::Project(vec![
        named("url", column(0, Type::String)),
        named("amount", column(2, Type::Double)),
    ])];
    let mut pass = plan(pass, &["url", "amount"]);
    pass.sink = Sink::Blackhole;
    let pass = Arc::new(pass);
    group.bench_function("pass", |bencher| bencher.iter(|| run(&pass, black_box(&feeds))));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
