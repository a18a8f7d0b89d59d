//! What `sqlparser` has to know about Flink: back-ticks, `CAST` to Flink's types, `TABLE t` as an argument.

use std::cell::Cell;

use sqlparser::{
    ast::{
        CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
        FunctionArguments, Ident, ObjectName,
    },
    dialect::Dialect,
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::{Span, Token, Word},
};

use super::types;

/// The name of the call that `TABLE t` becomes; no identifier can be spelled so.
pub(super) const TABLE_ARGUMENT: &str = "TABLE t";
/// The same with a PARTITION BY behind it.
pub(super) const PARTITIONED_TABLE_ARGUMENT: &str = "TABLE t PARTITION BY";

/// Flink's lexical rules and hooks.
#[derive(Debug)]
pub(super) struct FlinkDialect {
    /// How many more expressions may be begun, counting every alternative that is tried.
    budget: Cell<usize>,
}

impl FlinkDialect {
    /// Expressions begun per token. Honest text needs few; what needs more is made to try alternatives for ever.
    const STARTS_PER_TOKEN: usize = 64;

    pub(super) fn for_tokens(count: usize) -> Self {
        Self { budget: Cell::new(count.saturating_mul(Self::STARTS_PER_TOKEN)) }
    }
}

impl Dialect for FlinkDialect {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }

    fn identifier_quote_style(&self, _identifier: &str) -> Option<char> {
        Some('`')
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$'
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }

    fn supports_subquery_as_function_arg(&self) -> bool {
        false
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let Some(left) = self.budget.get().checked_sub(1) else {
            return Some(Err(ParserError::RecursionLimitExceeded));
        };
        self.budget.set(left);
        let keyword = match &parser.peek_token_ref().token {
            Token::Word(Word { quote_style: None, keyword, .. }) => *keyword,
            _ => return None,
        };
        let next = parser.peek_nth_token(1).token;
        match (keyword, next) {
            (Keyword::CAST, Token::LParen) => Some(parse_cast(parser, CastKind::Cast)),
            (Keyword::TRY_CAST, Token::LParen) => Some(parse_cast(parser, CastKind::TryCast)),
            (Keyword::TABLE, Token::Word(_)) => Some(parse_table_argument(parser)),
            (Keyword::TRIM, Token::LParen) => parse_bare_trim(parser),
            _ => None,
        }
    }
}

/// `CAST(x AS type)`: the type travels as text in a custom type's name, read again by [`types::parse_text`].
fn parse_cast(parser: &mut Parser, kind: CastKind) -> Result<Expr, ParserError> {
    parser.next_token();
    parser.expect_token(&Token::LParen)?;
    let expr = parser.parse_expr()?;
    parser.expect_keyword_is(Keyword::AS)?;
    let start = parser.peek_token_ref().span;
    let to = types::parse(parser)?;
    let span = start.union(&parser.get_current_token().span);
    parser.expect_token(&Token::RParen)?;
    let name = Ident { value: to.declared, quote_style: None, span };
    let data_type = DataType::Custom(ObjectName::from(vec![name]), Vec::new());
    Ok(Expr::Cast { kind, expr: Box::new(expr), data_type, format: None })
}

/// `TRIM(LEADING FROM x)`; with characters to trim, and without a side, it is left to the parser.
fn parse_bare_trim(parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
    let word = |nth| match parser.peek_nth_token(nth).token {
        Token::Word(Word { quote_style: None, keyword, .. }) => keyword,
        _ => Keyword::NoKeyword,
    };
    let called = match (word(2), word(3)) {
        (Keyword::LEADING, Keyword::FROM) => "LTRIM",
        (Keyword::TRAILING, Keyword::FROM) => "RTRIM",
        (Keyword::BOTH, Keyword::FROM) => "TRIM",
        _ => return None,
    };
    let span = parser.next_token().span;
    (0..3).for_each(|_| drop(parser.next_token()));
    let read = |parser: &mut Parser| {
        let argument = parser.parse_expr()?;
        parser.expect_token(&Token::RParen)?;
        Ok(call(called, span, argument))
    };
    Some(read(parser))
}

/// `TABLE t [PARTITION BY a, b]`.
fn parse_table_argument(parser: &mut Parser) -> Result<Expr, ParserError> {
    let start = parser.next_token().span;
    let name = parser.parse_object_name(false)?;
    let partitioned = parser.parse_keywords(&[Keyword::PARTITION, Keyword::BY]);
    if partitioned {
        parser.parse_comma_separated(Parser::parse_expr)?;
    }
    let argument = Expr::CompoundIdentifier(
        name.0.into_iter().filter_map(|part| part.as_ident().cloned()).collect(),
    );
    let called = if partitioned { PARTITIONED_TABLE_ARGUMENT } else { TABLE_ARGUMENT };
    Ok(call(called, start, argument))
}

fn call(called: &str, span: Span, argument: Expr) -> Expr {
    let ident = Ident { value: called.to_owned(), quote_style: None, span };
    Expr::Function(Function {
        name: ObjectName::from(vec![ident]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))],
            clauses: Vec::new(),
        }),
        within_group: Vec::new(),
        filter: None,
        null_treatment: None,
        over: None,
    })
}
