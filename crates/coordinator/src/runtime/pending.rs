//! Answers whose records are appended and not yet committed, in the order of the log.

use std::collections::VecDeque;

use model::Offset;
use world::Instant;

use super::Ticket;

/// Invariant: `next` does not fall from front to back, nor does `deadline`.
#[derive(Debug)]
pub(crate) struct PendingAnswers<A>(VecDeque<Held<A>>);

#[derive(Debug)]
struct Held<A> {
    /// The first offset past what must be committed.
    next: Offset,
    deadline: Instant,
    ticket: Ticket,
    answer: A,
}

impl<A> PendingAnswers<A> {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn push(&mut self, next: Offset, deadline: Instant, answer: (Ticket, A)) {
        if let Some(last) = self.0.back() {
            assert!(last.next <= next, "answers are held in the order of the log");
        }
        let (ticket, answer) = answer;
        self.0.push_back(Held { next, deadline, ticket, answer });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the first answer that `committed` sets free.
    pub(crate) fn pop_committed(&mut self, committed: Offset) -> Option<(Ticket, A)> {
        self.pop_if(|held| held.next <= committed)
    }

    /// Takes the first answer that has waited too long.
    pub(crate) fn pop_late(&mut self, now: Instant) -> Option<(Ticket, A)> {
        self.pop_if(|held| held.deadline <= now)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.0.front().map(|held| held.deadline)
    }

    pub(crate) fn into_answers(self) -> impl Iterator<Item = (Ticket, A)> {
        self.0.into_iter().map(|held| (held.ticket, held.answer))
    }

    fn pop_if(&mut self, is_free: impl Fn(&Held<A>) -> bool) -> Option<(Ticket, A)> {
        if !is_free(self.0.front()?) {
            return None;
        }
        self.0.pop_front().map(|held| (held.ticket, held.answer))
    }
}
