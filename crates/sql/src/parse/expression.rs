//! `sqlparser`'s expressions to ours. What Flink does not have, or is not served, is refused here by name.

use sqlparser::ast::{BinaryOperator, CastKind, Expr as Tree, Ident, UnaryOperator};

use super::{places::Places, types};
use crate::{
    SqlError, limits,
    span::Span,
    syntax::{Expression, ExpressionKind as Kind, Name, Operator},
};

/// Reads trees of one statement.
pub(super) struct Translator<'a> {
    pub(super) places: &'a Places,
    /// Where to point when a tree knows no place.
    pub(super) near: Span,
}

impl Translator<'_> {
    /// `depth` counts the levels above; the trees of hostile text are as deep as the text is long.
    pub(super) fn expression(&self, tree: &Tree, depth: usize) -> Result<Expression, SqlError> {
        if depth > limits::EXPRESSION_DEPTH_MAX {
            return Err(SqlError::new("the expression is nested too deeply", self.near)
                .with_hint(format!("at most {} levels", limits::EXPRESSION_DEPTH_MAX)));
        }
        let depth = depth + 1;
        let of = |tree: &Tree| self.expression(tree, depth);
        match tree {
            Tree::Nested(inner) => of(inner),
            Tree::Identifier(name) => {
                let name = self.name(name);
                Ok(node(name.span, Kind::Column(vec![name])))
            }
            Tree::CompoundIdentifier(parts) => {
                let names: Vec<Name> = parts.iter().map(|part| self.name(part)).collect();
                let span = names.iter().fold(Span::default(), |span, name| span.to(name.span));
                Ok(node(span, Kind::Column(names)))
            }
            Tree::Value(value) => self.literal(&value.value, self.places.span(value.span)),
            Tree::TypedString(typed) => self.moment(typed),
            Tree::Interval(interval) => self.interval(interval),
            Tree::BinaryOp { left, op, right } => self.binary(left, op, right, depth),
            Tree::UnaryOp { op, expr } => self.unary(*op, expr, depth),
            Tree::Case { operand, conditions, else_result, case_token, end_token } => {
                let operand = operand.as_deref().map(of).transpose()?.map(Box::new);
                let branches = conditions
                    .iter()
                    .map(|when| Ok((of(&when.condition)?, of(&when.result)?)))
                    .collect::<Result<_, SqlError>>()?;
                let otherwise = else_result.as_deref().map(of).transpose()?.map(Box::new);
                let span =
                    self.places.span(case_token.0.span).to(self.places.span(end_token.0.span));
                Ok(node(span, Kind::Case { operand, branches, otherwise }))
            }
            Tree::Cast { kind, expr, data_type, .. } => {
                let from = of(expr)?;
                let sqlparser::ast::DataType::Custom(name, _) = data_type else {
                    return Err(self.cast_operator(kind, from.span));
                };
                let ident = name.0.first().and_then(|part| part.as_ident());
                let span = ident.map_or(from.span, |ident| self.places.span(ident.span));
                let to = ident.and_then(|ident| types::parse_text(&ident.value, span));
                let Some(to) = to.filter(|_| matches!(kind, CastKind::Cast | CastKind::TryCast))
                else {
                    return Err(self.cast_operator(kind, from.span));
                };
                let or_null = *kind == CastKind::TryCast;
                let span = from.span.to(span);
                Ok(node(span, Kind::Cast { from: Box::new(from), to, or_null }))
            }
            _ => self.predicate(tree, depth),
        }
    }

    pub(super) fn name(&self, ident: &Ident) -> Name {
        Name { text: ident.value.clone(), span: self.places.span(ident.span) }
    }

    pub(super) fn refuse<T>(&self, what: &str, span: Span, hint: &str) -> Result<T, SqlError> {
        let span = if span == Span::default() { self.near } else { span };
        Err(SqlError::new(format!("{what} is not served"), span).with_hint(hint))
    }

    fn cast_operator(&self, kind: &CastKind, span: Span) -> SqlError {
        let what = if *kind == CastKind::DoubleColon {
            "the operator :: is"
        } else {
            "this form of a cast is"
        };
        SqlError::new(format!("{what} not SQL"), span.to(Span::default()))
            .with_hint("write CAST(x AS type)")
    }

    fn unary(&self, op: UnaryOperator, inner: &Tree, depth: usize) -> Result<Expression, SqlError> {
        let inner = self.expression(inner, depth)?;
        let span = inner.span;
        match op {
            UnaryOperator::Plus => Ok(inner),
            UnaryOperator::Not => Ok(node(span, Kind::Not(Box::new(inner)))),
            UnaryOperator::Minus => Ok(node(span, Kind::Negate(Box::new(inner)))),
            _ => self.refuse(
                &format!("the operator {op}"),
                span,
                "Flink's are + - * / % || and comparisons",
            ),
        }
    }

    fn binary(
        &self,
        left: &Tree,
        op: &BinaryOperator,
        right: &Tree,
        depth: usize,
    ) -> Result<Expression, SqlError> {
        let operator = match op {
            BinaryOperator::And | BinaryOperator::Or => return self.chain(left, op, right, depth),
            BinaryOperator::Plus => Operator::Add,
            BinaryOperator::Minus => Operator::Subtract,
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Divide => Operator::Divide,
            BinaryOperator::Modulo => Operator::Modulo,
            BinaryOperator::StringConcat => Operator::Concat,
            BinaryOperator::Eq => Operator::Equal,
            BinaryOperator::NotEq => Operator::NotEqual,
            BinaryOperator::Lt => Operator::Less,
            BinaryOperator::LtEq => Operator::LessOrEqual,
            BinaryOperator::Gt => Operator::Greater,
            BinaryOperator::GtEq => Operator::GreaterOrEqual,
            _ => {
                return self.refuse(
                    &format!("the operator {op}"),
                    self.near,
                    "Flink's are + - * / % || = <> < <= > >= AND OR NOT",
                );
            }
        };
        Ok(pair(operator, self.expression(left, depth)?, self.expression(right, depth)?))
    }

    /// `a AND b AND c` as one node: such chains are long and would be deep.
    fn chain(
        &self,
        left: &Tree,
        op: &BinaryOperator,
        right: &Tree,
        depth: usize,
    ) -> Result<Expression, SqlError> {
        let mut terms = vec![right];
        let mut rest = left;
        while let Tree::BinaryOp { left, op: inner, right } = rest
            && inner == op
        {
            terms.push(right);
            rest = left;
        }
        terms.push(rest);
        let terms = terms
            .into_iter()
            .rev()
            .map(|term| self.expression(term, depth))
            .collect::<Result<Vec<_>, _>>()?;
        let span = terms.iter().fold(Span::default(), |span, term| span.to(term.span));
        Ok(node(span, if *op == BinaryOperator::And { Kind::And(terms) } else { Kind::Or(terms) }))
    }
}

pub(super) fn node(span: Span, kind: Kind) -> Expression {
    Expression { kind, span }
}

pub(super) fn pair(operator: Operator, left: Expression, right: Expression) -> Expression {
    node(left.span.to(right.span), Kind::Binary(operator, Box::new(left), Box::new(right)))
}
