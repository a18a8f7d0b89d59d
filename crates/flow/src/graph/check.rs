//! Checks a plan before it runs: every ordinal there, every type as its place wants it. What passes needs no second look at run time.

use super::GraphError;
use crate::{
    aggregate::Accumulator,
    column::Layout,
    expr::Expr,
    plan::{
        Format, NamedExpr, Origin, PLAN_VERSION, Plan, Sink, Source, Step, Window, WindowAggregate,
    },
    types::{Schema, Type},
};

/// Time zones lie within a day of UTC.
const ZONE_MINUTES_MAX: i32 = 24 * 60;

/// Why `plan` cannot run, if it cannot.
pub(super) fn check(plan: &Plan) -> Result<(), GraphError> {
    if plan.version != PLAN_VERSION {
        return Err(GraphError::PlanVersion { found: plan.version, expected: PLAN_VERSION });
    }
    if plan.zone_minutes.abs() > ZONE_MINUTES_MAX {
        return Err(GraphError::Plan(format!("a zone of {} minutes", plan.zone_minutes)));
    }
    check_source(&plan.source)?;
    let mut schema = plan.source.schema();
    let mut windows = 0;
    for step in &plan.steps {
        match step {
            Step::Filter(condition) => {
                check_expr(condition, &schema)?;
                expect(condition, Layout::Boolean, "a condition")?;
            }
            Step::Project(columns) => check_named(columns, &schema)?,
            Step::WindowAggregate(aggregate) => {
                windows += 1;
                check_aggregate(aggregate, &schema)?;
            }
        }
        schema = step.schema(schema);
    }
    if windows > 0 && plan.source.watermark.is_none() {
        return Err(GraphError::NoWatermark);
    }
    if windows > 1 {
        return Err(GraphError::Unsupported("a windowed aggregate over another one".to_owned()));
    }
    check_sink(&plan.sink, &schema)
}

fn check_source(source: &Source) -> Result<(), GraphError> {
    let mut schema: Schema = source.columns.iter().map(|column| column.field.clone()).collect();
    for column in &source.columns {
        let layout = Layout::of(column.field.of);
        let fits = match column.origin {
            Origin::Value(_) | Origin::Key(_) => true,
            Origin::Topic | Origin::TimestampType => layout == Layout::Text,
            Origin::Timestamp | Origin::Offset | Origin::Partition | Origin::LeaderEpoch => {
                matches!(layout, Layout::Integer | Layout::Text)
            }
        };
        if !fits {
            let (name, of) = (&column.field.name, column.field.of);
            return Err(GraphError::Plan(format!("column '{name}' cannot be {of}")));
        }
    }
    check_raw(source)?;
    for computed in &source.computed {
        check_named(std::slice::from_ref(computed), &schema)?;
        schema = source.schema().into_iter().take(schema.len() + 1).collect();
    }
    let Some(watermark) = &source.watermark else { return Ok(()) };
    let row_time = schema.get(watermark.row_time).map(|field| field.of);
    if !row_time.is_some_and(is_timestamp) {
        return Err(GraphError::Plan("the row time is no timestamp".to_owned()));
    }
    check_expr(&watermark.mark, &schema)?;
    expect(&watermark.mark, Layout::Integer, "a watermark")
}

/// A raw value or key has one column, of a type that has raw bytes.
fn check_raw(source: &Source) -> Result<(), GraphError> {
    let key_format = source.key_format.as_ref().unwrap_or(&source.format);
    for (is_key, format) in [(false, &source.format), (true, key_format)] {
        if *format != Format::Raw {
            continue;
        }
        let is_mine = |origin: &Origin| match origin {
            Origin::Value(_) => !is_key,
            Origin::Key(_) => is_key,
            _ => false,
        };
        let mut mine = source.columns.iter().filter(|column| is_mine(&column.origin));
        let of = mine.next().map(|column| column.field.of);
        if mine.next().is_some() {
            return Err(GraphError::Plan("the raw format has one column".to_owned()));
        }
        let is_time =
            of.is_some_and(|of| matches!(of, Type::Date | Type::Time) || is_timestamp(of));
        if is_time || matches!(of, Some(Type::Decimal { .. } | Type::Null)) {
            return Err(GraphError::Unsupported(
                "a column of this type in the raw format".to_owned(),
            ));
        }
    }
    Ok(())
}

fn check_aggregate(aggregate: &WindowAggregate, schema: &Schema) -> Result<(), GraphError> {
    let Window::Tumble { size_ms, offset_ms } = aggregate.window;
    if size_ms <= 0 || offset_ms.unsigned_abs() >= size_ms.unsigned_abs() {
        return Err(GraphError::Plan(format!("a window of {size_ms} ms, offset {offset_ms} ms")));
    }
    check_expr(&aggregate.row_time, schema)?;
    if !is_timestamp(aggregate.row_time.of()) {
        return Err(GraphError::Plan("the row time is no timestamp".to_owned()));
    }
    check_named(&aggregate.keys, schema)?;
    for call in &aggregate.calls {
        for expr in [&call.argument, &call.filter].into_iter().flatten() {
            check_expr(expr, schema)?;
        }
        if let Some(filter) = &call.filter {
            expect(filter, Layout::Boolean, "a FILTER")?;
        }
        Accumulator::check(call).map_err(GraphError::Plan)?;
    }
    Ok(())
}

fn check_sink(sink: &Sink, schema: &Schema) -> Result<(), GraphError> {
    let Sink::Topic(sink) = sink else { return Ok(()) };
    let parts = [
        Some((&sink.value, &sink.columns)),
        sink.key.as_ref().map(|key| (&key.format, &key.columns)),
    ];
    for (format, columns) in parts.into_iter().flatten() {
        if let Some((name, _)) = columns.iter().find(|(_, ordinal)| *ordinal >= schema.len()) {
            return Err(GraphError::Plan(format!("sink column '{name}' has no source")));
        }
        if *format == Format::Raw && columns.len() != 1 {
            return Err(GraphError::Plan("the raw format has one column".to_owned()));
        }
    }
    Ok(())
}

fn check_named(columns: &[NamedExpr], schema: &Schema) -> Result<(), GraphError> {
    columns.iter().try_for_each(|column| check_expr(&column.expr, schema))
}

fn check_expr(expr: &Expr, schema: &Schema) -> Result<(), GraphError> {
    expr.check(schema).map_err(GraphError::Plan)
}

fn expect(expr: &Expr, layout: Layout, place: &str) -> Result<(), GraphError> {
    if expr.of() == Type::Null || Layout::of(expr.of()) == layout {
        Ok(())
    } else {
        Err(GraphError::Plan(format!("{} as {place}", expr.of())))
    }
}

const fn is_timestamp(of: Type) -> bool {
    matches!(of, Type::Timestamp { .. } | Type::TimestampLtz { .. })
}
