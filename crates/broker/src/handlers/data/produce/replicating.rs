//! Stage two of a Produce: appended here, awaited elsewhere (`acks=all`).

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use model::{ErrorCode, LeaderEpoch, Offset};
use replication::{Partition, Waiter};
use wire::{ProduceAnswer, ProducePartitionAnswer};
use world::exec::{Delay, delay};

/// A batch that is not yet replicated.
pub(super) struct Awaited {
    /// Its place in the answer.
    pub(super) topic: usize,
    pub(super) partition: usize,
    pub(super) replica: Arc<Partition>,
    /// The reign in which it was appended.
    pub(super) reign: LeaderEpoch,
    /// Replicated once the high watermark is here.
    pub(super) until: Offset,
}

/// A request whose answer awaits replication, or its deadline.
pub(crate) struct Replicating {
    answer: ProduceAnswer,
    awaited: Vec<Awaited>,
    version: i16,
    correlation: i32,
    request_bytes: usize,
    waiter: Arc<Waiter>,
    deadline: Delay,
}

impl Replicating {
    pub(super) fn new(
        answer: ProduceAnswer,
        awaited: Vec<Awaited>,
        (version, correlation): (i16, i32),
        timeout_ms: i32,
        request_bytes: usize,
    ) -> Self {
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        let mut this = Self {
            answer,
            awaited,
            version,
            correlation,
            request_bytes,
            waiter: Waiter::new(),
            deadline: delay(timeout),
        };
        this.park();
        this
    }

    /// Bytes of the request.
    pub(crate) fn request_bytes(&self) -> usize {
        self.request_bytes
    }

    /// Whether nothing is awaited any more.
    pub(crate) fn is_done(&mut self) -> bool {
        self.look();
        if self.deadline.is_elapsed() {
            for wait in std::mem::take(&mut self.awaited) {
                fail(&mut self.answer, &wait, ErrorCode::RequestTimedOut);
            }
        }
        self.awaited.is_empty()
    }

    /// Ready once nothing is awaited.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.waiter.poll_woken(cx).is_ready() {
            self.look();
            if self.awaited.is_empty() {
                return Poll::Ready(());
            }
            self.waiter = Waiter::new();
            self.park();
        }
        if self.awaited.is_empty() {
            Poll::Ready(())
        } else {
            Pin::new(&mut self.deadline).poll(cx)
        }
    }

    /// The frame to send.
    pub(crate) fn into_answer(self) -> Bytes {
        self.answer.encode(self.version, self.correlation).freeze()
    }

    /// Settles what has been replicated, or cannot be any more. A partition's edge wakes one wait at a time.
    fn look(&mut self) {
        let answer = &mut self.answer;
        self.awaited.retain(|wait| match wait.replica.is_replicated(wait.reign, wait.until) {
            Ok(is_done) => !is_done,
            Err(error) => {
                fail(answer, wait, error.code());
                false
            }
        });
    }

    fn park(&mut self) {
        for wait in &self.awaited {
            wait.replica.park_produce(&self.waiter, wait.until);
        }
    }
}

fn fail(answer: &mut ProduceAnswer, wait: &Awaited, error: ErrorCode) {
    let part = &mut answer.topics[wait.topic].partitions[wait.partition];
    *part = ProducePartitionAnswer::refused(part.index, error);
}
