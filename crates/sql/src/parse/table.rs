//! `CREATE TABLE`: Flink's column list and options.

use sqlparser::tokenizer::Token;

use super::{reader::Reader, statement::names, types};
use crate::{
    SqlError, StatementKind, limits,
    span::{Place, Span},
    syntax::{
        ColumnDefinition, ColumnDefinitionKind, Expression, OptionDefinition, TableDefinition,
        TypeName, WatermarkDefinition,
    },
};

/// Reads what follows CREATE.
pub(super) fn create(reader: &mut Reader<'_>) -> Result<StatementKind, SqlError> {
    let start = reader.last();
    if reader.accept("OR") {
        return Err(
            SqlError::new("CREATE OR REPLACE is not served", start).with_hint("DROP TABLE first")
        );
    }
    let temporary = reader.accept("TEMPORARY");
    let is_view = reader.is("VIEW");
    if !is_view && !reader.is("TABLE") {
        return Err(reader
            .unexpected("TABLE")
            .with_hint("tables are all that can be created for now"));
    }
    let word = reader.here();
    reader.parser.next_token();
    let if_not_exists = reader.accept_all(&["IF", "NOT", "EXISTS"]);
    let name = reader.table_name()?;
    if is_view && (reader.is("AS") || !temporary) {
        return Err(SqlError::new("views are not served yet", word)
            .with_hint("write the query where it is used: WITH v AS (SELECT …) SELECT … FROM v"));
    }
    if is_view {
        reader.warnings.push(
            "CREATE TEMPORARY VIEW … WITH is not Flink SQL: taken as CREATE TEMPORARY TABLE"
                .to_owned(),
        );
    }
    let mut definition = TableDefinition {
        name,
        columns: Vec::new(),
        watermark: None,
        primary_key: Vec::new(),
        comment: None,
        options: Vec::new(),
        span: start,
        start: Place::of(reader.text, start.start),
    };
    if reader.is("LIKE") || reader.is("AS") {
        return Err(SqlError::new(
            "CREATE TABLE … LIKE and … AS are not served yet",
            reader.here(),
        )
        .with_hint("list the columns and options"));
    }
    elements(reader, &mut definition)?;
    after_columns(reader, &mut definition)?;
    definition.span = Span::new(start.start, reader.last().end);
    let definition = Box::new(definition);
    Ok(StatementKind::CreateTable { definition, temporary, if_not_exists })
}

fn elements(reader: &mut Reader<'_>, definition: &mut TableDefinition) -> Result<(), SqlError> {
    reader.expect_symbol(&Token::LParen)?;
    loop {
        if definition.columns.len() >= limits::COLUMNS_MAX {
            return Err(SqlError::new("too many columns", reader.here())
                .with_hint(format!("at most {}", limits::COLUMNS_MAX)));
        }
        element(reader, definition)?;
        if !reader.accept_symbol(&Token::Comma) {
            reader.expect_symbol(&Token::RParen)?;
            return Ok(());
        }
    }
}

fn element(reader: &mut Reader<'_>, definition: &mut TableDefinition) -> Result<(), SqlError> {
    if reader.is("WATERMARK") && reader.is_nth(1, "FOR") {
        let start = reader.here();
        let watermark = watermark(reader)?;
        if definition.watermark.is_some() {
            return Err(SqlError::new("a table has one watermark only", start));
        }
        definition.watermark = Some(watermark);
        return Ok(());
    }
    let start = reader.here();
    if reader.accept("CONSTRAINT") {
        reader.name("the constraint's name")?;
    }
    if reader.accept_all(&["PRIMARY", "KEY"]) {
        let key = names(reader)?;
        expect_not_enforced(reader)?;
        return set_primary_key(definition, key, start);
    }
    if reader.is("UNIQUE") || reader.is("PERIOD") {
        return Err(reader.unexpected("a column, WATERMARK or PRIMARY KEY"));
    }
    column(reader, definition)
}

