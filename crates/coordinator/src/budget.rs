//! Bytes of memory that all groups share. What is held carries a [`Charge`], which gives its bytes back when it is dropped.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Counts what is held; refuses nothing by itself.
#[derive(Debug)]
pub(crate) struct Budget {
    held_bytes: AtomicUsize,
    bytes_max: usize,
}

/// The right to some bytes, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { held_bytes: AtomicUsize::new(0), bytes_max })
    }

    /// Whether `bytes` more would pass the ceiling.
    pub(crate) fn is_short_of(&self, bytes: usize) -> bool {
        self.held_bytes().saturating_add(bytes) > self.bytes_max
    }

    /// Takes `bytes`, also past the ceiling: what is committed must be held.
    pub(crate) fn charge(self: &Arc<Self>, bytes: usize) -> Charge {
        self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        Charge { budget: Arc::clone(self), bytes }
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
