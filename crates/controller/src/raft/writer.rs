//! Who writes the journal: a thread of its own, so that a slow disk delays neither heartbeats nor votes for others.
//!
//! What queues up while the disk syncs is appended together and synced once. The order of calls is kept. A simulated world, and
//! tests, write in place instead. After a failure nothing is written any more: every call is answered with an error.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

use super::{
    journal::{Journal, Record},
    types::{LogId, Vote},
};
use crate::QuorumError;

/// Told how a piece of work ended, on the thread that did it.
pub(crate) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// A piece of work.
pub(crate) enum Work {
    Append(Vec<Record>),
    TruncateFrom(u64),
    Purge(LogId),
    Vote(Vote),
    /// Anything else that belongs to the same disk: snapshots.
    Other(Box<dyn FnOnce() -> Result<(), QuorumError> + Send>),
}

/// See the file's head.
pub(crate) enum Writer {
    InPlace(Box<Desk>),
    Thread { queue: SyncSender<(Work, Done)>, thread: Option<JoinHandle<()>> },
}

impl Writer {
    pub(crate) fn in_place(journal: Journal) -> Self {
        Self::InPlace(Box::new(Desk { journal, has_failed: false }))
    }

    pub(crate) fn thread(journal: Journal) -> io::Result<Self> {
        let (queue, works) = sync_channel(QUEUE_WORKS_MAX);
        let mut desk = Desk { journal, has_failed: false };
        let thread = std::thread::Builder::new()
            .name("quorum-disk".into())
            .spawn(move || desk.run(&works))?;
        Ok(Self::Thread { queue, thread: Some(thread) })
    }

    /// Does it now or soon; blocks while [`QUEUE_WORKS_MAX`] wait.
    pub(crate) fn write(&mut self, work: Work, done: Done) {
        match self {
            Self::InPlace(desk) => {
                let result = desk.perform(work);
                done(result);
            }
            Self::Thread { queue, .. } => {
                if let Err(unsent) = queue.send((work, done)) {
                    let (_, done) = unsent.0;
                    done(Err(io::Error::other("the quorum's disk thread has ended")));
                }
            }
        }
    }
}

impl Drop for Writer {
    /// Waits for what is queued; the log is closed.
    fn drop(&mut self) {
        match self {
            Self::InPlace(desk) => desk.close(),
            Self::Thread { queue, thread } => {
                drop(std::mem::replace(queue, sync_channel(0).0));
                if let Some(thread) = thread.take() {
                    let _ = thread.join();
                }
            }
        }
    }
}

/// Where the work is done.
pub(crate) struct Desk {
    journal: Journal,
    has_failed: bool,
}

impl Desk {
    fn run(&mut self, works: &Receiver<(Work, Done)>) {
        let mut next = works.recv().ok();
        while let Some((work, done)) = next.take() {
            let Work::Append(mut records) = work else {
                done(self.perform(work));
                next = works.recv().ok();
                continue;
            };
            let mut waiting = vec![done];
            let mut size_bytes = size_of_records(&records);
            while next.is_none() && size_bytes < GROUP_BYTES_MAX {
                match works.try_recv() {
                    Ok((Work::Append(more), done)) => {
                        size_bytes += size_of_records(&more);
                        records.extend(more);
                        waiting.push(done);
                    }
                    Ok(other) => next = Some(other),
                    Err(_) => break,
                }
            }
            let result = self.perform(Work::Append(records));
            for done in waiting {
                done(result.as_ref().copied().map_err(|error| io::Error::other(error.to_string())));
            }
            if next.is_none() {
                next = works.recv().ok();
            }
        }
        self.close();
    }

    fn perform(&mut self, work: Work) -> io::Result<()> {
        if self.has_failed {
            return Err(io::Error::other("the quorum's disk has failed before"));
        }
        let result = match work {
            Work::Append(records) => self.journal.append(&records),
            Work::TruncateFrom(first) => self.journal.truncate_from(first),
            Work::Purge(last) => self.journal.purge(last),
            Work::Vote(vote) => self.journal.save_vote(vote),
            Work::Other(other) => other(),
        };
        result.map_err(|error| {
            self.has_failed = true;
            io::Error::other(error)
        })
    }

    fn close(&mut self) {
        if !self.has_failed {
            // A log that cannot be closed is recovered at the next start: nothing that was answered is lost.
            let _ = self.journal.close();
        }
    }
}

fn size_of_records(records: &[Record]) -> usize {
    records.iter().map(|record| record.value.len()).sum()
}

/// Pieces of work that may wait.
const QUEUE_WORKS_MAX: usize = 1024;
/// Bytes of entries from which on a sync is due.
const GROUP_BYTES_MAX: usize = 4 << 20;
