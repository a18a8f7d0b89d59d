//! How long to rest after a failure: shortly at first, since most are over at once, then twice as long each time.

use std::time::Duration;

/// The rests of one that fails again and again.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// No rest is longer than `longest`: `replica.fetch.backoff.ms`.
    pub(crate) fn new(longest: Duration) -> Self {
        Self { next: FIRST.min(longest), longest }
    }

    /// It has succeeded.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.longest);
    }

    /// How long to rest now.
    pub(crate) fn rest(&mut self) -> Duration {
        let rest = self.next;
        self.next = (rest * 2).min(self.longest);
        rest
    }
}

/// The first rest. A refusal is most often an image that is a moment late, on either side; a leader that cannot be reached is most often about to be replaced, or back.
const FIRST: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(FIRST * 5);
        let rests: Vec<_> = (0..4).map(|_| backoff.rest()).collect();
        assert_eq!(rests, [FIRST, FIRST * 2, FIRST * 4, FIRST * 5]);
        backoff.reset();
        assert_eq!(backoff.rest(), FIRST);
        assert_eq!(Backoff::new(FIRST / 2).rest(), FIRST / 2);
    }
}
