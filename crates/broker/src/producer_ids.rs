//! Producer ids: handed out one by one from blocks that the controller allocates and never hands out twice.

use std::{ops::Range, sync::PoisonError};

use controller::Controller;
use model::ProducerId;
use world::exec::Wait;

/// The rest of this broker's block.
pub(crate) struct ProducerIds {
    controller: Controller,
    /// Guards that an id is taken once.
    block: std::sync::Mutex<Range<i64>>,
}

impl ProducerIds {
    pub(crate) fn new(controller: Controller) -> Self {
        Self { controller, block: std::sync::Mutex::new(0..0) }
    }

    /// The next id; none when the controller does not answer.
    pub(crate) async fn next(&self) -> Option<ProducerId> {
        loop {
            if let Some(id) = self.take() {
                return Some(id);
            }
            // Two who find the block empty fetch a block each; the one that is replaced is lost, which ids can afford.
            let block = self.controller.allocate_producer_ids().await?;
            self.refill(block);
        }
    }

    /// As [`ProducerIds::next`], for a thread.
    pub(crate) fn next_blocking(&self) -> Option<ProducerId> {
        loop {
            if let Some(id) = self.take() {
                return Some(id);
            }
            let block = self.controller.allocate_producer_ids().wait()?;
            self.refill(block);
        }
    }

    fn take(&self) -> Option<ProducerId> {
        self.block.lock().unwrap_or_else(PoisonError::into_inner).next().map(ProducerId)
    }

    fn refill(&self, block: Range<i64>) {
        *self.block.lock().unwrap_or_else(PoisonError::into_inner) = block;
    }
}
