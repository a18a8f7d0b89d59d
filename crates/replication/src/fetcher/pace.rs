//! How fast a follower catches up: so that producers, who wait for those in sync, hardly notice it.
//!
//! Told: when a request goes out, how much came of partitions that are not in sync, and when that was written. Answers until when those are
//! not asked for, and how much of one is asked for at once: small pieces keep nobody waiting for long. It works for a part of the time, which
//! grows the longer it takes: one that is slower than the producers would never be in sync again.

use std::time::Duration;

use world::Instant;

#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When it began, and when something of weight came last.
    catching_up: Option<(Instant, Instant)>,
    asked_at: Instant,
    has_weight: bool,
    rests_until: Instant,
}

impl Pace {
    /// A request goes out.
    pub(super) fn on_asked(&mut self, now: Instant) {
        self.asked_at = now;
    }

    /// So many bytes came of partitions that are not in sync.
    pub(super) fn on_answered(&mut self, bytes_behind: usize) {
        self.has_weight = bytes_behind >= WEIGHT_BYTES;
    }

    /// What came is written: until when those that are not in sync rest.
    pub(super) fn rests_until(&mut self, now: Instant) -> Instant {
        if std::mem::take(&mut self.has_weight) {
            let begun = self.begun(now).unwrap_or(now);
            self.catching_up = Some((begun, now));
            let worked = now.since(self.asked_at);
            self.rests_until = now.plus(worked * rests_per_work(now.since(begun)));
        }
        self.rests_until
    }

    /// How much of one partition to ask for; `usual` if nothing is behind.
    pub(super) fn bytes_max(&self, usual: usize, now: Instant) -> usize {
        if self.begun(now).is_some() { usual.min(PIECE_BYTES) } else { usual }
    }

    /// When the catching up that is under way began.
    fn begun(&self, now: Instant) -> Option<Instant> {
        self.catching_up.filter(|(_, last)| now.since(*last) < PAUSE).map(|(begun, _)| begun)
    }
}

/// How many times as long as it has worked one rests that has been catching up for `time`.
fn rests_per_work(time: Duration) -> u32 {
    FIRST_RESTS.saturating_sub(u32::try_from(time.as_secs() / STEP.as_secs()).unwrap_or(u32::MAX))
}

/// At first it works for a fifth of the time, after each step for more, after a minute all the time.
const FIRST_RESTS: u32 = 4;
const STEP: Duration = Duration::from_secs(15);
/// With 1 MiB (`replica.fetch.max.bytes`) at once acknowledgements took 12 ms instead of 3 at the 99th percentile, with a quarter of it 4.5 instead of 2.4, and it was
/// no slower; with an eighth it was.
const PIECE_BYTES: usize = 192 << 10;
/// Less than this is the everyday of one that is nearly in sync.
const WEIGHT_BYTES: usize = PIECE_BYTES / 2;
/// After so long without anything of weight the next is another catching up.
const PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// One request that takes `work`; how long those that are behind rest after it.
    fn turn(pace: &mut Pace, at: Instant, work: Duration, bytes: usize) -> Duration {
        pace.on_asked(at);
        pace.on_answered(bytes);
        let written = at.plus(work);
        pace.rests_until(written).since(written)
    }

    #[test]
    fn it_works_a_fifth_of_the_time_and_more_the_longer_it_takes() {
        let mut pace = Pace::default();
        let mut rests = Vec::new();
        for second in 0..70 {
            rests.push(turn(&mut pace, Instant(second * 1_000_000_000), 2 * MS, PIECE_BYTES));
        }
        assert_eq!([rests[0], rests[14], rests[16]], [8 * MS, 8 * MS, 6 * MS]);
        assert_eq!([rests[46], rests[69]], [2 * MS, Duration::ZERO], "it gets there");
        let later = Instant(70_000_000_000).plus(PAUSE);
        assert_eq!(turn(&mut pace, later, 2 * MS, PIECE_BYTES), 8 * MS, "it was away again");
    }

    #[test]
    fn what_is_nearly_in_sync_never_rests_and_is_asked_for_as_always() {
        let mut pace = Pace::default();
        assert_eq!(turn(&mut pace, Instant(0), 500 * MS, WEIGHT_BYTES - 1), Duration::ZERO);
        assert_eq!(pace.bytes_max(1 << 20, Instant(0).plus(500 * MS)), 1 << 20);
        let _ = turn(&mut pace, Instant(0), MS, WEIGHT_BYTES);
        assert_eq!(pace.bytes_max(1 << 20, Instant(0).plus(MS)), PIECE_BYTES);
        assert_eq!(pace.bytes_max(1 << 10, Instant(0).plus(MS)), 1 << 10, "the setting is a limit");
    }
}
