//! Every `tests/goldens/*.sql` gives what stands in the `.out` beside it: tables, plans, warnings, errors.
//!
//! `LOGMILL_GOLDENS=rewrite cargo test -p sql --test goldens` writes the `.out` files anew; read the difference.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path, sync::Arc};

use sql::{Bound, Catalog, Settings, SqlError, Statement, StatementKind, Table};

#[derive(Default)]
struct Session {
    tables: BTreeMap<String, Arc<Table>>,
    settings: Settings,
}

impl Catalog for Session {
    fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.tables.get(name).cloned()
    }

    fn tables(&self) -> Vec<Arc<Table>> {
        self.tables.values().cloned().collect()
    }
}

impl Session {
    fn run(&mut self, statement: &Statement) -> Result<String, SqlError> {
        let mut out = String::new();
        for warning in &statement.warnings {
            writeln!(out, "warning: {warning}").expect("a string");
        }
        match &statement.kind {
            StatementKind::CreateTable { definition, .. } => {
                let table = Table::from_create(definition, &statement.text)?;
                let stored = serde_json::to_string(&table).expect("a table is written");
                let read: Table = serde_json::from_str(&stored).expect("and read");
                assert_eq!(read, table, "what is stored is what was made");
                writeln!(out, "table {}", table.name).expect("a string");
                for row in sql::describe(&table) {
                    writeln!(out, "  {}", row.join(" | ").trim_end_matches([' ', '|']))
                        .expect("a string");
                }
                self.tables.insert(table.name.clone(), Arc::new(table));
            }
            StatementKind::Set { key, value } => {
                if let Some(warning) = self.settings.set(key, value)? {
                    writeln!(out, "warning: {warning}").expect("a string");
                }
            }
            StatementKind::Insert { .. } => {
                out += &shown(&sql::bind_insert(statement, self, &self.settings)?);
            }
            StatementKind::Select(_) => {
                out += &shown(&sql::bind_select(statement, self, &self.settings)?);
            }
            StatementKind::Explain(inner) => out += &self.run(inner)?,
            other => writeln!(out, "{other:?}").expect("a string"),
        }
        Ok(out)
    }
}

fn shown(bound: &Bound) -> String {
    let mut out = String::new();
    for warning in &bound.warnings {
        writeln!(out, "warning: {warning}").expect("a string");
    }
    let stored = serde_json::to_string(&bound.plan).expect("a plan is written");
    let read: flow::plan::Plan = serde_json::from_str(&stored).expect("and read");
    assert_eq!(read, bound.plan, "a plan survives being stored");
    let graph = flow::graph::Graph::new(Arc::new(read), Vec::new());
    assert!(graph.is_ok(), "a bound plan runs: {:?}\n{:#?}", graph.err(), bound.plan);
    out + &sql::explain(&bound.plan)
}

/// What a file gives, statement by statement. Lines `-- next` part it into scripts of one session.
fn give(file: &str) -> String {
    let mut session = Session::default();
    let mut out = String::new();
    for script in file.split("-- next\n") {
        let statements = match sql::parse_script(script) {
            Ok(statements) => statements,
            Err(error) => {
                out += &error.render(script);
                continue;
            }
        };
        for statement in statements {
            match session.run(&statement) {
                Ok(text) => out += &text,
                Err(error) => out += &error.render(script),
            }
        }
    }
    out
}

#[test]
fn every_script_gives_its_golden() {
    let folder = Path::new("tests/goldens");
    let rewrite = std::env::var("LOGMILL_GOLDENS").is_ok_and(|mode| mode == "rewrite");
    let mut scripts: Vec<_> = fs::read_dir(folder)
        .expect("the goldens")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    scripts.sort();
    assert!(scripts.len() > 10, "the goldens are there");
    let mut wrong = String::new();
    for path in scripts {
        let given = give(&fs::read_to_string(&path).expect("a script"));
        let is_error =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("error_"));
        assert_eq!(
            is_error,
            given.contains("error: "),
            "{}: only error_*.sql may fail\n{given}",
            path.display()
        );
        let golden = path.with_extension("out");
        if rewrite {
            fs::write(&golden, &given).expect("written");
        } else if fs::read_to_string(&golden).ok().as_deref() != Some(&given) {
            writeln!(wrong, "{}:\n{given}", path.display()).expect("a string");
        }
    }
    assert!(wrong.is_empty(), "not as their goldens:\n{wrong}");
}
