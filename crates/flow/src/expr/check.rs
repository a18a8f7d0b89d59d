//! Checks that a bound expression fits the row it is evaluated over, so that evaluation needs no second look. A stored plan may be damaged.

use super::{Expr, Function, cast::is_castable};
use crate::{
    column::Layout,
    types::{Schema, Type, Value},
};

/// What may stand at a place of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Boolean,
    Integer,
    Text,
    /// Any number.
    Number,
    /// A date, a time or a timestamp.
    Time,
    Any,
}

impl Expr {
    /// Why the expression does not fit rows of `input`, if it does not.
    pub(crate) fn check(&self, input: &Schema) -> Result<(), String> {
        match self {
            Self::Column { ordinal, of } => match input.get(*ordinal) {
                Some(field) if Layout::of(field.of) == Layout::of(*of) => Ok(()),
                Some(field) => Err(format!("column {ordinal} is {}, not {of}", field.of)),
                None => Err(format!("column {ordinal} of {}", input.len())),
            },
            Self::Literal { value, of } => check_literal(value, *of),
            Self::Case { branches, otherwise, of } => {
                for (when, then) in branches {
                    when.check(input)?;
                    then.check(input)?;
                    expect("CASE WHEN", when.of(), Want::Boolean)?;
                    expect_same("THEN", then.of(), *of)?;
                }
                match otherwise {
                    Some(otherwise) => {
                        otherwise.check(input)?;
                        expect_same("ELSE", otherwise.of(), *of)
                    }
                    None => Ok(()),
                }
            }
            Self::Cast { from, to, .. } => {
                from.check(input)?;
                if is_castable(from.of(), *to) {
                    Ok(())
                } else {
                    Err(format!("CAST from {} to {to}", from.of()))
                }
            }
            Self::Call { function, arguments, of } => {
                for argument in arguments {
                    argument.check(input)?;
                }
                let types: Vec<Type> = arguments.iter().map(Self::of).collect();
                check_call(*function, &types, *of)
            }
        }
    }
}

fn check_literal(value: &Value, of: Type) -> Result<(), String> {
    let fits = match value {
        Value::Null => true,
        Value::Boolean(_) => of == Type::Boolean,
        Value::Integer(_) => Layout::of(of) == Layout::Integer,
        Value::Double(_) => Layout::of(of) == Layout::Double,
        Value::Decimal(_) => Layout::of(of) == Layout::Decimal,
        Value::String(_) | Value::Bytes(_) => Layout::of(of) == Layout::Text,
    };
    if fits { Ok(()) } else { Err(format!("{value:?} is no {of}")) }
}

fn check_call(function: Function, types: &[Type], of: Type) -> Result<(), String> {
    use Function as F;
    use Want::{Any, Boolean, Integer, Number, Text, Time};
    let (wants, result): (&[&[Want]], Want) = match function {
        F::Add | F::Subtract | F::Multiply | F::Divide | F::Modulo => {
            return check_arithmetic(function, types, of);
        }
        F::Equal
        | F::NotEqual
        | F::Less
        | F::LessOrEqual
        | F::Greater
        | F::GreaterOrEqual
        | F::IsDistinctFrom
        | F::IsNotDistinctFrom => {
            check_alike(function, types)?;
            (&[&[Any, Any]], Boolean)
        }
        F::Greatest | F::Least => {
            check_alike(function, types)?;
            for given in types {
                expect_same("GREATEST, LEAST", *given, of)?;
            }
            return if types.is_empty() { Err(format!("{function:?} of nothing")) } else { Ok(()) };
        }
        F::Negate | F::Abs | F::Floor | F::Ceil | F::Sign => {
            expect_same_number(types, of)?;
            (&[&[Number]], Number)
        }
        F::Round => {
            expect_same_number(types, of)?;
            (&[&[Number], &[Number, Integer]], Number)
        }
        F::Power => (&[&[Number, Number]], Number),
        F::Sqrt => (&[&[Number]], Number),
        F::And | F::Or => (&[&[Boolean, Boolean]], Boolean),
        F::Not | F::IsTrue | F::IsNotTrue | F::IsFalse | F::IsNotFalse => (&[&[Boolean]], Boolean),
        F::IsNull | F::IsNotNull => (&[&[Any]], Boolean),
        F::Concat | F::ConcatWs => {
            for given in types {
                expect("CONCAT", *given, Text)?;
            }
            return expect("CONCAT", of, Text);
        }
        F::Upper | F::Lower | F::Reverse => (&[&[Text]], Text),
        F::Trim | F::LeftTrim | F::RightTrim => (&[&[Text], &[Text, Text]], Text),
        F::Substring => (&[&[Text, Integer], &[Text, Integer, Integer]], Text),
        F::CharLength => (&[&[Text]], Integer),
        F::Position => (&[&[Text, Text]], Integer),
        F::Replace => (&[&[Text, Text, Text]], Text),
        F::SplitIndex => (&[&[Text, Text, Integer], &[Text, Integer, Integer]], Text),
        F::Like => (&[&[Text, Text], &[Text, Text, Text]], Boolean),
        F::StartsWith | F::EndsWith => (&[&[Text, Text]], Boolean),
        F::Left | F::Right | F::Repeat => (&[&[Text, Integer]], Text),
        F::LeftPad | F::RightPad => (&[&[Text, Integer, Text]], Text),
        F::AddMilliseconds | F::AddMonths => (&[&[Time, Integer]], Time),
        F::MillisecondsBetween | F::TimestampDiff(_) => (&[&[Time, Time]], Integer),
        F::Extract(_) => (&[&[Time]], Integer),
        F::FloorTo(_) | F::CeilTo(_) => (&[&[Time]], Time),
        F::DateFormat => (&[&[Time, Text], &[Text, Text]], Text),
        F::ToTimestamp => (&[&[Text], &[Text, Text]], Time),
        F::ToTimestampLtz => (&[&[Number], &[Number, Integer]], Time),
        F::FromUnixtime => (&[&[Integer], &[Integer, Text]], Text),
        F::UnixTimestamp => (&[&[Text], &[Text, Text]], Integer),
        F::ToDate => (&[&[Text], &[Text, Text]], Time),
        F::Md5 => (&[&[Text]], Text),
        F::HashCode => (&[&[Text]], Integer),
    };
    let fits = |want: &&[Want]| {
        want.len() == types.len() && want.iter().zip(types).all(|(want, given)| want.takes(*given))
    };
    if wants.iter().any(fits) && result.takes(of) {
        return Ok(());
    }
    let types: Vec<String> = types.iter().map(ToString::to_string).collect();
    Err(format!("{function:?}({}) giving {of}", types.join(", ")))
}

