//! The decoder against tables, against serde_json on generated documents, and against garbage.

use proptest::prelude::*;
use serde_json::{Map, Value as Json};

use super::*;
use crate::{column::Column, types::Value};

const STRICT: Leniency = Leniency { ignore_errors: false, missing_is_bad: false };
const LENIENT: Leniency = Leniency { ignore_errors: true, missing_is_bad: false };

struct Bench {
    decoder: JsonDecoder,
    columns: Vec<(String, Type)>,
}

impl Bench {
    fn new(columns: &[(&str, Type)], leniency: Leniency) -> Self {
        let member = |(column, (name, of)): (usize, &(&str, Type))| Member {
            name: (*name).to_owned(),
            of: *of,
            kind: Kind::of(*of, false),
            column,
        };
        let members = columns.iter().enumerate().map(member).collect();
        let columns = columns.iter().map(|(name, of)| ((*name).to_owned(), *of)).collect();
        Self { decoder: JsonDecoder::new(members, leniency), columns }
    }

    fn decode(&mut self, doc: &[u8]) -> Result<Vec<Value>, Decoded> {
        let mut filling: Vec<_> =
            self.columns.iter().map(|(_, of)| Filling::new(*of, doc, 1)).collect();
        match self.decoder.decode(doc, 0, &mut filling) {
            Decoded::Row => {}
            other => return Err(other),
        }
        let values = filling.into_iter().zip(&self.columns);
        Ok(values.map(|(filling, (_, of))| Column::from(filling).value(0, *of)).collect())
    }
}

fn one(of: Type, doc: &str) -> Option<Value> {
    Bench::new(&[("a", of)], STRICT).decode(doc.as_bytes()).ok().map(|row| row[0].clone())
}

fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[test]
fn fields_become_what_flink_makes_of_them() {
    use Type as T;
    let decimal = T::Decimal { precision: 6, scale: 2 };
    let timestamp = T::Timestamp { precision: 3 };
    let instant = T::TimestampLtz { precision: 3 };
    for (of, json, value) in [
        (T::Int, "5", Some(Value::Integer(5))),
        (T::Int, "\" 5 \"", Some(Value::Integer(5))),
        (T::Int, "5.9", Some(Value::Integer(5))),
        (T::Int, "\"5.9\"", None),
        (T::Int, "2147483648", None),
        (T::Int, "true", None),
        (T::Int, "null", Some(Value::Null)),
        (T::Int, "{}", None),
        (T::TinyInt, "-128", Some(Value::Integer(-128))),
        (T::TinyInt, "128", None),
        (T::SmallInt, "1.5", None),
        (T::BigInt, "-9223372036854775808", Some(Value::Integer(i64::MIN))),
        (T::Double, "1", Some(Value::Double(1.0))),
        (T::Double, "\"1e3\"", Some(Value::Double(1_000.0))),
        (T::Double, "\"x\"", None),
        (T::Float, "0.1", Some(Value::Double(f64::from(0.1_f32)))),
        (decimal, "1.005", Some(Value::Decimal(101))),
        (decimal, "\"12.5\"", Some(Value::Decimal(1_250))),
        (decimal, "12345.6", Some(Value::Null)),
        (decimal, "\"x\"", None),
        (T::Boolean, "true", Some(Value::Boolean(true))),
        (T::Boolean, "\"TRUE\"", Some(Value::Boolean(true))),
        (T::Boolean, "\"no\"", Some(Value::Boolean(false))),
        (T::Boolean, "[]", None),
        (T::String, "\"x\"", Some(string("x"))),
        (T::String, "\"a\\u00e9\\n\"", Some(string("aé\n"))),
        (T::String, "1.50", Some(string("1.50"))),
        (T::String, "false", Some(string("false"))),
        (T::String, "{ \"b\": [1, 2] }", Some(string("{\"b\":[1,2]}"))),
        (T::Bytes, "\"aGk=\"", Some(Value::Bytes(b"hi".to_vec()))),
        (T::Bytes, "5", None),
        (T::Date, "\"1970-01-02\"", Some(Value::Integer(1))),
        (T::Time, "\"00:00:01.5\"", Some(Value::Integer(1_500))),
        (timestamp, "\"1970-01-01 00:00:01.25\"", Some(Value::Integer(1_250))),
        (timestamp, "\"1970-01-01T00:00:01\"", None),
        (timestamp, "1250", None),
        (instant, "\"1970-01-01 00:00:01Z\"", Some(Value::Integer(1_000))),
        (instant, "\"1970-01-01 00:00:01\"", None),
        (timestamp, "\"+999999999-01-01 00:00:00\"", None),
    ] {
        assert_eq!(one(of, &format!("{{\"a\":{json}}}")), value, "{of} from {json}");
    }
}

