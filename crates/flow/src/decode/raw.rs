//! The raw format: a record's value is one column's bytes. Numbers are big-endian, as Flink's default has it.

use super::field::{Filling, Unfit};
use crate::{column::Values, types::Type};

/// Sets row `row` to what `bytes` are as a value of type `of`.
pub(crate) fn set(
    column: &mut Filling<'_>,
    row: usize,
    of: Type,
    bytes: &[u8],
) -> Result<(), Unfit> {
    match (&mut column.values, of) {
        (Values::Text(text), Type::String) if std::str::from_utf8(bytes).is_err() => {
            // As Java reads it: what is no UTF-8 becomes U+FFFD.
            let replaced = String::from_utf8_lossy(bytes);
            text.set_written(row, |out| out.extend_from_slice(replaced.as_bytes()))
                .map_err(|_| Unfit)?;
        }
        (Values::Text(text), _) => text.set(row, bytes).map_err(|_| Unfit)?,
        (Values::Boolean(values), _) => {
            let [byte] = bytes else { return Err(Unfit) };
            values[row] = *byte != 0;
        }
        (Values::Integer(values), Type::TinyInt) => {
            values[row] = i64::from(i8::from_be_bytes(exactly(bytes)?));
        }
        (Values::Integer(values), Type::SmallInt) => {
            values[row] = i64::from(i16::from_be_bytes(exactly(bytes)?));
        }
        (Values::Integer(values), Type::Int) => {
            values[row] = i64::from(i32::from_be_bytes(exactly(bytes)?));
        }
        (Values::Integer(values), Type::BigInt) => {
            values[row] = i64::from_be_bytes(exactly(bytes)?);
        }
        (Values::Double(values), Type::Float) => {
            values[row] = f64::from(f32::from_be_bytes(exactly(bytes)?));
        }
        (Values::Double(values), _) => values[row] = f64::from_be_bytes(exactly(bytes)?),
        _ => return Err(Unfit),
    }
    column.valid[row] = true;
    Ok(())
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Unfit> {
    bytes.try_into().map_err(|_| Unfit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{column::Column, types::Value};

    fn read(of: Type, bytes: &[u8]) -> Option<Value> {
        let mut filling = Filling::new(of, bytes, 1);
        set(&mut filling, 0, of, bytes).ok()?;
        Some(Column { values: filling.values, valid: Some(filling.valid) }.value(0, of))
    }

    #[test]
    fn bytes_are_read_big_endian_and_of_their_length_only() {
        assert_eq!(read(Type::Int, &[0, 0, 1, 2]), Some(Value::Integer(258)));
        assert_eq!(read(Type::Int, &[0, 0, 1]), None);
        assert_eq!(read(Type::BigInt, &[255; 8]), Some(Value::Integer(-1)));
        assert_eq!(read(Type::TinyInt, &[128]), Some(Value::Integer(-128)));
        assert_eq!(read(Type::Double, &1.5_f64.to_be_bytes()), Some(Value::Double(1.5)));
        assert_eq!(read(Type::Boolean, &[2]), Some(Value::Boolean(true)));
        assert_eq!(read(Type::String, b"a\xff"), Some(Value::String("a\u{fffd}".into())));
        assert_eq!(read(Type::Bytes, b"a\xff"), Some(Value::Bytes(vec![b'a', 255])));
        assert_eq!(read(Type::Date, &[0; 8]), None);
    }
}
