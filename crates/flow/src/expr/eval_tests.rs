//! Functions, casts and logic by tables: an expression of literals and of columns, and what it gives.

use super::*;
use crate::{column::Column, types::Type};

const TS: Type = Type::Timestamp { precision: 3 };
const LTZ: Type = Type::TimestampLtz { precision: 3 };

fn text(text: &str) -> (Value, Type) {
    (Value::String(text.to_owned()), Type::String)
}

fn number(value: i64) -> (Value, Type) {
    (Value::Integer(value), Type::BigInt)
}

fn double(value: f64) -> (Value, Type) {
    (Value::Double(value), Type::Double)
}

fn null(of: Type) -> (Value, Type) {
    (Value::Null, of)
}

/// Evaluates `expr` of one row of `values`; an error is the row's failure.
fn evaluate(expr: &Expr, values: &[(Value, Type)]) -> Result<Value, String> {
    let schema = values
        .iter()
        .map(|(_, of)| crate::types::Field { name: String::new(), of: *of, nullable: true })
        .collect();
    expr.check(&schema)?;
    let columns: Vec<_> = values
        .iter()
        .map(|(value, of)| Column::from_values(*of, std::slice::from_ref(value)))
        .collect();
    let scope = Scope { zone_ms: 3_600_000 };
    let evaluated = scope.eval_rows(expr, &columns, 1);
    match evaluated.failures.first() {
        Some(failure) => Err(failure.reason.to_string()),
        None => Ok(evaluated.operand.into_column(expr.of(), 1).value(0, expr.of())),
    }
}

/// A call over columns, and over the same values as literals: both must agree.
fn call(function: Function, arguments: &[(Value, Type)], of: Type) -> Result<Value, String> {
    let columns =
        (0..arguments.len()).map(|ordinal| Expr::Column { ordinal, of: arguments[ordinal].1 });
    let literals =
        arguments.iter().map(|(value, of)| Expr::Literal { value: value.clone(), of: *of });
    let build = |arguments: Vec<Expr>| Expr::Call { function, arguments, of };
    let by_column = evaluate(&build(columns.collect()), arguments);
    let by_literal = evaluate(&build(literals.collect()), arguments);
    assert_eq!(
        format!("{by_column:?}"),
        format!("{by_literal:?}"),
        "{function:?} of {arguments:?}"
    );
    by_column
}

fn cast(value: (Value, Type), to: Type) -> Result<Value, String> {
    let from = Expr::Column { ordinal: 0, of: value.1 };
    evaluate(&Expr::Cast { from: Box::new(from), to, or_null: false }, &[value])
}