#[test]
fn the_last_of_two_equal_keys_counts() {
    assert_eq!(one(Type::Int, "{\"a\":1,\"b\":0,\"a\":2}"), Some(Value::Integer(2)));
    assert_eq!(one(Type::Int, "{\"a\":1,\"a\":null}"), Some(Value::Null));
    assert_eq!(one(Type::Int, "{\"\\u0061\":3}"), Some(Value::Integer(3)));
}

#[test]
fn what_is_not_one_object_is_bad() {
    for doc in [
        "",
        " ",
        "[]",
        "1",
        "\"x\"",
        "{",
        "{\"a\":1",
        "{\"a\":1}}",
        "{\"a\":1} x",
        "{\"a\":1,}",
        "{\"b\":tru}",
        "{\"b\":01}",
        "{\"b\":\"\\q\"}",
        "{\"b\":[1,}",
        "nul",
        "null x",
    ] {
        let decoded = Bench::new(&[("a", Type::Int)], LENIENT).decode(doc.as_bytes());
        assert!(matches!(decoded, Err(Decoded::Bad(_))), "{doc}: {decoded:?}");
    }
    assert_eq!(Bench::new(&[], STRICT).decode(b" null "), Err(Decoded::Nothing));
}

#[test]
fn invalid_utf8_is_bad_where_it_is_used() {
    let mut bench = Bench::new(&[("a", Type::String)], STRICT);
    assert!(matches!(bench.decode(b"{\"a\":\"\xff\"}"), Err(Decoded::Bad(_))));
    assert!(matches!(bench.decode(b"{\"a\":\"\\ud800\"}"), Err(Decoded::Bad(_))));
    assert!(matches!(bench.decode(b"{\"a\":[\"\xff\"]}"), Err(Decoded::Bad(_))));
    assert_eq!(bench.decode(b"{\"b\":\"\xff\"}"), Ok(vec![Value::Null]));
}

#[test]
fn leniency_makes_fields_null_and_missing_ones_bad() {
    let columns = [("a", Type::Int), ("b", Type::String)];
    assert_eq!(
        Bench::new(&columns, LENIENT).decode(b"{\"a\":\"x\",\"b\":\"y\"}"),
        Ok(vec![Value::Null, string("y")])
    );
    assert_eq!(Bench::new(&columns, STRICT).decode(b"{}"), Ok(vec![Value::Null, Value::Null]));
    let mut bench = Bench::new(&columns, Leniency { missing_is_bad: true, ..STRICT });
    assert!(bench.decode(b"{\"b\":null,\"a\":1}").is_ok());
    assert_eq!(
        bench.decode(b"{\"a\":1}"),
        Err(Decoded::Bad(Reason::Borrowed("field 'b' is missing")))
    );
}

