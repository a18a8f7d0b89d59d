//! What a statement becomes: a source, a chain of steps, a sink. Stored with a job, hence versioned.
//!
//!   topic ─▶ Source (decode, computed columns, row time) ─▶ steps… ─▶ Sink ─▶ topic, or the asker's screen
//!
//! Every step reads the columns of the one before it; ordinals are positions there.

use model::TopicName;
use serde::{Deserialize, Serialize};

use crate::{
    expr::Expr,
    types::{Field, Schema, Type},
};

/// The version of [`Plan`] that this code writes. A stored plan of an older version is bound again from its SQL text.
pub const PLAN_VERSION: u16 = 1;

/// One running statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_VERSION`] of the code that made it.
    pub version: u16,
    /// Where rows come from.
    pub source: Source,
    /// What is done to them, in order.
    pub steps: Vec<Step>,
    /// Where they go.
    pub sink: Sink,
    /// `table.local-time-zone`: minutes east of UTC (named zones with daylight saving are refused for now).
    pub zone_minutes: i32,
    /// Where rows go that cannot be decoded or have no row time; none: they are only counted.
    pub dead_letters: Option<TopicName>,
}

/// A table on a topic, read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The table's name, for EXPLAIN and messages.
    pub table: String,
    /// The topics, usually one.
    pub topics: Vec<TopicName>,
    /// How a record's value becomes columns.
    pub format: Format,
    /// How its key does ([`Origin::Key`]); none: no column lies in the key.
    #[serde(default)]
    pub key_format: Option<Format>,
    /// `json.ignore-parse-errors`: a field that cannot be read is NULL instead of making the row bad.
    pub ignore_parse_errors: bool,
    /// What is decoded: exactly the columns that the plan reads, in table order.
    pub columns: Vec<SourceColumn>,
    /// Computed columns, each over `columns` and the computed ones before it; they follow `columns` in the row.
    pub computed: Vec<NamedExpr>,
    /// The row time, if the table declares a watermark.
    pub watermark: Option<Watermark>,
    /// Where a new job begins.
    pub startup: Startup,
    /// Where a bounded job ends.
    pub bounded: Bounded,
    /// `upsert-kafka` as a source: a null value is a delete (and is skipped here: only append rows are processed).
    pub upsert: bool,
}

/// One decoded column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceColumn {
    /// Its name and type in the row.
    pub field: Field,
    /// Where in the record it is.
    pub origin: Origin,
}

/// Where a source column's value lies in a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A member of the value's JSON object (or the whole value, format raw).
    Value(String),
    /// A member of the key's JSON object (`key.fields`; the whole key, format raw).
    Key(String),
    /// `METADATA FROM 'timestamp'`.
    Timestamp,
    /// `METADATA FROM 'offset'`.
    Offset,
    /// `METADATA FROM 'partition'`.
    Partition,
    /// `METADATA FROM 'topic'`.
    Topic,
    /// `METADATA FROM 'leader-epoch'`.
    LeaderEpoch,
    /// `METADATA FROM 'timestamp-type'`.
    TimestampType,
}

/// How bytes become columns and columns bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// `'format' = 'json'`.
    Json {
        /// `json.timestamp-format.standard`: ISO-8601 instead of SQL.
        iso_timestamps: bool,
        /// `json.encode.ignore-null-fields`.
        omit_nulls: bool,
        /// `json.fail-on-missing-field`.
        missing_is_bad: bool,
        /// `json.encode.decimal-as-plain-number`.
        plain_decimals: bool,
    },
    /// `'format' = 'raw'`: one column, the bytes themselves.
    Raw,
}

/// A named expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedExpr {
    /// The column's name.
    pub name: String,
    /// What it is.
    pub expr: Expr,
}

/// `WATERMARK FOR column AS expression`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watermark {
    /// Ordinal of the row time in the source's row (decoded, then computed columns).
    pub row_time: usize,
    /// The mark each row makes, milliseconds; NULL makes none.
    pub mark: Expr,
    /// After how long without rows a partition stops holding the others back; 0: never
    /// (`scan.watermark.idle-timeout`, `table.exec.source.idle-timeout`).
    pub idle_timeout_ms: u64,
}

/// `scan.startup.mode`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Startup {
    /// `earliest-offset`.
    Earliest,
    /// `latest-offset`.
    Latest,
    /// `group-offsets`: the group's committed offsets, else by `properties.auto.offset.reset`.
    Group {
        /// `properties.group.id`.
        group: String,
        /// Whether to begin at the earliest where nothing is committed (`auto.offset.reset`); else the latest.
        else_earliest: bool,
    },
    /// `timestamp`: the first record at or after this time.
    Timestamp(i64),
    /// `specific-offsets`: (partition, offset).
    Specific(Vec<(i32, i64)>),
}

