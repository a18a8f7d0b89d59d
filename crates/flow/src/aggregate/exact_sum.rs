//! Sums of decimals that no order of adding can change: 128 bits, and how often they have wrapped.

/// Sums, one per group: each is `low` + `wraps` × 2^128.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExactSums {
    pub(crate) low: Vec<i128>,
    pub(crate) wraps: Vec<i32>,
}

impl ExactSums {
    pub(crate) fn grow(&mut self, groups: usize) {
        self.low.resize(groups, 0);
        self.wraps.resize(groups, 0);
    }

    #[inline]
    pub(crate) fn add(&mut self, group: usize, value: i128, wraps: i32) {
        let (sum, has_wrapped) = self.low[group].overflowing_add(value);
        self.low[group] = sum;
        let carry = if !has_wrapped {
            0
        } else if value < 0 {
            -1
        } else {
            1
        };
        self.wraps[group] = self.wraps[group].wrapping_add(carry).wrapping_add(wraps);
    }

    /// The sum, if 128 bits hold it.
    pub(crate) fn total(&self, group: usize) -> Option<i128> {
        (self.wraps[group] == 0).then(|| self.low[group])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overflows_on_the_way_is_still_exact_at_the_end() {
        let mut sums = ExactSums::default();
        sums.grow(1);
        sums.add(0, i128::MAX, 0);
        sums.add(0, i128::MAX, 0);
        assert_eq!(sums.total(0), None);
        sums.add(0, -i128::MAX, 0);
        sums.add(0, -i128::MAX, 0);
        assert_eq!(sums.total(0), Some(0));
        sums.add(0, i128::MIN, 0);
        sums.add(0, -1, 0);
        assert_eq!(sums.total(0), None);
        sums.add(0, 2, 0);
        assert_eq!(sums.total(0), Some(i128::MIN + 1));
    }
}