#[test]
fn text_functions_give_what_flink_gives() {
    use Function as F;
    let string = |text: &str| Ok(Value::String(text.to_owned()));
    let null_text = Ok(Value::Null);
    for (function, arguments, result) in [
        (F::Concat, vec![text("a"), text("b")], string("ab")),
        (F::Concat, vec![text("a"), null(Type::String)], null_text.clone()),
        (F::ConcatWs, vec![text("-"), text("a"), null(Type::String), text("b")], string("a-b")),
        (F::ConcatWs, vec![null(Type::String), text("a")], null_text.clone()),
        (F::ConcatWs, vec![text("-"), null(Type::String)], string("")),
        (F::Upper, vec![text("aß")], string("ASS")),
        (F::Lower, vec![text("Ä")], string("ä")),
        (F::Trim, vec![text("  a ")], string("a")),
        (F::Trim, vec![text("xyax"), text("xy")], string("a")),
        (F::LeftTrim, vec![text("  a ")], string("a ")),
        (F::RightTrim, vec![text("  a ")], string("  a")),
        (F::Substring, vec![text("hello"), number(2), number(3)], string("ell")),
        (F::Substring, vec![text("hello"), number(-3)], string("llo")),
        (F::Left, vec![text("hello"), number(2)], string("he")),
        (F::Right, vec![text("hello"), number(9)], string("hello")),
        (F::Replace, vec![text("aXbX"), text("X"), text("--")], string("a--b--")),
        (F::SplitIndex, vec![text("a,b,c"), text(","), number(1)], string("b")),
        (F::SplitIndex, vec![text("a,b,c"), number(44), number(2)], string("c")),
        (F::SplitIndex, vec![text("a,b,c"), text(","), number(3)], null_text.clone()),
        (F::LeftPad, vec![text("hi"), number(5), text("ab")], string("abahi")),
        (F::LeftPad, vec![text("hi"), number(1), text("ab")], string("h")),
        (F::RightPad, vec![text("hi"), number(5), text("ab")], string("hiaba")),
        (F::RightPad, vec![text("hi"), number(-1), text("ab")], null_text),
        (F::Reverse, vec![text("añb")], string("bña")),
        (F::Repeat, vec![text("ab"), number(3)], string("ababab")),
        (F::Repeat, vec![text("ab"), number(-1)], string("")),
        (F::Repeat, vec![text("ab"), number(i64::MAX)], Err("the text is too long".to_owned())),
        (F::Md5, vec![text("abc")], string("900150983cd24fb0d6963f7d28e17f72")),
    ] {
        assert_eq!(call(function, &arguments, Type::String), result, "{function:?} {arguments:?}");
    }
    assert_eq!(call(F::CharLength, &[text("añ")], Type::Int), Ok(Value::Integer(2)));
    assert_eq!(call(F::Position, &[text("l"), text("hello")], Type::Int), Ok(Value::Integer(3)));
    assert_eq!(
        call(F::Like, &[text("a_c"), text("a\\_c")], Type::Boolean),
        Ok(Value::Boolean(true))
    );
    assert_eq!(
        call(F::StartsWith, &[text("abc"), text("ab")], Type::Boolean),
        Ok(Value::Boolean(true))
    );
    assert_eq!(
        call(F::EndsWith, &[text("abc"), text("ab")], Type::Boolean),
        Ok(Value::Boolean(false))
    );
}

#[test]
fn arithmetic_wraps_fails_and_rounds_as_flinks_does() {
    use Function as F;
    let int = |value: i64| (Value::Integer(value), Type::Int);
    assert_eq!(
        call(F::Add, &[int(i64::from(i32::MAX)), int(1)], Type::Int),
        Ok(Value::Integer(i64::from(i32::MIN)))
    );
    assert_eq!(
        call(F::Multiply, &[number(i64::MAX), number(2)], Type::BigInt),
        Ok(Value::Integer(-2))
    );
    assert_eq!(call(F::Divide, &[number(-7), number(2)], Type::BigInt), Ok(Value::Integer(-3)));
    assert_eq!(call(F::Modulo, &[number(-7), number(2)], Type::BigInt), Ok(Value::Integer(-1)));
    assert_eq!(
        call(F::Divide, &[number(i64::MIN), number(-1)], Type::BigInt),
        Ok(Value::Integer(i64::MIN))
    );
    assert_eq!(
        call(F::Divide, &[number(1), number(0)], Type::BigInt),
        Err("division by zero".to_owned())
    );
    assert_eq!(call(F::Modulo, &[null(Type::BigInt), number(0)], Type::BigInt), Ok(Value::Null));
    assert_eq!(
        call(F::Divide, &[double(1.0), double(0.0)], Type::Double),
        Ok(Value::Double(f64::INFINITY))
    );
    let float = |value: f32| (Value::Double(f64::from(value)), Type::Float);
    assert_eq!(
        call(F::Add, &[float(0.1), float(0.2)], Type::Float),
        Ok(Value::Double(f64::from(0.1_f32 + 0.2_f32)))
    );
    let two = Type::Decimal { precision: 10, scale: 2 };
    let four = Type::Decimal { precision: 12, scale: 4 };
    let decimal = |digits| (Value::Decimal(digits), two);
    assert_eq!(
        call(F::Multiply, &[decimal(150), decimal(-150)], four),
        Ok(Value::Decimal(-22_500))
    );
    assert_eq!(call(F::Add, &[decimal(150), number(1)], two), Ok(Value::Decimal(250)));
    assert_eq!(call(F::Divide, &[decimal(100), decimal(300)], four), Ok(Value::Decimal(3_333)));
    assert_eq!(
        call(F::Divide, &[decimal(100), decimal(0)], four),
        Err("division by zero".to_owned())
    );
    assert_eq!(
        call(F::Add, &[decimal(9_999_999_999), decimal(1)], two),
        Ok(Value::Null),
        "it does not fit"
    );
    assert_eq!(call(F::Negate, &[decimal(5)], two), Ok(Value::Decimal(-5)));
    assert_eq!(call(F::Abs, &[number(-5)], Type::BigInt), Ok(Value::Integer(5)));
    assert_eq!(
        call(F::Round, &[double(2.345), (Value::Integer(2), Type::Int)], Type::Double),
        Ok(Value::Double(2.35))
    );
    assert_eq!(
        call(F::Floor, &[decimal(-150)], Type::Decimal { precision: 10, scale: 0 }),
        Ok(Value::Decimal(-2))
    );
    assert_eq!(
        call(F::Ceil, &[decimal(-150)], Type::Decimal { precision: 10, scale: 0 }),
        Ok(Value::Decimal(-1))
    );
    assert_eq!(call(F::Power, &[number(2), number(10)], Type::Double), Ok(Value::Double(1_024.0)));
    assert_eq!(call(F::Sign, &[double(-3.5)], Type::Double), Ok(Value::Double(-1.0)));
}

