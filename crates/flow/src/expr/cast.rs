//! CAST: every pair of types that Flink casts. What cannot be read fails the row; what does not fit a DECIMAL is NULL.

use super::{
    arithmetic::narrow,
    compare::form_of,
    eval::Scope,
    operand::{Arguments, Failure, Operand, Reason},
};
use crate::{
    civil::{self, MS_PER_DAY},
    column::{Column, Layout, Values},
    decimal, java_double, scalar,
    types::Type,
};

pub(super) fn cast(
    scope: &Scope,
    arguments: &Arguments<'_, '_>,
    to: Type,
    failures: &mut Vec<Failure>,
) -> Column<'static> {
    let from = arguments.of(0);
    if from == Type::Null {
        return Column::nulls(to, arguments.rows);
    }
    let operand = arguments.operand(0);
    let cell = |row| Cell { scope, operand, from, row };
    match Layout::of(to) {
        Layout::Boolean => {
            let (values, valid) = arguments.rows_to(failures, |row| cell(row).boolean());
            Column { values: Values::Boolean(values), valid }
        }
        Layout::Integer => {
            let (values, valid) = arguments.rows_to(failures, |row| cell(row).integer(to));
            Column { values: Values::Integer(values), valid }
        }
        Layout::Double => {
            let (values, valid) = arguments.rows_to(failures, |row| cell(row).double(to));
            Column { values: Values::Double(values), valid }
        }
        Layout::Decimal => {
            let (values, valid) = arguments.rows_to(failures, |row| cell(row).decimal(to));
            Column { values: Values::Decimal(values), valid }
        }
        Layout::Text => arguments.rows_to_text(failures, |row, out| cell(row).text(out).map(Some)),
    }
}

/// Whether a CAST from one type to another exists.
pub(crate) const fn is_castable(from: Type, to: Type) -> bool {
    use Type as T;
    match (from, to) {
        (T::Null, _) | (_, T::String) => true,
        (T::String, _) => true,
        (T::Bytes, T::Bytes) => true,
        (T::Bytes, _) | (_, T::Bytes | T::Null) => false,
        (T::Boolean, other) | (other, T::Boolean) => {
            is_number(other) || matches!(other, T::Boolean)
        }
        (T::Date, other) => matches!(other, T::Date | T::Timestamp { .. } | T::TimestampLtz { .. }),
        (T::Time, other) => matches!(other, T::Time | T::Timestamp { .. } | T::TimestampLtz { .. }),
        (T::Timestamp { .. } | T::TimestampLtz { .. }, other) => !is_number(other),
        (other, _) => is_number(other) && is_number(to),
    }
}

const fn is_number(of: Type) -> bool {
    use Type as T;
    matches!(
        of,
        T::TinyInt | T::SmallInt | T::Int | T::BigInt | T::Float | T::Double | T::Decimal { .. }
    )
}

