//! Type names, in Flink's spellings.

use flow::types::Type;
use sqlparser::{
    parser::{Parser, ParserError},
    tokenizer::{Token, Tokenizer, Word},
};

use super::dialect::FlinkDialect;
use crate::{
    span::Span,
    syntax::{Length, TypeName},
};

/// Digits that a time here has behind the second; Flink's may have more, and lose them on the way in.
const FRACTION_MAX: u8 = 3;

/// Reads a type, with `[NOT] NULL` behind it. Its span is left to the caller.
pub(super) fn parse(parser: &mut Parser) -> Result<TypeName, ParserError> {
    let first = parser.next_token();
    let Token::Word(Word { value, quote_style: None, .. }) = &first.token else {
        return parser.expected("a type", first);
    };
    let location = first.span.start;
    let word = value.to_ascii_uppercase();
    let mut name = match word.as_str() {
        "BOOLEAN" => plain(Type::Boolean, "BOOLEAN"),
        "TINYINT" => plain(Type::TinyInt, "TINYINT"),
        "SMALLINT" => plain(Type::SmallInt, "SMALLINT"),
        "INT" | "INTEGER" => plain(Type::Int, "INT"),
        "BIGINT" => plain(Type::BigInt, "BIGINT"),
        "FLOAT" => plain(Type::Float, "FLOAT"),
        "DOUBLE" => {
            accept(parser, "PRECISION");
            plain(Type::Double, "DOUBLE")
        }
        "STRING" => plain(Type::String, "STRING"),
        "BYTES" => plain(Type::Bytes, "BYTES"),
        "DATE" => plain(Type::Date, "DATE"),
        "CHAR" | "VARCHAR" => text(parser, word == "CHAR")?,
        "BINARY" | "VARBINARY" => {
            let length = arguments(parser)?.first().copied().unwrap_or(1);
            TypeName { declared: format!("{word}({length})"), ..plain(Type::Bytes, "BYTES") }
        }
        "DECIMAL" | "DEC" | "NUMERIC" => decimal(parser)?,
        "TIME" => {
            let precision = arguments(parser)?.first().copied().unwrap_or(0);
            without_zone(parser)?;
            TypeName { declared: format!("TIME({precision})"), ..plain(Type::Time, "TIME") }
        }
        "TIMESTAMP" | "TIMESTAMP_LTZ" => timestamp(parser, word == "TIMESTAMP_LTZ")?,
        "ARRAY" | "MAP" | "MULTISET" | "ROW" | "RAW" | "VARIANT" | "STRUCTURED" | "INTERVAL" => {
            return Err(ParserError::ParserError(format!(
                "type {word} is not served yet; a STRING column receives a JSON object or array as text{location}"
            )));
        }
        _ => return Err(ParserError::ParserError(format!("unknown type '{value}'{location}"))),
    };
    if accept(parser, "NOT") {
        expect(parser, "NULL")?;
        name.nullable = false;
    } else {
        accept(parser, "NULL");
    }
    Ok(name)
}

/// Reads a type that [`parse`] has spelled.
pub(super) fn parse_text(declared: &str, span: Span) -> Option<TypeName> {
    let dialect = FlinkDialect::for_tokens(declared.len());
    let tokens = Tokenizer::new(&dialect, declared).tokenize().ok()?;
    let mut parser = Parser::new(&dialect).with_tokens(tokens);
    parse(&mut parser).ok().map(|name| TypeName { span, ..name })
}

fn plain(of: Type, declared: &str) -> TypeName {
    TypeName {
        of,
        length: None,
        nullable: true,
        declared: declared.to_owned(),
        span: Span::default(),
    }
}

fn text(parser: &mut Parser, padded: bool) -> Result<TypeName, ParserError> {
    let characters = arguments(parser)?.first().copied().unwrap_or(1);
    let word = if padded { "CHAR" } else { "VARCHAR" };
    let unbounded = characters >= i32::MAX.unsigned_abs();
    Ok(TypeName {
        length: (!unbounded).then_some(Length { characters, padded }),
        ..plain(Type::String, &format!("{word}({characters})"))
    })
}

fn decimal(parser: &mut Parser) -> Result<TypeName, ParserError> {
    let location = parser.get_current_token().span.start;
    let given = arguments(parser)?;
    let precision = given.first().copied().unwrap_or(10);
    let scale = given.get(1).copied().unwrap_or(0);
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision @ 1..=38), Ok(scale)) if scale <= precision => {
            let of = Type::Decimal { precision, scale };
            Ok(plain(of, &of.to_string()))
        }
        _ => Err(ParserError::ParserError(format!(
            "DECIMAL({precision}, {scale}) does not exist; the precision is 1 to 38, the scale 0 to the precision{location}"
        ))),
    }
}