/// `scan.bounded.mode`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bounded {
    /// Goes on for ever.
    Unbounded,
    /// To the ends as they were when the job began.
    Latest,
    /// To the first record at or after this time, exclusive.
    Timestamp(i64),
    /// (partition, offset), exclusive.
    Specific(Vec<(i32, i64)>),
}

/// One operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// Rows for which it is TRUE go on (WHERE before, HAVING after an aggregate).
    Filter(Expr),
    /// Each row becomes these columns.
    Project(Vec<NamedExpr>),
    /// Rows become one row per window and key, when the watermark closes the window.
    /// Gives: the keys, then the calls, then window_start, window_end (TIMESTAMP(3)) and window_time.
    WindowAggregate(WindowAggregate),
}

/// A windowed GROUP BY.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowAggregate {
    /// The windows.
    pub window: Window,
    /// The row-time column of the input.
    pub row_time: Expr,
    /// GROUP BY besides the window's bounds.
    pub keys: Vec<NamedExpr>,
    /// The aggregate calls.
    pub calls: Vec<AggregateCall>,
}

/// Which windows a row belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// `TUMBLE`: start = time − floorMod(time − offset, size).
    Tumble {
        /// Length, milliseconds.
        size_ms: i64,
        /// Offset, milliseconds; |offset| < size.
        offset_ms: i64,
    },
}

/// One aggregate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AggregateCall {
    /// The column's name.
    pub name: String,
    /// What is computed.
    pub function: Aggregate,
    /// Over what; none for COUNT(*).
    pub argument: Option<Expr>,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expr>,
    /// The result's type by Flink's rules (AVG(BIGINT) is BIGINT, SUM(DECIMAL(p,s)) is DECIMAL(38,s), …).
    pub of: Type,
}

/// An aggregate function. All but the counts are NULL over no non-NULL value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "SQL's names")]
pub enum Aggregate {
    /// COUNT(*).
    CountRows,
    /// COUNT(x).
    Count,
    Sum,
    Min,
    Max,
    Avg,
}

/// Where result rows go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Sink {
    /// A table on a topic.
    Topic(TopicSink),
    /// `'connector' = 'blackhole'`.
    Blackhole,
    /// The asker of a push query; also `'connector' = 'print'`.
    Screen,
}

/// A table on a topic, written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicSink {
    /// The table's name.
    pub table: String,
    /// The topic.
    pub topic: TopicName,
    /// How the value is written.
    pub value: Format,
    /// How the key is written, and from which columns of the last step; none: records without keys.
    pub key: Option<SinkKey>,
    /// Columns of the last step that make the value, in the sink table's order (names are the sink's).
    pub columns: Vec<(String, usize)>,
    /// Whether the topic is made compacted when it is missing (`upsert-kafka`).
    pub upsert: bool,
}

/// The key of what is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SinkKey {
    /// Its format.
    pub format: Format,
    /// (name in the key, ordinal in the last step's row), in order of the PRIMARY KEY or `key.fields`.
    pub columns: Vec<(String, usize)>,
}

impl Source {
    /// The row that the first step reads: decoded columns, then computed ones.
    #[must_use]
    pub fn schema(&self) -> Schema {
        let computed = self.computed.iter().map(|column| Field {
            name: column.name.clone(),
            of: column.expr.of(),
            nullable: true,
        });
        self.columns.iter().map(|column| column.field.clone()).chain(computed).collect()
    }
}

impl Step {
    /// The row that this step gives for rows of `input`.
    #[must_use]
    pub fn schema(&self, input: Schema) -> Schema {
        let named = |name: &str, of: Type| Field { name: name.to_owned(), of, nullable: true };
        match self {
            Self::Filter(_) => input,
            Self::Project(columns) => {
                columns.iter().map(|column| named(&column.name, column.expr.of())).collect()
            }
            Self::WindowAggregate(aggregate) => {
                let keys = aggregate.keys.iter().map(|key| named(&key.name, key.expr.of()));
                let calls = aggregate.calls.iter().map(|call| named(&call.name, call.of));
                let timestamp = Type::Timestamp { precision: 3 };
                let window = [
                    named("window_start", timestamp),
                    named("window_end", timestamp),
                    named("window_time", aggregate.row_time.of()),
                ];
                keys.chain(calls).chain(window).collect()
            }
        }
    }
}

impl Plan {
    /// The row that reaches the sink.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.steps.iter().fold(self.source.schema(), |input, step| step.schema(input))
    }
}
