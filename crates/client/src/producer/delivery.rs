//! The fate of a record: one outcome per batch, shared by the deliveries of its records.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use model::{Offset, PartitionId};

use crate::ClientError;

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its partition.
    pub partition: PartitionId,
    /// Its offset; [`Offset::NONE`] when the broker did not say (no acks, or it had the batch already).
    pub offset: Offset,
}

/// Resolves when the record is delivered or has failed. Dropping it does not take the record back.
#[must_use]
pub struct Delivery {
    outcome: Arc<Outcome>,
    index: i64,
}

/// What became of a batch.
pub(super) struct Outcome {
    partition: PartitionId,
    state: Mutex<Settling>,
}

#[derive(Default)]
struct Settling {
    result: Option<Result<Offset, ClientError>>,
    wakers: Vec<Waker>,
}

impl Outcome {
    pub(super) fn new(partition: PartitionId) -> Arc<Self> {
        Arc::new(Self { partition, state: Mutex::default() })
    }

    pub(super) fn delivery(self: &Arc<Self>, index: i32) -> Delivery {
        Delivery { outcome: Arc::clone(self), index: i64::from(index) }
    }

    /// Settles it, once; the base offset, or why not.
    pub(super) fn settle(&self, result: Result<Offset, ClientError>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.result.is_some() {
            return;
        }
        state.result = Some(result);
        for waker in state.wakers.drain(..) {
            waker.wake();
        }
    }
}

impl Future for Delivery {
    type Output = Result<Delivered, ClientError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.outcome.state.lock().unwrap_or_else(PoisonError::into_inner);
        let base = match &state.result {
            Some(Ok(base)) => *base,
            Some(Err(error)) => return Poll::Ready(Err(error.clone())),
            None => {
                if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    state.wakers.push(cx.waker().clone());
                }
                return Poll::Pending;
            }
        };
        let offset = if base == Offset::NONE { base } else { base.plus(self.index) };
        Poll::Ready(Ok(Delivered { partition: self.outcome.partition, offset }))
    }
}
