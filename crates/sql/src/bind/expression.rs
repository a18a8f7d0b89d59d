//! Expressions over the columns of a scope.

use flow::{
    expr::{Expr, Function},
    types::{Type, Value},
};

use super::{
    aggregate::Grouping,
    arithmetic, call,
    coerce::{cast, common, is_castable, is_timestamp, joined},
    literal::{self, constant, null},
    moment, nodes,
    scope::Scope,
    time,
};
use crate::{
    SqlError, limits,
    span::Span,
    syntax::{Expression, ExpressionKind as Kind, Length, Operator, Test, TypeName},
};

/// Binds expressions.
pub(crate) struct Binder<'a> {
    pub(super) scope: &'a Scope,
    /// Behind a GROUP BY: what may be named are its keys and aggregates.
    pub(super) grouping: Option<&'a mut Grouping>,
}

impl<'a> Binder<'a> {
    /// Over columns, without aggregates.
    pub(crate) const fn plain(scope: &'a Scope) -> Self {
        Self { scope, grouping: None }
    }

    /// The expression of a computed column or a watermark.
    pub(crate) fn computed(&mut self, expression: &Expression) -> Result<Expr, SqlError> {
        let expr = self.bind(expression)?;
        if nodes::levels(&expr) > limits::STORED_LEVELS_MAX {
            return Err(SqlError::new("the expression is nested too deeply", expression.span));
        }
        Ok(expr)
    }

    /// A condition: WHERE, HAVING, FILTER, WHEN.
    pub(super) fn condition(
        &mut self,
        expression: &Expression,
        what: &str,
    ) -> Result<Expr, SqlError> {
        let expr = self.bind(expression)?;
        match expr.of() {
            Type::Boolean => Ok(expr),
            Type::Null => Ok(null(Type::Boolean)),
            of => Err(SqlError::new(
                format!("{what} takes a condition, and this is {of}"),
                expression.span,
            )
            .with_hint("compare it with something: x = 1, x IS NOT NULL")),
        }
    }

    pub(super) fn bind(&mut self, expression: &Expression) -> Result<Expr, SqlError> {
        let span = expression.span;
        let bound = self.bind_node(expression)?;
        if nodes::count(&bound) > limits::EXPRESSION_NODES_MAX {
            return Err(SqlError::new("the expression is too large", span)
                .with_hint("COALESCE, IN and CASE write their operand once per alternative; compute it in a subquery in FROM"));
        }
        Ok(bound)
    }

