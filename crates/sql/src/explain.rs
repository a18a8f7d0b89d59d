//! EXPLAIN: a plan as a tree for people, the sink on top.

use flow::{
    expr::{Expr, Function, TimeUnit},
    plan::{
        Aggregate, Bounded, Format, Origin, Plan, Sink, Source, Startup, Step, Window,
        WindowAggregate,
    },
    types::{Schema, Type, Value},
};

use crate::{bind::moment, duration::show_ms};

/// What will run, readable: types, the columns that are decoded, the watermark, the window, the sink.
#[must_use]
pub fn explain(plan: &Plan) -> String {
    let mut rows = vec![plan.source.schema()];
    for step in &plan.steps {
        let input = rows.last().cloned().unwrap_or_default();
        rows.push(step.schema(input));
    }
    let mut out = String::new();
    let last = rows.last().cloned().unwrap_or_default();
    let mut depth = 0;
    line(&mut out, depth, &sink(&plan.sink, &last));
    sink_details(&mut out, &plan.sink, &last);
    for (place, step) in plan.steps.iter().enumerate().rev() {
        depth += 1;
        let input = rows.get(place).cloned().unwrap_or_default();
        match step {
            Step::Filter(condition) => {
                line(&mut out, depth, &format!("Filter: {}", show(condition, &input)));
            }
            Step::Project(columns) => {
                line(&mut out, depth, "Project");
                for column in columns {
                    let text = format!(
                        "{} = {} {}",
                        column.name,
                        show(&column.expr, &input),
                        column.expr.of()
                    );
                    detail(&mut out, depth, &text);
                }
            }
            Step::WindowAggregate(aggregate) => window(&mut out, depth, aggregate, &input),
        }
    }
    source(&mut out, depth + 1, plan);
    out
}

fn line(out: &mut String, depth: usize, text: &str) {
    let branch =
        if depth == 0 { String::new() } else { format!("{}└─ ", "   ".repeat(depth - 1)) };
    out.push_str(&format!("{branch}{text}\n"));
}

fn detail(out: &mut String, depth: usize, text: &str) {
    out.push_str(&format!("{}   {text}\n", "   ".repeat(depth)));
}

fn typed(schema: &Schema, columns: &[(String, usize)]) -> String {
    let show = |(name, ordinal): &(String, usize)| match schema.get(*ordinal) {
        Some(field) => format!("{name} {}", field.of),
        None => format!("{name} ?"),
    };
    columns.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn sink(sink: &Sink, row: &Schema) -> String {
    match sink {
        Sink::Topic(sink) => {
            let kind = if sink.upsert { "upsert into" } else { "append to" };
            format!("Sink {}: {kind} topic {}", sink.table, sink.topic)
        }
        Sink::Blackhole => "Sink: nowhere (blackhole)".to_owned(),
        Sink::Screen => {
            let all: Vec<_> =
                row.iter().enumerate().map(|(at, field)| (field.name.clone(), at)).collect();
            format!("Sink: the screen: {}", typed(row, &all))
        }
    }
}

fn sink_details(out: &mut String, sink: &Sink, row: &Schema) {
    let Sink::Topic(sink) = sink else { return };
    if let Some(key) = &sink.key {
        detail(out, 0, &format!("key {}: {}", format(&key.format), typed(row, &key.columns)));
    }
    detail(out, 0, &format!("value {}: {}", format(&sink.value), typed(row, &sink.columns)));
}

fn format(format: &Format) -> &'static str {
    match format {
        Format::Json { .. } => "json",
        Format::Raw => "raw",
    }
}

fn window(out: &mut String, depth: usize, aggregate: &WindowAggregate, input: &Schema) {
    let Window::Tumble { size_ms, offset_ms } = aggregate.window;
    let offset =
        if offset_ms == 0 { String::new() } else { format!(" offset {}", show_ms(offset_ms)) };
    let row_time = show(&aggregate.row_time, input);
    line(out, depth, &format!("Window: TUMBLE({row_time}, {}{offset})", show_ms(size_ms)));
    for key in &aggregate.keys {
        detail(
            out,
            depth,
            &format!("by {} = {} {}", key.name, show(&key.expr, input), key.expr.of()),
        );
    }
    for call in &aggregate.calls {
        let name = match call.function {
            Aggregate::CountRows | Aggregate::Count => "COUNT",
            Aggregate::Sum => "SUM",
            Aggregate::Min => "MIN",
            Aggregate::Max => "MAX",
            Aggregate::Avg => "AVG",
        };
        let argument = call.argument.as_ref().map_or_else(|| "*".to_owned(), |it| show(it, input));
        let filter = call.filter.as_ref().map(|it| format!(" FILTER (WHERE {})", show(it, input)));
        let text =
            format!("{} = {name}({argument}){} {}", call.name, filter.unwrap_or_default(), call.of);
        detail(out, depth, &text);
    }
}

