//! A value as a person reads it: for push queries.

use serde_json::{Number, Value as Json};

use crate::{
    civil, decimal,
    types::{Type, Value},
};

impl Value {
    /// As JSON: numbers and booleans as themselves (a DECIMAL and what JSON has no number for as text), times as Flink's
    /// client prints them, bytes in hexadecimal.
    #[must_use]
    pub fn to_json(&self, of: Type) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Boolean(value) => Json::Bool(*value),
            Self::Integer(value) => {
                written(*value, of).map_or_else(|| Json::from(*value), Json::String)
            }
            Self::Double(value) => Number::from_f64(*value)
                .map_or_else(|| Json::String(value.to_string()), Json::Number),
            Self::Decimal(digits) => {
                let scale = if let Type::Decimal { scale, .. } = of { scale } else { 0 };
                Json::String(text(|out| decimal::write_plain(out, *digits, scale)))
            }
            Self::String(value) => Json::String(value.clone()),
            Self::Bytes(bytes) => {
                Json::String(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
            }
        }
    }
}

/// The text of a value of a time type.
fn written(value: i64, of: Type) -> Option<String> {
    match of {
        Type::Date => Some(text(|out| civil::write_date(out, value))),
        Type::Time => Some(text(|out| civil::write_time(out, value))),
        Type::Timestamp { precision } => {
            Some(text(|out| civil::write_timestamp(out, value, b' ', usize::from(precision))))
        }
        Type::TimestampLtz { precision } => Some(text(|out| {
            civil::write_timestamp(out, value, b' ', usize::from(precision));
            out.push(b'Z');
        })),
        _ => None,
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_decimals_are_written_out() {
        let timestamp = Type::Timestamp { precision: 3 };
        let minute = Value::Integer(60_000).to_json(timestamp);
        assert_eq!(minute, Json::from("1970-01-01 00:01:00.000"));
        let decimal = Value::Decimal(1_250).to_json(Type::Decimal { precision: 10, scale: 2 });
        assert_eq!(decimal, Json::from("12.50"));
        assert_eq!(Value::Integer(7).to_json(Type::BigInt), Json::from(7));
    }
}
