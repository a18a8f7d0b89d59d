//! Group keys as bytes: equal bytes are equal keys, NULLs among them, and the order of the bytes is the order in which groups are given.
//!
//! ```text
//! one STRING: its bytes; NULL is the byte FF, which no UTF-8 has
//! else, column by column:
//!   00 value │ FF (NULL)
//!   integers, dates, times  8 bytes big-endian, sign bit flipped
//!   doubles                 8 bytes of Java's total order (NaN is one value, −0.0 another than 0.0)
//!   decimals               16 bytes big-endian, sign bit flipped
//!   booleans                1 byte
//!   text                    its bytes, 00 as 00 FF, ended by 00 00
//! ```

use crate::{
    column::{Column, Layout, Values},
    expr::Operand,
    text::Text,
    types::Type,
};

const NULL: u8 = 0xff;
const VALUE: u8 = 0;

/// The types of a group's key columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyLayout {
    types: Vec<Type>,
}

/// The key columns of a chunk.
pub(crate) struct KeyColumns<'k, 'c, 'a> {
    layout: &'k KeyLayout,
    operands: &'k [Operand<'c, 'a>],
}

impl KeyLayout {
    pub(crate) const fn new(types: Vec<Type>) -> Self {
        Self { types }
    }

    fn is_one_string(&self) -> bool {
        matches!(self.types.as_slice(), [Type::String])
    }

    /// The columns that `keys` were made of. Keys read from a snapshot may be no keys at all: what is missing is NULL.
    pub(crate) fn decode<'k>(
        &self,
        keys: impl ExactSizeIterator<Item = &'k [u8]>,
    ) -> Vec<Column<'static>> {
        let rows = keys.len();
        let mut columns: Vec<_> = self.types.iter().map(|of| Column::nulls(*of, rows)).collect();
        for (row, mut key) in keys.enumerate() {
            if self.is_one_string() {
                if key != [NULL].as_slice()
                    && let Some(column) = columns.first_mut()
                {
                    set_text(column, row, |out| out.extend_from_slice(key));
                }
                continue;
            }
            for column in &mut columns {
                let Some((mark, rest)) = key.split_first() else { break };
                key = rest;
                if *mark == VALUE {
                    key = decode_value(column, row, key);
                }
            }
        }
        columns
    }
}

impl<'k, 'c, 'a> KeyColumns<'k, 'c, 'a> {
    pub(crate) const fn new(layout: &'k KeyLayout, operands: &'k [Operand<'c, 'a>]) -> Self {
        Self { layout, operands }
    }

    /// Calls `visit` with the key of each of `rows`.
    #[inline]
    pub(crate) fn each(&self, rows: &[u32], mut visit: impl FnMut(&[u8])) {
        if self.layout.is_one_string()
            && let Some(operand) = self.operands.first()
        {
            let texts = operand.texts();
            for row in rows {
                let row = *row as usize;
                visit(if operand.is_valid(row) { texts.at(row) } else { &[NULL] });
            }
            return;
        }
        let mut key = Vec::with_capacity(64);
        for row in rows {
            key.clear();
            for (operand, of) in self.operands.iter().zip(&self.layout.types) {
                encode_value(&mut key, operand, *of, *row as usize);
            }
            visit(&key);
        }
    }
}

fn encode_value(key: &mut Vec<u8>, operand: &Operand<'_, '_>, of: Type, row: usize) {
    if !operand.is_valid(row) {
        key.push(NULL);
        return;
    }
    key.push(VALUE);
    match Layout::of(of) {
        Layout::Boolean => key.push(u8::from(operand.booleans().at(row))),
        Layout::Integer => {
            let flipped = operand.integers().at(row) ^ i64::MIN;
            key.extend_from_slice(&flipped.to_be_bytes());
        }
        Layout::Double => {
            key.extend_from_slice(&order_bits(operand.doubles().at(row)).to_be_bytes())
        }
        Layout::Decimal => {
            let flipped = operand.decimals().at(row) ^ i128::MIN;
            key.extend_from_slice(&flipped.to_be_bytes());
        }
        Layout::Text => {
            for byte in operand.texts().at(row) {
                key.push(*byte);
                if *byte == 0 {
                    key.push(0xff);
                }
            }
            key.extend_from_slice(&[0, 0]);
        }
    }
}