#[test]
fn comparisons_and_logic_have_three_values() {
    use Function as F;
    let truth = |value: Option<bool>| (value.map_or(Value::Null, Value::Boolean), Type::Boolean);
    let (t, f, n) = (Some(true), Some(false), None);
    for (function, left, right, result) in [
        (F::And, t, t, t),
        (F::And, t, f, f),
        (F::And, t, n, n),
        (F::And, f, n, f),
        (F::And, n, f, f),
        (F::And, n, n, n),
        (F::Or, f, f, f),
        (F::Or, t, n, t),
        (F::Or, n, t, t),
        (F::Or, f, n, n),
        (F::Or, n, n, n),
    ] {
        assert_eq!(
            call(function, &[truth(left), truth(right)], Type::Boolean),
            Ok(truth(result).0),
            "{function:?} {left:?} {right:?}"
        );
    }
    for (function, given, result) in [
        (F::Not, n, n),
        (F::Not, t, f),
        (F::IsNull, n, t),
        (F::IsNotNull, n, f),
        (F::IsTrue, n, f),
        (F::IsNotTrue, n, t),
        (F::IsFalse, f, t),
        (F::IsNotFalse, n, t),
        (F::IsNotFalse, f, f),
    ] {
        assert_eq!(
            call(function, &[truth(given)], Type::Boolean),
            Ok(truth(result).0),
            "{function:?} {given:?}"
        );
    }
    let nan = double(f64::NAN);
    assert_eq!(call(F::Equal, &[nan.clone(), nan], Type::Boolean), Ok(Value::Boolean(false)));
    assert_eq!(call(F::Less, &[text("a"), text("ä")], Type::Boolean), Ok(Value::Boolean(true)));
    assert_eq!(call(F::Equal, &[number(1), null(Type::BigInt)], Type::Boolean), Ok(Value::Null));
    assert_eq!(
        call(F::IsDistinctFrom, &[null(Type::BigInt), null(Type::BigInt)], Type::Boolean),
        Ok(Value::Boolean(false))
    );
    assert_eq!(
        call(F::IsNotDistinctFrom, &[number(1), null(Type::BigInt)], Type::Boolean),
        Ok(Value::Boolean(false))
    );
    let one = (Value::Decimal(10), Type::Decimal { precision: 3, scale: 1 });
    let same = (Value::Decimal(1_000), Type::Decimal { precision: 5, scale: 3 });
    assert_eq!(call(F::Equal, &[one.clone(), same], Type::Boolean), Ok(Value::Boolean(true)));
    assert_eq!(call(F::Greater, &[one, number(0)], Type::Boolean), Ok(Value::Boolean(true)));
    assert_eq!(
        call(F::Greatest, &[number(3), number(9), number(4)], Type::BigInt),
        Ok(Value::Integer(9))
    );
    assert_eq!(
        call(F::Least, &[text("b"), text("a")], Type::String),
        Ok(Value::String("a".into()))
    );
    assert_eq!(call(F::Least, &[number(1), null(Type::BigInt)], Type::BigInt), Ok(Value::Null));
}