/// The least and the greatest value of an integer type.
pub(crate) const fn bounds(of: Type) -> (i64, i64) {
    match of {
        Type::TinyInt => (i8::MIN as i64, i8::MAX as i64),
        Type::SmallInt => (i16::MIN as i64, i16::MAX as i64),
        Type::Int => (i32::MIN as i64, i32::MAX as i64),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Cuts milliseconds to a timestamp's precision.
pub(crate) const fn cut_fraction(ms: i64, precision: u8) -> i64 {
    let unit = match precision {
        0 => 1_000,
        1 => 100,
        2 => 10,
        _ => return ms,
    };
    ms.saturating_sub(ms.rem_euclid(unit))
}

/// One value that is being cast; it is not NULL.
struct Cell<'s, 'c, 'a> {
    scope: &'s Scope,
    operand: &'s Operand<'c, 'a>,
    from: Type,
    row: usize,
}

impl Cell<'_, '_, '_> {
    fn boolean(&self) -> Result<Option<bool>, Reason> {
        Ok(Some(match self.from {
            Type::String => {
                let text = self.bytes();
                return scalar::parse_boolean(text).map(Some).ok_or_else(|| self.refuse("BOOLEAN"));
            }
            Type::Boolean => self.operand.booleans().at(self.row),
            Type::Decimal { .. } => self.operand.decimals().at(self.row) != 0,
            _ if Layout::of(self.from) == Layout::Double => {
                self.operand.doubles().at(self.row) != 0.0
            }
            _ => self.operand.integers().at(self.row) != 0,
        }))
    }

    fn integer(&self, to: Type) -> Result<Option<i64>, Reason> {
        match to {
            Type::Date => self.date(),
            Type::Time => self.time(),
            Type::Timestamp { precision } => {
                Ok(self.wall_clock()?.map(|ms| cut_fraction(ms, precision)))
            }
            Type::TimestampLtz { precision } => {
                let instant = match self.from {
                    Type::TimestampLtz { .. } => Some(self.operand.integers().at(self.row)),
                    _ => self.wall_clock()?.map(|ms| ms.wrapping_sub(self.scope.zone_ms)),
                };
                Ok(instant.map(|ms| cut_fraction(ms, precision)))
            }
            _ => self.whole_number(to),
        }
    }

    fn whole_number(&self, to: Type) -> Result<Option<i64>, Reason> {
        let (least, most) = bounds(to);
        let value = match self.from {
            Type::String => {
                return scalar::parse_loose_integer(self.bytes(), least, most)
                    .map(Some)
                    .ok_or_else(|| self.refuse(&to.to_string()));
            }
            Type::Boolean => i64::from(self.operand.booleans().at(self.row)),
            Type::Decimal { scale, .. } => {
                let divisor = 10_i128.pow(u32::from(scale.min(decimal::PRECISION_MAX)));
                // Java's narrowing: the low 64 bits.
                (self.operand.decimals().at(self.row) / divisor) as i64
            }
            // Java's: saturates at INT or BIGINT, and wraps below INT.
            Type::Float | Type::Double => match to {
                Type::BigInt => self.operand.doubles().at(self.row) as i64,
                _ => i64::from(self.operand.doubles().at(self.row) as i32),
            },
            _ => self.operand.integers().at(self.row),
        };
        Ok(Some(narrow(to, value)))
    }

    fn double(&self, to: Type) -> Result<Option<f64>, Reason> {
        let value = match self.from {
            Type::String => {
                let parse =
                    if to == Type::Float { scalar::parse_float } else { scalar::parse_double };
                return parse(self.bytes()).map(Some).ok_or_else(|| self.refuse(&to.to_string()));
            }
            Type::Boolean => f64::from(u8::from(self.operand.booleans().at(self.row))),
            Type::Decimal { scale, .. } => {
                decimal::to_double(self.operand.decimals().at(self.row), scale)
            }
            Type::Float | Type::Double => self.operand.doubles().at(self.row),
            _ if to == Type::Float => f64::from(self.operand.integers().at(self.row) as f32),
            _ => self.operand.integers().at(self.row) as f64,
        };
        Ok(Some(super::arithmetic::narrow_double(to, value)))
    }

    fn decimal(&self, to: Type) -> Result<Option<i128>, Reason> {
        let form = form_of(to);
        match self.from {
            Type::String => {
                form.parse(self.bytes().trim_ascii()).ok_or_else(|| self.refuse(&to.to_string()))
            }
            Type::Boolean => Ok(form.rescale(i128::from(self.operand.booleans().at(self.row)), 0)),
            Type::Decimal { scale, .. } => {
                Ok(form.rescale(self.operand.decimals().at(self.row), scale))
            }
            Type::Float | Type::Double => {
                let mut text = Vec::with_capacity(32);
                self.text(&mut text)?;
                // NaN and the infinities have no digits.
                form.parse(&text).ok_or_else(|| self.refuse(&to.to_string()))
            }
            _ => Ok(form.rescale(i128::from(self.operand.integers().at(self.row)), 0)),
        }
    }

    /// Days.
    fn date(&self) -> Result<Option<i64>, Reason> {
        match self.from {
            Type::String => {
                civil::parse_loose_date(self.bytes()).map(Some).ok_or_else(|| self.refuse("DATE"))
            }
            Type::Date => Ok(Some(self.operand.integers().at(self.row))),
            _ => Ok(self.wall_clock()?.map(|ms| civil::split_day(ms).0)),
        }
    }

    /// Milliseconds of the day.
    fn time(&self) -> Result<Option<i64>, Reason> {
        match self.from {
            Type::String => {
                let text = self.bytes().trim_ascii();
                civil::parse_time(text).map(Some).ok_or_else(|| self.refuse("TIME"))
            }
            Type::Time => Ok(Some(self.operand.integers().at(self.row))),
            _ => Ok(self.wall_clock()?.map(|ms| civil::split_day(ms).1)),
        }
    }

    /// Milliseconds of the wall clock.
    fn wall_clock(&self) -> Result<Option<i64>, Reason> {
        let value = self.operand.integers().at(self.row);
        Ok(Some(match self.from {
            Type::String => {
                let text = self.bytes().trim_ascii();
                return civil::parse_loose_timestamp(text)
                    .map(Some)
                    .ok_or_else(|| self.refuse("TIMESTAMP"));
            }
            Type::Date => value.saturating_mul(MS_PER_DAY),
            Type::TimestampLtz { .. } => value.wrapping_add(self.scope.zone_ms),
            _ => value,
        }))
    }

    fn text(&self, out: &mut Vec<u8>) -> Result<(), Reason> {
        let integer = || self.operand.integers().at(self.row);
        match self.from {
            Type::Boolean => {
                let value = self.operand.booleans().at(self.row);
                out.extend_from_slice(if value { b"TRUE" } else { b"FALSE" });
            }
            Type::Float => {
                java_double::write_float(out, self.operand.doubles().at(self.row) as f32);
            }
            Type::Double => java_double::write_double(out, self.operand.doubles().at(self.row)),
            Type::Decimal { scale, .. } => {
                decimal::write_plain(out, self.operand.decimals().at(self.row), scale);
            }
            Type::String => out.extend_from_slice(self.bytes()),
            Type::Bytes => {
                let text = String::from_utf8_lossy(self.bytes());
                out.extend_from_slice(text.as_bytes());
            }
            Type::Date => civil::write_date(out, integer()),
            Type::Time => civil::write_time(out, integer()),
            Type::Timestamp { precision } => {
                civil::write_timestamp(out, integer(), b' ', usize::from(precision.min(3)));
            }
            Type::TimestampLtz { precision } => {
                let ms = integer().wrapping_add(self.scope.zone_ms);
                civil::write_timestamp(out, ms, b' ', usize::from(precision.min(3)));
            }
            _ => write_integer(out, integer()),
        }
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        self.operand.texts().at(self.row)
    }

    fn refuse(&self, to: &str) -> Reason {
        const SHOWN_MAX: usize = 64;
        let mut shown = Vec::new();
        // Writing text does not fail.
        let _ = self.text(&mut shown);
        let text = String::from_utf8_lossy(&shown);
        let shown: String = text.chars().take(SHOWN_MAX).collect();
        Reason::Owned(format!("CAST of '{shown}' to {to} failed"))
    }
}

/// The digits of an integer.
pub(crate) fn write_integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    civil::write_padded(out, value.unsigned_abs(), 1);
}