/// Bits whose unsigned order is Java's order of doubles.
fn order_bits(value: f64) -> u64 {
    let bits = if value.is_nan() { f64::NAN.to_bits() & !(1 << 63) } else { value.to_bits() };
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn double_of(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

/// Sets row `row` to the value at the front of `key`; answers what follows it.
fn decode_value<'k>(column: &mut Column<'_>, row: usize, key: &'k [u8]) -> &'k [u8] {
    let rest = match &mut column.values {
        Values::Boolean(values) => key.split_first().map(|(byte, rest)| {
            values[row] = *byte != 0;
            rest
        }),
        Values::Integer(values) => key.split_first_chunk().map(|(bytes, rest)| {
            values[row] = i64::from_be_bytes(*bytes) ^ i64::MIN;
            rest
        }),
        Values::Double(values) => key.split_first_chunk().map(|(bytes, rest)| {
            values[row] = double_of(u64::from_be_bytes(*bytes));
            rest
        }),
        Values::Decimal(values) => key.split_first_chunk().map(|(bytes, rest)| {
            values[row] = i128::from_be_bytes(*bytes) ^ i128::MIN;
            rest
        }),
        Values::Text(text) => {
            let mut rest = key;
            let is_set = text.set_written(row, |out| {
                while let Some((byte, after)) = rest.split_first() {
                    rest = after;
                    if *byte != 0 {
                        out.push(*byte);
                        continue;
                    }
                    let Some((mark, after)) = rest.split_first() else { break };
                    rest = after;
                    if *mark == 0 {
                        break;
                    }
                    out.push(0);
                }
            });
            is_set.is_ok().then_some(rest)
        }
    };
    let Some(rest) = rest else { return &[] };
    if let Some(valid) = &mut column.valid {
        valid[row] = true;
    }
    rest
}

fn set_text(column: &mut Column<'_>, row: usize, write: impl FnOnce(&mut Vec<u8>)) {
    let Values::Text(text) = &mut column.values else { return };
    if Text::set_written(text, row, write).is_ok()
        && let Some(valid) = &mut column.valid
    {
        valid[row] = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Value;

    fn keys_of(types: &[Type], rows: &[Vec<Value>]) -> (KeyLayout, Vec<Vec<u8>>) {
        let layout = KeyLayout::new(types.to_vec());
        let operands: Vec<_> = types
            .iter()
            .enumerate()
            .map(|(index, of)| {
                let values: Vec<_> = rows.iter().map(|row| row[index].clone()).collect();
                Operand::Owned(Column::from_values(*of, &values))
            })
            .collect();
        let mut keys = Vec::new();
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        KeyColumns::new(&layout, &operands).each(&all, |key| keys.push(key.to_vec()));
        (layout, keys)
    }

    fn check_order(types: &[Type], rows: &[Vec<Value>]) {
        let (layout, keys) = keys_of(types, rows);
        assert!(keys.is_sorted_by(|left, right| left < right), "{keys:?}");
        let columns = layout.decode(keys.iter().map(Vec::as_slice));
        for (row, values) in rows.iter().enumerate() {
            for ((column, of), value) in columns.iter().zip(types).zip(values) {
                assert_eq!(column.value(row, *of), *value);
            }
        }
    }

    #[test]
    fn keys_read_back_and_order_as_their_values_with_null_last() {
        let text = |text: &str| Value::String(text.to_owned());
        check_order(
            &[Type::String],
            &[
                vec![text("")],
                vec![text("a")],
                vec![text("a\0")],
                vec![text("b")],
                vec![Value::Null],
            ],
        );
        check_order(
            &[Type::Int, Type::String],
            &[
                vec![Value::Integer(-5), text("z")],
                vec![Value::Integer(0), text("")],
                vec![Value::Integer(0), text("a")],
                vec![Value::Integer(0), text("a\0b")],
                vec![Value::Integer(0), text("ab")],
                vec![Value::Integer(0), Value::Null],
                vec![Value::Null, text("")],
            ],
        );
        let decimal = Type::Decimal { precision: 38, scale: 2 };
        let doubles = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 2.0, f64::INFINITY];
        for value in doubles.windows(2) {
            check_order(
                &[Type::Double],
                &[vec![Value::Double(value[0])], vec![Value::Double(value[1])]],
            );
        }
        check_order(
            &[decimal, Type::Boolean],
            &[
                vec![Value::Decimal(-7), Value::Boolean(true)],
                vec![Value::Decimal(7), Value::Boolean(false)],
                vec![Value::Decimal(7), Value::Boolean(true)],
            ],
        );
    }

    #[test]
    fn damaged_keys_decode_to_null() {
        let layout = KeyLayout::new(vec![Type::Int, Type::String]);
        for key in [&b""[..], b"\0", b"\0\x80", b"\x07", b"\xff\0abc"] {
            assert_eq!(layout.decode([key].into_iter()).len(), 2);
        }
    }
}