#[test]
fn what_is_not_asked_for_does_not_fail() {
    let zero = [number(0)];
    let column = || Expr::Column { ordinal: 0, of: Type::BigInt };
    let literal = |value| Expr::Literal { value: Value::Integer(value), of: Type::BigInt };
    let call = |function, arguments, of| Expr::Call { function, arguments, of };
    let inverse = call(Function::Divide, vec![literal(1), column()], Type::BigInt);
    let fails = call(Function::Greater, vec![inverse.clone(), literal(0)], Type::Boolean);
    let is_zero = call(Function::Equal, vec![column(), literal(0)], Type::Boolean);
    let is_some = call(Function::NotEqual, vec![column(), literal(0)], Type::Boolean);
    assert!(evaluate(&fails, &zero).is_err());
    let both = |function, left: &Expr, right: &Expr| {
        call(function, vec![left.clone(), right.clone()], Type::Boolean)
    };
    assert_eq!(evaluate(&both(Function::And, &is_some, &fails), &zero), Ok(Value::Boolean(false)));
    assert_eq!(evaluate(&both(Function::Or, &is_zero, &fails), &zero), Ok(Value::Boolean(true)));
    assert!(evaluate(&both(Function::And, &is_zero, &fails), &zero).is_err());
    assert!(
        evaluate(&both(Function::And, &fails, &is_some), &zero).is_err(),
        "the left side is always asked for"
    );
    let case = |branches, otherwise: Option<Expr>| Expr::Case {
        branches,
        otherwise: otherwise.map(Box::new),
        of: Type::BigInt,
    };
    assert_eq!(
        evaluate(
            &case(vec![(is_zero.clone(), literal(7)), (fails.clone(), literal(8))], None),
            &zero
        ),
        Ok(Value::Integer(7))
    );
    assert_eq!(
        evaluate(&case(vec![(is_some.clone(), inverse.clone())], Some(literal(9))), &zero),
        Ok(Value::Integer(9))
    );
    assert_eq!(evaluate(&case(vec![(is_some, literal(1))], None), &zero), Ok(Value::Null));
    assert!(evaluate(&case(vec![(is_zero, inverse)], None), &zero).is_err());
}

