//! Statements, one after the other, each answered; the first that fails ends the script.

use std::sync::Arc;

use controller::{IfThere, Refusal};
use flow::plan::{Plan, Sink};
use sql::{Catalog, SqlError, Statement, StatementKind, Table};
use world::exec::Wait;

use crate::{
    answer::{Answer, Asker},
    engine::Engine,
    fact::{JobFact, JobState},
    query,
    session::Session,
};

/// Why a statement was not carried out.
enum Failure {
    /// Something in the text.
    Text(SqlError),
    /// Something else.
    Other(String),
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Text(error)
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Other(message)
    }
}

impl Engine {
    /// Carries out `script` in the session that `preamble` makes, and answers `asker` piece by piece.
    pub fn execute(&self, preamble: &str, script: &str, asker: &mut dyn Asker) {
        let image = self.publisher.current();
        let mut session = match Session::open(&image, preamble) {
            Ok(session) => session,
            Err(error) => return answer_error(asker, &error, preamble),
        };
        let statements = match sql::parse_script(script) {
            Ok(statements) => statements,
            Err(error) => return answer_error(asker, &error, script),
        };
        for statement in &statements {
            match self.carry_out(&mut session, statement, asker) {
                Ok(()) => {}
                Err(Failure::Text(error)) => return answer_error(asker, &error, script),
                Err(Failure::Other(message)) => {
                    asker.answer(Answer::failed(message));
                    return;
                }
            }
            if !asker.is_there() {
                return;
            }
        }
    }

    fn carry_out(
        &self,
        session: &mut Session,
        statement: &Statement,
        asker: &mut dyn Asker,
    ) -> Result<(), Failure> {
        if let Some(taken) = session.take(statement)? {
            for message in taken.warnings {
                asker.answer(Answer::Warning { message });
            }
            asker.answer(Answer::Session { statement: statement.text.clone() });
            asker.answer(Answer::Done { message: taken.message });
            return Ok(());
        }
        for message in &statement.warnings {
            asker.answer(Answer::Warning { message: message.clone() });
        }
        match &statement.kind {
            StatementKind::CreateTable { definition, if_not_exists, .. } => {
                let table = Table::from_create(definition, &statement.text)?;
                self.create_table(session, table, *if_not_exists, asker)
            }
            StatementKind::DropTable { name, if_exists, .. } => {
                self.drop_table(session, &name.text, *if_exists, asker)
            }
            StatementKind::Insert { .. } => self.insert(session, statement, asker),
            StatementKind::Select(_) => self.select(session, statement, asker),
            StatementKind::Explain(inner) => {
                let plan = self.bind(session, inner, asker)?;
                asker.answer(Answer::Text { text: sql::explain(&plan) });
                Ok(())
            }
            StatementKind::StopJob { id_or_name, .. } => self.stop_job(&id_or_name.text, asker),
            other => self.show(session, other, asker),
        }
    }

    fn create_table(
        &self,
        session: &mut Session,
        table: Table,
        if_not_exists: bool,
        asker: &mut dyn Asker,
    ) -> Result<(), Failure> {
        let name = table.name.clone();
        self.require_local(&table)?;
        if session.tables.is_stored(&name) {
            if !if_not_exists {
                return Err(format!("table {name} exists already; DROP TABLE {name} first").into());
            }
            asker.answer(Answer::Done { message: format!("table {name} exists already") });
            return Ok(());
        }
        let text = serde_json::to_string(&table).map_err(|error| error.to_string())?;
        self.decided(self.controller.put_table(&name, text, IfThere::Refuse).wait())?;
        session.tables.add_stored(table);
        asker.answer(Answer::Done { message: format!("table {name} created") });
        Ok(())
    }

    fn drop_table(
        &self,
        session: &mut Session,
        name: &str,
        if_exists: bool,
        asker: &mut dyn Asker,
    ) -> Result<(), Failure> {
        let is_known = self.publisher.current().table(name).is_some();
        if !is_known && !if_exists {
            return Err(format!("there is no table {name}").into());
        }
        if is_known {
            self.decided(self.controller.remove_table(name).wait())?;
            session.tables.remove_stored(name);
        }
        asker.answer(Answer::Done { message: format!("table {name} dropped; its topic stays") });
        Ok(())
    }

    fn insert(
        &self,
        session: &Session,
        statement: &Statement,
        asker: &mut dyn Asker,
    ) -> Result<(), Failure> {
        let plan = self.bind(session, statement, asker)?;
        if plan.sink == Sink::Screen {
            return self.push(plan, asker);
        }
        let fact = self.submit(&statement.text, session, plan)?;
        asker.answer(Answer::Job { id: fact.id, name: fact.name });
        Ok(())
    }

    fn select(
        &self,
        session: &Session,
        statement: &Statement,
        asker: &mut dyn Asker,
    ) -> Result<(), Failure> {
        let plan = self.bind(session, statement, asker)?;
        self.require_sources(&plan)?;
        self.push(plan, asker)
    }

