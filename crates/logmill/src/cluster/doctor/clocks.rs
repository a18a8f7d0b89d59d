//! The wall clocks of brokers: against this machine's, and against each other.
//!
//! Told: a reading per broker, or that it does not tell. No record is lost by a wrong clock; but LogAppendTime, retention by time and the event time
//! that producers take from it go wrong, and so do the windows of jobs.

use std::time::Duration;

use model::TimestampMs;

use super::finding::Finding;

/// How far a broker's clock is ahead of this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Negative when it is behind.
    pub(super) ahead_ms: i64,
    /// As much more or less it may be.
    pub(super) uncertainty_ms: i64,
}

impl Reading {
    /// Of `theirs`, in an answer that came `round_trip` after a request that was sent at `sent` by this machine's clock.
    pub(super) fn new(theirs: TimestampMs, sent: TimestampMs, round_trip: Duration) -> Self {
        let round_trip_ms = i64::try_from(round_trip.as_millis()).unwrap_or(i64::MAX);
        let half_ms = round_trip_ms / 2;
        Self {
            ahead_ms: theirs.0.saturating_sub(sent.0.saturating_add(half_ms)),
            // Both clocks are read in whole milliseconds.
            uncertainty_ms: half_ms.saturating_add(1),
        }
    }

    /// How far this clock is ahead of another.
    const fn against(self, other: Self) -> Self {
        Self {
            ahead_ms: self.ahead_ms.saturating_sub(other.ahead_ms),
            uncertainty_ms: self.uncertainty_ms.saturating_add(other.uncertainty_ms),
        }
    }

    /// So far the two are apart for certain.
    fn apart_ms(self) -> u64 {
        let uncertainty_ms = u64::try_from(self.uncertainty_ms).unwrap_or(0);
        self.ahead_ms.unsigned_abs().saturating_sub(uncertainty_ms)
    }

    /// What it comes to, where `told` says what was compared.
    fn finding(self, told: &str) -> Finding {
        let told = format!("{told} (± {} ms)", self.uncertainty_ms);
        let apart_ms = self.apart_ms();
        if apart_ms > APART_MS_BAD {
            Finding::Bad(format!("{told}: {HARM}; set the clocks (NTP)"))
        } else if apart_ms > APART_MS_RISK {
            Finding::Risk(format!("{told}: {HARM}"))
        } else if u64::try_from(self.uncertainty_ms).unwrap_or(0) > APART_MS_RISK {
            Finding::Unknown(format!("{told}: the answers took too long to say more"))
        } else {
            Finding::Ok(told)
        }
    }
}

/// What is to be said of the clocks: of each broker's, with its number, and of the two that are furthest apart.
pub(super) fn judge(clocks: &[(i32, Option<Reading>)]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = clocks
        .iter()
        .map(|(broker, clock)| match clock {
            Some(clock) => clock.finding(&format!("broker {broker}: {}", against_ours(*clock))),
            None => Finding::Unknown(format!(
                "broker {broker} does not tell its clock (Apache Kafka's do not)"
            )),
        })
        .collect();
    findings.extend(furthest_apart(clocks));
    findings
}

fn against_ours(clock: Reading) -> String {
    match clock.ahead_ms {
        0 => "its clock is this machine's".to_owned(),
        ahead @ 1.. => format!("its clock is {ahead} ms ahead of this machine's"),
        behind => format!("its clock is {} ms behind this machine's", behind.unsigned_abs()),
    }
}

fn furthest_apart(clocks: &[(i32, Option<Reading>)]) -> Option<Finding> {
    let seen = || clocks.iter().filter_map(|(broker, clock)| Some((*broker, (*clock)?)));
    let (ahead, first) = seen().max_by_key(|(_, clock)| clock.ahead_ms)?;
    let (behind, last) = seen().filter(|(id, _)| *id != ahead).min_by_key(|(_, c)| c.ahead_ms)?;
    let apart = first.against(last);
    let told = format!("brokers {ahead} and {behind}: clocks {} ms apart", apart.ahead_ms);
    Some(apart.finding(&told))
}

const HARM: &str = "event time, retention by time and LogAppendTime go wrong";
const APART_MS_RISK: u64 = 500;
const APART_MS_BAD: u64 = 10_000;
const _: () = assert!(APART_MS_RISK < APART_MS_BAD);

#[cfg(test)]
mod tests {
    use super::*;

    fn told(clocks: &[(i32, Option<(i64, i64)>)]) -> Vec<String> {
        let reading = |(ahead_ms, uncertainty_ms)| Reading { ahead_ms, uncertainty_ms };
        let clocks: Vec<_> =
            clocks.iter().map(|(broker, clock)| (*broker, clock.map(reading))).collect();
        judge(&clocks).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_reading_takes_the_middle_of_the_round_trip() {
        let read = |theirs, round_trip_ms| {
            let round_trip = Duration::from_millis(round_trip_ms);
            Reading::new(TimestampMs(theirs), TimestampMs(1_000), round_trip)
        };
        assert_eq!(read(1_010, 20), Reading { ahead_ms: 0, uncertainty_ms: 11 });
        assert_eq!(read(900, 0), Reading { ahead_ms: -100, uncertainty_ms: 1 });
        // A clock from a hostile answer is a number like any other.
        assert_eq!(read(i64::MIN, u64::MAX).apart_ms(), (1 << 63) - 1 - (i64::MAX as u64 / 2));
        let far = Reading { ahead_ms: i64::MIN, uncertainty_ms: 1 };
        // The uncertainties add up: 1 of each.
        assert_eq!(far.against(read(i64::MAX, 0)).apart_ms(), (1 << 63) - 2);
    }

    #[test]
    fn a_clock_is_judged_by_how_far_it_is_wrong_for_certain() {
        let one = |ahead, uncertainty| told(&[(1, Some((ahead, uncertainty)))]).remove(0);
        assert_eq!(one(0, 1), "ok    broker 1: its clock is this machine's (± 1 ms)");
        assert_eq!(
            one(501, 1),
            "ok    broker 1: its clock is 501 ms ahead of this machine's (± 1 ms)"
        );
        assert_eq!(
            one(-502, 1),
            format!("risk  broker 1: its clock is 502 ms behind this machine's (± 1 ms): {HARM}")
        );
        assert!(one(10_001, 1).starts_with("risk  "));
        assert!(one(-10_002, 1).starts_with("bad   broker 1: its clock is 10002 ms behind"));
        assert!(one(2_000, 1_600).starts_with("?     broker 1: its clock is 2000 ms ahead"));
    }

    #[test]
    fn the_two_that_are_furthest_apart_are_named() {
        let lines =
            told(&[(1, Some((-300, 1))), (2, None), (3, Some((300, 2))), (4, Some((0, 1)))]);
        assert_eq!(lines[1], "?     broker 2 does not tell its clock (Apache Kafka's do not)");
        assert_eq!(
            lines[4],
            format!("risk  brokers 3 and 1: clocks 600 ms apart (± 3 ms): {HARM}")
        );
        let alone = told(&[(1, Some((0, 1)))]);
        assert_eq!(alone.len(), 1, "a lone clock is compared with this machine's only");
        assert_eq!(
            told(&[(1, Some((5, 1))), (2, Some((5, 1)))])[2],
            "ok    brokers 2 and 1: clocks 0 ms apart (± 2 ms)"
        );
    }
}