#[test]
fn casts_read_write_cut_and_refuse() {
    use Type as T;
    let decimal = T::Decimal { precision: 5, scale: 2 };
    let string = |text: &str| Ok(Value::String(text.to_owned()));
    for (value, to, result) in [
        (text(" 12 "), T::Int, Ok(Value::Integer(12))),
        (text("12.9"), T::Int, Ok(Value::Integer(12))),
        (text("x"), T::Int, Err("CAST of 'x' to INT failed".to_owned())),
        (text("300"), T::TinyInt, Err("CAST of '300' to TINYINT failed".to_owned())),
        (number(300), T::TinyInt, Ok(Value::Integer(44))),
        (double(3.99), T::Int, Ok(Value::Integer(3))),
        (double(1e20), T::Int, Ok(Value::Integer(i64::from(i32::MAX)))),
        (double(f64::NAN), T::BigInt, Ok(Value::Integer(0))),
        (text("1e2"), T::Double, Ok(Value::Double(100.0))),
        (text("1.005"), decimal, Ok(Value::Decimal(101))),
        (text("1234"), decimal, Ok(Value::Null)),
        (double(0.1), decimal, Ok(Value::Decimal(10))),
        (number(999), decimal, Ok(Value::Decimal(99_900))),
        (number(1_000), decimal, Ok(Value::Null)),
        ((Value::Decimal(199), decimal), T::Int, Ok(Value::Integer(1))),
        ((Value::Decimal(150), decimal), T::Double, Ok(Value::Double(1.5))),
        ((Value::Decimal(-5), decimal), T::String, string("-0.05")),
        (text("yes"), T::Boolean, Ok(Value::Boolean(true))),
        (text("maybe"), T::Boolean, Err("CAST of 'maybe' to BOOLEAN failed".to_owned())),
        ((Value::Boolean(true), T::Boolean), T::String, string("TRUE")),
        ((Value::Boolean(true), T::Boolean), T::Int, Ok(Value::Integer(1))),
        (number(0), T::Boolean, Ok(Value::Boolean(false))),
        (double(1e7), T::String, string("1.0E7")),
        (text("1970-01-02"), T::Date, Ok(Value::Integer(1))),
        (text("1970-1-1 00:00:01.5"), TS, Ok(Value::Integer(1_500))),
        (text("1970-01-01 01:00:00"), LTZ, Ok(Value::Integer(0))),
        (text("nope"), TS, Err("CAST of 'nope' to TIMESTAMP failed".to_owned())),
        ((Value::Integer(1_500), TS), T::String, string("1970-01-01 00:00:01.500")),
        ((Value::Integer(0), LTZ), T::String, string("1970-01-01 01:00:00.000")),
        ((Value::Integer(0), LTZ), TS, Ok(Value::Integer(3_600_000))),
        ((Value::Integer(3_600_000), TS), LTZ, Ok(Value::Integer(0))),
        ((Value::Integer(1_999), TS), T::Timestamp { precision: 0 }, Ok(Value::Integer(1_000))),
        ((Value::Integer(86_400_001), TS), T::Date, Ok(Value::Integer(1))),
        ((Value::Integer(86_400_001), TS), T::Time, Ok(Value::Integer(1))),
        ((Value::Integer(1), T::Date), TS, Ok(Value::Integer(86_400_000))),
        ((Value::Integer(1), T::Date), T::String, string("1970-01-02")),
        ((Value::Bytes(b"hi".to_vec()), T::Bytes), T::String, string("hi")),
        (null(T::String), T::Int, Ok(Value::Null)),
    ] {
        assert_eq!(cast(value.clone(), to), result, "{value:?} to {to}");
    }
    let from = Box::new(Expr::Column { ordinal: 0, of: T::String });
    let try_cast = Expr::Cast { from, to: T::Int, or_null: true };
    assert_eq!(evaluate(&try_cast, &[text("x")]), Ok(Value::Null));
    assert!(cast((Value::Integer(0), TS), T::BigInt).is_err(), "Flink refuses it, too");
}

