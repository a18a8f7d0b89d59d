//! Whatever the text: statements or an error with a place in it, never a panic.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use proptest::prelude::*;
use sql::{Catalog, Settings, SqlError, StatementKind, Table};

#[derive(Default)]
struct Tables(BTreeMap<String, Arc<Table>>);

impl Catalog for Tables {
    fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.0.get(name).cloned()
    }

    fn tables(&self) -> Vec<Arc<Table>> {
        self.0.values().cloned().collect()
    }
}

/// Does with `text` all that can be done with it.
fn exercise(text: &str) {
    let checked = |error: SqlError| {
        assert!(error.span.start <= error.span.end, "{error:?}");
        assert!(error.span.end <= text.len() + 1, "{error:?} {}", text.len());
        assert!(!error.render(text).is_empty());
        assert!(!error.render("another text").is_empty());
    };
    let statements = match sql::parse_script(text) {
        Ok(statements) => statements,
        Err(error) => return checked(error),
    };
    let mut tables = Tables::default();
    let mut settings = Settings::default();
    for statement in statements {
        assert_eq!(statement.span.of(text), statement.text);
        let bound = match &statement.kind {
            StatementKind::CreateTable { definition, .. } => {
                match Table::from_create(definition, &statement.text) {
                    Ok(table) => {
                        assert_eq!(sql::describe(&table).len(), table.columns.len());
                        tables.0.insert(table.name.clone(), Arc::new(table));
                    }
                    Err(error) => checked(error),
                }
                continue;
            }
            StatementKind::Set { key, value } => {
                let _ = settings.set(key, value);
                continue;
            }
            StatementKind::Insert { .. } => sql::bind_insert(&statement, &tables, &settings),
            _ => sql::bind_select(&statement, &tables, &settings),
        };
        match bound {
            Ok(bound) => {
                assert!(!sql::explain(&bound.plan).is_empty());
                let stored = serde_json::to_string(&bound.plan).expect("written");
                let read: flow::plan::Plan = serde_json::from_str(&stored).expect("read");
                assert_eq!(read, bound.plan);
                let graph = flow::graph::Graph::new(Arc::new(read), Vec::new());
                assert!(graph.is_ok(), "a bound plan runs: {:?} {text}", graph.err());
            }
            Err(error) => checked(error),
        }
    }
}

fn goldens() -> Vec<String> {
    let folder = Path::new("tests/goldens");
    let mut texts: Vec<String> = fs::read_dir(folder)
        .expect("the goldens")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| fs::read_to_string(path).expect("a script"))
        .collect();
    texts.sort();
    texts
}

/// Words from which statements are made.
const WORDS: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "HAVING",
    "TABLE",
    "(",
    ")",
    "((",
    "))",
    ",",
    ";",
    ".",
    "*",
    "+",
    "-",
    "/",
    "%",
    "||",
    "=",
    "<>",
    "<",
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "LIKE",
    "IS",
    "NULL",
    "TRUE",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "TRY_CAST",
    "AS",
    "INT",
    "STRING",
    "DECIMAL(10,2)",
    "TIMESTAMP(3)",
    "INTERVAL",
    "'5'",
    "SECOND",
    "MINUTE TO SECOND",
    "TUMBLE",
    "DESCRIPTOR",
    "window_start",
    "window_end",
    "t",
    "a",
    "s",
    "at",
    "`x`",
    "''",
    "1",
    "1.5",
    "1e9",
    "99999999999999999999",
    "COUNT(*)",
    "SUM",
    "AVG",
    "FILTER",
    "COALESCE",
    "IF",
    "FLOOR",
    "TO",
    "HOUR",
    "EXTRACT",
    "TIMESTAMP '2020-01-01 00:00:00'",
    "DATE '2020-01-01'",
    "X'0f'",
    "WITH",
    "INSERT INTO",
    "CREATE TABLE",
    "WATERMARK FOR",
    "PRIMARY KEY",
    "NOT ENFORCED",
    "METADATA",
    "VIRTUAL",
    "'connector'",
    "'kafka'",
    "SET",
    "EXPLAIN",
    "DESCRIBE",
    "=>",
    "::",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "`",
    "--",
    "/*",
    "*/",
    "\n",
    "ä",
    "\u{1F600}",
    "\0",
];

