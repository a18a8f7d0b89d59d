//! The single writer of a cluster: on the node that leads the quorum it decides what is asked, one group of requests at a time;
//! on every node it publishes what is applied.
//!
//! A group that is being committed is ahead of the image (`newest`): a request sees the facts of those before it. What is asked meanwhile
//! waits and is the next group, so that a slow commit is shared. Answers leave when the group is applied here and published. A leader that
//! is none any more passes on what it has not answered, and decides nothing before it has applied all that was written before its term.

use std::{sync::Arc, time::Duration};

use ::bytes::Bytes;
use metadata::{Fact, Image, Publisher};
use tokio::sync::mpsc::Sender;
use world::{Clock, exec::Wait};

use crate::{
    Answer,
    inbox::{Asked, Inbox, News, Role},
    machine::{Machine, Outcome},
    raft::{Command, ENTRY_BYTES_MAX, Group},
};

/// Requests that are committed together.
const GROUP_REQUESTS_MAX: usize = 256;
/// Bytes of facts from which on a group is committed.
const GROUP_BYTES_MAX: usize = 1 << 20;
/// How often a leader that waits for a commit looks for requests that nobody waits for any more.
const OVERDUE_CHECK: Duration = Duration::from_millis(500);

pub(crate) struct Driver {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) commands: Sender<Command>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) machine: Machine,
    /// With the facts that are being committed; equal to the applied image between two groups.
    pub(crate) newest: Image,
    pub(crate) applied: Image,
    pub(crate) role: Role,
    pub(crate) in_flight: Option<InFlight>,
    pub(crate) next_ticket: u64,
}

/// A group that is being committed.
pub(crate) struct InFlight {
    ticket: u64,
    answers: Vec<(Asked, Answer)>,
}

impl Driver {
    pub(crate) fn run(mut self) {
        loop {
            let takes_requests = self.in_flight.is_none() && self.role != Role::Taking;
            let news = self.inbox.wait(takes_requests, self.patience());
            if news.is_closing {
                return; // dropping the replies says so
            }
            self.on_news(news);
            match self.role {
                Role::Leading(term) if self.in_flight.is_none() => self.decide(term),
                Role::Leading(_) | Role::Taking => self.drop_overdue(),
                Role::Following => self.pass_on(),
                Role::Failed => drop(self.inbox.requests(usize::MAX)),
            }
        }
    }

    /// How long there is nothing to do but for what comes into the inbox.
    fn patience(&self) -> Option<Duration> {
        if self.in_flight.is_some() {
            return Some(OVERDUE_CHECK);
        }
        let Role::Leading(_) = self.role else { return None };
        self.machine.next_deadline().map(|at| at.since(self.clock.now()))
    }

    fn on_news(&mut self, news: News) {
        if let Some((image, delta)) = news.applied {
            self.applied = image.clone();
            self.publisher.publish(Arc::new(image), &delta);
        }
        for (ticket, is_applied) in news.settled {
            self.on_settled(ticket, is_applied);
        }
        if news.role != self.role {
            self.role = news.role;
            self.give_up();
            if let Role::Leading(_) = self.role {
                self.machine.on_elected(&self.applied, self.clock.now());
            }
        }
        for (broker, grace) in news.suspects {
            self.machine.on_suspect(broker, grace, self.clock.now());
        }
        for broker in news.heard {
            self.machine.on_heard(broker);
        }
        if self.in_flight.is_none() {
            self.newest = self.applied.clone();
        }
    }

    fn on_settled(&mut self, ticket: u64, is_applied: bool) {
        let Some(group) = self.in_flight.take_if(|group| group.ticket == ticket) else { return };
        for (asked, answer) in group.answers {
            if is_applied {
                (asked.reply)(answer);
            } else {
                self.ask_elsewhere(asked);
            }
        }
    }

    /// What is in flight was decided in a term that is over: others may know what became of it.
    fn give_up(&mut self) {
        for (asked, _) in self.in_flight.take().into_iter().flat_map(|group| group.answers) {
            self.ask_elsewhere(asked);
        }
    }

    fn pass_on(&mut self) {
        for asked in self.inbox.requests(GROUP_REQUESTS_MAX) {
            self.ask_elsewhere(asked);
        }
    }

    fn ask_elsewhere(&self, asked: Asked) {
        if !asked.is_forwarded {
            // A full queue drops it: that says so.
            let _ = self.commands.try_send(Command::Forward(asked));
        }
    }

    fn drop_overdue(&mut self) {
        let now = self.clock.now();
        if let Some(group) = &mut self.in_flight {
            group.answers.retain(|(asked, _)| asked.deadline > now);
        }
    }

    fn decide(&mut self, term: u64) {
        let mut group = Draft::default();
        self.name_cluster(&mut group);
        let now = self.clock.now();
        if self.machine.next_deadline().is_some_and(|at| at <= now) {
            for fact in self.machine.on_tick(&self.newest, now) {
                group.add(&mut self.newest, &fact);
            }
        }
        while group.has_room() {
            let Some(asked) = self.inbox.requests(1).pop() else { break };
            self.take(asked, &mut group);
        }
        if group.facts.is_empty() {
            for (asked, answer) in group.answers {
                (asked.reply)(answer);
            }
            return;
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.in_flight = Some(InFlight { ticket, answers: group.answers });
        let groups = split(term, group.facts);
        // The quorum's thread gone means the role is about to change.
        let _ = self.commands.send(Command::Propose { ticket, groups }).wait();
    }

    /// The first fact of a new cluster is its id.
    fn name_cluster(&mut self, group: &mut Draft) {
        if self.newest.cluster_id().is_empty() {
            let id = self.machine.cluster_id().to_owned();
            group.add(&mut self.newest, &Fact::Cluster { id });
        }
    }

    fn take(&mut self, asked: Asked, group: &mut Draft) {
        let Outcome { facts, answer } = self.machine.decide(&self.newest, asked.request.clone());
        if facts.iter().any(|fact| fact.encode().len() > ENTRY_BYTES_MAX) {
            return; // dropping the reply says so: no entry holds it
        }
        for fact in &facts {
            group.add(&mut self.newest, fact);
        }
        group.answers.push((asked, answer));
    }
}

/// Requests that are committed together.
#[derive(Default)]
struct Draft {
    facts: Vec<Bytes>,
    bytes: usize,
    answers: Vec<(Asked, Answer)>,
}

impl Draft {
    fn add(&mut self, image: &mut Image, fact: &Fact) {
        image.apply(fact);
        let record = fact.encode();
        self.bytes += record.len();
        self.facts.push(record.into());
    }

    fn has_room(&self) -> bool {
        self.answers.len() < GROUP_REQUESTS_MAX && self.bytes < GROUP_BYTES_MAX
    }
}

/// One entry, but for a request whose facts do not fit into one: those are committed one entry after the other.
fn split(term: u64, facts: Vec<Bytes>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut bytes = 0;
    for fact in facts {
        bytes += fact.len();
        match groups.last_mut() {
            Some(group) if bytes <= ENTRY_BYTES_MAX => group.facts.push(fact),
            _ => {
                bytes = fact.len();
                groups.push(Group { term, facts: vec![fact] });
            }
        }
    }
    groups
}
