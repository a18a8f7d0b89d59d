//! Which statement it is, and the short ones.

use sqlparser::tokenizer::Token;

use super::{reader::Reader, table};
use crate::{
    SqlError, Statement, StatementKind,
    span::{Place, Span},
    syntax::Name,
};

const SERVED: &str = "served are CREATE TABLE, DROP TABLE, INSERT INTO … SELECT, SELECT, SHOW TABLES, SHOW JOBS, \
    SHOW FUNCTIONS, SHOW CREATE TABLE, DESCRIBE, EXPLAIN, STOP JOB, SET, RESET, EXECUTE STATEMENT SET";

/// Reads one statement (a statement set is several) up to its semicolon.
pub(super) fn read(reader: &mut Reader<'_>, into: &mut Vec<Statement>) -> Result<(), SqlError> {
    let set = reader.accept_all(&["EXECUTE", "STATEMENT", "SET", "BEGIN"])
        || reader.accept_all(&["BEGIN", "STATEMENT", "SET"]);
    if !set {
        into.push(one(reader)?);
        return Ok(());
    }
    loop {
        while reader.accept_symbol(&Token::SemiColon) {}
        if reader.accept("END") {
            return Ok(());
        }
        if !reader.is("INSERT") {
            return Err(reader.unexpected("INSERT INTO or END of the statement set"));
        }
        into.push(one(reader)?);
        reader.expect_symbol(&Token::SemiColon)?;
    }
}

fn one(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let start = reader.here().start;
    let kind = kind(reader)?;
    let span = Span::new(start, reader.last().end.max(start));
    Ok(Statement {
        kind,
        text: span.of(reader.text).to_owned(),
        span,
        warnings: std::mem::take(&mut reader.warnings),
        start: Place::of(reader.text, start),
    })
}

fn kind(reader: &mut Reader<'_>) -> Result<StatementKind, SqlError> {
    if reader.is("SELECT")
        || reader.is("WITH")
        || reader.parser.peek_token_ref().token == Token::LParen
    {
        return reader.query().map(StatementKind::Select);
    }
    if reader.accept("CREATE") {
        return table::create(reader);
    }
    if reader.accept("INSERT") {
        return insert(reader);
    }
    if reader.accept("DROP") {
        return drop_table(reader);
    }
    if reader.accept("SHOW") {
        return show(reader);
    }
    if reader.accept("DESCRIBE") || reader.accept("DESC") {
        reader.accept("EXTENDED");
        return reader.table_name().map(StatementKind::Describe);
    }
    if reader.accept("EXPLAIN") {
        return explain(reader);
    }
    if reader.accept_all(&["STOP", "JOB"]) {
        return stop_job(reader);
    }
    if reader.accept("SET") {
        return set(reader);
    }
    if reader.accept("RESET") {
        let key = if ends(reader) { None } else { Some(setting(reader, "an option's key")?) };
        return Ok(StatementKind::Reset(key));
    }
    Err(reader.unexpected("a statement").with_hint(SERVED))
}

fn ends(reader: &Reader<'_>) -> bool {
    matches!(reader.parser.peek_token_ref().token, Token::EOF | Token::SemiColon)
}

fn insert(reader: &mut Reader<'_>) -> Result<StatementKind, SqlError> {
    if reader.is("OVERWRITE") {
        return Err(SqlError::new(
            "INSERT OVERWRITE is not served: a topic is only appended to",
            reader.here(),
        )
        .with_hint("write INSERT INTO"));
    }
    reader.expect("INTO")?;
    reader.accept("TABLE");
    let target = reader.table_name()?;
    if reader.is("PARTITION") {
        return Err(SqlError::new("PARTITION is not served in INSERT", reader.here()));
    }
    let mut columns = Vec::new();
    let is_query = reader.is_nth(1, "SELECT") || reader.is_nth(1, "WITH");
    if reader.parser.peek_token_ref().token == Token::LParen && !is_query {
        columns = names(reader)?;
    }
    if reader.is("VALUES") {
        return Err(SqlError::new("INSERT INTO … VALUES is not served yet", reader.here())
            .with_hint("write the records with a producer, or INSERT INTO … SELECT from a table"));
    }
    if !reader.is("SELECT")
        && !reader.is("WITH")
        && reader.parser.peek_token_ref().token != Token::LParen
    {
        return Err(reader.unexpected("SELECT"));
    }
    let query = reader.query()?;
    Ok(StatementKind::Insert { target, columns, query })
}

