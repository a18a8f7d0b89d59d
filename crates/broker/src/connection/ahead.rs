//! Produce requests that are appended and not yet answered, in order.
//!
//! Invariant: the first entry waits for replication; an entry behind it may be ready, and waits for its turn. An empty
//! queue is the rule on a lone node: what is appended there is replicated.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use bytes::Bytes;
use model::limits::{PRODUCE_AHEAD_BYTES_MAX, PRODUCE_AHEAD_REQUESTS_MAX};

use super::{Ended, Outbox};
use crate::handlers::data::produce::Replicating;

/// What stage one of a Produce leaves.
pub(crate) enum Produced {
    /// Done, and no answer is wanted (`acks=0`).
    Unanswered,
    /// Failed, and no answer is wanted.
    Refused,
    /// There is, or will be, an answer.
    Answer(Unanswered),
}

/// A request whose answer is ready or awaited.
pub(crate) enum Unanswered {
    /// The frame to send.
    Ready(Bytes),
    /// Awaits replication.
    Replicating(Box<Replicating>),
}

#[derive(Default)]
pub(super) struct Ahead {
    entries: VecDeque<Unanswered>,
    /// Of the requests that wait.
    size_bytes: usize,
}

impl Ahead {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether one more request may be read ahead.
    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < PRODUCE_AHEAD_REQUESTS_MAX && self.size_bytes < PRODUCE_AHEAD_BYTES_MAX
    }

    /// Takes an answer: straight to `outbox` when nothing is before it.
    pub(super) fn push(&mut self, answer: Unanswered, outbox: &mut Outbox) {
        match answer {
            Unanswered::Ready(bytes) if self.entries.is_empty() => outbox.push(bytes),
            answer => {
                self.size_bytes += answer.size_bytes();
                self.entries.push_back(answer);
            }
        }
    }

    /// Moves what is ready, from the front, to `outbox`.
    pub(super) fn settle(&mut self, outbox: &mut Outbox) -> Result<(), Ended> {
        while let Some(front) = self.entries.front_mut() {
            if let Unanswered::Replicating(waiting) = front
                && !waiting.is_done()
            {
                break;
            }
            let Some(front) = self.entries.pop_front() else { break };
            self.size_bytes -= front.size_bytes();
            match front {
                Unanswered::Ready(bytes) => outbox.push(bytes),
                Unanswered::Replicating(waiting) => outbox.push(waiting.into_answer()),
            }
        }
        Ok(())
    }

    /// Ready when the foremost request is done. Pending for ever when there is none.
    pub(super) fn poll_front(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.entries.front_mut() {
            Some(Unanswered::Replicating(waiting)) => waiting.poll(cx),
            Some(Unanswered::Ready(_)) => Poll::Ready(()),
            None => Poll::Pending,
        }
    }
}

impl Unanswered {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Ready(bytes) => bytes.len(),
            Self::Replicating(waiting) => waiting.request_bytes(),
        }
    }
}
