//! One option: a row of a table, and the check of a value against it.
//!
//! Messages are Kafka's, because tools print them and people search for them.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An option as it is defined.
#[derive(Debug)]
pub struct Row {
    /// Kafka's name, or ours under `logmill.`.
    pub name: &'static str,
    /// How its text is read.
    pub kind: Kind,
    /// None: there is no default, and nothing where it is not set.
    pub default: Option<&'static str>,
    /// What is allowed beyond the type.
    pub bounds: Bounds,
    /// One sentence.
    pub doc: &'static str,
    /// For a topic's option: the server's options that it falls back to, the first that is set wins. For a server's
    /// option: those that stand in for it, itself first.
    pub synonyms: &'static [Stand],
    /// Whether it can be changed while the broker runs.
    pub is_dynamic: bool,
}

/// Another option that stands in for one, perhaps in another unit.
#[derive(Clone, Copy, Debug)]
pub struct Stand {
    /// Its name.
    pub name: &'static str,
    /// What one of its units is in units of the option that it stands in for.
    pub factor: i64,
}

/// How a value's text is read: Kafka's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Boolean,
    /// Any text.
    Text,
    /// 32 bits.
    Int,
    /// 16 bits.
    Short,
    /// 64 bits.
    Long,
    /// A number with a fraction.
    Double,
    /// Texts with commas between them.
    List,
    /// A Java class name; the standard ones are switches to us.
    Class,
    /// A text that is never shown.
    Password,
}

impl Kind {
    /// DescribeConfigs' number for it.
    #[must_use]
    pub const fn wire(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::Text => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Text => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// What is allowed beyond the type.
#[derive(Clone, Copy, Debug)]
pub enum Bounds {
    /// Everything.
    Any,
    /// Numbers from here.
    AtLeast(i64),
    /// Numbers from the first to the last.
    Within(i64, i64),
    /// -1, or numbers from the first to the last.
    UnsetOrWithin(i64, i64),
    /// Fractions from 0 to 1.
    Ratio,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// Any of these texts, in a list.
    Each(&'static [&'static str]),
}

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InvalidOption(pub String);

impl Row {
    /// Checks a value against the row.
    ///
    /// # Errors
    /// [`InvalidOption`] in Kafka's words.
    pub fn check(&self, value: &str) -> Result<(), InvalidOption> {
        let value = value.trim();
        match self.kind {
            Kind::Boolean => {
                let is_known =
                    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false");
                if is_known {
                    Ok(())
                } else {
                    Err(self.no_type(value, "Expected value to be either true or false"))
                }
            }
            Kind::Int | Kind::Short | Kind::Long => {
                let number: i64 = value.parse().map_err(|_| self.not_a_number(value))?;
                let fits = match self.kind {
                    Kind::Int => i32::try_from(number).is_ok(),
                    Kind::Short => i16::try_from(number).is_ok(),
                    _ => true,
                };
                if !fits {
                    return Err(self.not_a_number(value));
                }
                self.check_number(number)
            }
            Kind::Double => {
                let number: f64 = value.parse().map_err(|_| self.not_a_number(value))?;
                self.check_ratio(number)
            }
            Kind::List => self.check_list(value),
            Kind::Text | Kind::Class | Kind::Password => self.check_text(value),
        }
    }

    fn check_number(&self, number: i64) -> Result<(), InvalidOption> {
        match self.bounds {
            Bounds::AtLeast(least) if number < least => {
                Err(self.out_of_bounds(&number, &format!("Value must be at least {least}")))
            }
            Bounds::Within(first, _) | Bounds::UnsetOrWithin(first, _)
                if number < first && !self.is_unset(number) =>
            {
                Err(self.out_of_bounds(&number, &format!("Value must be at least {first}")))
            }
            Bounds::Within(_, last) | Bounds::UnsetOrWithin(_, last) if number > last => {
                Err(self.out_of_bounds(&number, &format!("Value must be no more than {last}")))
            }
            _ => Ok(()),
        }
    }

    fn is_unset(&self, number: i64) -> bool {
        number == -1 && matches!(self.bounds, Bounds::UnsetOrWithin(..))
    }

    fn check_ratio(&self, number: f64) -> Result<(), InvalidOption> {
        match self.bounds {
            Bounds::Ratio if number < 0.0 => {
                Err(self.out_of_bounds(&number, "Value must be at least 0"))
            }
            // A NaN is no number that anyone means.
            Bounds::Ratio if number > 1.0 || number.is_nan() => {
                Err(self.out_of_bounds(&number, "Value must be no more than 1"))
            }
            _ => Ok(()),
        }
    }

    fn check_list(&self, value: &str) -> Result<(), InvalidOption> {
        let Bounds::Each(allowed) = self.bounds else { return Ok(()) };
        match items(value).find(|item| !allowed.contains(item)) {
            None => Ok(()),
            Some(item) => {
                let allowed = allowed.join(", ");
                Err(InvalidOption(format!(
                    "Invalid value {item} for configuration {}: String must be one of: {allowed}",
                    self.name
                )))
            }
        }
    }

    fn check_text(&self, value: &str) -> Result<(), InvalidOption> {
        match self.bounds {
            Bounds::OneOf(allowed) if !allowed.contains(&value) => Err(self
                .out_of_bounds(&value, &format!("String must be one of: {}", allowed.join(", ")))),
            _ => Ok(()),
        }
    }

    fn not_a_number(&self, value: &str) -> InvalidOption {
        self.no_type(value, &format!("Not a number of type {}", self.kind.name()))
    }

    fn no_type(&self, value: &str, why: &str) -> InvalidOption {
        self.out_of_bounds(&value, why)
    }

    fn out_of_bounds(&self, value: &dyn std::fmt::Display, why: &str) -> InvalidOption {
        InvalidOption(format!("Invalid value {value} for configuration {}: {why}", self.name))
    }
}

/// The texts of a list.
pub(super) fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}
