//! openraft's log: the entries that are not purged, in memory, and a [`Writer`] that makes them last.
//!
//! Reads never touch the disk: a snapshot is taken when the log has grown by as much as the last one, so what is kept in
//! memory is bounded by that, and by a slow follower's not at all (it gets the snapshot).

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt::Debug,
    io,
    ops::{Bound, RangeBounds},
    rc::Rc,
};

use openraft::{
    LogState, OptionalSend, RaftLogReader,
    async_runtime::{Oneshot, OneshotSender},
    entry::RaftEntry,
    storage::{IOFlushed, RaftLogStorage},
};

use super::{
    entry,
    journal::{Found, Record},
    runtime::Runtime,
    types::{Entry, LogId, Types, Vote},
    writer::{Done, Work, Writer},
};

/// See the file's head. A clone is the same log.
#[derive(Clone)]
pub(crate) struct LogStore(Rc<RefCell<Inner>>);

struct Inner {
    purged: Option<LogId>,
    /// By index. Without holes, but where the first stands behind what is purged.
    entries: BTreeMap<u64, Entry>,
    vote: Option<Vote>,
    writer: Writer,
    /// Bytes of entries appended since the last snapshot.
    grown_bytes: u64,
}

impl LogStore {
    pub(crate) fn new(found: Found, writer: Writer) -> Self {
        let Found { vote, purged, entries, size_bytes } = found;
        let entries = entries.into_iter().map(|entry| (entry.index(), entry)).collect();
        Self(Rc::new(RefCell::new(Inner {
            purged,
            entries,
            vote,
            writer,
            grown_bytes: size_bytes,
        })))
    }

    /// Bytes of entries since the last snapshot.
    pub(crate) fn grown_bytes(&self) -> u64 {
        self.0.borrow().grown_bytes
    }

    /// A snapshot of all that is applied is there.
    pub(crate) fn note_snapshot(&self) {
        self.0.borrow_mut().grown_bytes = 0;
    }

    /// Does work on the disk, after all that was asked for before it.
    pub(crate) async fn perform(&self, work: Work) -> io::Result<()> {
        let (done, result) = <Runtime as openraft::AsyncRuntime>::Oneshot::channel();
        let done: Done = Box::new(move |result| drop(done.send(result)));
        self.0.borrow_mut().writer.write(work, done);
        result.await.unwrap_or_else(|_| Err(io::Error::other("the quorum's disk thread has ended")))
    }
}

impl Inner {
    /// An empty range, or one that ends before it starts, holds nothing.
    fn within(&self, range: impl RangeBounds<u64>) -> impl Iterator<Item = &Entry> {
        let from = (range.start_bound().cloned(), Bound::Unbounded);
        let entries = self.entries.range(from).map(|(_, entry)| entry);
        entries.take_while(move |entry| range.contains(&entry.index()))
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        let inner = self.0.borrow();
        Ok(inner.within(range).cloned().collect())
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        let inner = self.0.borrow();
        let mut size_bytes = 0;
        let fits = |entry: &&Entry| {
            let is_first = size_bytes == 0;
            size_bytes += size_of_entry(entry);
            is_first || size_bytes <= READ_BYTES_MAX
        };
        Ok(inner
            .entries
            .range(start..end)
            .map(|(_, entry)| entry)
            .take_while(fits)
            .cloned()
            .collect())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.0.borrow().vote)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let inner = self.0.borrow();
        let last_log_id =
            inner.entries.last_key_value().map(|(_, entry)| entry.log_id).or(inner.purged);
        Ok(LogState { last_purged_log_id: inner.purged, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        if !model::mutant!("M24") {
            self.perform(Work::Vote(*vote)).await?;
        }
        self.0.borrow_mut().vote = Some(*vote);
        Ok(())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut inner = self.0.borrow_mut();
        let mut records = Vec::new();
        for entry in entries {
            if let Some((last, _)) = inner.entries.last_key_value() {
                assert_eq!(entry.index(), last + 1, "a log has no holes");
            }
            let value = entry::encode(&entry);
            inner.grown_bytes += value.len() as u64;
            records.push(Record { id: entry.log_id, value });
            inner.entries.insert(entry.index(), entry);
        }
        let done: Done = Box::new(move |result| callback.io_completed(result));
        inner.writer.write(Work::Append(records), done);
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> Result<(), io::Error> {
        let first = last_log_id.map_or(0, |last| last.index + 1);
        drop(self.0.borrow_mut().entries.split_off(&first));
        self.perform(Work::TruncateFrom(first)).await
    }

    async fn purge(&mut self, last: LogId) -> Result<(), io::Error> {
        {
            let mut inner = self.0.borrow_mut();
            if inner.purged >= Some(last) {
                return Ok(());
            }
            inner.entries = inner.entries.split_off(&(last.index + 1));
            inner.purged = Some(last);
        }
        self.perform(Work::Purge(last)).await
    }
}

fn size_of_entry(entry: &Entry) -> usize {
    match &entry.payload {
        openraft::EntryPayload::Normal(group) => {
            ENTRY_OVERHEAD_BYTES + group.facts.iter().map(|fact| fact.len() + 4).sum::<usize>()
        }
        _ => ENTRY_OVERHEAD_BYTES,
    }
}

/// Index, term, kind; a membership is of this size too.
const ENTRY_OVERHEAD_BYTES: usize = 64;
/// Bytes of entries that one message carries; one entry may be larger.
const READ_BYTES_MAX: usize = 1 << 20;
