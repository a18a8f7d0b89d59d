//! Records become the columns that the plan reads. A record that cannot be decoded is bad, with its reason, and stops nothing.

mod field;
mod json;
mod number;
mod raw;
mod scan;

use self::{
    field::{Filling, Kind},
    json::{Decoded, JsonDecoder, Leniency, Member},
};
use crate::{
    chunk::Chunk,
    column::{Column, Values},
    expr::Reason,
    plan::{Format, Origin, Source, SourceColumn},
    types::Type,
};

/// A record whose value is there, borrowed from its batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRow<'a> {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) is_append_time: bool,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: &'a [u8],
}

/// Records of one partition that are decoded together.
#[derive(Clone, Copy)]
pub(crate) struct RawRows<'r, 'a> {
    pub(crate) rows: &'r [RawRow<'a>],
    /// What keys and values lie in, where they lie in one slice; texts are then views.
    pub(crate) source: &'a [u8],
    pub(crate) topic: &'r str,
    pub(crate) partition: i32,
}

/// Decoded rows, and the records that gave none.
#[derive(Debug)]
pub(crate) struct DecodedRows<'a> {
    pub(crate) chunk: Chunk<'a>,
    /// Ascending.
    pub(crate) bad: Vec<(u32, Reason)>,
    /// How many values were JSON's `null`.
    pub(crate) nothing: usize,
}

/// Decodes the records of a table.
#[derive(Debug)]
pub(crate) struct Decoder {
    columns: Vec<SourceColumn>,
    value: Part,
    key: Option<Part>,
}

/// How the key or the value is read.
#[derive(Debug)]
enum Part {
    Json(JsonDecoder),
    /// The column that takes the bytes, if the plan reads it.
    Raw(Option<(usize, Type)>),
}

impl Decoder {
    pub(crate) fn new(source: &Source) -> Self {
        let has_key = source.columns.iter().any(|column| matches!(column.origin, Origin::Key(_)));
        Self {
            columns: source.columns.clone(),
            value: Part::new(source, false),
            key: has_key.then(|| Part::new(source, true)),
        }
    }

    pub(crate) fn decode<'a>(&mut self, records: RawRows<'_, 'a>) -> DecodedRows<'a> {
        let count = records.rows.len();
        let filling = |column: &SourceColumn| Filling::new(column.field.of, records.source, count);
        let mut columns: Vec<Filling<'a>> = self.columns.iter().map(filling).collect();
        let mut kept = Vec::with_capacity(count);
        let mut bad = Vec::new();
        let mut nothing = 0;
        for (row, record) in records.rows.iter().enumerate() {
            let mut decoded = self.value.decode(record.value, row, &mut columns);
            if let (Decoded::Row, Some(part), Some(key)) = (&decoded, &mut self.key, record.key) {
                decoded = part.decode(key, row, &mut columns);
                if decoded == Decoded::Nothing {
                    decoded = Decoded::Row;
                }
            }
            match decoded {
                Decoded::Row => kept.push(row as u32),
                Decoded::Nothing => nothing += 1,
                Decoded::Bad(reason) => bad.push((row as u32, reason)),
            }
        }
        for (column, filling) in self.columns.iter().zip(&mut columns) {
            fill_metadata(column, filling, records);
        }
        let columns = columns.into_iter().map(Column::from).collect();
        let mut chunk = Chunk { columns, origins: (0..count as u32).collect() };
        chunk.keep(&kept);
        for column in &mut chunk.columns {
            if column.valid.as_ref().is_some_and(|valid| valid.iter().all(|valid| *valid)) {
                column.valid = None;
            }
        }
        DecodedRows { chunk, bad, nothing }
    }
}

impl Part {
    fn new(source: &Source, is_key: bool) -> Self {
        let name = |column: &SourceColumn| match &column.origin {
            Origin::Value(name) if !is_key => Some(name.clone()),
            Origin::Key(name) if is_key => Some(name.clone()),
            _ => None,
        };
        let mine = source.columns.iter().enumerate();
        let format = match &source.key_format {
            Some(format) if is_key => format,
            _ => &source.format,
        };
        match *format {
            Format::Raw => {
                let mut mine = mine.filter(|(_, column)| name(column).is_some());
                Self::Raw(mine.next().map(|(index, column)| (index, column.field.of)))
            }
            Format::Json { iso_timestamps, missing_is_bad, .. } => {
                let member = |(column, read): (usize, &SourceColumn)| {
                    let of = read.field.of;
                    let kind = Kind::of(of, iso_timestamps);
                    Some(Member { name: name(read)?, of, kind, column })
                };
                let leniency =
                    Leniency { ignore_errors: source.ignore_parse_errors, missing_is_bad };
                Self::Json(JsonDecoder::new(mine.filter_map(member).collect(), leniency))
            }
        }
    }

    #[inline]
    fn decode(&mut self, bytes: &[u8], row: usize, columns: &mut [Filling<'_>]) -> Decoded {
        match self {
            Self::Json(decoder) => decoder.decode(bytes, row, columns),
            Self::Raw(None) => Decoded::Row,
            Self::Raw(Some((index, of))) => {
                let Some(column) = columns.get_mut(*index) else { return Decoded::Row };
                match raw::set(column, row, *of, bytes) {
                    Ok(()) => Decoded::Row,
                    Err(_) => {
                        Decoded::Bad(Reason::Owned(format!("{} bytes are no {of}", bytes.len())))
                    }
                }
            }
        }
    }
}

impl<'a> From<Filling<'a>> for Column<'a> {
    fn from(filling: Filling<'a>) -> Self {
        Self { values: filling.values, valid: Some(filling.valid) }
    }
}

/// Fills a column of the record's own facts. Its type is the fact's, or one that holds it.
fn fill_metadata(column: &SourceColumn, filling: &mut Filling<'_>, records: RawRows<'_, '_>) {
    for (row, record) in records.rows.iter().enumerate() {
        let number = match &column.origin {
            Origin::Value(_) | Origin::Key(_) => return,
            Origin::Timestamp => Some(record.timestamp),
            Origin::Offset => Some(record.offset),
            Origin::Partition => Some(i64::from(records.partition)),
            Origin::LeaderEpoch => Some(i64::from(record.leader_epoch)).filter(|epoch| *epoch >= 0),
            Origin::Topic | Origin::TimestampType => None,
        };
        let text = match &column.origin {
            Origin::Topic => Some(records.topic),
            Origin::TimestampType if record.is_append_time => Some("LogAppendTime"),
            // Kafka's own word for a record without a timestamp is NoTimestampType.
            Origin::TimestampType if record.timestamp < 0 => Some("NoTimestampType"),
            Origin::TimestampType => Some("CreateTime"),
            _ => None,
        };
        let is_set = match (&mut filling.values, number, text) {
            (Values::Integer(values), Some(number), _) => {
                values[row] = number;
                true
            }
            (Values::Text(values), Some(number), _) => {
                values.set_written(row, |out| crate::expr::write_integer(out, number)).is_ok()
            }
            (Values::Text(values), _, Some(text)) => {
                values.set_written(row, |out| out.extend_from_slice(text.as_bytes())).is_ok()
            }
            _ => false,
        };
        filling.valid[row] = is_set;
    }
}
