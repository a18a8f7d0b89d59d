//! Rows become records for the sink's topic: a value, and a key where the sink has one.

mod json;

use bytes::Bytes;
use model::TimestampMs;

use self::json::JsonWriter;
use crate::{
    chunk::Chunk,
    column::{Column, Values},
    graph::ResultRecord,
    plan::{Format, TopicSink},
    types::{Schema, Type},
};

/// Writes the records of one sink.
#[derive(Debug)]
pub(crate) struct SinkEncoder {
    value: Part,
    key: Option<Part>,
}

/// How a key or a value is written.
#[derive(Debug)]
enum Part {
    Json(JsonWriter),
    /// The column whose bytes are written.
    Raw(usize, Type),
}

impl SinkEncoder {
    /// For rows of `schema`, which the sink's ordinals have been checked against.
    pub(crate) fn new(sink: &TopicSink, schema: &Schema) -> Self {
        Self {
            value: Part::new(&sink.value, &sink.columns, schema),
            key: sink.key.as_ref().map(|key| Part::new(&key.format, &key.columns, schema)),
        }
    }

    /// Appends a record for each row; `timestamp` gives each its time.
    pub(crate) fn encode(
        &self,
        chunk: &Chunk<'_>,
        timestamp: impl Fn(usize) -> i64,
        out: &mut Vec<ResultRecord>,
    ) {
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(chunk.rows());
        for row in 0..chunk.rows() {
            let has_key = self.key.as_ref().is_some_and(|key| key.write(&mut bytes, chunk, row));
            let key_end = bytes.len();
            let has_value = self.value.write(&mut bytes, chunk, row);
            ends.push((has_key.then_some(key_end), key_end, has_value.then_some(bytes.len())));
        }
        let bytes = Bytes::from(bytes);
        let mut start = 0;
        for (row, (key, middle, value)) in ends.into_iter().enumerate() {
            out.push(ResultRecord {
                key: key.map(|end| bytes.slice(start..end)),
                value: value.map(|end| bytes.slice(middle..end)),
                timestamp: TimestampMs(timestamp(row)),
            });
            start = value.unwrap_or(middle);
        }
    }
}

impl Part {
    fn new(format: &Format, columns: &[(String, usize)], schema: &Schema) -> Self {
        let of = |ordinal: usize| schema.get(ordinal).map_or(Type::Null, |field| field.of);
        match format {
            Format::Json { iso_timestamps, omit_nulls, plain_decimals, .. } => {
                let columns: Vec<_> = columns
                    .iter()
                    .map(|(name, ordinal)| (name.as_str(), *ordinal, of(*ordinal)))
                    .collect();
                let mut writer = JsonWriter::new(&columns);
                writer.iso = *iso_timestamps;
                writer.omit_nulls = *omit_nulls;
                writer.plain_decimals = *plain_decimals;
                Self::Json(writer)
            }
            Format::Raw => {
                let ordinal = columns.first().map_or(usize::MAX, |(_, ordinal)| *ordinal);
                Self::Raw(ordinal, of(ordinal))
            }
        }
    }

    /// Appends the bytes of one row; answers whether there are any (a NULL has none in the raw format).
    fn write(&self, out: &mut Vec<u8>, chunk: &Chunk<'_>, row: usize) -> bool {
        match self {
            Self::Json(writer) => {
                writer.write(out, chunk, row);
                true
            }
            Self::Raw(ordinal, of) => match chunk.columns.get(*ordinal) {
                Some(column) if column.is_valid(row) => {
                    write_raw(out, column, row, *of);
                    true
                }
                _ => false,
            },
        }
    }
}

/// The raw format: the bytes themselves; numbers big-endian.
fn write_raw(out: &mut Vec<u8>, column: &Column<'_>, row: usize, of: Type) {
    match &column.values {
        Values::Text(text) => out.extend_from_slice(text.at(row)),
        Values::Boolean(values) => out.push(u8::from(values[row])),
        Values::Double(values) if of == Type::Float => {
            out.extend_from_slice(&(values[row] as f32).to_be_bytes());
        }
        Values::Double(values) => out.extend_from_slice(&values[row].to_be_bytes()),
        Values::Integer(values) => {
            let width = match of {
                Type::TinyInt => 1,
                Type::SmallInt => 2,
                Type::Int => 4,
                _ => 8,
            };
            out.extend_from_slice(&values[row].to_be_bytes()[8 - width..]);
        }
        Values::Decimal(values) => out.extend_from_slice(&values[row].to_be_bytes()),
    }
}
