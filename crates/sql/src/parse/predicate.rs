//! What asks and answers TRUE, FALSE or unknown: IS, BETWEEN, IN, LIKE.

use sqlparser::ast::Expr as Tree;

use super::expression::{Translator, node, pair};
use crate::{
    SqlError,
    syntax::{Expression, ExpressionKind as Kind, Operator, Test},
};

impl Translator<'_> {
    pub(super) fn predicate(&self, tree: &Tree, depth: usize) -> Result<Expression, SqlError> {
        let of = |tree: &Tree| self.expression(tree, depth);
        let is = |test: Test, tree: &Tree| {
            of(tree).map(|inner| node(inner.span, Kind::Is(test, Box::new(inner))))
        };
        match tree {
            Tree::IsNull(inner) => is(Test::Null, inner),
            Tree::IsNotNull(inner) => is(Test::NotNull, inner),
            Tree::IsTrue(inner) => is(Test::True, inner),
            Tree::IsNotTrue(inner) => is(Test::NotTrue, inner),
            Tree::IsFalse(inner) => is(Test::False, inner),
            Tree::IsNotFalse(inner) => is(Test::NotFalse, inner),
            Tree::IsUnknown(inner) => is(Test::Unknown, inner),
            Tree::IsNotUnknown(inner) => is(Test::NotUnknown, inner),
            Tree::IsDistinctFrom(left, right) => {
                Ok(pair(Operator::IsDistinctFrom, of(left)?, of(right)?))
            }
            Tree::IsNotDistinctFrom(left, right) => {
                Ok(pair(Operator::IsNotDistinctFrom, of(left)?, of(right)?))
            }
            Tree::Between { expr, negated, low, high } => {
                let (of, low, high) = (of(expr)?, of(low)?, of(high)?);
                let span = of.span.to(high.span);
                let (of, low, high) = (Box::new(of), Box::new(low), Box::new(high));
                Ok(node(span, Kind::Between { of, low, high, negated: *negated }))
            }
            Tree::InList { expr, list, negated } => {
                let of = self.expression(expr, depth)?;
                let list = list
                    .iter()
                    .map(|it| self.expression(it, depth))
                    .collect::<Result<Vec<_>, _>>()?;
                let span = list.iter().fold(of.span, |span, it| span.to(it.span));
                Ok(node(span, Kind::In { of: Box::new(of), list, negated: *negated }))
            }
            Tree::Like { negated, any: false, expr, pattern, escape_char } => {
                let escape =
                    escape_char.as_deref().map(|escape| self.escape(escape)).transpose()?;
                let (of, pattern) = (of(expr)?, of(pattern)?);
                let span = of.span.to(pattern.span);
                let (of, pattern) = (Box::new(of), Box::new(pattern));
                Ok(node(span, Kind::Like { of, pattern, escape, negated: *negated }))
            }
            _ => self.special(tree, depth),
        }
    }

    fn escape(&self, escape: &Tree) -> Result<char, SqlError> {
        let expression = self.expression(escape, 0)?;
        if let Kind::Text(text) = &expression.kind {
            let mut characters = text.chars();
            if let (Some(escape), None) = (characters.next(), characters.next()) {
                return Ok(escape);
            }
        }
        Err(SqlError::new("ESCAPE takes one character in quotes", expression.span))
    }
}
