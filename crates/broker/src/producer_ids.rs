//! Producer ids: handed out one by one from blocks that the controller allocates and never hands out twice.

use std::{
    future::Future,
    ops::Range,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use controller::Controller;
use model::{Pending, ProducerId};
use world::exec::Wait;

/// The rest of this broker's block. Clones share it.
#[derive(Clone)]
pub struct ProducerIds(Arc<Shared>);

struct Shared {
    controller: Controller,
    /// Guards that an id is taken once.
    state: Mutex<State>,
}

struct State {
    block: Range<i64>,
    /// The next block, once it has been asked for by somebody who does not wait.
    asked: Option<Pending<Range<i64>>>,
}

impl ProducerIds {
    /// No block yet: the first who needs an id asks `controller` for one.
    #[must_use]
    pub fn new(controller: Controller) -> Self {
        let state = State { block: 0..0, asked: None };
        Self(Arc::new(Shared { controller, state: Mutex::new(state) }))
    }

    /// The next id; none when the controller does not answer.
    pub(crate) async fn next(&self) -> Option<ProducerId> {
        loop {
            if let Some(id) = self.take() {
                return Some(id);
            }
            self.refill().await?;
        }
    }

    /// Sees to it that the next who does not wait finds an id.
    pub(crate) async fn prepare(&self) {
        if self.lock().block.is_empty() {
            // Should the controller not answer, the coordinator says so.
            let _ = self.refill().await;
        }
    }

    /// As [`ProducerIds::next`], for a thread.
    pub(crate) fn next_blocking(&self) -> Option<ProducerId> {
        loop {
            if let Some(id) = self.take() {
                return Some(id);
            }
            let block = self.0.controller.allocate_producer_ids().wait()?;
            self.lock().block = block;
        }
    }

    /// As [`ProducerIds::next`], for who cannot wait: none until the block that this asks for is there.
    #[must_use]
    pub fn next_now(&self) -> Option<ProducerId> {
        if let Some(id) = self.take() {
            return Some(id);
        }
        let mut state = self.lock();
        let controller = &self.0.controller;
        let asked = state.asked.get_or_insert_with(|| controller.allocate_producer_ids());
        if let Poll::Ready(block) = Pin::new(asked).poll(&mut Context::from_waker(Waker::noop())) {
            state.asked = None;
            state.block = block?;
        }
        state.block.next().map(ProducerId)
    }

    /// Two who find the block empty fetch a block each; the one that is replaced is lost, which ids can afford.
    async fn refill(&self) -> Option<()> {
        let block = self.0.controller.allocate_producer_ids().await?;
        self.lock().block = block;
        Some(())
    }

    fn take(&self) -> Option<ProducerId> {
        self.lock().block.next().map(ProducerId)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
