//! Chance with a seed: ids and jitter in production, every choice of a simulation.

/// A source of numbers. Two sources made from one seed give the same numbers.
#[derive(Debug)]
pub struct Chance(fastrand::Rng);

impl Chance {
    /// The source that `seed` stands for.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A source that no one can foresee.
    #[must_use]
    pub fn from_system() -> Self {
        Self(fastrand::Rng::new())
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number of `0..below`; 0 when `below` is 0.
    pub fn below(&mut self, below: u64) -> u64 {
        if below == 0 { 0 } else { self.0.u64(..below) }
    }

    /// Any 128 bits, as a random (version 4) uuid has them.
    pub fn uuid(&mut self) -> u128 {
        let bits = self.0.u128(..);
        (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62)
    }
}