const TABLE: &str = "CREATE TABLE t (a INT, s STRING, d DOUBLE, p DECIMAL(10, 2), at TIMESTAMP(3), WATERMARK FOR at AS at) \
    WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');\n";

/// Expressions, most of which bind.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a",
        "s",
        "d",
        "p",
        "at",
        "1",
        "2147483648",
        "1.50",
        "1e3",
        "'x'",
        "NULL",
        "TRUE",
        "INTERVAL '1' DAY",
        "t.a",
        "'2020-01-01 00:00:00'",
        "99999999999999999999999999999999999999",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop::sample::select(vec!["+", "-", "*", "/", "%", "=", "<", "AND", "OR", "||"]),
                inner.clone()
            )
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            (prop::sample::select(sql::functions()), prop::collection::vec(inner.clone(), 0..4))
                .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", "))),
            (
                inner.clone(),
                prop::sample::select(vec![
                    "INT",
                    "STRING",
                    "DECIMAL(38, 38)",
                    "TIMESTAMP(3)",
                    "DOUBLE",
                    "CHAR(2)"
                ])
            )
                .prop_map(|(value, of)| format!("CAST({value} AS {of})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(when, then, other)| format!(
                "CASE WHEN {when} THEN {then} ELSE {other} END"
            )),
            (inner.clone(), prop::collection::vec(inner, 1..4))
                .prop_map(|(value, list)| format!("{value} IN ({})", list.join(", "))),
        ]
    })
}

proptest! {
    #[test]
    fn garbage_is_an_error(text in "\\PC{0,200}") {
        exercise(&text);
    }

    #[test]
    fn words_in_any_order_are_answered(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        exercise(&words.join(" "));
        exercise(&format!("{TABLE}{}", words.join(" ")));
        exercise(&format!("{TABLE}SELECT {} FROM t", words.join(" ")));
    }

    #[test]
    fn expressions_of_any_types_are_answered(text in expression()) {
        exercise(&format!("{TABLE}SELECT {text} AS x, a FROM t WHERE {text}"));
        exercise(&format!("{TABLE}SELECT SUM({text}), {text} FROM t GROUP BY TUMBLE(at, INTERVAL '1' DAY), {text}"));
    }

    #[test]
    fn cut_and_spoilt_scripts_are_answered(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        length in 0_usize..12,
        other in prop::sample::select(WORDS),
    ) {
        let goldens = goldens();
        let text = which.get(&goldens);
        let mut start = at.index(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = (start + length).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        exercise(&text[..start]);
        exercise(&format!("{}{other}{}", &text[..start], &text[end..]));
    }
}

#[test]
fn alternatives_that_double_do_not_explode() {
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    for expression in [
        nested("COALESCE(", "a", ", 1)", 40),
        nested("COALESCE(a, ", "a", ")", 40),
        nested("NULLIF(", "a", ", 1)", 40),
        nested("(", "a", " BETWEEN 1 AND 2)", 40),
        nested("CASE ", "a", " WHEN 1 THEN 1 WHEN 2 THEN 2 END", 40),
        format!("a{}", " + a".repeat(60)),
        format!("a{}", " + a".repeat(500)),
        format!("a = 1{}", " OR a = 2".repeat(900)),
        format!("a IN (1{})", ", 2".repeat(1_900)),
        nested("(", "a", " IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10) IS NULL)", 30),
        nested("IF(ok, 1, ", "a", ")", 40),
        nested("CAST(", "a", " AS BIGINT)", 40),
        nested("-", "a", "", 60),
    ] {
        exercise(&format!("{TABLE}SELECT {expression} FROM t"));
    }
    let doubling = (0..45)
        .fold("SELECT a FROM t".to_owned(), |query, _| format!("SELECT a + a AS a FROM ({query})"));
    exercise(&format!("{TABLE}{doubling}"));
    let chain: Vec<String> =
        (1..400).map(|n| format!("c{n} AS (SELECT a FROM c{})", n - 1)).collect();
    exercise(&format!(
        "{TABLE}WITH c0 AS (SELECT a FROM t), {} SELECT a FROM c399",
        chain.join(", ")
    ));
}