    fn bind_node(&mut self, expression: &Expression) -> Result<Expr, SqlError> {
        let span = expression.span;
        if let Some(constant) = literal::bind(&expression.kind, span) {
            return constant;
        }
        if self.grouping.is_some()
            && let Some(found) = self.grouped(expression)?
        {
            return Ok(found);
        }
        match &expression.kind {
            Kind::Column(parts) => {
                let column = self.scope.resolve(parts, span)?;
                if self.grouping.is_some() {
                    return Err(SqlError::new(
                        format!("'{}' is not in GROUP BY", column.name),
                        span,
                    )
                    .with_hint("group by it, or aggregate it: MAX(x)"));
                }
                Ok(column.expr.clone())
            }
            Kind::Not(inner) => {
                let inner = self.condition(inner, "NOT")?;
                Ok(truth(Function::Not, vec![inner]))
            }
            Kind::Negate(inner) => self.negated(inner),
            Kind::And(terms) => self.joined(terms, Function::And),
            Kind::Or(terms) => self.joined(terms, Function::Or),
            Kind::Binary(operator, left, right) => self.binary(*operator, left, right, span),
            Kind::Is(test, inner) => self.is(*test, inner),
            Kind::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref(), span)
            }
            Kind::Cast { from, to, or_null } => self.cast(from, to, *or_null),
            Kind::Call(call) => call::bind(self, call, span),
            Kind::Interval(_) => Err(SqlError::new("an INTERVAL stands alone", span)
                .with_hint("add it to a time, or subtract it: ts - INTERVAL '5' SECOND")),
            Kind::Table(_) => Err(SqlError::new("a table or subquery is no value", span)
                .with_hint("put it into FROM")),
            Kind::Descriptor(_) => {
                Err(SqlError::new("DESCRIPTOR belongs to a window in FROM", span)
                    .with_hint("FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))"))
            }
            _ => self.predicate(expression),
        }
    }

    /// BETWEEN, IN, LIKE.
    fn predicate(&mut self, expression: &Expression) -> Result<Expr, SqlError> {
        match &expression.kind {
            Kind::Between { of, low, high, negated } => {
                let value = self.bind(of)?;
                let (low_value, high_value) = (self.bind(low)?, self.bind(high)?);
                let above = compare(Function::GreaterOrEqual, value.clone(), low_value, low.span)?;
                let below = compare(Function::LessOrEqual, value, high_value, high.span)?;
                Ok(negate_if(*negated, truth(Function::And, vec![above, below])))
            }
            Kind::In { of, list, negated } => {
                let value = self.bind(of)?;
                let mut tests = Vec::with_capacity(list.len());
                for item in list {
                    let other = self.bind(item)?;
                    tests.push(compare(Function::Equal, value.clone(), other, item.span)?);
                }
                let any = joined(tests, Function::Or)
                    .unwrap_or(constant(Value::Boolean(false), Type::Boolean));
                Ok(negate_if(*negated, any))
            }
            Kind::Like { of, pattern, escape, negated } => {
                let (value, pattern_value) = (self.text(of)?, self.text(pattern)?);
                let pattern_value = match escape {
                    None => pattern_value,
                    Some(escape) => escaped(pattern_value, *escape, pattern.span)?,
                };
                Ok(negate_if(*negated, truth(Function::Like, vec![value, pattern_value])))
            }
            // Constants and all others were bound by the caller.
            _ => Err(SqlError::new("this expression is not served", expression.span)),
        }
    }

    /// Text; a NULL becomes one.
    pub(super) fn text(&mut self, expression: &Expression) -> Result<Expr, SqlError> {
        let expr = self.bind(expression)?;
        match expr.of() {
            Type::String => Ok(expr),
            Type::Null => Ok(null(Type::String)),
            of => Err(SqlError::new(format!("expected STRING, and this is {of}"), expression.span)
                .with_hint("write CAST(x AS STRING)")),
        }
    }

    fn negated(&mut self, inner: &Expression) -> Result<Expr, SqlError> {
        let span = inner.span;
        let expr = self.bind(inner)?;
        let of = expr.of();
        if !super::coerce::is_numeric(of) {
            return Err(SqlError::new(format!("'-' takes a number, and this is {of}"), span));
        }
        Ok(match expr {
            Expr::Literal { value: Value::Integer(value), of } => match value.checked_neg() {
                Some(value) => constant(Value::Integer(value), of),
                None => return Err(SqlError::new("the number is too large", span)),
            },
            // The least BIGINT: its digits alone are no BIGINT.
            Expr::Literal {
                value: Value::Decimal(value),
                of: Type::Decimal { precision: 19, scale: 0 },
            } if value == 1 << 63 => constant(Value::Integer(i64::MIN), Type::BigInt),
            Expr::Literal { value: Value::Decimal(value), of } => {
                constant(Value::Decimal(-value), of)
            }
            Expr::Literal { value: Value::Double(value), of } => {
                constant(Value::Double(-value), of)
            }
            expr => Expr::Call { function: Function::Negate, arguments: vec![expr], of },
        })
    }

    fn joined(&mut self, terms: &[Expression], function: Function) -> Result<Expr, SqlError> {
        let what = if function == Function::And { "AND" } else { "OR" };
        let bound =
            terms.iter().map(|term| self.condition(term, what)).collect::<Result<Vec<_>, _>>()?;
        Ok(joined(bound, function).unwrap_or(constant(Value::Boolean(true), Type::Boolean)))
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
        span: Span,
    ) -> Result<Expr, SqlError> {
        if let Operator::Add | Operator::Subtract = operator
            && let Some(moved) = time::shifted(self, operator, left, right)?
        {
            return Ok(moved);
        }
        if operator == Operator::Concat {
            let arguments = vec![self.text(left)?, self.text(right)?];
            return Ok(Expr::Call { function: Function::Concat, arguments, of: Type::String });
        }
        let (left, right) = (self.bind(left)?, self.bind(right)?);
        let function = match operator {
            Operator::Add => Function::Add,
            Operator::Subtract => Function::Subtract,
            Operator::Multiply => Function::Multiply,
            Operator::Divide => Function::Divide,
            Operator::Modulo => Function::Modulo,
            Operator::Equal => return compare(Function::Equal, left, right, span),
            Operator::NotEqual => return compare(Function::NotEqual, left, right, span),
            Operator::Less => return compare(Function::Less, left, right, span),
            Operator::LessOrEqual => return compare(Function::LessOrEqual, left, right, span),
            Operator::Greater => return compare(Function::Greater, left, right, span),
            Operator::GreaterOrEqual => {
                return compare(Function::GreaterOrEqual, left, right, span);
            }
            Operator::IsDistinctFrom => {
                return compare(Function::IsDistinctFrom, left, right, span);
            }
            Operator::IsNotDistinctFrom | Operator::Concat => {
                return compare(Function::IsNotDistinctFrom, left, right, span);
            }
        };
        let (from, to) = (left.of(), right.of());
        arithmetic::bind(function, left, right).ok_or_else(|| {
            let error = SqlError::new(format!("no arithmetic between {from} and {to}"), span);
            if is_timestamp(from) && is_timestamp(to) {
                error.with_hint("write TIMESTAMPDIFF(SECOND, a, b)")
            } else if is_timestamp(from) || is_timestamp(to) {
                error.with_hint("add an INTERVAL: ts + INTERVAL '5' SECOND")
            } else {
                error.with_hint("cast text to a number: CAST(x AS INT)")
            }
        })
    }

    fn is(&mut self, test: Test, inner: &Expression) -> Result<Expr, SqlError> {
        let function = match test {
            Test::Null | Test::Unknown => Function::IsNull,
            Test::NotNull | Test::NotUnknown => Function::IsNotNull,
            Test::True => Function::IsTrue,
            Test::NotTrue => Function::IsNotTrue,
            Test::False => Function::IsFalse,
            Test::NotFalse => Function::IsNotFalse,
        };
        let argument = match test {
            Test::Null | Test::NotNull => self.bind(inner)?,
            _ => self.condition(inner, "IS")?,
        };
        Ok(truth(function, vec![argument]))
    }

    fn case(
        &mut self,
        operand: Option<&Expression>,
        branches: &[(Expression, Expression)],
        otherwise: Option<&Expression>,
        span: Span,
    ) -> Result<Expr, SqlError> {
        let operand = operand.map(|operand| self.bind(operand)).transpose()?;
        let mut bound = Vec::with_capacity(branches.len());
        for (when, then) in branches {
            let condition = match &operand {
                None => self.condition(when, "WHEN")?,
                Some(operand) => {
                    let when_value = self.bind(when)?;
                    compare(Function::Equal, operand.clone(), when_value, when.span)?
                }
            };
            bound.push((condition, self.bind(then)?));
        }
        let otherwise = otherwise.map(|value| self.bind(value)).transpose()?;
        case(bound, otherwise, span)
    }

    fn cast(&mut self, from: &Expression, to: &TypeName, or_null: bool) -> Result<Expr, SqlError> {
        let expr = self.bind(from)?;
        let of = expr.of();
        if !is_castable(of, to.of) {
            let error = SqlError::new(
                format!("{of} cannot be cast to {}", to.declared),
                from.span.to(to.span),
            );
            return Err(match (of, to.of) {
                (_, to) if is_timestamp(to) => error.with_hint("write TO_TIMESTAMP_LTZ(x, 3) for milliseconds, TO_TIMESTAMP_LTZ(x, 0) for seconds"),
                (of, _) if is_timestamp(of) => error.with_hint("write EXTRACT(EPOCH FROM x), or UNIX_TIMESTAMP(DATE_FORMAT(x, 'yyyy-MM-dd HH:mm:ss'))"),
                _ => error.with_hint("cast it to STRING first"),
            });
        }
        let expr = if or_null && expr.of() != to.of {
            Expr::Cast { from: Box::new(expr), to: to.of, or_null: true }
        } else {
            cast(expr, to.of)
        };
        let Some(Length { characters, padded }) = to.length else { return Ok(expr) };
        let length = constant(Value::Integer(i64::from(characters)), Type::Int);
        let (function, arguments) = if padded {
            (
                Function::RightPad,
                vec![expr, length, constant(Value::String(" ".to_owned()), Type::String)],
            )
        } else {
            (Function::Left, vec![expr, length])
        };
        Ok(Expr::Call { function, arguments, of: Type::String })
    }
}

