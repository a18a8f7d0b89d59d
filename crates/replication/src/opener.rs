//! Opens logs in the background, a bounded number at a time.
//!
//! Told: partitions whose logs are not open yet. Whoever needs one sooner opens it himself (`Partition::led`); opening twice is
//! opening once. The threads end when there is nothing left to open.

use std::{collections::VecDeque, sync::Arc};

use world::exec::{self, Condvar, Mutex, MutexGuard};

use crate::Partition;

pub(crate) struct Opener {
    threads_max: usize,
    /// Guards the queue and the count of those who work on it.
    work: Mutex<Work>,
    done: Condvar,
}

#[derive(Default)]
struct Work {
    queue: VecDeque<Arc<Partition>>,
    threads: usize,
}

impl Opener {
    pub(crate) fn new(threads_max: usize) -> Arc<Self> {
        assert!(threads_max > 0, "somebody must open the logs");
        Arc::new(Self { threads_max, work: Mutex::default(), done: Condvar::new() })
    }

    /// Opens these, soon.
    pub(crate) fn open(self: &Arc<Self>, partitions: Vec<Arc<Partition>>) {
        let mut work = self.lock();
        work.queue.extend(partitions);
        while work.threads < self.threads_max.min(work.queue.len()) {
            let opener = Arc::clone(self);
            match exec::spawn("open-logs", move || opener.run()) {
                Ok(_) => work.threads += 1,
                // Without a thread they are opened when they are needed, and at the latest by `wait`.
                Err(_) => break,
            }
        }
    }

    /// Whether nothing is left to open.
    pub(crate) fn is_done(&self) -> bool {
        let work = self.lock();
        work.queue.is_empty() && work.threads == 0
    }

    /// Returns when nothing is left to open.
    pub(crate) fn wait(&self) {
        while self.open_one() {}
        drop(self.done.wait_while(self.lock(), |work| work.threads > 0));
    }

    fn run(&self) {
        while self.open_one() {}
        self.lock().threads -= 1;
        self.done.notify_all();
    }

    fn open_one(&self) -> bool {
        let Some(partition) = self.lock().queue.pop_front() else { return false };
        // One that cannot be opened says so to whoever asks it something.
        let _ = partition.ensure_open();
        true
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock()
    }
}
