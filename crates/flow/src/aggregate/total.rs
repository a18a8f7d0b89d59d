//! SUM and AVG: totals and counts. NULL over no value; integers wrap as Java's do; an average of integers is cut off.

use crate::{
    aggregate::exact_sum::ExactSums,
    column::{Column, Layout, Values},
    decimal::{Form, PRECISION_MAX},
    expr::{Operand, narrow, narrow_double},
    snapshot::{Reader, Torn, Writer},
    types::Type,
};

use super::Updates;

/// Totals, one per group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Totals {
    sums: Sums,
    counts: Vec<i64>,
    is_average: bool,
    of: Type,
    /// Of the argument, where it is a DECIMAL.
    scale: u8,
}

#[derive(Clone, Debug, PartialEq)]
enum Sums {
    Integer(Vec<i64>),
    Double(Vec<f64>),
    Decimal(ExactSums),
}

impl Totals {
    pub(crate) const fn new(argument: Type, of: Type, is_average: bool) -> Self {
        let sums = match Layout::of(argument) {
            Layout::Double => Sums::Double(Vec::new()),
            Layout::Decimal => Sums::Decimal(ExactSums { low: Vec::new(), wraps: Vec::new() }),
            _ => Sums::Integer(Vec::new()),
        };
        let scale = if let Type::Decimal { scale, .. } = argument { scale } else { 0 };
        Self { sums, counts: Vec::new(), is_average, of, scale }
    }

    pub(crate) fn grow(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
        match &mut self.sums {
            Sums::Integer(sums) => sums.resize(groups, 0),
            Sums::Double(sums) => sums.resize(groups, 0.0),
            Sums::Decimal(sums) => sums.grow(groups),
        }
    }

    pub(crate) fn add(&mut self, updates: &Updates<'_>, operand: &Operand<'_, '_>) {
        let counts = &mut self.counts;
        match &mut self.sums {
            Sums::Integer(sums) => {
                let values = operand.integers();
                updates.each(|row, group| {
                    counts[group] += 1;
                    sums[group] = sums[group].wrapping_add(values.at(row));
                });
            }
            Sums::Double(sums) => {
                let values = operand.doubles();
                let of = if self.is_average { Type::Double } else { self.of };
                updates.each(|row, group| {
                    counts[group] += 1;
                    sums[group] = narrow_double(of, sums[group] + values.at(row));
                });
            }
            Sums::Decimal(sums) => {
                let values = operand.decimals();
                updates.each(|row, group| {
                    counts[group] += 1;
                    sums.add(group, values.at(row), 0);
                });
            }
        }
    }

    /// Adds group `i` of `other` to group `map[i]`.
    pub(crate) fn merge(&mut self, other: &Self, map: &[u32]) {
        let of = if self.is_average { Type::Double } else { self.of };
        for (from, to) in map.iter().map(|to| *to as usize).enumerate() {
            self.counts[to] = self.counts[to].wrapping_add(other.counts[from]);
            match (&mut self.sums, &other.sums) {
                (Sums::Integer(sums), Sums::Integer(more)) => {
                    sums[to] = sums[to].wrapping_add(more[from]);
                }
                (Sums::Double(sums), Sums::Double(more)) => {
                    sums[to] = narrow_double(of, sums[to] + more[from]);
                }
                (Sums::Decimal(sums), Sums::Decimal(more)) => {
                    sums.add(to, more.low[from], more.wraps[from]);
                }
                _ => debug_assert!(false, "accumulators of one call are of one kind"),
            }
        }
    }

    /// The results of the groups, in the order `order`.
    pub(crate) fn finish(&self, order: &[u32]) -> Column<'static> {
        let groups = || order.iter().map(|group| *group as usize);
        let count = |group: usize| self.counts[group];
        let valid: Vec<bool> = groups().map(|group| count(group) > 0).collect();
        match &self.sums {
            Sums::Integer(sums) => {
                let value = |group: usize| match (self.is_average, count(group)) {
                    (true, 0) => 0,
                    (true, count) => narrow(self.of, sums[group].wrapping_div(count)),
                    (false, _) => narrow(self.of, sums[group]),
                };
                Column {
                    values: Values::Integer(groups().map(value).collect()),
                    valid: Some(valid),
                }
            }
            Sums::Double(sums) => {
                let value = |group: usize| match self.is_average {
                    true => narrow_double(self.of, sums[group] / count(group) as f64),
                    false => sums[group],
                };
                Column { values: Values::Double(groups().map(value).collect()), valid: Some(valid) }
            }
            Sums::Decimal(sums) => {
                let results: Vec<_> = groups().map(|group| self.decimal(sums, group)).collect();
                let valid = results.iter().map(Option::is_some).collect();
                let values = results.into_iter().map(Option::unwrap_or_default).collect();
                Column { values: Values::Decimal(values), valid: Some(valid) }
            }
        }
    }

    fn decimal(&self, sums: &ExactSums, group: usize) -> Option<i128> {
        let count = self.counts[group];
        let widest = Form { precision: PRECISION_MAX, scale: self.scale };
        let total = sums.total(group).filter(|_| count > 0).and_then(|sum| widest.fit(sum))?;
        let Type::Decimal { precision, scale } = self.of else { return None };
        let form = Form { precision, scale };
        if self.is_average {
            form.quotient(total, i32::from(scale) - i32::from(self.scale), i128::from(count))
        } else {
            form.rescale(total, self.scale)
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let width = if matches!(self.sums, Sums::Decimal(_)) { 20 } else { 8 };
        self.counts.len() * (8 + width)
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        self.counts.iter().for_each(|count| out.i64(*count));
        match &self.sums {
            Sums::Integer(sums) => sums.iter().for_each(|sum| out.i64(*sum)),
            Sums::Double(sums) => sums.iter().for_each(|sum| out.u64(sum.to_bits())),
            Sums::Decimal(sums) => {
                sums.low.iter().for_each(|low| out.i128(*low));
                sums.wraps.iter().for_each(|wraps| out.i64(i64::from(*wraps)));
            }
        }
    }

    /// Reads `groups` totals into this empty one.
    pub(crate) fn read(&mut self, groups: usize, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.counts = from.many(groups, Reader::tally)?;
        match &mut self.sums {
            Sums::Integer(sums) => *sums = from.many(groups, Reader::i64)?,
            Sums::Double(sums) => {
                *sums = from.many(groups, |from| from.u64().map(f64::from_bits))?;
            }
            Sums::Decimal(sums) => {
                sums.low = from.many(groups, Reader::i128)?;
                sums.wraps =
                    from.many(groups, |from| i32::try_from(from.i64()?).map_err(|_| Torn))?;
            }
        }
        Ok(())
    }
}