pub(super) fn truth(function: Function, arguments: Vec<Expr>) -> Expr {
    Expr::Call { function, arguments, of: Type::Boolean }
}

fn negate_if(negated: bool, expr: Expr) -> Expr {
    if negated { truth(Function::Not, vec![expr]) } else { expr }
}

/// A comparison, both sides brought to one type. Text is read as a time where the other side is one.
pub(super) fn compare(
    function: Function,
    left: Expr,
    right: Expr,
    span: Span,
) -> Result<Expr, SqlError> {
    let (from, to) = (left.of(), right.of());
    let is_time = |of: Type| is_timestamp(of) || matches!(of, Type::Date | Type::Time);
    let both = match (from, to) {
        (Type::String, of) | (of, Type::String) if is_time(of) => of,
        (Type::Null, Type::Null) => Type::Boolean,
        (from, to) => common(from, to).ok_or_else(|| {
            SqlError::new(format!("{from} cannot be compared with {to}"), span)
                .with_hint(format!("cast one side: CAST(x AS {from})"))
        })?,
    };
    let side = |expr: Expr| match (&expr, both) {
        (
            Expr::Literal { value: Value::String(text), .. },
            Type::Date | Type::Time | Type::Timestamp { .. },
        ) => match moment::parse(text, both) {
            Some(value) => Ok(constant(Value::Integer(value), both)),
            None => Err(SqlError::new(format!("'{text}' is no {both}"), span)
                .with_hint("write '2013-01-31 05:15:00'")),
        },
        _ => Ok(cast(expr, both)),
    };
    Ok(truth(function, vec![side(left)?, side(right)?]))
}

