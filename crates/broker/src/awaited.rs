//! What a broker has been waiting for too long to keep silent. A machine.
//!
//! Told after each try what the broker still waits for, and `now`; answers when an operator is to be told: after a while, and again now and
//! then as long as it lasts.

use std::time::Duration;

use world::Instant;

/// What keeps a broker from being registered, or from showing itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// The quorum does not answer.
    Quorum,
    /// Another process is registered under its id, or its own life before still is.
    OtherLife,
}

#[derive(Debug, Default)]
pub(crate) struct Patience {
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    awaited: Awaited,
    since: Instant,
    tell_at: Instant,
}

impl Patience {
    /// A try that was begun at `begun` has ended; `awaited` stood in its way. For how long it has, if that is to be told now.
    pub(crate) fn on_tried(
        &mut self,
        awaited: Option<Awaited>,
        begun: Instant,
        now: Instant,
    ) -> Option<Duration> {
        let Some(awaited) = awaited else {
            self.waiting = None;
            return None;
        };
        let first = Waiting { awaited, since: begun, tell_at: begun.plus(SILENT_FOR) };
        let known = self.waiting.filter(|waiting| waiting.awaited == awaited);
        let waiting = self.waiting.insert(known.unwrap_or(first));
        if now < waiting.tell_at {
            return None;
        }
        waiting.tell_at = now.plus(TELL_AGAIN_AFTER);
        Some(now.since(waiting.since))
    }
}

/// An election, or the end of a session, is nothing to tell of.
const SILENT_FOR: Duration = Duration::from_secs(5);
/// Between two lines about the same.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Instant {
        Instant::default().plus(Duration::from_secs(second))
    }

    /// A try of two seconds has ended at `second`.
    fn tried(patience: &mut Patience, awaited: Option<Awaited>, second: u64) -> Option<u64> {
        let told = patience.on_tried(awaited, at(second - 2), at(second));
        told.map(|time| time.as_secs())
    }

    #[test]
    fn what_lasts_is_told_now_and_then_and_what_has_passed_is_not() {
        let mut patience = Patience::default();
        let told = (2..75).filter_map(|second| tried(&mut patience, Some(Awaited::Quorum), second));
        assert_eq!(told.collect::<Vec<_>>(), [5, 35, 65]);
        let other = Some(Awaited::OtherLife);
        assert_eq!(tried(&mut patience, other, 76), None, "something else");
        assert_eq!(tried(&mut patience, None, 78), None);
        assert_eq!(tried(&mut patience, other, 82), None, "anew");
        assert_eq!(tried(&mut patience, other, 85), Some(5));
    }
}
