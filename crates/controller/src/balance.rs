//! A look at the leaders now and then: preferred ones take over again, and topics that allow it get unclean ones where no clean one is left.
//!
//! As Kafka's quorum controllers do it: every partition whose preferred leader could lead and does not, at most so many at a time.

use metadata::{Fact, Image};
use world::Instant;

use crate::{
    change::Seek,
    leaders::{self, Seeks},
    machine::Machine,
};

/// Leaders that move back at a time: the next look is then soon.
pub(crate) const MOVES_MAX: usize = 1000;

/// What is to move.
pub(crate) fn look(machine: &Machine, image: &Image) -> Vec<Fact> {
    let server = &machine.options.server;
    let mut facts = leaders::settle(image, server);
    if !server.is_true("auto.leader.rebalance.enable") {
        return facts;
    }
    let can_lead = |id| image.is_active(id);
    for topic in image.topics() {
        let seeks = Seeks::of(image, server, topic);
        facts.extend(leaders::changed(topic, |state| {
            let preferred = *state.replicas.first()?;
            let is_wanted = state.leader != preferred
                && state.is_led()
                && state.isr.contains(&preferred)
                && can_lead(preferred);
            is_wanted.then(|| seeks.change(state).seek(Seek::Preferred).decide(can_lead))?
        }));
        if facts.len() >= MOVES_MAX {
            facts.truncate(MOVES_MAX);
            break;
        }
    }
    facts
}

/// When to look next, having found `moved` at `now`.
pub(crate) fn next_look(machine: &Machine, now: Instant, moved: usize) -> Instant {
    if moved >= MOVES_MAX { now } else { now.plus(machine.balance_interval) }
}