fn check_arithmetic(function: Function, types: &[Type], of: Type) -> Result<(), String> {
    let [left, right] = types else { return Err(format!("{function:?} of {}", types.len())) };
    for given in [*left, *right] {
        let fits = match Layout::of(of) {
            Layout::Decimal => {
                matches!(Layout::of(given), Layout::Decimal | Layout::Integer)
                    && Want::Number.takes(given)
            }
            layout => Layout::of(given) == layout && layout != Layout::Text,
        };
        if !fits && given != Type::Null {
            return Err(format!("{function:?}({left}, {right}) giving {of}"));
        }
    }
    expect("arithmetic", of, Want::Number)
}

/// All of one layout, or integers among decimals.
fn check_alike(function: Function, types: &[Type]) -> Result<(), String> {
    let given = |layout| types.iter().any(|of| *of != Type::Null && Layout::of(*of) == layout);
    let layouts = [Layout::Boolean, Layout::Integer, Layout::Double, Layout::Decimal, Layout::Text];
    let count = layouts.into_iter().filter(|layout| given(*layout)).count();
    if count <= 1 || (count == 2 && given(Layout::Decimal) && given(Layout::Integer)) {
        return Ok(());
    }
    Err(format!("{function:?} of different types"))
}

/// The first argument and the result are packed alike.
fn expect_same_number(types: &[Type], of: Type) -> Result<(), String> {
    types.first().map_or(Ok(()), |given| expect_same("a number", *given, of))
}

fn expect(place: &str, given: Type, want: Want) -> Result<(), String> {
    if want.takes(given) { Ok(()) } else { Err(format!("{given} at {place}")) }
}

fn expect_same(place: &str, given: Type, of: Type) -> Result<(), String> {
    let is_number_of_decimal = Layout::of(of) == Layout::Decimal
        && place.starts_with("GREATEST")
        && Want::Number.takes(given);
    if given == Type::Null || Layout::of(given) == Layout::of(of) || is_number_of_decimal {
        Ok(())
    } else {
        Err(format!("{given} instead of {of} at {place}"))
    }
}

impl Want {
    const fn takes(self, of: Type) -> bool {
        use Type as T;
        match of {
            T::Null => true,
            T::Boolean => matches!(self, Self::Boolean | Self::Any),
            T::TinyInt | T::SmallInt | T::Int | T::BigInt => {
                matches!(self, Self::Integer | Self::Number | Self::Any)
            }
            T::Float | T::Double | T::Decimal { .. } => matches!(self, Self::Number | Self::Any),
            T::String | T::Bytes => matches!(self, Self::Text | Self::Any),
            T::Date | T::Time | T::Timestamp { .. } | T::TimestampLtz { .. } => {
                matches!(self, Self::Time | Self::Any)
            }
        }
    }
}
