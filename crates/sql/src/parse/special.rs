//! Calls, and the special spellings that are calls: `EXTRACT(HOUR FROM x)`, `TRIM(BOTH 'x' FROM y)`.

use sqlparser::ast::{
    CeilFloorKind, DuplicateTreatment, Expr as Tree, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, ObjectName, TrimWhereField,
};

use super::{
    dialect::{PARTITIONED_TABLE_ARGUMENT, TABLE_ARGUMENT},
    expression::{Translator, node},
    reader::simple_name,
};
use crate::{
    SqlError,
    span::Span,
    syntax::{Argument, Call, Expression, ExpressionKind as Kind, Factor, FactorKind, Name},
};

impl Translator<'_> {
    pub(super) fn special(&self, tree: &Tree, depth: usize) -> Result<Expression, SqlError> {
        let of = |tree: &Tree| self.expression(tree, depth);
        match tree {
            Tree::Function(function) => self.function(function, depth),
            Tree::Extract { field, expr, .. } => {
                Ok(self.call("EXTRACT", vec![self.symbol(&field.to_string()), of(expr)?]))
            }
            Tree::Ceil { expr, field } => self.rounded("CEIL", expr, field, depth),
            Tree::Floor { expr, field } => self.rounded("FLOOR", expr, field, depth),
            Tree::Position { expr, r#in } => Ok(self.call("POSITION", vec![of(expr)?, of(r#in)?])),
            Tree::Substring { expr, substring_from, substring_for, .. } => {
                let mut arguments = vec![of(expr)?];
                match (substring_from, substring_for) {
                    (Some(from), None) => arguments.push(of(from)?),
                    (Some(from), Some(length)) => arguments.extend([of(from)?, of(length)?]),
                    _ => {
                        return self.refuse(
                            "SUBSTRING without FROM",
                            self.near,
                            "write SUBSTRING(x FROM 1 FOR 2)",
                        );
                    }
                }
                Ok(self.call("SUBSTRING", arguments))
            }
            Tree::Trim { trim_where, trim_what, expr, trim_characters: None } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "LTRIM",
                    Some(TrimWhereField::Trailing) => "RTRIM",
                    Some(TrimWhereField::Both) | None => "TRIM",
                };
                let mut arguments = vec![of(expr)?];
                arguments.extend(trim_what.as_deref().map(of).transpose()?);
                Ok(self.call(name, arguments))
            }
            Tree::Subquery(query) => {
                let query = self.query(query, depth)?;
                let span = query.span;
                let factor = Factor { kind: FactorKind::Query(query), alias: None, span };
                Ok(node(span, Kind::Table(Box::new(factor))))
            }
            _ => self.refused(tree),
        }
    }

    /// What SQL has and is not served.
    fn refused(&self, tree: &Tree) -> Result<Expression, SqlError> {
        match tree {
            Tree::InSubquery { .. } | Tree::Exists { .. } => {
                self.refuse("a subquery in IN or EXISTS", self.near, "list the values: IN (1, 2)")
            }
            Tree::SimilarTo { .. } | Tree::RLike { .. } | Tree::ILike { .. } => {
                self.refuse("SIMILAR TO", self.near, "use LIKE, or UPPER(x) LIKE …")
            }
            Tree::AtTimeZone { .. } => {
                self.refuse("AT TIME ZONE", self.near, "see SET 'table.local-time-zone'")
            }
            Tree::GroupingSets(_) | Tree::Cube(_) | Tree::Rollup(_) => self.refuse(
                "a GROUPING SET, CUBE or ROLLUP",
                self.near,
                "write one INSERT per grouping",
            ),
            Tree::Tuple(_) | Tree::Array(_) | Tree::Map(_) | Tree::CompoundFieldAccess { .. } => {
                self.refuse(
                    "a row, array or map",
                    self.near,
                    "a STRING column receives JSON objects as text",
                )
            }
            Tree::Wildcard(token) => Err(SqlError::new(
                "'*' stands alone in SELECT, or in COUNT(*)",
                self.places.span(token.0.span),
            )),
            _ => self.refuse(
                "this expression",
                self.near,
                "see the functions and operators in SHOW FUNCTIONS",
            ),
        }
    }

    fn rounded(
        &self,
        name: &str,
        inner: &Tree,
        field: &CeilFloorKind,
        depth: usize,
    ) -> Result<Expression, SqlError> {
        let mut arguments = vec![self.expression(inner, depth)?];
        match field {
            CeilFloorKind::DateTimeField(sqlparser::ast::DateTimeField::NoDateTime) => {}
            CeilFloorKind::DateTimeField(field) => arguments.push(self.symbol(&field.to_string())),
            CeilFloorKind::Scale(_) => {
                return self.refuse("FLOOR or CEIL with a scale", self.near, "use ROUND(x, n)");
            }
        }
        Ok(self.call(name, arguments))
    }

    /// A word that is no column, such as a unit of time.
    fn symbol(&self, word: &str) -> Expression {
        node(
            self.near,
            Kind::Column(vec![Name { text: word.to_ascii_uppercase(), span: self.near }]),
        )
    }

    fn call(&self, name: &str, values: Vec<Expression>) -> Expression {
        let near = self.near;
        let span = values.iter().fold(Span::default(), |span, value| {
            if value.span == near { span } else { span.to(value.span) }
        });
        let span = if span == Span::default() { near } else { span };
        let name = Name { text: name.to_owned(), span };
        let arguments = values.into_iter().map(|value| Argument { name: None, value }).collect();
        node(span, Kind::Call(Call { name, arguments, distinct: false, star: false, filter: None }))
    }

    fn function(&self, function: &Function, depth: usize) -> Result<Expression, SqlError> {
        let name = self.function_name(&function.name)?;
        if name.text == PARTITIONED_TABLE_ARGUMENT {
            return self.refuse(
                "PARTITION BY of a window's TABLE",
                name.span,
                "it belongs to SESSION windows, which are not served yet",
            );
        }
        if function.over.is_some() {
            return self.refuse(
                "OVER (…)",
                name.span,
                "aggregate by window: GROUP BY window_start, window_end",
            );
        }
        let odd = function.null_treatment.is_some()
            || !function.within_group.is_empty()
            || function.parameters != FunctionArguments::None
            || function.uses_odbc_syntax;
        if odd {
            return self.refuse("this form of a call", name.span, "write f(a, b)");
        }
        let (arguments, distinct, star) = self.arguments(&function.args, &name, depth)?;
        if name.text == TABLE_ARGUMENT {
            return self.table_argument(arguments, name.span);
        }
        if name.text.eq_ignore_ascii_case("DESCRIPTOR") {
            return descriptor(arguments, name.span);
        }
        let filter = function
            .filter
            .as_deref()
            .map(|it| self.expression(it, depth))
            .transpose()?
            .map(Box::new);
        let span = arguments.iter().fold(name.span, |span, it| span.to(it.value.span));
        let name = Name { text: name.text.to_ascii_uppercase(), span: name.span };
        Ok(node(span, Kind::Call(Call { name, arguments, distinct, star, filter })))
    }

    pub(super) fn function_name(&self, name: &ObjectName) -> Result<Name, SqlError> {
        match name.0.as_slice() {
            [part] if part.as_ident().is_some() => Ok(part
                .as_ident()
                .map(|ident| self.name(ident))
                .unwrap_or(Name { text: String::new(), span: self.near })),
            _ => self.refuse("a function in a catalogue", self.near, "name the function alone"),
        }
    }

    fn arguments(
        &self,
        arguments: &FunctionArguments,
        name: &Name,
        depth: usize,
    ) -> Result<(Vec<Argument>, bool, bool), SqlError> {
        let list = match arguments {
            FunctionArguments::None => return Ok((Vec::new(), false, false)),
            FunctionArguments::Subquery(_) => {
                return self.refuse("a subquery as an argument", name.span, "put it into FROM");
            }
            FunctionArguments::List(list) => list,
        };
        let FunctionArgumentList { duplicate_treatment, args, clauses } = list;
        if let Some(clause) = clauses.first() {
            let hint = match clause {
                FunctionArgumentClause::Where(_) => "write FILTER (WHERE …) behind the call",
                _ => "write f(a, b)",
            };
            return self.refuse("a clause inside of a call", name.span, hint);
        }
        let distinct = *duplicate_treatment == Some(DuplicateTreatment::Distinct);
        if let [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] = args.as_slice() {
            return Ok((Vec::new(), distinct, true));
        }
        let arguments =
            args.iter().map(|it| self.argument(it, name, depth)).collect::<Result<_, _>>()?;
        Ok((arguments, distinct, false))
    }

    pub(super) fn argument(
        &self,
        argument: &FunctionArg,
        called: &Name,
        depth: usize,
    ) -> Result<Argument, SqlError> {
        let (name, value) = match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (None, value),
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
                let name = self.name(name);
                (Some(Name { text: name.text.to_ascii_uppercase(), ..name }), value)
            }
            _ => return self.refuse("'*' as an argument", called.span, "only COUNT(*) takes it"),
        };
        Ok(Argument { name, value: self.expression(value, depth)? })
    }

    fn table_argument(&self, arguments: Vec<Argument>, span: Span) -> Result<Expression, SqlError> {
        let Some(Argument { value: Expression { kind: Kind::Column(parts), span: at }, .. }) =
            arguments.into_iter().next()
        else {
            return self.refuse("this TABLE argument", span, "write TABLE t");
        };
        let name = simple_name(&parts)?;
        let factor = Factor { kind: FactorKind::Table(name), alias: None, span: at };
        Ok(node(span.to(at), Kind::Table(Box::new(factor))))
    }
}

fn descriptor(arguments: Vec<Argument>, span: Span) -> Result<Expression, SqlError> {
    let mut names = Vec::new();
    for argument in arguments {
        match argument.value.kind {
            Kind::Column(mut parts) if parts.len() == 1 => names.append(&mut parts),
            _ => {
                return Err(SqlError::new(
                    "DESCRIPTOR takes the name of a column",
                    argument.value.span,
                )
                .with_hint("write DESCRIPTOR(ts)"));
            }
        }
    }
    let span = names.iter().fold(span, |span, name| span.to(name.span));
    Ok(node(span, Kind::Descriptor(names)))
}
