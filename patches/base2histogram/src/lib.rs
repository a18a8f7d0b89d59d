//! A histogram of powers of two: what openraft needs of the crate `base2histogram`, without the tables of that crate.
//!
//! openraft counts the sizes of its replication batches in one such histogram and, without its feature `runtime-stats`, never reads it.
//! The original computes its bucket bounds for all sixteen precisions when the first histogram is made, 26 MB that stay resident in every
//! node. `docs/decisions/0008-histogram-stand-in.md` says when this may go.

use std::fmt;

/// One bucket for 0 and one for each power of two that fits in 64 bits.
const BUCKETS: usize = u64::BITS as usize + 1;

/// How many values of each power of two were recorded. `T` is what the original keeps beside each slot; openraft keeps nothing there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    counts: [u64; BUCKETS],
    beside: Option<T>,
}

/// The value below which so many per cent of the recorded ones lie, as the upper bound of its power of two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the per cent of its name")]
pub struct PercentileStats {
    pub samples: u64,
    pub p0_1: u64,
    pub p1: u64,
    pub p5: u64,
    pub p10: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
}

impl<T> Histogram<T> {
    /// Nothing recorded yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { counts: [0; BUCKETS], beside: None }
    }

    /// Counts one `value`.
    pub const fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts `value` `times` times.
    pub const fn record_n(&mut self, value: u64, times: u64) {
        let bucket = (u64::BITS - value.leading_zeros()) as usize;
        self.counts[bucket] = self.counts[bucket].saturating_add(times);
    }

    /// How the recorded values are spread; all zero when there are none.
    #[must_use]
    pub fn percentile_stats(&self) -> PercentileStats {
        let samples = self.counts.iter().sum();
        PercentileStats {
            samples,
            p0_1: self.below(samples, 1),
            p1: self.below(samples, 10),
            p5: self.below(samples, 50),
            p10: self.below(samples, 100),
            p50: self.below(samples, 500),
            p90: self.below(samples, 900),
            p99: self.below(samples, 990),
            p99_9: self.below(samples, 999),
        }
    }

    /// The upper bound of the bucket in which the value of rank `per_mille` of `samples` lies.
    fn below(&self, samples: u64, per_mille: u64) -> u64 {
        let rank = samples / 1_000 * per_mille + samples % 1_000 * per_mille / 1_000;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen > rank {
                return u64::MAX.checked_shr(u64::BITS - bucket as u32).unwrap_or(0);
            }
        }
        0
    }
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, p50, p99, p99_9, .. } = self;
        write!(f, "{samples} samples, p50 {p50}, p99 {p99}, p99.9 {p99_9}")
    }
}

/// Histograms under their names, one line each.
#[derive(Debug, Clone, Default)]
pub struct AsciiChart {
    lines: Vec<(String, PercentileStats)>,
}

impl AsciiChart {
    /// No line yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: Vec::new() }
    }

    /// The same with one line more.
    #[must_use]
    pub fn add<T>(mut self, name: impl Into<String>, histogram: Histogram<T>) -> Self {
        self.lines.push((name.into(), histogram.percentile_stats()));
        self
    }

    /// The same: there is only one degree of detail.
    #[must_use]
    pub const fn detailed(&self) -> &Self {
        self
    }
}

impl fmt::Display for AsciiChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(name, stats)| writeln!(f, "{name} {stats}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Histogram;

    #[test]
    fn percentiles_are_upper_bounds_of_powers_of_two() {
        let mut histogram = Histogram::<()>::new();
        assert_eq!(histogram.percentile_stats().p99, 0);
        for value in 0..1_000 {
            histogram.record(value);
        }
        let stats = histogram.percentile_stats();
        assert_eq!((stats.samples, stats.p0_1, stats.p50, stats.p99), (1_000, 1, 511, 1_023));
        histogram.record(u64::MAX);
        assert_eq!(histogram.percentile_stats().samples, 1_001);
    }
}