fn source(out: &mut String, depth: usize, plan: &Plan) {
    let source = &plan.source;
    let topics: Vec<&str> = source.topics.iter().map(|topic| topic.as_str()).collect();
    line(
        out,
        depth,
        &format!(
            "Source {}: topic {}, {}",
            source.table,
            topics.join(", "),
            format(&source.format)
        ),
    );
    detail(out, depth, &format!("from {} {}", startup(&source.startup), bounded(&source.bounded)));
    let reads: Vec<String> = source
        .columns
        .iter()
        .map(|column| {
            let from = match &column.origin {
                Origin::Value(name) if *name == column.field.name => String::new(),
                Origin::Value(name) => format!(" from value '{name}'"),
                Origin::Key(name) => format!(" from key '{name}'"),
                other => format!(" from metadata '{}'", crate::table::metadata_key(other)),
            };
            format!("{} {}{from}", column.field.name, column.field.of)
        })
        .collect();
    detail(out, depth, &format!("reads {}", reads.join(", ")));
    let row = source.schema();
    for column in &source.computed {
        let text =
            format!("computes {} = {} {}", column.name, show(&column.expr, &row), column.expr.of());
        detail(out, depth, &text);
    }
    watermark(out, depth, source, &row);
    if plan.zone_minutes != 0 {
        let (sign, minutes) = if plan.zone_minutes < 0 {
            ('-', -plan.zone_minutes)
        } else {
            ('+', plan.zone_minutes)
        };
        detail(
            out,
            depth,
            &format!("local time zone UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        );
    }
    if let Some(topic) = &plan.dead_letters {
        detail(out, depth, &format!("bad rows go to topic {topic}"));
    }
}

fn watermark(out: &mut String, depth: usize, source: &Source, row: &Schema) {
    let Some(watermark) = &source.watermark else { return };
    let name = row.get(watermark.row_time).map_or("?", |field| field.name.as_str());
    let idle = i64::try_from(watermark.idle_timeout_ms).unwrap_or(i64::MAX);
    let idle = if idle == 0 { String::new() } else { format!(", idle after {}", show_ms(idle)) };
    detail(out, depth, &format!("watermark of {name}: {}{idle}", show(&watermark.mark, row)));
}

fn startup(startup: &Startup) -> String {
    match startup {
        Startup::Earliest => "the earliest offset".to_owned(),
        Startup::Latest => "the latest offset".to_owned(),
        Startup::Group { group, else_earliest } => {
            let other = if *else_earliest { "earliest" } else { "latest" };
            format!("the offsets of group {group}, else the {other}")
        }
        Startup::Timestamp(ms) => format!("timestamp {ms}"),
        Startup::Specific(offsets) => format!("offsets {offsets:?}"),
    }
}

fn bounded(bounded: &Bounded) -> String {
    match bounded {
        Bounded::Unbounded => "on".to_owned(),
        Bounded::Latest => "to the ends as they are".to_owned(),
        Bounded::Timestamp(ms) => format!("to timestamp {ms}"),
        Bounded::Specific(offsets) => format!("to offsets {offsets:?}"),
    }
}

/// An expression as SQL, near enough to be recognised.
pub(crate) fn show(expr: &Expr, row: &Schema) -> String {
    match expr {
        Expr::Column { ordinal, .. } => {
            row.get(*ordinal).map_or_else(|| format!("${ordinal}"), |field| field.name.clone())
        }
        Expr::Literal { value, of } => literal(value, *of),
        Expr::Cast { from, to, or_null } => {
            let name = if *or_null { "TRY_CAST" } else { "CAST" };
            format!("{name}({} AS {to})", show(from, row))
        }
        Expr::Case { branches, otherwise, .. } => {
            let mut text = "CASE".to_owned();
            for (condition, value) in branches {
                text.push_str(&format!(" WHEN {} THEN {}", show(condition, row), show(value, row)));
            }
            if let Some(value) = otherwise {
                text.push_str(&format!(" ELSE {}", show(value, row)));
            }
            text + " END"
        }
        Expr::Call { function, arguments, .. } => call(*function, arguments, row),
    }
}

fn call(function: Function, arguments: &[Expr], row: &Schema) -> String {
    let shown: Vec<String> = arguments.iter().map(|argument| show(argument, row)).collect();
    let interval = arguments.get(1).and_then(|argument| match argument {
        Expr::Literal { value: Value::Integer(length), .. } => Some(*length),
        _ => None,
    });
    match (function, shown.as_slice(), interval) {
        (Function::AddMilliseconds, [time, _], Some(ms)) if ms < 0 => {
            format!("{time} - {}", show_ms(-ms))
        }
        (Function::AddMilliseconds, [time, _], Some(ms)) => format!("{time} + {}", show_ms(ms)),
        (Function::Negate, [value], _) => format!("-{value}"),
        (Function::Not, [value], _) => format!("NOT ({value})"),
        (Function::Extract(unit), [value], _) => format!("EXTRACT({} FROM {value})", word(unit)),
        (Function::FloorTo(unit), [value], _) => format!("FLOOR({value} TO {})", word(unit)),
        (Function::CeilTo(unit), [value], _) => format!("CEIL({value} TO {})", word(unit)),
        (Function::TimestampDiff(unit), [from, to], _) => {
            format!("TIMESTAMPDIFF({}, {from}, {to})", word(unit))
        }
        (function, [value], _) if postfix(function).is_some() => {
            format!("{value} {}", postfix(function).unwrap_or_default())
        }
        (function, [left, right], _) if infix(function).is_some() => {
            format!("({left} {} {right})", infix(function).unwrap_or_default())
        }
        (function, shown, _) => format!("{}({})", name(function), shown.join(", ")),
    }
}

fn infix(function: Function) -> Option<&'static str> {
    Some(match function {
        Function::Add => "+",
        Function::Subtract => "-",
        Function::Multiply => "*",
        Function::Divide => "/",
        Function::Modulo => "%",
        Function::Equal => "=",
        Function::NotEqual => "<>",
        Function::Less => "<",
        Function::LessOrEqual => "<=",
        Function::Greater => ">",
        Function::GreaterOrEqual => ">=",
        Function::And => "AND",
        Function::Or => "OR",
        Function::IsDistinctFrom => "IS DISTINCT FROM",
        Function::IsNotDistinctFrom => "IS NOT DISTINCT FROM",
        Function::Like => "LIKE",
        _ => return None,
    })
}

fn postfix(function: Function) -> Option<&'static str> {
    Some(match function {
        Function::IsNull => "IS NULL",
        Function::IsNotNull => "IS NOT NULL",
        Function::IsTrue => "IS TRUE",
        Function::IsNotTrue => "IS NOT TRUE",
        Function::IsFalse => "IS FALSE",
        Function::IsNotFalse => "IS NOT FALSE",
        _ => return None,
    })
}

/// `SplitIndex` as SPLIT_INDEX.
fn name(function: Function) -> String {
    let mut text = String::new();
    for character in format!("{function:?}").chars() {
        if character.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(character.to_uppercase());
    }
    text
}

fn word(unit: TimeUnit) -> String {
    format!("{unit:?}").to_uppercase()
}

fn literal(value: &Value, of: Type) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Boolean(truth) => truth.to_string().to_uppercase(),
        Value::Integer(number) => match of {
            Type::Date => format!("DATE '{}'", moment::show(*number, of)),
            Type::Time => format!("TIME '{}'", moment::show(*number, of)),
            Type::Timestamp { .. } | Type::TimestampLtz { .. } => {
                format!("TIMESTAMP '{}'", moment::show(*number, of))
            }
            _ => number.to_string(),
        },
        Value::Double(number) => format!("{number:?}"),
        Value::Decimal(unscaled) => {
            let Type::Decimal { scale, .. } = of else { return unscaled.to_string() };
            let scale = usize::from(scale);
            let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
            let sign = if *unscaled < 0 { "-" } else { "" };
            if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
        }
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("X'{digits}'")
        }
    }
}
