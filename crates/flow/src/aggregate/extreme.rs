//! MIN and MAX of every type. Doubles by Java's total order, text by its bytes.

use std::cmp::Ordering;

use super::Updates;
use crate::{
    column::{Column, Layout, Values},
    expr::{Operand, compare_doubles},
    snapshot::{Reader, Torn, Writer},
    text::Text,
    types::Type,
};

/// The least or greatest values, one per group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Extremes {
    best: Best,
    seen: Vec<bool>,
    /// How a better value stands to a worse one.
    wanted: Ordering,
}

#[derive(Clone, Debug, PartialEq)]
enum Best {
    Boolean(Vec<bool>),
    Integer(Vec<i64>),
    Double(Vec<f64>),
    Decimal(Vec<i128>),
    Text(Vec<Box<[u8]>>),
}

impl Extremes {
    pub(crate) const fn new(of: Type, wanted: Ordering) -> Self {
        let best = match Layout::of(of) {
            Layout::Boolean => Best::Boolean(Vec::new()),
            Layout::Integer => Best::Integer(Vec::new()),
            Layout::Double => Best::Double(Vec::new()),
            Layout::Decimal => Best::Decimal(Vec::new()),
            Layout::Text => Best::Text(Vec::new()),
        };
        Self { best, seen: Vec::new(), wanted }
    }

    pub(crate) fn grow(&mut self, groups: usize) {
        self.seen.resize(groups, false);
        match &mut self.best {
            Best::Boolean(best) => best.resize(groups, false),
            Best::Integer(best) => best.resize(groups, 0),
            Best::Double(best) => best.resize(groups, 0.0),
            Best::Decimal(best) => best.resize(groups, 0),
            Best::Text(best) => best.resize(groups, Box::default()),
        }
    }

    pub(crate) fn add(&mut self, updates: &Updates<'_>, operand: &Operand<'_, '_>) {
        let (seen, wanted) = (&mut self.seen, self.wanted);
        match &mut self.best {
            Best::Boolean(best) => {
                let values = operand.booleans();
                updates.each(|row, group| {
                    take(&mut best[group], &mut seen[group], values.at(row), |new, old| {
                        new.cmp(old) == wanted
                    });
                });
            }
            Best::Integer(best) => {
                let values = operand.integers();
                updates.each(|row, group| {
                    take(&mut best[group], &mut seen[group], values.at(row), |new, old| {
                        new.cmp(old) == wanted
                    });
                });
            }
            Best::Double(best) => {
                let values = operand.doubles();
                updates.each(|row, group| {
                    take(&mut best[group], &mut seen[group], values.at(row), |new, old| {
                        compare_doubles(*new, *old) == wanted
                    });
                });
            }
            Best::Decimal(best) => {
                let values = operand.decimals();
                updates.each(|row, group| {
                    take(&mut best[group], &mut seen[group], values.at(row), |new, old| {
                        new.cmp(old) == wanted
                    });
                });
            }
            Best::Text(best) => {
                let values = operand.texts();
                updates.each(|row, group| {
                    let new = values.at(row);
                    if !seen[group] || new.cmp(&best[group]) == wanted {
                        best[group] = new.into();
                        seen[group] = true;
                    }
                });
            }
        }
    }

    /// Takes group `i` of `other` into group `map[i]`.
    pub(crate) fn merge(&mut self, other: &Self, map: &[u32]) {
        let wanted = self.wanted;
        for (from, to) in map.iter().map(|to| *to as usize).enumerate() {
            if !other.seen[from] {
                continue;
            }
            let seen = &mut self.seen[to];
            match (&mut self.best, &other.best) {
                (Best::Boolean(best), Best::Boolean(more)) => {
                    take(&mut best[to], seen, more[from], |new, old| new.cmp(old) == wanted);
                }
                (Best::Integer(best), Best::Integer(more)) => {
                    take(&mut best[to], seen, more[from], |new, old| new.cmp(old) == wanted);
                }
                (Best::Double(best), Best::Double(more)) => {
                    take(&mut best[to], seen, more[from], |new, old| {
                        compare_doubles(*new, *old) == wanted
                    });
                }
                (Best::Decimal(best), Best::Decimal(more)) => {
                    take(&mut best[to], seen, more[from], |new, old| new.cmp(old) == wanted);
                }
                (Best::Text(best), Best::Text(more)) => {
                    let new = more[from].clone();
                    take(&mut best[to], seen, new, |new, old| new.cmp(old) == wanted);
                }
                _ => debug_assert!(false, "accumulators of one call are of one kind"),
            }
        }
    }

    /// The results of the groups, in the order `order`. A text past the limit of a column cannot be: it was in one.
    pub(crate) fn finish(&self, order: &[u32]) -> Column<'static> {
        let groups = || order.iter().map(|group| *group as usize);
        let values = match &self.best {
            Best::Boolean(best) => Values::Boolean(groups().map(|group| best[group]).collect()),
            Best::Integer(best) => Values::Integer(groups().map(|group| best[group]).collect()),
            Best::Double(best) => Values::Double(groups().map(|group| best[group]).collect()),
            Best::Decimal(best) => Values::Decimal(groups().map(|group| best[group]).collect()),
            Best::Text(best) => {
                let mut text = Text::over(&[], order.len());
                for group in groups() {
                    let _ = text.push(&best[group]);
                }
                Values::Text(text)
            }
        };
        Column { values, valid: Some(groups().map(|group| self.seen[group]).collect()) }
    }

    pub(crate) fn bytes(&self) -> usize {
        let width = match &self.best {
            Best::Boolean(_) => 1,
            Best::Integer(_) | Best::Double(_) => 8,
            Best::Decimal(_) => 16,
            Best::Text(best) => {
                return best.iter().map(|text| 16 + text.len()).sum::<usize>() + self.seen.len();
            }
        };
        self.seen.len() * (1 + width)
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        self.seen.iter().for_each(|seen| out.u8(u8::from(*seen)));
        match &self.best {
            Best::Boolean(best) => best.iter().for_each(|value| out.u8(u8::from(*value))),
            Best::Integer(best) => best.iter().for_each(|value| out.i64(*value)),
            Best::Double(best) => best.iter().for_each(|value| out.u64(value.to_bits())),
            Best::Decimal(best) => best.iter().for_each(|value| out.i128(*value)),
            Best::Text(best) => best.iter().for_each(|value| out.bytes(value)),
        }
    }

    /// Reads `groups` values into this empty one.
    pub(crate) fn read(&mut self, groups: usize, from: &mut Reader<'_>) -> Result<(), Torn> {
        self.seen = from.many(groups, Reader::flag)?;
        match &mut self.best {
            Best::Boolean(best) => *best = from.many(groups, Reader::flag)?,
            Best::Integer(best) => *best = from.many(groups, Reader::i64)?,
            Best::Double(best) => {
                *best = from.many(groups, |from| from.u64().map(f64::from_bits))?;
            }
            Best::Decimal(best) => *best = from.many(groups, Reader::i128)?,
            Best::Text(best) => *best = from.many(groups, |from| from.bytes().map(Box::from))?,
        }
        Ok(())
    }
}

#[inline]
fn take<T>(best: &mut T, seen: &mut bool, new: T, is_better: impl Fn(&T, &T) -> bool) {
    if !*seen || is_better(&new, best) {
        *best = new;
        *seen = true;
    }
}