    fn push(&self, plan: Plan, asker: &mut dyn Asker) -> Result<(), Failure> {
        query::run(&self.topics, &Arc::new(plan), &self.is_closing, asker)?;
        Ok(())
    }

    fn bind(
        &self,
        session: &Session,
        statement: &Statement,
        asker: &mut dyn Asker,
    ) -> Result<Plan, Failure> {
        let bound = match &statement.kind {
            StatementKind::Insert { .. } => {
                sql::bind_insert(statement, &session.tables, &session.settings)?
            }
            _ => sql::bind_select(statement, &session.tables, &session.settings)?,
        };
        for message in bound.warnings {
            asker.answer(Answer::Warning { message });
        }
        for table in bound.tables {
            self.require_local(&table)?;
        }
        Ok(bound.plan)
    }

    /// A table must lie on this cluster.
    fn require_local(&self, table: &Table) -> Result<(), Failure> {
        let Some(servers) = table.bootstrap_servers() else { return Ok(()) };
        let image = self.publisher.current();
        let is_brokers = |server: &str| {
            image.brokers().any(|broker| format!("{}:{}", broker.host, broker.port) == server)
        };
        let is_own = |server: &str| {
            let server = server.trim();
            self.own_addresses.iter().any(|own| own == server) || is_brokers(server)
        };
        if servers.split(',').any(is_own) {
            return Ok(());
        }
        Err(Failure::Other(format!(
            "table {}: 'properties.bootstrap.servers' = '{servers}' is another cluster, and jobs read this one's logs \
             only for now (this one is {}); leave the option out, or bring the topic here with MirrorMaker",
            table.name,
            self.own_addresses.join(" or ")
        )))
    }

    fn stop_job(&self, id_or_name: &str, asker: &mut dyn Asker) -> Result<(), Failure> {
        let named = |fact: &JobFact| fact.id == id_or_name || fact.name == id_or_name;
        let mut fact = self
            .facts()
            .into_iter()
            .rev()
            .filter(|fact| fact.state == JobState::Running)
            .find(named)
            .ok_or_else(|| format!("no job {id_or_name} is running; SHOW JOBS lists them"))?;
        let elsewhere = self.topics.leadership(&fact.journal()).filter(|now| !now.is_here);
        fact.state = JobState::Stopped;
        self.decided(self.controller.put_job(&fact.id, fact.text(), IfThere::Replace).wait())?;
        // The node that runs it ends it: it notes where the job was, and removes the journal.
        let mut message = format!("job {} stopped", fact.id);
        if self.here.end(&fact.id) {
            self.follow();
        } else if let Some(node) = elsewhere.and_then(|now| now.leader) {
            message.push_str(&format!("; node {node} ends it"));
        }
        asker.answer(Answer::Done { message });
        Ok(())
    }

    fn show(
        &self,
        session: &Session,
        kind: &StatementKind,
        asker: &mut dyn Asker,
    ) -> Result<(), Failure> {
        let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let answer = match kind {
            StatementKind::ShowTables => Answer::Table {
                columns: text(&["table name"]),
                rows: session.tables.tables().iter().map(|it| vec![it.name.clone()]).collect(),
            },
            StatementKind::ShowJobs => Answer::Table {
                columns: text(&[
                    "job id", "job name", "status", "used", "filtered", "late", "bad", "skipped",
                    "reason", "node",
                ]),
                rows: self.jobs().into_iter().map(|job| job.row()).collect(),
            },
            StatementKind::ShowFunctions => Answer::Table {
                columns: text(&["function name"]),
                rows: sql::functions().into_iter().map(|name| vec![name.to_owned()]).collect(),
            },
            StatementKind::ShowSettings => Answer::Table {
                columns: text(&["key", "value"]),
                rows: session
                    .settings
                    .iter()
                    .map(|(key, value)| vec![key.to_owned(), value.to_owned()])
                    .collect(),
            },
            StatementKind::Describe(name) => {
                let table = known_table(session, &name.text)?;
                Answer::Table {
                    columns: text(&["name", "type", "null", "key", "extras", "watermark"]),
                    rows: sql::describe(&table),
                }
            }
            StatementKind::ShowCreateTable(name) => {
                Answer::Text { text: known_table(session, &name.text)?.text.clone() }
            }
            _ => return Err(Failure::Other("this statement is not served".to_owned())),
        };
        asker.answer(answer);
        Ok(())
    }

    fn decided<T>(&self, answer: Option<Result<T, Refusal>>) -> Result<T, Failure> {
        match answer {
            Some(Ok(value)) => Ok(value),
            Some(Err(refusal)) => Err(Failure::Other(refusal.to_string())),
            None => Err(Failure::Other("the controller is stopping".to_owned())),
        }
    }
}

fn known_table(session: &Session, name: &str) -> Result<Arc<Table>, Failure> {
    let table = session.tables.table(name);
    table.ok_or_else(|| format!("there is no table {name}; SHOW TABLES lists them").into())
}

fn answer_error(asker: &mut dyn Asker, error: &SqlError, text: &str) {
    let answer = Answer::Error { message: error.to_string(), rendered: error.render(text) };
    asker.answer(answer);
}