fn column(reader: &mut Reader<'_>, definition: &mut TableDefinition) -> Result<(), SqlError> {
    let name = reader.name("a column's name")?;
    let kind = if reader.accept("AS") {
        let (value, text) = expression_with_text(reader)?;
        ColumnDefinitionKind::Computed { value, text }
    } else {
        let of = type_name(reader)?;
        if reader.accept("METADATA") {
            let from = if reader.accept("FROM") {
                Some(reader.string("a metadata key in quotes")?)
            } else {
                None
            };
            let is_virtual = reader.accept("VIRTUAL");
            ColumnDefinitionKind::Metadata { of, from, is_virtual }
        } else {
            ColumnDefinitionKind::Physical(of)
        }
    };
    let mark = reader.here();
    if reader.accept_all(&["PRIMARY", "KEY"]) {
        expect_not_enforced(reader)?;
        set_primary_key(definition, vec![name.clone()], mark)?;
    }
    let comment = if reader.accept("COMMENT") {
        Some(reader.string("a comment in quotes")?.text)
    } else {
        None
    };
    definition.columns.push(ColumnDefinition { name, kind, comment });
    Ok(())
}

fn expect_not_enforced(reader: &mut Reader<'_>) -> Result<(), SqlError> {
    if reader.accept_all(&["NOT", "ENFORCED"]) {
        return Ok(());
    }
    Err(reader
        .unexpected("NOT ENFORCED")
        .with_hint("keys of a topic cannot be enforced: write PRIMARY KEY (…) NOT ENFORCED"))
}

fn set_primary_key(
    definition: &mut TableDefinition,
    key: Vec<crate::syntax::Name>,
    at: Span,
) -> Result<(), SqlError> {
    if !definition.primary_key.is_empty() {
        return Err(SqlError::new("a table has one PRIMARY KEY only", at));
    }
    definition.primary_key = key;
    Ok(())
}

fn watermark(reader: &mut Reader<'_>) -> Result<WatermarkDefinition, SqlError> {
    let start = reader.here();
    reader.expect("WATERMARK")?;
    reader.expect("FOR")?;
    let column = reader.name("the row time column")?;
    reader.expect("AS")?;
    let (mark, text) = expression_with_text(reader)?;
    Ok(WatermarkDefinition { column, mark, text, span: Span::new(start.start, reader.last().end) })
}

fn expression_with_text(reader: &mut Reader<'_>) -> Result<(Expression, String), SqlError> {
    let start = reader.here().start;
    let value = reader.expression()?;
    let text = Span::new(start, reader.last().end).of(reader.text).to_owned();
    Ok((value, text))
}

fn type_name(reader: &mut Reader<'_>) -> Result<TypeName, SqlError> {
    let start = reader.here();
    match types::parse(&mut reader.parser) {
        Ok(name) => Ok(TypeName { span: Span::new(start.start, reader.last().end), ..name }),
        Err(error) => Err(reader.refused(error, start)),
    }
}

/// COMMENT and WITH.
fn after_columns(
    reader: &mut Reader<'_>,
    definition: &mut TableDefinition,
) -> Result<(), SqlError> {
    if reader.accept("COMMENT") {
        definition.comment = Some(reader.string("a comment in quotes")?.text);
    }
    if reader.is("PARTITIONED") || reader.is("DISTRIBUTED") {
        return Err(SqlError::new("PARTITIONED BY and DISTRIBUTED are not served", reader.here())
            .with_hint("a topic is partitioned by its key: see 'key.fields'"));
    }
    if !reader.accept("WITH") {
        return Err(reader
            .unexpected("WITH (…)")
            .with_hint("say where the table lies: WITH ('connector' = 'kafka', 'topic' = '…', 'format' = 'json')"));
    }
    reader.expect_symbol(&Token::LParen)?;
    loop {
        let key = reader.string("an option's key in quotes")?;
        reader.expect_symbol(&Token::Eq)?;
        let value = reader.string("the option's value in quotes")?;
        if definition.options.iter().any(|option| option.key.text == key.text) {
            return Err(SqlError::new(format!("option '{}' is given twice", key.text), key.span));
        }
        definition.options.push(OptionDefinition { key, value });
        if !reader.accept_symbol(&Token::Comma) {
            reader.expect_symbol(&Token::RParen)?;
            break;
        }
    }
    if reader.is("LIKE") || reader.is("AS") {
        return Err(SqlError::new(
            "CREATE TABLE … LIKE and … AS are not served yet",
            reader.here(),
        )
        .with_hint("list the columns and options; fill the table by INSERT INTO"));
    }
    Ok(())
}
