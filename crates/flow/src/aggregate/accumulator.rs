//! One aggregate call's accumulators, one per group, whatever the function.

use std::cmp::Ordering;

use super::{extreme::Extremes, total::Totals};
use crate::{
    column::{Column, Layout, Values},
    expr::Operand,
    plan::{Aggregate, AggregateCall},
    snapshot::{Reader, Torn, Writer},
    types::Type,
};

/// The accumulators of one call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Accumulator {
    Count(Vec<i64>),
    Total(Totals),
    Extreme(Extremes),
}

/// Rows that change groups.
pub(crate) struct Updates<'u> {
    /// Rows of the chunk.
    pub(crate) rows: &'u [u32],
    /// Their groups, one for each.
    pub(crate) groups: &'u [u32],
    /// Which rows of the chunk count; none: all.
    pub(crate) mask: Option<&'u [bool]>,
}

impl Updates<'_> {
    /// Calls `update` with each row that counts and its group.
    #[inline]
    pub(crate) fn each(&self, mut update: impl FnMut(usize, usize)) {
        let pairs = self.rows.iter().zip(self.groups);
        let pairs = pairs.map(|(row, group)| (*row as usize, *group as usize));
        match self.mask {
            None => pairs.for_each(|(row, group)| update(row, group)),
            Some(mask) => {
                pairs.filter(|(row, _)| mask[*row]).for_each(|(row, group)| update(row, group));
            }
        }
    }
}

impl Accumulator {
    pub(crate) fn new(call: &AggregateCall) -> Self {
        let argument = call.argument.as_ref().map_or(Type::Null, crate::expr::Expr::of);
        match call.function {
            Aggregate::CountRows | Aggregate::Count => Self::Count(Vec::new()),
            Aggregate::Sum => Self::Total(Totals::new(argument, call.of, false)),
            Aggregate::Avg => Self::Total(Totals::new(argument, call.of, true)),
            Aggregate::Min => Self::Extreme(Extremes::new(call.of, Ordering::Less)),
            Aggregate::Max => Self::Extreme(Extremes::new(call.of, Ordering::Greater)),
        }
    }

    /// Why `call` cannot be computed, if it cannot.
    pub(crate) fn check(call: &AggregateCall) -> Result<(), String> {
        let argument = call.argument.as_ref().map(crate::expr::Expr::of);
        let given = argument.map(Layout::of);
        let of = Layout::of(call.of);
        let is_number = |of: Type| {
            matches!(Layout::of(of), Layout::Double | Layout::Decimal)
                || matches!(of, Type::TinyInt | Type::SmallInt | Type::Int | Type::BigInt)
        };
        let fits = match call.function {
            Aggregate::CountRows => of == Layout::Integer,
            Aggregate::Count => of == Layout::Integer && given.is_some(),
            Aggregate::Sum | Aggregate::Avg => given == Some(of) && argument.is_some_and(is_number),
            Aggregate::Min | Aggregate::Max => {
                given == Some(of) && decimals_agree(argument, call.of)
            }
        };
        if fits {
            return Ok(());
        }
        let shown = argument.map_or_else(|| "nothing".to_owned(), |of| of.to_string());
        Err(format!("{:?} of {shown} giving {}", call.function, call.of))
    }

    /// Whether the order in which rows are added can change the result.
    pub(crate) fn depends_on_order(call: &AggregateCall) -> bool {
        matches!(call.function, Aggregate::Sum | Aggregate::Avg)
            && call.argument.as_ref().is_some_and(|of| Layout::of(of.of()) == Layout::Double)
    }

    /// Makes room for `groups` groups.
    pub(crate) fn grow(&mut self, groups: usize) {
        match self {
            Self::Count(counts) => counts.resize(groups, 0),
            Self::Total(totals) => totals.grow(groups),
            Self::Extreme(extremes) => extremes.grow(groups),
        }
    }

    pub(crate) fn add(&mut self, updates: &Updates<'_>, operand: Option<&Operand<'_, '_>>) {
        match (self, operand) {
            (Self::Count(counts), _) => updates.each(|_, group| counts[group] += 1),
            (Self::Total(totals), Some(operand)) => totals.add(updates, operand),
            (Self::Extreme(extremes), Some(operand)) => extremes.add(updates, operand),
            (_, None) => debug_assert!(false, "the plan's check asked for an argument"),
        }
    }

    /// Takes group `i` of `other` into group `map[i]`.
    pub(crate) fn merge(&mut self, other: &Self, map: &[u32]) {
        match (self, other) {
            (Self::Count(counts), Self::Count(more)) => {
                for (to, more) in map.iter().zip(more) {
                    let count = &mut counts[*to as usize];
                    *count = count.wrapping_add(*more);
                }
            }
            (Self::Total(totals), Self::Total(more)) => totals.merge(more, map),
            (Self::Extreme(extremes), Self::Extreme(more)) => extremes.merge(more, map),
            _ => debug_assert!(false, "accumulators of one call are of one kind"),
        }
    }

    /// The results of the groups, in the order `order`.
    pub(crate) fn finish(&self, order: &[u32]) -> Column<'static> {
        match self {
            Self::Count(counts) => {
                let counts = order.iter().map(|group| counts[*group as usize]).collect();
                Column::full(Values::Integer(counts))
            }
            Self::Total(totals) => totals.finish(order),
            Self::Extreme(extremes) => extremes.finish(order),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Count(counts) => counts.len() * 8,
            Self::Total(totals) => totals.bytes(),
            Self::Extreme(extremes) => extremes.bytes(),
        }
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        match self {
            Self::Count(counts) => counts.iter().for_each(|count| out.i64(*count)),
            Self::Total(totals) => totals.write(out),
            Self::Extreme(extremes) => extremes.write(out),
        }
    }

    /// Reads the accumulators of `groups` groups into this empty one.
    pub(crate) fn read(&mut self, groups: usize, from: &mut Reader<'_>) -> Result<(), Torn> {
        match self {
            Self::Count(counts) => {
                *counts = from.many(groups, Reader::tally)?;
                Ok(())
            }
            Self::Total(totals) => totals.read(groups, from),
            Self::Extreme(extremes) => extremes.read(groups, from),
        }
    }
}

/// MIN and MAX give the argument's digits as they are.
fn decimals_agree(argument: Option<Type>, of: Type) -> bool {
    match (argument, of) {
        (Some(Type::Decimal { scale, .. }), Type::Decimal { scale: result, .. }) => scale == result,
        _ => true,
    }
}
