//! What a sub-expression gives: a column, borrowed or made, or one value for all rows; and how kernels look at it.

use std::borrow::Cow;

use crate::{
    column::{Column, Values},
    text::Text,
    types::{Type, Value},
};

/// Why a row is bad.
pub(crate) type Reason = Cow<'static, str>;

/// A computed text went past [`crate::text::TEXT_BYTES_MAX`].
pub(crate) const TOO_LONG: Reason = Reason::Borrowed("the text is too long");

/// A row whose evaluation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) row: u32,
    pub(crate) reason: Reason,
}

/// The value of an expression over a chunk.
#[derive(Debug)]
pub(crate) enum Operand<'c, 'a> {
    Borrowed(&'c Column<'a>),
    Owned(Column<'a>),
    Constant(Value),
}

/// Packed values seen by a kernel: one per row, or one for all.
#[derive(Clone, Copy)]
pub(crate) enum Side<'s, T> {
    Many(&'s [T]),
    One(T),
}

impl<T: Copy + Default> Side<'_, T> {
    #[inline]
    pub(crate) fn at(&self, row: usize) -> T {
        match self {
            Self::Many(values) => values.get(row).copied().unwrap_or_default(),
            Self::One(value) => *value,
        }
    }
}

/// Byte strings seen by a kernel.
#[derive(Clone, Copy)]
pub(crate) enum TextSide<'s, 'a> {
    Many(&'s Text<'a>),
    One(&'s [u8]),
}

impl<'s> TextSide<'s, '_> {
    #[inline]
    pub(crate) fn at(&self, row: usize) -> &'s [u8] {
        match self {
            Self::Many(values) => values.at(row),
            Self::One(value) => value,
        }
    }

    /// A STRING's value: its bytes are UTF-8.
    pub(crate) fn str_at(&self, row: usize) -> &'s str {
        std::str::from_utf8(self.at(row)).unwrap_or_default()
    }
}

/// Which rows of an operand are not NULL.
#[derive(Clone, Copy)]
pub(crate) enum Validity<'s> {
    All,
    None,
    Some(&'s [bool]),
}

impl<'c, 'a> Operand<'c, 'a> {
    pub(crate) fn column(&self) -> Option<&Column<'a>> {
        match self {
            Self::Borrowed(column) => Some(column),
            Self::Owned(column) => Some(column),
            Self::Constant(_) => None,
        }
    }

    /// As a column of `rows` rows.
    pub(crate) fn into_column(self, of: Type, rows: usize) -> Column<'a> {
        match self {
            Self::Borrowed(column) => column.clone(),
            Self::Owned(column) => column,
            Self::Constant(value) => Column::repeat(&value, of, rows),
        }
    }

    pub(crate) fn validity(&self) -> Validity<'_> {
        match self {
            Self::Constant(Value::Null) => Validity::None,
            Self::Constant(_) => Validity::All,
            Self::Borrowed(Column { valid, .. }) | Self::Owned(Column { valid, .. }) => {
                valid.as_deref().map_or(Validity::All, Validity::Some)
            }
        }
    }

    pub(crate) fn is_valid(&self, row: usize) -> bool {
        match self.validity() {
            Validity::All => true,
            Validity::None => false,
            Validity::Some(valid) => valid.get(row).copied().unwrap_or(false),
        }
    }

    pub(crate) fn booleans(&self) -> Side<'_, bool> {
        match (self.column().map(|column| &column.values), self) {
            (Some(Values::Boolean(values)), _) => Side::Many(values),
            (_, Self::Constant(Value::Boolean(value))) => Side::One(*value),
            _ => Side::One(false),
        }
    }

    pub(crate) fn integers(&self) -> Side<'_, i64> {
        match (self.column().map(|column| &column.values), self) {
            (Some(Values::Integer(values)), _) => Side::Many(values),
            (_, Self::Constant(Value::Integer(value))) => Side::One(*value),
            _ => Side::One(0),
        }
    }

    pub(crate) fn doubles(&self) -> Side<'_, f64> {
        match (self.column().map(|column| &column.values), self) {
            (Some(Values::Double(values)), _) => Side::Many(values),
            (_, Self::Constant(Value::Double(value))) => Side::One(*value),
            _ => Side::One(0.0),
        }
    }

    pub(crate) fn decimals(&self) -> Side<'_, i128> {
        match (self.column().map(|column| &column.values), self) {
            (Some(Values::Decimal(values)), _) => Side::Many(values),
            (_, Self::Constant(Value::Decimal(value))) => Side::One(*value),
            _ => Side::One(0),
        }
    }

    pub(crate) fn texts(&self) -> TextSide<'_, 'a> {
        match (self.column().map(|column| &column.values), self) {
            (Some(Values::Text(values)), _) => TextSide::Many(values),
            (_, Self::Constant(Value::String(value))) => TextSide::One(value.as_bytes()),
            (_, Self::Constant(Value::Bytes(value))) => TextSide::One(value),
            _ => TextSide::One(&[]),
        }
    }
}