#[test]
fn time_functions_follow_the_calendar_and_the_sessions_clock() {
    use Function as F;
    use TimeUnit as U;
    let ms = 1_709_211_845_067; // 2024-02-29 13:04:05.067
    let wall = (Value::Integer(ms), TS);
    let instant = (Value::Integer(ms), LTZ); // an hour later on the session's clock
    for (unit, value) in [
        (U::Millisecond, 67),
        (U::Second, 5),
        (U::Minute, 4),
        (U::Hour, 13),
        (U::Day, 29),
        (U::Week, 9),
        (U::Month, 2),
        (U::Quarter, 1),
        (U::Year, 2024),
        (U::DayOfWeek, 5),
        (U::DayOfYear, 60),
        (U::Epoch, 1_709_211_845),
    ] {
        assert_eq!(
            call(F::Extract(unit), std::slice::from_ref(&wall), Type::BigInt),
            Ok(Value::Integer(value)),
            "{unit:?}"
        );
    }
    assert_eq!(
        call(F::Extract(U::Hour), std::slice::from_ref(&instant), Type::BigInt),
        Ok(Value::Integer(14))
    );
    assert_eq!(
        call(F::Extract(U::Epoch), std::slice::from_ref(&instant), Type::BigInt),
        Ok(Value::Integer(1_709_211_845))
    );
    let at = |text: &str| {
        Ok(Value::Integer(crate::civil::parse_loose_timestamp(text.as_bytes()).unwrap()))
    };
    for (function, result) in [
        (F::FloorTo(U::Hour), "2024-02-29 13:00:00"),
        (F::CeilTo(U::Hour), "2024-02-29 14:00:00"),
        (F::FloorTo(U::Day), "2024-02-29"),
        (F::FloorTo(U::Week), "2024-02-25"),
        (F::FloorTo(U::Month), "2024-02-01"),
        (F::CeilTo(U::Month), "2024-03-01"),
        (F::FloorTo(U::Quarter), "2024-01-01"),
        (F::CeilTo(U::Year), "2025-01-01"),
    ] {
        assert_eq!(call(function, std::slice::from_ref(&wall), TS), at(result), "{function:?}");
    }
    let moved = |function, by| call(function, &[wall.clone(), number(by)], TS);
    assert_eq!(moved(F::AddMilliseconds, 933), at("2024-02-29 13:04:06"));
    assert_eq!(moved(F::AddMonths, 12), at("2025-02-28 13:04:05.067"));
    assert_eq!(
        call(
            F::AddMilliseconds,
            &[(Value::Integer(1), Type::Date), number(86_400_000)],
            Type::Date
        ),
        Ok(Value::Integer(2))
    );
    let earlier = (Value::Integer(ms - 40 * 86_400_000), TS);
    for (unit, whole) in [(U::Day, 40), (U::Month, 1), (U::Hour, 960), (U::Year, 0)] {
        assert_eq!(
            call(F::TimestampDiff(unit), &[earlier.clone(), wall.clone()], Type::Int),
            Ok(Value::Integer(whole)),
            "{unit:?}"
        );
        assert_eq!(
            call(F::TimestampDiff(unit), &[wall.clone(), earlier.clone()], Type::Int),
            Ok(Value::Integer(-whole))
        );
    }
    assert_eq!(
        call(F::MillisecondsBetween, &[wall.clone(), earlier], Type::BigInt),
        Ok(Value::Integer(40 * 86_400_000))
    );
    let string = |text: &str| Ok(Value::String(text.to_owned()));
    assert_eq!(
        call(F::DateFormat, &[wall.clone(), text("yyyy-MM-dd HH:mm")], Type::String),
        string("2024-02-29 13:04")
    );
    assert_eq!(call(F::DateFormat, &[instant, text("HH")], Type::String), string("14"));
    assert!(call(F::DateFormat, &[wall, text("QQQ")], Type::String).is_err());
    assert_eq!(
        call(F::ToTimestamp, &[text("2024-02-29 13:04:05.067")], TS),
        Ok(Value::Integer(ms))
    );
    assert_eq!(
        call(F::ToTimestamp, &[text("29/02/2024"), text("dd/MM/yyyy")], TS),
        at("2024-02-29")
    );
    assert_eq!(call(F::ToTimestamp, &[text("nope")], TS), Ok(Value::Null));
    assert_eq!(call(F::FromUnixtime, &[number(0)], Type::String), string("1970-01-01 01:00:00"));
    assert_eq!(
        call(F::UnixTimestamp, &[text("1970-01-01 01:00:00")], Type::BigInt),
        Ok(Value::Integer(0))
    );
    assert_eq!(call(F::ToDate, &[text("1970-01-03")], Type::Date), Ok(Value::Integer(2)));
    let precision = |digits| (Value::Integer(digits), Type::Int);
    assert_eq!(call(F::ToTimestampLtz, &[number(5), precision(0)], LTZ), Ok(Value::Integer(5_000)));
    assert_eq!(call(F::ToTimestampLtz, &[number(5), precision(3)], LTZ), Ok(Value::Integer(5)));
    assert_eq!(call(F::ToTimestampLtz, &[number(i64::MAX), precision(3)], LTZ), Ok(Value::Null));
    assert_eq!(call(F::ToTimestampLtz, &[number(i64::MAX), precision(0)], LTZ), Ok(Value::Null));
    assert_eq!(
        call(F::ToTimestampLtz, &[double(1.5), precision(0)], LTZ),
        Ok(Value::Integer(1_500))
    );
}