fn timestamp(parser: &mut Parser, local: bool) -> Result<TypeName, ParserError> {
    let location = parser.get_current_token().span.start;
    let given = arguments(parser)?.first().copied().unwrap_or(6);
    let local = without_zone(parser)? || local;
    let Some(written) = u8::try_from(given).ok().filter(|precision| *precision <= 9) else {
        return Err(ParserError::ParserError(format!(
            "TIMESTAMP({given}) does not exist; the precision is 0 to 9{location}"
        )));
    };
    let precision = written.min(FRACTION_MAX);
    let (of, word) = if local {
        (Type::TimestampLtz { precision }, "TIMESTAMP_LTZ")
    } else {
        (Type::Timestamp { precision }, "TIMESTAMP")
    };
    Ok(plain(of, &format!("{word}({written})")))
}

/// `WITHOUT TIME ZONE`, `WITH LOCAL TIME ZONE`: whether the latter.
fn without_zone(parser: &mut Parser) -> Result<bool, ParserError> {
    let with = is_word(parser, "WITH");
    if !with && !is_word(parser, "WITHOUT") {
        return Ok(false);
    }
    let location = parser.next_token().span.start;
    if with && !accept(parser, "LOCAL") {
        return Err(ParserError::ParserError(format!(
            "WITH TIME ZONE is not served; use TIMESTAMP_LTZ, an instant{location}"
        )));
    }
    expect(parser, "TIME")?;
    expect(parser, "ZONE")?;
    Ok(with)
}

/// `(1, 2)`, if it is there.
fn arguments(parser: &mut Parser) -> Result<Vec<u32>, ParserError> {
    if !parser.consume_token(&Token::LParen) {
        return Ok(Vec::new());
    }
    let mut given = Vec::new();
    loop {
        let token = parser.next_token();
        match &token.token {
            Token::Number(digits, _) => match digits.parse() {
                Ok(number) => given.push(number),
                Err(_) => return parser.expected("a length", token),
            },
            _ => return parser.expected("a length", token),
        }
        if given.len() < 2 && parser.consume_token(&Token::Comma) {
            continue;
        }
        parser.expect_token(&Token::RParen)?;
        return Ok(given);
    }
}

fn is_word(parser: &Parser, word: &str) -> bool {
    matches!(&parser.peek_token_ref().token,
        Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(word))
}

fn accept(parser: &mut Parser, word: &str) -> bool {
    let there = is_word(parser, word);
    if there {
        parser.next_token();
    }
    there
}

fn expect(parser: &mut Parser, word: &str) -> Result<(), ParserError> {
    if accept(parser, word) { Ok(()) } else { parser.expected(word, parser.peek_token()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_become_flinks() {
        let table = [
            ("integer", "INT", Type::Int),
            ("double precision", "DOUBLE", Type::Double),
            ("numeric", "DECIMAL(10, 0)", Type::Decimal { precision: 10, scale: 0 }),
            ("dec(5)", "DECIMAL(5, 0)", Type::Decimal { precision: 5, scale: 0 }),
            ("timestamp", "TIMESTAMP(6)", Type::Timestamp { precision: 3 }),
            ("TIMESTAMP(3) WITHOUT TIME ZONE", "TIMESTAMP(3)", Type::Timestamp { precision: 3 }),
            (
                "timestamp(0) with local time zone",
                "TIMESTAMP_LTZ(0)",
                Type::TimestampLtz { precision: 0 },
            ),
            ("TIMESTAMP_LTZ(9)", "TIMESTAMP_LTZ(9)", Type::TimestampLtz { precision: 3 }),
            ("varchar(2147483647)", "VARCHAR(2147483647)", Type::String),
            ("char", "CHAR(1)", Type::String),
            ("varbinary(3)", "VARBINARY(3)", Type::Bytes),
        ];
        for (text, declared, of) in table {
            let name = parse_text(text, Span::default()).expect(text);
            assert_eq!(
                (name.declared.as_str(), name.of, name.nullable),
                (declared, of, true),
                "{text}"
            );
        }
        assert!(!parse_text("INT NOT NULL", Span::default()).expect("parses").nullable);
    }

    #[test]
    fn what_flink_has_not_is_refused() {
        for text in [
            "DECIMAL(39, 1)",
            "DECIMAL(2, 3)",
            "TIMESTAMP(10)",
            "BOGUS",
            "ROW<a INT>",
            "CHAR('a')",
            "",
        ] {
            assert!(parse_text(text, Span::default()).is_none(), "{text}");
        }
    }
}