/// The operands of a call.
pub(crate) struct Arguments<'c, 'a> {
    pub(crate) operands: Vec<Operand<'c, 'a>>,
    pub(crate) types: Vec<Type>,
    pub(crate) rows: usize,
}

impl<'c, 'a> Arguments<'c, 'a> {
    pub(crate) fn len(&self) -> usize {
        self.operands.len()
    }

    pub(crate) fn of(&self, index: usize) -> Type {
        self.types.get(index).copied().unwrap_or(Type::Null)
    }

    /// The operand at `index`. The plan's check has counted them; a missing one is NULL.
    pub(crate) fn operand(&self, index: usize) -> &Operand<'c, 'a> {
        const MISSING: &Operand<'static, 'static> = &Operand::Constant(Value::Null);
        self.operands.get(index).unwrap_or(MISSING)
    }

    /// Rows in which no operand is NULL.
    pub(crate) fn valid(&self) -> Option<Vec<bool>> {
        let mut all: Option<Vec<bool>> = None;
        for operand in &self.operands {
            match (operand.validity(), &mut all) {
                (Validity::All, _) => {}
                (Validity::None, _) => return Some(vec![false; self.rows]),
                (Validity::Some(valid), None) => all = Some(valid.to_vec()),
                (Validity::Some(valid), Some(all)) => {
                    all.iter_mut().zip(valid).for_each(|(all, valid)| *all &= valid);
                }
            }
        }
        all
    }

    /// A column of what `map` gives for each row without a NULL; `Ok(None)` is NULL, an error makes the row bad.
    pub(crate) fn rows_to<T: Copy + Default>(
        &self,
        failures: &mut Vec<Failure>,
        mut map: impl FnMut(usize) -> Result<Option<T>, Reason>,
    ) -> (Vec<T>, Option<Vec<bool>>) {
        let mut values = vec![T::default(); self.rows];
        let mut valid = self.valid();
        for (row, slot) in values.iter_mut().enumerate() {
            if !valid.as_ref().is_none_or(|valid| valid[row]) {
                continue;
            }
            match map(row) {
                Ok(Some(value)) => {
                    *slot = value;
                    continue;
                }
                Ok(None) => {}
                Err(reason) => failures.push(Failure { row: row as u32, reason }),
            }
            valid.get_or_insert_with(|| vec![true; self.rows])[row] = false;
        }
        (values, valid)
    }

    /// A STRING column of what `map` writes for each row without a NULL.
    pub(crate) fn rows_to_text(
        &self,
        failures: &mut Vec<Failure>,
        mut map: impl FnMut(usize, &mut Vec<u8>) -> Result<Option<()>, Reason>,
    ) -> Column<'static> {
        let mut text = Text::over(&[], self.rows);
        let mut valid = self.valid();
        for row in 0..self.rows {
            if !valid.as_ref().is_none_or(|valid| valid[row]) {
                text.push_empty();
                continue;
            }
            let mut outcome = Ok(Some(()));
            let pushed = text.push_written(|out| outcome = map(row, out));
            let reason = match (outcome, pushed) {
                (Ok(Some(())), Ok(())) => continue,
                (Ok(None), _) => None,
                (Err(reason), _) => Some(reason),
                (Ok(_), Err(_)) => Some(TOO_LONG),
            };
            if let Some(reason) = reason {
                failures.push(Failure { row: row as u32, reason });
            }
            valid.get_or_insert_with(|| vec![true; self.rows])[row] = false;
        }
        Column { values: Values::Text(text), valid }
    }
}

/// One value per row from two sides, in a loop of its own for each combination.
#[inline]
pub(crate) fn zip<T: Copy + Default, U: Copy + Default, R: Copy>(
    rows: usize,
    (left, right): (Side<'_, T>, Side<'_, U>),
    join: impl Fn(T, U) -> R,
) -> Vec<R> {
    match (left, right) {
        (Side::Many(left), Side::Many(right)) => {
            left.iter().zip(right).map(|(left, right)| join(*left, *right)).collect()
        }
        (Side::Many(left), Side::One(right)) => {
            left.iter().map(|left| join(*left, right)).collect()
        }
        (Side::One(left), Side::Many(right)) => {
            right.iter().map(|right| join(left, *right)).collect()
        }
        (Side::One(left), Side::One(right)) => vec![join(left, right); rows],
    }
}

/// One value per row from one side.
#[inline]
pub(crate) fn each<T: Copy + Default, R: Copy>(
    rows: usize,
    side: Side<'_, T>,
    map: impl Fn(T) -> R,
) -> Vec<R> {
    match side {
        Side::Many(values) => values.iter().map(|value| map(*value)).collect(),
        Side::One(value) => vec![map(value); rows],
    }
}
