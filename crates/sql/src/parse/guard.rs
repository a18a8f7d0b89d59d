//! Bounds over tokens, checked before anything recurses over what they say.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::places::Places;
use crate::{SqlError, limits};

/// Refuses statements of too many tokens or too deep parentheses.
pub(super) fn check(tokens: &[TokenWithSpan], places: &Places) -> Result<(), SqlError> {
    let (mut in_statement, mut open) = (0, 0_usize);
    for it in tokens {
        match it.token {
            Token::Whitespace(_) => continue,
            Token::SemiColon => (in_statement, open) = (0, 0),
            Token::LParen | Token::LBracket | Token::LBrace => open += 1,
            Token::RParen | Token::RBracket | Token::RBrace => open = open.saturating_sub(1),
            _ => {}
        }
        in_statement += 1;
        if in_statement > limits::STATEMENT_TOKENS_MAX {
            let most = limits::STATEMENT_TOKENS_MAX;
            return Err(SqlError::new("the statement is too long", places.span(it.span))
                .with_hint(format!("a statement has at most {most} tokens")));
        }
        if open > limits::NESTING_MAX {
            return Err(too_deep(places, it));
        }
    }
    Ok(())
}

fn too_deep(places: &Places, at: &TokenWithSpan) -> SqlError {
    SqlError::new("the statement is nested too deeply", places.span(at.span))
        .with_hint(format!("at most {} levels", limits::NESTING_MAX))
}