#[test]
fn extreme_numbers_never_panic() {
    use Function as F;
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    for value in ends {
        for other in ends {
            for of in [TS, LTZ, Type::Date, Type::Time] {
                let (given, by) = ((Value::Integer(value), of), number(other));
                for function in [F::AddMilliseconds, F::AddMonths] {
                    let _ = call(function, &[given.clone(), by.clone()], of);
                }
                let pair = [given.clone(), (Value::Integer(other), of)];
                let _ = call(F::MillisecondsBetween, &pair, Type::BigInt);
                for unit in [
                    TimeUnit::Millisecond,
                    TimeUnit::Week,
                    TimeUnit::Month,
                    TimeUnit::Year,
                    TimeUnit::Epoch,
                    TimeUnit::DayOfYear,
                ] {
                    let _ = call(F::TimestampDiff(unit), &pair, Type::Int);
                    for function in [F::FloorTo(unit), F::CeilTo(unit)] {
                        let _ = call(function, std::slice::from_ref(&given), of);
                    }
                    let _ = call(F::Extract(unit), std::slice::from_ref(&given), Type::BigInt);
                }
                for to in [
                    Type::String,
                    TS,
                    LTZ,
                    Type::Date,
                    Type::Time,
                    Type::Timestamp { precision: 0 },
                    Type::TimestampLtz { precision: 1 },
                ] {
                    let _ = cast(given.clone(), to);
                }
                if of != Type::Time && of != Type::Date {
                    let _ = call(
                        F::DateFormat,
                        &[given, text("yyyy-MM-dd HH:mm:ss.SSS E D")],
                        Type::String,
                    );
                }
            }
            for function in [F::Add, F::Subtract, F::Multiply, F::Divide, F::Modulo] {
                let _ = call(function, &[number(value), number(other)], Type::BigInt);
            }
            let places = (Value::Integer(other), Type::Int);
            let _ = call(F::Round, &[number(value), places.clone()], Type::BigInt);
            let _ = call(F::Round, &[double(value as f64), places.clone()], Type::Double);
            let of = Type::Decimal { precision: 38, scale: 4 };
            let digits = (Value::Decimal(i128::from(value) * i128::from(other)), of);
            let _ = call(F::Round, &[digits.clone(), places], of);
            for function in [F::Floor, F::Ceil, F::Abs, F::Sign, F::Negate] {
                let _ = call(function, std::slice::from_ref(&digits), of);
                let _ = call(function, &[number(value)], Type::BigInt);
            }
            for text_function in [F::Left, F::Right, F::Substring, F::Repeat] {
                let _ = call(text_function, &[text("añb"), number(value)], Type::String);
            }
            let _ = call(F::Substring, &[text("añb"), number(value), number(other)], Type::String);
            let _ = call(F::LeftPad, &[text("añb"), number(value), text("x")], Type::String);
            let _ = call(F::FromUnixtime, &[number(value)], Type::String);
        }
    }
}
