//! What is read, and what hostile text cannot do.

use super::*;
use crate::StatementKind;

#[test]
fn hostile_depth_is_an_error_on_a_small_stack() {
    let chain = |term: &str, count: usize| format!("SELECT {} FROM t", vec!["a"; count].join(term));
    let mut texts = vec![
        chain("+", 1_990),
        chain("||", 1_990),
        chain(" and ", 1_990),
        chain(" or b and ", 990),
        format!("SELECT a {} FROM t", "is null ".repeat(1_900)),
        format!("SELECT a{} FROM t", "::int".repeat(1_900)),
        format!("SELECT a{} FROM t", "[0]".repeat(1_300)),
        format!("SELECT a{} FROM t", ".b".repeat(1_900)),
        format!("SELECT {} a FROM t", "- ".repeat(3_900)),
        format!("SELECT {} a FROM t", "not ".repeat(3_900)),
        format!("SELECT a {} FROM t", "between a and ".repeat(1_200)),
        format!("SELECT {} FROM t", "case when ".repeat(1_900)),
        format!("SELECT {} FROM t", "case ".repeat(3_000)),
        format!("SELECT a FROM t {}", "union all select a from t ".repeat(600)),
        format!("SELECT a FROM t {}", "join t ".repeat(1_900)),
        "SELECT * FROM (".repeat(900),
        "explain ".repeat(3_000),
        "select cast(".repeat(1_300),
        "select interval ".repeat(1_300),
        format!("create table t (a {}", "array<".repeat(1_900)),
    ];
    for open in [
        "(",
        "f(",
        "case when (",
        "cast((",
        "position(",
        "if(current_time(",
        "a=>f(",
        "not (",
        "exists (",
    ] {
        texts.push(format!("SELECT {}", open.repeat(45)));
        texts.push(format!("SELECT * FROM {}", open.repeat(45)));
        texts.push(format!("SELECT {}", open.repeat(1_900)));
    }
    for text in texts {
        let shown: String = text.chars().take(40).collect();
        std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || {
                let _ = parse_script(&text);
            })
            .expect("a thread")
            .join()
            .unwrap_or_else(|_| panic!("{shown}"));
    }
}

#[test]
fn comments_strings_and_semicolons_are_told_apart() {
    let text = "-- one; two\nSET 'a;b' = 'c''d'; /* ; */ SELECT a FROM t -- end";
    let statements = parse_script(text).expect("parses");
    assert_eq!(statements.len(), 2);
    assert_eq!(
        statements[0].kind,
        StatementKind::Set { key: "a;b".to_owned(), value: "c'd".to_owned() }
    );
    assert_eq!(statements[1].text, "SELECT a FROM t");
    assert_eq!(statements[1].span.of(text), "SELECT a FROM t");
}

#[test]
fn short_statements_are_read() {
    let kind = |text: &str| parse_script(text).expect(text).remove(0).kind;
    let set = |key: &str, value: &str| StatementKind::Set {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    assert_eq!(
        kind("set table.local-time-zone = Asia/Shanghai;"),
        set("table.local-time-zone", "Asia/Shanghai")
    );
    assert_eq!(kind("SET 'pipeline.name'='x'"), set("pipeline.name", "x"));
    assert_eq!(
        kind("SET table.exec.source.idle-timeout = 5 s"),
        set("table.exec.source.idle-timeout", "5 s")
    );
    assert_eq!(kind("SET"), StatementKind::ShowSettings);
    assert_eq!(kind("RESET"), StatementKind::Reset(None));
    assert_eq!(kind("RESET 'a.b'"), StatementKind::Reset(Some("a.b".to_owned())));
    assert_eq!(kind("show tables"), StatementKind::ShowTables);
    assert_eq!(kind("show jobs"), StatementKind::ShowJobs);
    assert!(
        matches!(kind("desc `my table`"), StatementKind::Describe(name) if name.text == "my table")
    );
    assert!(
        matches!(kind("describe default_catalog.default_database.t"), StatementKind::Describe(name) if name.text == "t")
    );
    assert!(
        matches!(kind("STOP JOB '12-34' WITH SAVEPOINT"), StatementKind::StopJob { id_or_name, with_savepoint: true } if id_or_name.text == "12-34")
    );
    assert!(
        matches!(kind("stop job my-job-7"), StatementKind::StopJob { id_or_name, .. } if id_or_name.text == "my-job-7")
    );
    assert!(matches!(
        kind("drop table if exists t"),
        StatementKind::DropTable { if_exists: true, temporary: false, .. }
    ));
    assert!(
        matches!(kind("EXPLAIN PLAN FOR SELECT a FROM t"), StatementKind::Explain(inner) if inner.text == "SELECT a FROM t")
    );
}

#[test]
fn statement_set_is_one_insert_each() {
    let text = "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT x FROM t; INSERT INTO b SELECT y FROM t; END;";
    let statements = parse_script(text).expect("parses");
    assert_eq!(statements.len(), 2);
    assert_eq!(statements[1].text, "INSERT INTO b SELECT y FROM t");
}

#[test]
fn too_much_text_is_refused() {
    assert!(parse_script(&" ".repeat(crate::limits::TEXT_BYTES_MAX + 1)).is_err());
    assert!(parse_script(&"SET 'a'='b';".repeat(crate::limits::STATEMENTS_MAX + 1)).is_err());
    assert!(parse_script(&format!("SELECT {}1 FROM t", "1,".repeat(4_000))).is_err());
    assert_eq!(parse_script(&"; ".repeat(10_000)), Ok(Vec::new()));
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let text = "\u{feff}SELECT a FROM";
    let error = parse_script(text).expect_err("no table");
    assert_eq!((error.line, error.span.start), (1, text.len()));
}
