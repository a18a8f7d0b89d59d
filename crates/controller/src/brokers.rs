//! Brokers: a life begins fenced, is unfenced, ends.
//!
//! ```text
//!   register ──▶ fenced ──has applied what was so when it showed itself──▶ active ──wants to stop──▶ shutting down ──▶ may stop
//!                  ▲                                                         │                           │
//!                  └───────────────── session over, or it wishes so ─────────┴───────────────────────────┘
//! ```
//! Whoever is not active leads nothing and is in sync only where it is the last. Facts stand in an order of which every prefix is
//! sound: leaders move before the broker's state says why, and come after it says that they may.

use metadata::{Broker, Fact, Image};
use model::{BrokerId, ErrorCode};
use world::Instant;

use crate::{
    Answer, Heartbeat, HeartbeatAnswer, Refusal, Registration, leaders,
    machine::{Machine, Outcome},
};

pub(crate) fn register(
    machine: &mut Machine,
    image: &Image,
    now: Instant,
    new: Registration,
) -> Outcome {
    let decided = admit(machine, image, now, &new).map(|known| {
        if let Some(known) = known {
            return (known.epoch, Vec::new());
        }
        let server = &machine.options.server;
        let epoch = image.broker_epoch_next();
        let has_lost = |known: &Broker| new.lineage == 0 || known.lineage != new.lineage;
        let mut facts = match image.broker(new.id) {
            _ if model::mutant!("M26") => Vec::new(),
            Some(known) if !has_lost(known) => leaders::leave(image, server, new.id),
            // What an id had that is not registered any more, nobody knows.
            _ => leaders::lose(image, server, new.id),
        };
        let Registration { id, cluster_id: _, incarnation, host, port, rack, lineage } = new;
        let (is_fenced, is_shutting_down) = (true, false);
        facts.push(Fact::RegisterBroker {
            id,
            incarnation,
            epoch,
            host,
            port,
            rack,
            lineage,
            is_fenced,
            is_shutting_down,
        });
        machine.sessions.touch(id, epoch, now);
        (epoch, facts)
    });
    match decided {
        Ok((epoch, facts)) => Outcome { facts, answer: Answer::RegisterBroker(Ok(epoch)) },
        Err(refusal) => Outcome::refused(Answer::RegisterBroker(Err(refusal))),
    }
}

/// Whether the life may begin; answers its broker if it has begun already and the answer was lost.
fn admit<'a>(
    machine: &Machine,
    image: &'a Image,
    now: Instant,
    new: &Registration,
) -> Result<Option<&'a Broker>, Refusal> {
    let expected = machine.cluster_id();
    if new.cluster_id != expected {
        let message =
            format!("Expected cluster ID {expected}, but got cluster ID {}", new.cluster_id);
        return Err(Refusal::new(ErrorCode::InconsistentClusterId, message));
    }
    let Some(known) = image.broker(new.id) else { return Ok(None) };
    if known.incarnation == new.incarnation {
        let is_same = known.host == new.host && known.port == new.port && known.rack == new.rack;
        return Ok(is_same.then_some(known));
    }
    // A broker in the controller's own process has no other life: the data directory is locked.
    let is_own = new.id == machine.options.server.node();
    let is_live = machine.sessions.is_live(new.id, known.epoch, now);
    if is_live && !known.is_shutting_down && !is_own {
        let message = "Another broker is registered with that broker id. If the broker was recently restarted this should self-resolve once its session is over.";
        return Err(Refusal::new(ErrorCode::DuplicateBrokerRegistration, message));
    }
    Ok(None)
}

pub(crate) fn heartbeat(
    machine: &mut Machine,
    image: &Image,
    now: Instant,
    beat: Heartbeat,
) -> Outcome {
    let broker = match check_epoch(image, beat.broker, beat.epoch) {
        Ok(broker) => broker,
        Err(refusal) => return Outcome::refused(Answer::Heartbeat(Err(refusal))),
    };
    let version = image.version();
    let session = machine.sessions.touch(beat.broker, beat.epoch, now);
    session.applied = session.applied.max(beat.applied);
    let is_caught_up = beat.applied >= *session.catch_up.get_or_insert(version);
    let next = next_state(machine, image, broker, &beat, is_caught_up);
    let facts = transition(machine, image, broker, next);
    if next == State::Stopped {
        // It has said goodbye: its next life need not wait.
        machine.sessions.end(broker.id);
    }
    let told = HeartbeatAnswer {
        is_caught_up,
        is_fenced: matches!(next, State::Fenced | State::Stopped),
        should_shut_down: next == State::Stopped,
    };
    Outcome { facts, answer: Answer::Heartbeat(Ok(told)) }
}

