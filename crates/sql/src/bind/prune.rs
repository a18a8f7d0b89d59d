//! Drops what nothing reads: source columns, computed columns, columns and aggregates between steps.
//!
//! Backwards: which columns of each row are needed. Forwards: the rest is dropped and ordinals are renumbered.

use std::collections::{BTreeMap, BTreeSet};

use flow::{
    expr::Expr,
    plan::{Origin, Plan, Sink, Source, Step},
};

use super::nodes;

type Needed = BTreeSet<usize>;

/// From old to new ordinals of a row.
type Moved = BTreeMap<usize, usize>;

/// Prunes `plan`. Its watermark is kept only where a window needs it.
pub(super) fn prune(plan: &mut Plan, has_window: bool) {
    if !has_window {
        plan.source.watermark = None;
    }
    let mut needed = sink_needs(plan);
    let mut after = Vec::with_capacity(plan.steps.len());
    for step in plan.steps.iter().rev() {
        after.push(needed.clone());
        needed = step_needs(step, needed);
    }
    let mut moved = prune_source(&mut plan.source, needed);
    for step in &mut plan.steps {
        let needed = after.pop().unwrap_or_default();
        moved = prune_step(step, &needed, &moved);
    }
    if let Sink::Topic(sink) = &mut plan.sink {
        let keys = sink.key.iter_mut().flat_map(|key| key.columns.iter_mut());
        for (_, ordinal) in sink.columns.iter_mut().chain(keys) {
            *ordinal = new(&moved, *ordinal);
        }
    }
}

fn sink_needs(plan: &Plan) -> Needed {
    match &plan.sink {
        Sink::Topic(sink) => {
            let keys = sink.key.iter().flat_map(|key| &key.columns);
            sink.columns.iter().chain(keys).map(|(_, ordinal)| *ordinal).collect()
        }
        Sink::Blackhole | Sink::Screen => (0..plan.schema().len()).collect(),
    }
}

fn need(expr: &Expr, needed: &mut Needed) {
    nodes::columns(expr, &mut |ordinal| needed.extend([ordinal]));
}

fn step_needs(step: &Step, after: Needed) -> Needed {
    let mut needed = Needed::new();
    match step {
        Step::Filter(condition) => {
            needed = after;
            need(condition, &mut needed);
        }
        Step::Project(columns) => {
            let kept = columns.iter().enumerate().filter(|(ordinal, _)| after.contains(ordinal));
            kept.for_each(|(_, column)| need(&column.expr, &mut needed));
        }
        Step::WindowAggregate(aggregate) => {
            need(&aggregate.row_time, &mut needed);
            aggregate.keys.iter().for_each(|key| need(&key.expr, &mut needed));
            for (place, call) in aggregate.calls.iter().enumerate() {
                if after.contains(&(aggregate.keys.len() + place)) {
                    call.argument
                        .iter()
                        .chain(&call.filter)
                        .for_each(|expr| need(expr, &mut needed));
                }
            }
        }
    }
    needed
}

fn prune_source(source: &mut Source, mut needed: Needed) -> Moved {
    let decoded = source.columns.len();
    if let Some(watermark) = &source.watermark {
        needed.insert(watermark.row_time);
        need(&watermark.mark, &mut needed);
    }
    // A computed column reads only those before it.
    for (place, column) in source.computed.iter().enumerate().rev() {
        if needed.contains(&(decoded + place)) {
            need(&column.expr, &mut needed);
        }
    }
    // At least one column, so that a record that is no row is found out.
    if !needed.iter().any(|ordinal| *ordinal < decoded) {
        needed.insert(0);
    }
    let moved = numbered(&needed);
    keep(&mut source.columns, 0, &needed);
    if !source.columns.iter().any(|column| matches!(column.origin, Origin::Key(_))) {
        source.key_format = None;
    }
    keep(&mut source.computed, decoded, &needed);
    source.computed.iter_mut().for_each(|column| renumber(&mut column.expr, &moved));
    if let Some(watermark) = &mut source.watermark {
        watermark.row_time = new(&moved, watermark.row_time);
        renumber(&mut watermark.mark, &moved);
    }
    moved
}

/// Prunes what `step` gives to `needed`; `moved` says how its input was renumbered. Answers the same of its output.
fn prune_step(step: &mut Step, needed: &Needed, moved: &Moved) -> Moved {
    match step {
        Step::Filter(condition) => {
            renumber(condition, moved);
            moved.clone()
        }
        Step::Project(columns) => {
            keep(columns, 0, needed);
            columns.iter_mut().for_each(|column| renumber(&mut column.expr, moved));
            numbered(needed)
        }
        Step::WindowAggregate(aggregate) => {
            let (keys, calls) = (aggregate.keys.len(), aggregate.calls.len());
            renumber(&mut aggregate.row_time, moved);
            aggregate.keys.iter_mut().for_each(|key| renumber(&mut key.expr, moved));
            keep(&mut aggregate.calls, keys, needed);
            for call in &mut aggregate.calls {
                call.argument
                    .iter_mut()
                    .chain(&mut call.filter)
                    .for_each(|expr| renumber(expr, moved));
            }
            let kept = (0..keys)
                .chain((keys..keys + calls).filter(|ordinal| needed.contains(ordinal)))
                .chain(keys + calls..keys + calls + 3)
                .collect();
            numbered(&kept)
        }
    }
}

fn keep<T>(list: &mut Vec<T>, first: usize, needed: &Needed) {
    let mut ordinal = first;
    list.retain(|_| {
        ordinal += 1;
        needed.contains(&(ordinal - 1))
    });
}

fn numbered(needed: &Needed) -> Moved {
    needed.iter().enumerate().map(|(new, old)| (*old, new)).collect()
}

fn new(moved: &Moved, ordinal: usize) -> usize {
    moved.get(&ordinal).copied().unwrap_or(ordinal)
}

fn renumber(expr: &mut Expr, moved: &Moved) {
    nodes::renumber(expr, &|ordinal| new(moved, ordinal));
}
