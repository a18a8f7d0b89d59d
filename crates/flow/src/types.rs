//! Flink's types, as far as they are served, and the rows and fields made of them.
//!
//! Source: Flink 2.2 "Data Types". Time is milliseconds: a TIMESTAMP counts wall-clock milliseconds from 1970-01-01
//! 00:00:00 without a zone, a TIMESTAMP_LTZ counts milliseconds since the epoch, UTC.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A column's type. Whether it may be NULL is the [`Field`]'s matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Type {
    /// BOOLEAN.
    Boolean,
    /// TINYINT, 8 bits.
    TinyInt,
    /// SMALLINT, 16 bits.
    SmallInt,
    /// INT, 32 bits.
    Int,
    /// BIGINT, 64 bits.
    BigInt,
    /// FLOAT, 32 bits.
    Float,
    /// DOUBLE, 64 bits.
    Double,
    /// DECIMAL(precision, scale); precision 1 to 38.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// STRING, and VARCHAR of any length.
    String,
    /// BYTES.
    Bytes,
    /// DATE: days since 1970-01-01.
    Date,
    /// TIME: milliseconds since midnight.
    Time,
    /// TIMESTAMP(precision), without zone. Precision 0 to 3.
    Timestamp {
        /// Digits behind the second.
        precision: u8,
    },
    /// TIMESTAMP_LTZ(precision), an instant. Precision 0 to 3.
    TimestampLtz {
        /// Digits behind the second.
        precision: u8,
    },
    /// The type of a bare NULL, before it is coerced.
    Null,
}

/// A named column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// As written, without back-ticks.
    pub name: String,
    /// Its type.
    pub of: Type,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// The columns of a row, in order.
pub type Schema = Vec<Field>;

/// One value; how literals, keys and tests write it. Columns hold the same, packed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// NULL of any type.
    Null,
    /// BOOLEAN.
    Boolean(bool),
    /// TINYINT, SMALLINT, INT, BIGINT, DATE (days), TIME (ms), TIMESTAMP (ms), TIMESTAMP_LTZ (ms).
    Integer(i64),
    /// FLOAT and DOUBLE.
    Double(f64),
    /// DECIMAL: the digits without the point; the scale is the type's.
    Decimal(i128),
    /// STRING.
    String(String),
    /// BYTES.
    Bytes(Vec<u8>),
}

impl fmt::Display for Type {
    /// As Flink's DESCRIBE prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::TinyInt => f.write_str("TINYINT"),
            Self::SmallInt => f.write_str("SMALLINT"),
            Self::Int => f.write_str("INT"),
            Self::BigInt => f.write_str("BIGINT"),
            Self::Float => f.write_str("FLOAT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            Self::String => f.write_str("STRING"),
            Self::Bytes => f.write_str("BYTES"),
            Self::Date => f.write_str("DATE"),
            Self::Time => f.write_str("TIME(0)"),
            Self::Timestamp { precision } => write!(f, "TIMESTAMP({precision})"),
            Self::TimestampLtz { precision } => write!(f, "TIMESTAMP_LTZ({precision})"),
            Self::Null => f.write_str("NULL"),
        }
    }
}
