//! The memory that frames may hold over all connections: charged before a buffer grows, given back when it is gone.
//!
//! A reader that finds the budget spent waits, for a bounded time. Meanwhile the budget [is pressed](Budget::is_pressed),
//! and connections whose frame dawdles are closed by their readers: a few slow peers cannot hold what honest ones need.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is left, in units of [`UNIT_BYTES`].
#[derive(Debug)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
    total: usize,
    waiting: AtomicUsize,
}

/// A share of the budget; it goes back when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Charge {
    permit: Option<OwnedSemaphorePermit>,
}

/// The budget stayed spent for [`WAIT_MAX`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory for frames within {WAIT_MAX:?}")]
pub(crate) struct Exhausted;

const UNIT_BYTES: usize = 4 << 10;
const WAIT_MAX: Duration = Duration::from_secs(10);

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        let total = bytes.div_ceil(UNIT_BYTES);
        Self { units: Arc::new(Semaphore::new(total)), total, waiting: AtomicUsize::new(0) }
    }

    /// Raises `charge` to `bytes`. Never lowers it.
    pub(crate) async fn raise(&self, charge: &mut Charge, bytes: usize) -> Result<(), Exhausted> {
        let wanted = bytes.div_ceil(UNIT_BYTES).min(self.total);
        let missing = u32::try_from(wanted.saturating_sub(charge.units())).unwrap_or(u32::MAX);
        if missing == 0 {
            return Ok(());
        }
        let more = match Arc::clone(&self.units).try_acquire_many_owned(missing) {
            Ok(more) => more,
            Err(_) => self.wait(missing).await?,
        };
        match &mut charge.permit {
            Some(permit) => permit.merge(more),
            None => charge.permit = Some(more),
        }
        Ok(())
    }

    /// Whether somebody waits, or nearly all is spent.
    pub(crate) fn is_pressed(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0 || self.units.available_permits() < self.total / 8
    }

    async fn wait(&self, missing: u32) -> Result<OwnedSemaphorePermit, Exhausted> {
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let acquired = Arc::clone(&self.units).acquire_many_owned(missing);
        match world::exec::timeout(WAIT_MAX, acquired).await {
            Some(Ok(more)) => Ok(more),
            Some(Err(_)) | None => Err(Exhausted),
        }
    }
}

impl Charge {
    fn units(&self) -> usize {
        self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_dropped_can_be_charged_again() {
        let budget = Budget::new(10 * UNIT_BYTES);
        let mut first = Charge::default();
        budget.raise(&mut first, 1).await.unwrap();
        budget.raise(&mut first, 9 * UNIT_BYTES).await.unwrap();
        budget.raise(&mut first, 2 * UNIT_BYTES).await.unwrap();
        assert_eq!(first.units(), 9, "a charge never shrinks");
        assert!(!budget.is_pressed());
        let mut second = Charge::default();
        budget.raise(&mut second, UNIT_BYTES).await.unwrap();
        assert!(budget.is_pressed());
        drop(first);
        budget.raise(&mut second, 10 * UNIT_BYTES).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends() {
        let budget = Budget::new(UNIT_BYTES);
        let mut first = Charge::default();
        budget.raise(&mut first, 1).await.unwrap();
        assert_eq!(budget.raise(&mut Charge::default(), 1).await, Err(Exhausted));
    }

    #[tokio::test]
    async fn more_than_all_is_all() {
        let budget = Budget::new(UNIT_BYTES);
        budget.raise(&mut Charge::default(), usize::MAX).await.unwrap();
    }
}
