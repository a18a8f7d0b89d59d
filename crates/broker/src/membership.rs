//! Keeps a broker's [`Life`] going, on a thread of its own: a heartbeat waits neither for data nor for the image.
//!
//! Who is awaited for long is said on standard error, once and then now and then.
//!
//! The thread ends when the broker has left, when the controller refuses it for good, or when the membership is dropped.

use std::{io, sync::Arc, time::Duration};

use controller::{Controller, Refusal, Registration};
use metadata::Publisher;
use model::{BrokerEpoch, BrokerId, ErrorCode, Offset};
use storage::DataDirectory;
use world::{
    Clock, Instant,
    exec::{self, Condvar, JoinHandle, Mutex, MutexGuard, Wait},
};

use crate::{
    awaited::{Awaited, Patience},
    life::{Life, State, Step},
};

/// A broker's place in the cluster.
pub struct Membership {
    shared: Arc<Shared>,
    broker: BrokerId,
    publisher: Arc<Publisher>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Guards that a change is seen by whoever waits for it.
    told: Mutex<Told>,
    changed: Condvar,
}

/// What thread and owner tell each other.
struct Told {
    state: State,
    refusal: Option<Refusal>,
    is_ready: bool,
    wants_to_leave: bool,
    is_dropped: bool,
    /// The newest image that is being applied, or is applied.
    news: Offset,
}

/// What a membership is made of.
pub struct MembershipParts {
    /// What the controller is told of this broker.
    pub registration: Registration,
    /// `broker.heartbeat.interval.ms`.
    pub interval: Duration,
    /// Who decides about brokers.
    pub controller: Controller,
    /// Where the image is found.
    pub publisher: Arc<Publisher>,
    /// Where the broker's logs are.
    pub directory: Arc<DataDirectory>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Membership {
    /// Begins to register.
    ///
    /// # Errors
    /// There is no thread.
    pub fn begin(parts: MembershipParts) -> io::Result<Self> {
        let told = Told {
            state: State::Absent,
            refusal: None,
            is_ready: false,
            wants_to_leave: false,
            is_dropped: false,
            news: Offset::NONE,
        };
        let shared = Arc::new(Shared { told: Mutex::new(told), changed: Condvar::new() });
        let news = Arc::downgrade(&shared);
        parts.publisher.subscribe(Box::new(move |_, new, _| {
            if let Some(shared) = news.upgrade() {
                shared.lock().news = new.version();
                shared.changed.notify_all();
            }
        }));
        let (broker, publisher) = (parts.registration.id, parts.publisher.clone());
        let driver = Driver { parts, shared: shared.clone() };
        let thread = exec::spawn("membership", move || driver.run())?;
        Ok(Self { shared, broker, publisher, thread: Some(thread) })
    }

    /// Waits until the quorum has registered the broker, and this node's image shows it.
    ///
    /// # Errors
    /// The controller refuses it.
    pub fn await_registered(&self) -> Result<(), Refusal> {
        self.wait_until(|state| matches!(state, State::Fenced(epoch) if self.is_shown(*epoch)))
    }

    /// The broker can serve: waits until it is let.
    ///
    /// # Errors
    /// The controller refuses it.
    pub fn await_active(&self) -> Result<(), Refusal> {
        self.shared.lock().is_ready = true;
        self.shared.changed.notify_all();
        self.wait_until(|state| matches!(state, State::Active(_)))
    }

    fn is_shown(&self, epoch: BrokerEpoch) -> bool {
        self.publisher.current().broker(self.broker).is_some_and(|broker| broker.epoch == epoch)
    }

    fn wait_until(&self, is_so: impl Fn(&State) -> bool) -> Result<(), Refusal> {
        let mut told = self.shared.lock();
        loop {
            if let Some(refusal) = &told.refusal {
                return Err(refusal.clone());
            }
            if is_so(&told.state) {
                return Ok(());
            }
            // The image may come to show it without a change of the state.
            let state = told.state;
            let is_same = |told: &mut Told| told.state == state && told.refusal.is_none();
            told = self.shared.changed.wait_timeout_while(told, LOOK_AGAIN_AFTER, is_same);
        }
    }

    /// Hands over what the broker leads and waits until it has left, for `patience` at most. Answers whether it has.
    pub fn leave(&self, patience: Duration) -> bool {
        let mut told = self.shared.lock();
        told.wants_to_leave = true;
        self.shared.changed.notify_all();
        let is_there = |told: &mut Told| told.state != State::Left && told.refusal.is_none();
        let told = self.shared.changed.wait_timeout_while(told, patience, is_there);
        told.state == State::Left || told.refusal.is_some()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.shared.lock().is_dropped = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic has been printed where it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock()
    }
}

struct Driver {
    parts: MembershipParts,
    shared: Arc<Shared>,
}

impl Driver {
    fn run(self) {
        let parts = &self.parts;
        let clock = &parts.clock;
        let mut life = Life::new(parts.registration.id, parts.interval, clock.now());
        let mut patience = Patience::default();
        while self.hear(&mut life) {
            let image = parts.publisher.current();
            let is_urgent = image.brokers().any(|broker| broker.is_shutting_down);
            let begun = clock.now();
            // A lone broker has nobody to lead in its place: it tells its clients.
            let has_failed = parts.directory.is_failed() && image.brokers().count() > 1;
            if has_failed && life.on_broken(begun) {
                let node = parts.registration.id;
                eprintln!(
                    "error: node {node} takes no part any more: its data directory {} has failed, and others lead in its place. Look at the disk, then start the node again",
                    parts.directory.path().display()
                );
            }
            match life.next(image.version(), is_urgent, begun) {
                Step::Ended => return,
                Step::RestUntil(at) => self.rest(&life, image.version(), at.since(begun)),
                Step::Register => {
                    let asked = parts.controller.register_broker(parts.registration.clone());
                    let answer = asked.wait_for(ANSWER_WITHIN).flatten();
                    self.complain(&mut patience, begun, awaited(answer.as_ref()));
                    if let Err(refusal) = life.on_registered(answer, clock.now()) {
                        return self.tell(&life, Some(refusal));
                    }
                }
                Step::Beat(beat) => {
                    let answer = parts.controller.heartbeat(beat).wait_for(ANSWER_WITHIN).flatten();
                    self.complain(&mut patience, begun, awaited(answer.as_ref()));
                    life.on_told(answer, clock.now());
                }
            }
            self.tell(&life, None);
        }
    }