#[test]
fn a_change_of_the_order_of_keys_changes_nothing() {
    let mut bench = Bench::new(&[("a", Type::Int), ("b", Type::Int)], STRICT);
    for doc in [
        "{\"a\":1,\"b\":2}",
        "{\"b\":2,\"a\":1}",
        "{ \"a\" : 1 , \"x\" : [{}] , \"b\" : 2 }",
        "{\"a\":1,\"b\":2}",
    ] {
        assert_eq!(bench.decode(doc.as_bytes()), Ok(vec![Value::Integer(1), Value::Integer(2)]));
    }
    let many: String = (0..600).map(|key| format!("\"k{key}\":{key},")).collect();
    let doc = format!("{{{many}\"a\":1,\"b\":2}}");
    for _ in 0..2 {
        assert_eq!(bench.decode(doc.as_bytes()), Ok(vec![Value::Integer(1), Value::Integer(2)]));
    }
    assert!(bench.decoder.shape.len() <= SHAPE_KEYS_MAX);
}

const KEYS: [&str; 5] = ["a", "b", "c", "d\"é", ""];

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e15..1e15).prop_map(Json::from),
        ".{0,20}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map(".{0,5}", inner, 0..5)
                .prop_map(|map| Json::from(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn object() -> impl Strategy<Value = Json> {
    prop::collection::vec((prop::sample::select(KEYS.to_vec()), json()), 0..6).prop_map(|members| {
        Json::from(
            members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>(),
        )
    })
}

/// What a column of `of` shall make of a member, by serde_json's reading of it.
fn expected(of: Type, json: Option<&Json>) -> Value {
    match (of, json) {
        (_, None | Some(Json::Null)) => Value::Null,
        (Type::String, Some(Json::String(text))) => string(text),
        (Type::String, Some(other)) => string(&other.to_string()),
        (Type::BigInt, Some(Json::Number(number))) => match number.as_i64() {
            Some(value) => Value::Integer(value),
            None => Value::Integer(number.as_f64().unwrap() as i64),
        },
        (Type::Double, Some(Json::Number(number))) => Value::Double(number.as_f64().unwrap()),
        (Type::Boolean, Some(Json::Bool(value))) => Value::Boolean(*value),
        _ => Value::Null,
    }
}

proptest! {
    #[test]
    fn generated_documents_are_read_as_serde_reads_them(docs in prop::collection::vec((object(), any::<bool>()), 1..8)) {
        let types = [Type::String, Type::BigInt, Type::Double, Type::String, Type::String];
        let columns: Vec<_> = KEYS.into_iter().zip(types).collect();
        let mut bench = Bench::new(&columns, LENIENT);
        for (doc, pretty) in docs {
            let text = if pretty { serde_json::to_string_pretty(&doc) } else { serde_json::to_string(&doc) }.unwrap();
            let row = bench.decode(text.as_bytes()).unwrap();
            for ((key, of), value) in columns.iter().zip(row) {
                // Texts that happen to be numbers are read as such: Flink's leniency, tested by table.
                if matches!((of, doc.get(key)), (Type::BigInt | Type::Double, Some(Json::String(_)))) {
                    continue;
                }
                prop_assert_eq!(value, expected(*of, doc.get(key)), "{} of {}", key, text);
            }
        }
    }

    #[test]
    fn a_document_is_read_exactly_when_serde_reads_an_object(doc in r#"[ \{\}\[\]:,"\\a10.\-+eutrnlf]{0,24}"#) {
        let mut bench = Bench::new(&[("a", Type::String)], LENIENT);
        let serde = serde_json::from_str::<serde::de::IgnoredAny>(&doc).is_ok() && doc.trim_start().starts_with('{');
        prop_assert_eq!(bench.decode(doc.as_bytes()).is_ok(), serde, "{}", doc);
    }

    #[test]
    fn garbage_never_panics(mut doc in prop::collection::vec(any::<u8>(), 0..200), cut in 0..200_usize, valid in object()) {
        let mut bench = Bench::new(&[("a", Type::String), ("b", Type::BigInt)], STRICT);
        let _ = bench.decode(&doc);
        // A valid document with a part of it replaced gets deeper.
        let text = serde_json::to_vec(&valid).unwrap();
        let at = cut.min(text.len());
        doc.truncate(3);
        let spliced = [&text[..at], &doc, &text[at..]].concat();
        let _ = bench.decode(&spliced);
        let _ = bench.decode(&text[..at]);
    }
}