/// What a broker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fenced,
    Active,
    ShuttingDown,
    /// Fenced, and told to stop.
    Stopped,
}

fn next_state(
    machine: &mut Machine,
    image: &Image,
    broker: &Broker,
    beat: &Heartbeat,
    is_caught_up: bool,
) -> State {
    match (broker.is_fenced, broker.is_shutting_down) {
        (true, _) if beat.wants_shutdown => State::Stopped,
        (true, _) if is_caught_up && !beat.wants_fence => State::Active,
        (true, _) => State::Fenced,
        (false, _) if beat.wants_fence && beat.wants_shutdown => State::Stopped,
        (false, _) if beat.wants_fence => State::Fenced,
        (false, false) if beat.wants_shutdown => State::ShuttingDown,
        (false, false) => State::Active,
        (false, true) if has_handed_over(machine, image, broker) => State::Stopped,
        (false, true) => State::ShuttingDown,
    }
}

/// Whether all others know that `broker` leads nothing.
fn has_handed_over(machine: &mut Machine, image: &Image, broker: &Broker) -> bool {
    let now = machine.world.clock.now();
    let session = machine.sessions.touch(broker.id, broker.epoch, now);
    let hand_over = *session.hand_over.get_or_insert(image.version());
    let mut others = image.brokers().filter(|other| other.is_active());
    others.all(|other| machine.sessions.applied(other.id) >= hand_over)
}

fn transition(machine: &Machine, image: &Image, broker: &Broker, next: State) -> Vec<Fact> {
    let is_fenced = matches!(next, State::Fenced | State::Stopped);
    let is_shutting_down = next == State::ShuttingDown;
    if (broker.is_fenced, broker.is_shutting_down) == (is_fenced, is_shutting_down) {
        return Vec::new();
    }
    let (id, epoch) = (broker.id, broker.epoch);
    let fact = Fact::BrokerState { id, epoch, is_fenced, is_shutting_down };
    let server = &machine.options.server;
    if next == State::Active {
        let mut after = image.clone();
        after.apply(&fact);
        let mut facts = vec![fact];
        facts.extend(leaders::come(&after, server, id));
        return facts;
    }
    let mut facts = leaders::leave(image, server, id);
    facts.push(fact);
    facts
}

/// A broker's session is over.
pub(crate) fn fence(machine: &Machine, image: &Image, broker: BrokerId) -> Vec<Fact> {
    match image.broker(broker) {
        Some(broker) if !broker.is_fenced => transition(machine, image, broker, State::Fenced),
        _ => Vec::new(),
    }
}

pub(crate) fn unregister(machine: &mut Machine, image: &Image, id: BrokerId) -> Outcome {
    let Some(broker) = image.broker(id) else {
        let message = format!("Broker ID {id} is not currently registered");
        let refusal = Refusal::new(ErrorCode::BrokerIdNotRegistered, message);
        return Outcome::refused(Answer::UnregisterBroker(Err(refusal)));
    };
    let mut facts = leaders::leave(image, &machine.options.server, id);
    facts.push(Fact::UnregisterBroker { id, epoch: broker.epoch });
    machine.sessions.end(id);
    Outcome { facts, answer: Answer::UnregisterBroker(Ok(())) }
}

/// The broker, if it is in this life.
pub(crate) fn check_epoch(
    image: &Image,
    id: BrokerId,
    epoch: model::BrokerEpoch,
) -> Result<&Broker, Refusal> {
    let refuse = |message: String| Err(Refusal::new(ErrorCode::StaleBrokerEpoch, message));
    match image.broker(id) {
        None => refuse(format!("No broker registration found for broker id {id}")),
        Some(broker) if broker.epoch != epoch => {
            refuse(format!("Expected broker epoch {}, but got broker epoch {epoch}", broker.epoch))
        }
        Some(broker) => Ok(broker),
    }
}
