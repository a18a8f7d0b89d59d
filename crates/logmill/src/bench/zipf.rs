//! Numbers whose popularity falls with their rank: the k-th of n is drawn with a weight of (v + k)^-s.

/// A table to draw from.
pub(super) struct Zipf {
    /// The share of all draws that falls on this number or a lower one.
    cumulative: Vec<f64>,
}

impl Zipf {
    /// Over `0..count`, with exponent `s` and offset `v`.
    pub(super) fn new(s: f64, v: f64, count: u32) -> Self {
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = (0..count)
            .map(|rank| {
                sum += (v + f64::from(rank)).powf(-s);
                sum
            })
            .collect();
        for share in &mut cumulative {
            *share /= sum;
        }
        Self { cumulative }
    }

    /// One number.
    pub(super) fn draw(&self, chance: &mut fastrand::Rng) -> usize {
        let share = chance.f64();
        self.cumulative
            .partition_point(|upper| *upper <= share)
            .min(self.cumulative.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_ranks_are_drawn_more_often_and_none_lies_outside() {
        let zipf = Zipf::new(1.1, 5.0, 1000);
        let mut chance = fastrand::Rng::with_seed(7);
        let mut seen = vec![0_u32; 1000];
        for _ in 0..100_000 {
            seen[zipf.draw(&mut chance)] += 1;
        }
        assert!(seen[0] > 2 * seen[10]);
        assert!(seen[10] > 2 * seen[100]);
        assert!(seen.iter().filter(|count| **count > 0).count() > 900);
    }
}