    /// Says who is awaited, if that lasts.
    fn complain(&self, patience: &mut Patience, begun: Instant, awaited: Option<Awaited>) {
        let Some(time) = patience.on_tried(awaited, begun, self.parts.clock.now()) else { return };
        let (node, seconds) = (self.parts.registration.id, time.as_secs());
        match awaited {
            Some(Awaited::OtherLife) => eprintln!(
                "warning: node {node} has waited for {seconds} s: another process is registered as broker {node}. If that is this node's life before, its session ends by itself (broker.session.timeout.ms); else give one of them another node.id"
            ),
            _ => eprintln!(
                "warning: node {node} has waited for {seconds} s: {}",
                self.missing_from_quorum()
            ),
        }
    }

    fn missing_from_quorum(&self) -> String {
        let Some(status) = self.parts.controller.quorum().wait_for(ANSWER_WITHIN).flatten() else {
            return "the quorum says nothing".to_owned();
        };
        let leader = match status.leader.filter(|leader| *leader != status.node) {
            Some(leader) => format!("node {leader}, which led the quorum last, does not answer"),
            None => "the quorum has no leader".to_owned(),
        };
        let voters: Vec<_> = status.voters.iter().map(|voter| voter.id.to_string()).collect();
        let voters = voters.join(", ");
        format!(
            "{leader}. More than half of the voters ({voters}) must run, reach one another and have the same controller.quorum.voters"
        )
    }

    /// What the owner wishes; answers whether there is still one.
    fn hear(&self, life: &mut Life) -> bool {
        let (is_ready, wants_to_leave, is_dropped) = {
            let told = self.shared.lock();
            (told.is_ready, told.wants_to_leave, told.is_dropped)
        };
        let now = self.parts.clock.now();
        if is_ready && !life.is_ready() {
            life.ready(now);
        }
        if wants_to_leave && !matches!(life.state(), State::Leaving(_) | State::Left) {
            life.leave(now);
            self.tell(life, None);
        }
        !is_dropped
    }

    /// Until `time` is over, the owner has a new wish, or there is a newer image than `applied`.
    fn rest(&self, life: &Life, applied: Offset, time: Duration) {
        let told = self.shared.lock();
        // An image can be seen when its subscribers have acted: a moment after this thread has heard of it.
        let time = if told.news > applied { time.min(LOOK_AGAIN_AFTER) } else { time };
        let is_leaving = matches!(life.state(), State::Leaving(_));
        let is_idle = |told: &mut Told| {
            !told.is_dropped
                && told.is_ready == life.is_ready()
                && told.wants_to_leave == is_leaving
                && (told.news <= applied || time <= LOOK_AGAIN_AFTER)
        };
        // What has happened is found out by whoever comes next.
        drop(self.shared.changed.wait_timeout_while(told, time, is_idle));
    }

    fn tell(&self, life: &Life, refusal: Option<Refusal>) {
        let mut told = self.shared.lock();
        if told.state != life.state() || refusal.is_some() {
            (told.state, told.refusal) = (life.state(), refusal);
            self.shared.changed.notify_all();
        }
    }
}

/// What stands behind an answer that is none.
fn awaited<T>(answer: Option<&Result<T, Refusal>>) -> Option<Awaited> {
    match answer {
        None => Some(Awaited::Quorum),
        Some(Ok(_)) => None,
        Some(Err(refusal)) => match refusal.code {
            ErrorCode::DuplicateBrokerRegistration => Some(Awaited::OtherLife),
            ErrorCode::NotController | ErrorCode::RequestTimedOut => Some(Awaited::Quorum),
            _ => None,
        },
    }
}

/// An answer that takes longer is asked for again.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How soon to look again for what is about to be so.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(1);
