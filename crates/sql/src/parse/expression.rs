//! `sqlparser`'s expressions to ours. What Flink does not have, or is not served, is refused here by name.

use sqlparser::ast::{
    BinaryOperator, CastKind, Expr as Tree, Ident, TypedString, UnaryOperator, Value,
};

use super::{
    interval::{self, Unit},
    places::Places,
    types,
};
use crate::{
    SqlError, limits,
    span::Span,
    syntax::{Expression, ExpressionKind as Kind, Name, Operator, Test},
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
        let is = |test: Test, tree: &Tree| {
            of(tree).map(|inner| node(inner.span, Kind::Is(test, Box::new(inner))))
        };
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
            _ => self.special(tree, depth),
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

    fn literal(&self, value: &Value, span: Span) -> Result<Expression, SqlError> {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Boolean(truth) => Kind::Boolean(*truth),
            Value::Number(digits, false) => Kind::Number(digits.clone()),
            Value::SingleQuotedString(text)
            | Value::NationalStringLiteral(text)
            | Value::UnicodeStringLiteral(text) => Kind::Text(text.clone()),
            Value::HexStringLiteral(digits) => match hex(digits) {
                Some(bytes) => Kind::Bytes(bytes),
                None => {
                    return Err(SqlError::new("not a binary literal", span)
                        .with_hint("write X'0aff': pairs of hexadecimal digits"));
                }
            },
            Value::DoubleQuotedString(_) => {
                return Err(SqlError::new("double quotes are not used in Flink SQL", span)
                    .with_hint("text stands in 'single quotes', names in `back-ticks`"));
            }
            _ => return Err(SqlError::new("this kind of literal is not SQL", span)),
        };
        Ok(node(span, kind))
    }

    /// `DATE '2020-01-31'`.
    fn moment(&self, typed: &TypedString) -> Result<Expression, SqlError> {
        use flow::types::Type;
        use sqlparser::ast::{DataType, TimezoneInfo};
        let span = self.places.span(typed.value.span);
        let of = match typed.data_type {
            DataType::Date => Type::Date,
            DataType::Time(None, TimezoneInfo::None) => Type::Time,
            DataType::Timestamp(None, TimezoneInfo::None) => Type::Timestamp { precision: 3 },
            _ => {
                return Err(SqlError::new(
                    "a type before a literal is DATE, TIME or TIMESTAMP",
                    span,
                )
                .with_hint("write CAST('…' AS type)"));
            }
        };
        match &typed.value.value {
            Value::SingleQuotedString(text) => Ok(node(span, Kind::Moment(of, text.clone()))),
            _ => Err(SqlError::new("expected text in single quotes", span)),
        }
    }

    fn interval(&self, interval: &sqlparser::ast::Interval) -> Result<Expression, SqlError> {
        let (text, span) = match &*interval.value {
            Tree::Value(value) => match &value.value {
                Value::SingleQuotedString(text) | Value::Number(text, _) => {
                    (text.clone(), self.places.span(value.span))
                }
                _ => {
                    return self.refuse(
                        "this form of INTERVAL",
                        self.near,
                        "write INTERVAL '5' MINUTE",
                    );
                }
            },
            Tree::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
                Tree::Value(value) => match &value.value {
                    Value::SingleQuotedString(text) | Value::Number(text, _) => {
                        (format!("-{text}"), self.places.span(value.span))
                    }
                    _ => {
                        return self.refuse(
                            "this form of INTERVAL",
                            self.near,
                            "write INTERVAL '5' MINUTE",
                        );
                    }
                },
                _ => {
                    return self.refuse(
                        "this form of INTERVAL",
                        self.near,
                        "write INTERVAL '5' MINUTE",
                    );
                }
            },
            _ => {
                return self.refuse(
                    "an INTERVAL of a computed length",
                    self.near,
                    "write a constant: INTERVAL '5' MINUTE, or TIMESTAMPADD(MINUTE, 5, x)",
                );
            }
        };
        let unit = |field: &Option<sqlparser::ast::DateTimeField>| {
            field.as_ref().map(|field| Unit::parse(&field.to_string()))
        };
        let (from, to) = (unit(&interval.leading_field), unit(&interval.last_field));
        let hint = "write INTERVAL '5' MINUTE; units are SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER, YEAR, \
            and ranges like DAY TO SECOND";
        let (Some(Some(from)), None | Some(Some(_))) = (from, to) else {
            return Err(SqlError::new("the INTERVAL has no unit", span).with_hint(hint));
        };
        match interval::parse(&text, from, to.flatten()) {
            Some(interval) => Ok(node(span, Kind::Interval(interval))),
            None => {
                Err(SqlError::new(format!("'{text}' is no such INTERVAL"), span).with_hint(hint))
            }
        }
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

pub(super) fn node(span: Span, kind: Kind) -> Expression {
    Expression { kind, span }
}

fn pair(operator: Operator, left: Expression, right: Expression) -> Expression {
    node(left.span.to(right.span), Kind::Binary(operator, Box::new(left), Box::new(right)))
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = digits.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte * 16 + digit)).ok())
        .collect()
}