/// `(a, b, c)`.
pub(super) fn names(reader: &mut Reader<'_>) -> Result<Vec<Name>, SqlError> {
    reader.expect_symbol(&Token::LParen)?;
    let mut names = Vec::new();
    loop {
        names.push(reader.name("a column's name")?);
        if !reader.accept_symbol(&Token::Comma) {
            reader.expect_symbol(&Token::RParen)?;
            return Ok(names);
        }
    }
}

fn drop_table(reader: &mut Reader<'_>) -> Result<StatementKind, SqlError> {
    let temporary = reader.accept("TEMPORARY");
    let is_table = reader.accept("TABLE") || (temporary && reader.accept("VIEW"));
    if !is_table {
        return Err(reader
            .unexpected("TABLE")
            .with_hint("only tables are dropped; a job is stopped by STOP JOB"));
    }
    let if_exists = reader.accept_all(&["IF", "EXISTS"]);
    Ok(StatementKind::DropTable { name: reader.table_name()?, if_exists, temporary })
}

fn show(reader: &mut Reader<'_>) -> Result<StatementKind, SqlError> {
    if reader.accept("TABLES") {
        return Ok(StatementKind::ShowTables);
    }
    if reader.accept("JOBS") {
        return Ok(StatementKind::ShowJobs);
    }
    if reader.accept("FUNCTIONS") {
        return Ok(StatementKind::ShowFunctions);
    }
    if reader.accept_all(&["CREATE", "TABLE"]) {
        return reader.table_name().map(StatementKind::ShowCreateTable);
    }
    Err(reader.unexpected("TABLES, JOBS, FUNCTIONS or CREATE TABLE"))
}

fn explain(reader: &mut Reader<'_>) -> Result<StatementKind, SqlError> {
    const DETAILS: [&str; 4] =
        ["ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE"];
    if !reader.accept_all(&["PLAN", "FOR"]) {
        while DETAILS.iter().any(|detail| reader.accept(detail)) {
            reader.accept_symbol(&Token::Comma);
        }
    }
    if !["SELECT", "WITH", "INSERT"].iter().any(|word| reader.is(word))
        && reader.parser.peek_token_ref().token != Token::LParen
    {
        return Err(reader.unexpected("INSERT or SELECT"));
    }
    one(reader).map(|inner| StatementKind::Explain(Box::new(inner)))
}

fn stop_job(reader: &mut Reader<'_>) -> Result<StatementKind, SqlError> {
    let quoted = matches!(reader.parser.peek_token_ref().token, Token::SingleQuotedString(_));
    let id_or_name = if quoted {
        reader.string("a job's id")?
    } else {
        raw(reader, &["WITH"], "a job's id or name")?
    };
    let mut with_savepoint = false;
    while reader.accept("WITH") {
        if reader.accept("SAVEPOINT") {
            with_savepoint = true;
        } else {
            reader.expect("DRAIN")?;
        }
    }
    Ok(StatementKind::StopJob { id_or_name, with_savepoint })
}

fn set(reader: &mut Reader<'_>) -> Result<StatementKind, SqlError> {
    if ends(reader) {
        return Ok(StatementKind::ShowSettings);
    }
    let key = setting(reader, "an option's key")?;
    reader.expect_symbol(&Token::Eq)?;
    let value = setting(reader, "an option's value")?;
    Ok(StatementKind::Set { key, value })
}

/// A key or a value of SET: quoted, or the bare text up to `=` or the end.
fn setting(reader: &mut Reader<'_>, what: &str) -> Result<String, SqlError> {
    match reader.string(what) {
        Ok(name) => Ok(name.text),
        Err(_) => raw(reader, &[], what).map(|name| name.text),
    }
}

/// The bare text up to `=`, one of `stops` or the end.
fn raw(reader: &mut Reader<'_>, stops: &[&str], what: &str) -> Result<Name, SqlError> {
    let start = reader.here();
    let mut span = None;
    while !ends(reader)
        && reader.parser.peek_token_ref().token != Token::Eq
        && !stops.iter().any(|stop| reader.is(stop))
    {
        reader.parser.next_token();
        span = Some(Span::new(start.start, reader.last().end));
    }
    match span {
        Some(span) => Ok(Name { text: span.of(reader.text).to_owned(), span }),
        None => Err(reader.unexpected(what)),
    }
}
