//! A column of a chunk: packed values and which of them are there.

use crate::{
    text::Text,
    types::{Type, Value},
};

/// Values of one column, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Column<'a> {
    pub(crate) values: Values<'a>,
    /// Which rows are not NULL; none: all of them. What stands at a NULL is arbitrary.
    pub(crate) valid: Option<Vec<bool>>,
}

/// Packed values. Which Rust type holds which SQL type is [`Layout`]'s matter.
#[derive(Clone, Debug)]
pub(crate) enum Values<'a> {
    Boolean(Vec<bool>),
    Integer(Vec<i64>),
    Double(Vec<f64>),
    Decimal(Vec<i128>),
    Text(Text<'a>),
}

/// How values of a type are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// BOOLEAN, and the bare NULL.
    Boolean,
    /// All integers, dates and times.
    Integer,
    /// FLOAT (holding what an f32 can) and DOUBLE.
    Double,
    /// DECIMAL: the digits without the point.
    Decimal,
    /// STRING and BYTES.
    Text,
}

impl Layout {
    pub(crate) const fn of(of: Type) -> Self {
        match of {
            Type::Boolean | Type::Null => Self::Boolean,
            Type::TinyInt
            | Type::SmallInt
            | Type::Int
            | Type::BigInt
            | Type::Date
            | Type::Time
            | Type::Timestamp { .. }
            | Type::TimestampLtz { .. } => Self::Integer,
            Type::Float | Type::Double => Self::Double,
            Type::Decimal { .. } => Self::Decimal,
            Type::String | Type::Bytes => Self::Text,
        }
    }
}

impl<'a> Column<'a> {
    /// A column without NULLs.
    pub(crate) const fn full(values: Values<'a>) -> Self {
        Self { values, valid: None }
    }

    /// `rows` NULLs.
    pub(crate) fn nulls(of: Type, rows: usize) -> Self {
        Self { values: Values::blank(Layout::of(of), &[], rows), valid: Some(vec![false; rows]) }
    }

    /// `rows` times `value`.
    pub(crate) fn repeat(value: &Value, of: Type, rows: usize) -> Self {
        let values = match value {
            Value::Null => return Self::nulls(of, rows),
            Value::Boolean(value) => Values::Boolean(vec![*value; rows]),
            Value::Integer(value) => Values::Integer(vec![*value; rows]),
            Value::Double(value) => Values::Double(vec![*value; rows]),
            Value::Decimal(value) => Values::Decimal(vec![*value; rows]),
            Value::String(value) => Values::Text(Self::repeat_text(value.as_bytes(), rows)),
            Value::Bytes(value) => Values::Text(Self::repeat_text(value, rows)),
        };
        Self::full(values)
    }

    fn repeat_text(bytes: &[u8], rows: usize) -> Text<'a> {
        let mut text = Text::over(&[], 1);
        // A literal is as long as its statement, far below the limit; past it, it would be empty.
        let _ = text.push(bytes);
        text.take(&vec![0; rows])
    }

    #[inline]
    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.valid.as_ref().is_none_or(|valid| valid.get(row).copied().unwrap_or(false))
    }

    /// The rows `picked`, in that order.
    pub(crate) fn take(&self, picked: &[u32]) -> Self {
        let values = match &self.values {
            Values::Boolean(values) => Values::Boolean(pick(values, picked)),
            Values::Integer(values) => Values::Integer(pick(values, picked)),
            Values::Double(values) => Values::Double(pick(values, picked)),
            Values::Decimal(values) => Values::Decimal(pick(values, picked)),
            Values::Text(values) => Values::Text(values.take(picked)),
        };
        Self { values, valid: self.valid.as_ref().map(|valid| pick(valid, picked)) }
    }

    /// The value of one row, owned.
    pub(crate) fn value(&self, row: usize, of: Type) -> Value {
        if !self.is_valid(row) {
            return Value::Null;
        }
        let value = match &self.values {
            Values::Boolean(values) => values.get(row).copied().map(Value::Boolean),
            Values::Integer(values) => values.get(row).copied().map(Value::Integer),
            Values::Double(values) => values.get(row).copied().map(Value::Double),
            Values::Decimal(values) => values.get(row).copied().map(Value::Decimal),
            Values::Text(values) if of == Type::Bytes => {
                Some(Value::Bytes(values.at(row).to_vec()))
            }
            Values::Text(values) => {
                Some(Value::String(String::from_utf8_lossy(values.at(row)).into_owned()))
            }
        };
        value.unwrap_or(Value::Null)
    }

    /// A column of `values`, all of type `of`; what is of another layout becomes NULL.
    #[cfg(test)]
    pub(crate) fn from_values(of: Type, values: &[Value]) -> Self {
        let mut column = Self::nulls(of, values.len());
        let valid = column.valid.get_or_insert_default();
        for (row, value) in values.iter().enumerate() {
            valid[row] = *value != Value::Null;
            match (&mut column.values, value) {
                (Values::Boolean(to), Value::Boolean(value)) => to[row] = *value,
                (Values::Integer(to), Value::Integer(value)) => to[row] = *value,
                (Values::Double(to), Value::Double(value)) => to[row] = *value,
                (Values::Decimal(to), Value::Decimal(value)) => to[row] = *value,
                (Values::Text(to), Value::String(value)) => {
                    to.set_written(row, |out| out.extend_from_slice(value.as_bytes()))
                        .expect("a test's text is short");
                }
                (Values::Text(to), Value::Bytes(value)) => {
                    to.set_written(row, |out| out.extend_from_slice(value))
                        .expect("a test's text is short");
                }
                _ => valid[row] = false,
            }
        }
        column
    }
}

impl<'a> Values<'a> {
    /// `rows` zeros, or empty strings over `source`.
    pub(crate) fn blank(layout: Layout, source: &'a [u8], rows: usize) -> Self {
        match layout {
            Layout::Boolean => Self::Boolean(vec![false; rows]),
            Layout::Integer => Self::Integer(vec![0; rows]),
            Layout::Double => Self::Double(vec![0.0; rows]),
            Layout::Decimal => Self::Decimal(vec![0; rows]),
            Layout::Text => Self::Text(Text::empty(source, rows)),
        }
    }
}

fn pick<T: Copy + Default>(values: &[T], picked: &[u32]) -> Vec<T> {
    picked.iter().map(|row| values.get(*row as usize).copied().unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back_and_can_be_picked() {
        let of = Type::Decimal { precision: 10, scale: 2 };
        let values = [Value::Decimal(1), Value::Null, Value::Decimal(-3)];
        let column = Column::from_values(of, &values);
        assert_eq!([0, 1, 2].map(|row| column.value(row, of)), values);
        let picked = column.take(&[2, 2, 1]);
        assert_eq!(
            [0, 1, 2].map(|row| picked.value(row, of)),
            [Value::Decimal(-3), Value::Decimal(-3), Value::Null]
        );
    }

    #[test]
    fn a_constant_repeats() {
        let column = Column::repeat(&Value::String("é".into()), Type::String, 3);
        assert_eq!(column.value(2, Type::String), Value::String("é".into()));
        assert!(!Column::nulls(Type::Null, 2).is_valid(1));
    }
}
