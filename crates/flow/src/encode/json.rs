//! Rows as Flink's json format writes them: members in the sink's order, `1.5` and `1.0E7`, `2020-01-01 00:01:00`, no space.

use crate::{
    chunk::Chunk,
    civil,
    column::{Column, Values},
    decimal,
    expr::write_integer,
    java_double,
    types::Type,
};

/// Writes objects of the same members.
#[derive(Debug)]
pub(crate) struct JsonWriter {
    members: Vec<Member>,
    /// `T` in timestamps.
    pub(crate) iso: bool,
    /// NULL members are left out.
    pub(crate) omit_nulls: bool,
    /// DECIMAL with all its zeros and never with an exponent.
    pub(crate) plain_decimals: bool,
}

#[derive(Debug)]
struct Member {
    /// The name in quotes, and the colon.
    key: Vec<u8>,
    ordinal: usize,
    of: Type,
}

impl JsonWriter {
    /// Writes the columns (name, ordinal, type).
    pub(crate) fn new(columns: &[(&str, usize, Type)]) -> Self {
        let member = |(name, ordinal, of): &(&str, usize, Type)| {
            let mut key = Vec::new();
            write_string(&mut key, name.as_bytes());
            key.push(b':');
            Member { key, ordinal: *ordinal, of: *of }
        };
        let members = columns.iter().map(member).collect();
        Self { members, iso: false, omit_nulls: false, plain_decimals: false }
    }

    /// Appends one row.
    pub(crate) fn write(&self, out: &mut Vec<u8>, chunk: &Chunk<'_>, row: usize) {
        out.push(b'{');
        let mut is_first = true;
        for member in &self.members {
            let column = chunk.columns.get(member.ordinal).filter(|column| column.is_valid(row));
            if column.is_none() && self.omit_nulls {
                continue;
            }
            if !is_first {
                out.push(b',');
            }
            is_first = false;
            out.extend_from_slice(&member.key);
            match column {
                None => out.extend_from_slice(b"null"),
                Some(column) => self.write_value(out, column, row, member.of),
            }
        }
        out.push(b'}');
    }

    fn write_value(&self, out: &mut Vec<u8>, column: &Column<'_>, row: usize, of: Type) {
        match &column.values {
            Values::Boolean(values) => {
                out.extend_from_slice(if values[row] { b"true" } else { b"false" });
            }
            Values::Integer(values) => self.write_integral(out, values[row], of),
            Values::Double(values) if !values[row].is_finite() => {
                out.push(b'"');
                java_double::write_double(out, values[row]);
                out.push(b'"');
            }
            Values::Double(values) if of == Type::Float => {
                java_double::write_float(out, values[row] as f32);
            }
            Values::Double(values) => java_double::write_double(out, values[row]),
            Values::Decimal(values) => {
                let scale = if let Type::Decimal { scale, .. } = of { scale } else { 0 };
                let write = if self.plain_decimals {
                    decimal::write_plain
                } else {
                    decimal::write_stripped
                };
                write(out, values[row], scale);
            }
            Values::Text(text) if of == Type::Bytes => {
                out.push(b'"');
                write_base64(out, text.at(row));
                out.push(b'"');
            }
            Values::Text(text) => write_string(out, text.at(row)),
        }
    }

    /// Integers, dates and times.
    fn write_integral(&self, out: &mut Vec<u8>, value: i64, of: Type) {
        let separator = if self.iso { b'T' } else { b' ' };
        match of {
            Type::Date | Type::Time | Type::Timestamp { .. } | Type::TimestampLtz { .. } => {
                out.push(b'"');
                match of {
                    Type::Date => civil::write_date(out, value),
                    Type::Time => civil::write_time(out, value),
                    _ => civil::write_timestamp(out, value, separator, 0),
                }
                if matches!(of, Type::TimestampLtz { .. }) {
                    out.push(b'Z');
                }
                out.push(b'"');
            }
            _ => write_integer(out, value),
        }
    }
}

/// A string in quotes, with Jackson's escapes.
fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (plain, after) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((special, after)) = after.split_first() else { break };
        write_escape(out, *special);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let short = match byte {
        b'"' | b'\\' => byte,
        8 => b'b',
        12 => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', DIGITS[high], DIGITS[low]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = (at(0) << 16) | (at(1) << 8) | at(2);
        for place in 0..4_usize {
            out.push(if place <= group.len() {
                ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]
            } else {
                b'='
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Value;

    fn write(of: Type, value: Value, set: impl Fn(&mut JsonWriter)) -> String {
        let chunk = Chunk { columns: vec![Column::from_values(of, &[value])], origins: vec![0] };
        let mut writer = JsonWriter::new(&[("a", 0, of)]);
        set(&mut writer);
        let mut out = Vec::new();
        writer.write(&mut out, &chunk, 0);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_written_as_flink_writes_them() {
        use Type as T;
        let decimal = T::Decimal { precision: 10, scale: 2 };
        let minute = Value::Integer(1_577_836_860_000);
        for (of, value, json) in [
            (T::Boolean, Value::Boolean(true), "true"),
            (T::BigInt, Value::Integer(i64::MIN), "-9223372036854775808"),
            (T::Int, Value::Integer(0), "0"),
            (T::Double, Value::Double(1.5), "1.5"),
            (T::Double, Value::Double(1e7), "1.0E7"),
            (T::Double, Value::Double(f64::NAN), "\"NaN\""),
            (T::Float, Value::Double(f64::from(0.1_f32)), "0.1"),
            (decimal, Value::Decimal(10_000), "1E+2"),
            (decimal, Value::Decimal(1_230), "12.3"),
            (T::String, Value::String("é\"\\/\n\u{1f}".into()), r#""é\"\\/\n\u001F""#),
            (T::Bytes, Value::Bytes(b"hi".to_vec()), "\"aGk=\""),
            (T::Date, Value::Integer(1), "\"1970-01-02\""),
            (T::Time, Value::Integer(1_500), "\"00:00:01\""),
            (T::Timestamp { precision: 3 }, minute.clone(), "\"2020-01-01 00:01:00\""),
            (T::TimestampLtz { precision: 3 }, minute, "\"2020-01-01 00:01:00Z\""),
            (T::Timestamp { precision: 3 }, Value::Integer(20), "\"1970-01-01 00:00:00.02\""),
            (T::Int, Value::Null, "null"),
        ] {
            assert_eq!(write(of, value, |_| {}), format!("{{\"a\":{json}}}"));
        }
    }

    #[test]
    fn options_change_what_is_written() {
        let timestamp = Type::Timestamp { precision: 3 };
        let decimal = Type::Decimal { precision: 10, scale: 2 };
        assert_eq!(write(Type::Int, Value::Null, |writer| writer.omit_nulls = true), "{}");
        assert_eq!(
            write(timestamp, Value::Integer(0), |writer| writer.iso = true),
            "{\"a\":\"1970-01-01T00:00:00\"}"
        );
        assert_eq!(
            write(decimal, Value::Decimal(10_000), |writer| writer.plain_decimals = true),
            "{\"a\":100.00}"
        );
    }
}