/// CASE with branches of one type.
pub(super) fn case(
    branches: Vec<(Expr, Expr)>,
    otherwise: Option<Expr>,
    span: Span,
) -> Result<Expr, SqlError> {
    let mut of = Type::Null;
    for value in branches.iter().map(|(_, value)| value).chain(&otherwise) {
        of = common(of, value.of()).ok_or_else(|| {
            SqlError::new(format!("the alternatives are {of} and {}", value.of()), span)
                .with_hint("cast them to one type")
        })?;
    }
    let branches =
        branches.into_iter().map(|(condition, value)| (condition, cast(value, of))).collect();
    let otherwise = otherwise.map(|value| Box::new(cast(value, of)));
    Ok(Expr::Case { branches, otherwise, of })
}

/// A pattern with its own escape character as one with `\`.
fn escaped(pattern: Expr, escape: char, span: Span) -> Result<Expr, SqlError> {
    let Expr::Literal { value: Value::String(text), .. } = &pattern else {
        return Err(SqlError::new("ESCAPE needs a pattern in quotes", span));
    };
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == escape {
            match characters.next() {
                Some(next) => out.extend(['\\', next]),
                None => {
                    return Err(SqlError::new("the pattern ends with its ESCAPE character", span));
                }
            }
        } else if character == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(character);
        }
    }
    Ok(constant(Value::String(out), Type::String))
}
