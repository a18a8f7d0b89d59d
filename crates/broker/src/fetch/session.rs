//! Fetch sessions (KIP-227): a client names its partitions once, then only what changes.
//!
//! ```text
//!   id 0, epoch -1   no session              id n, epoch e>0   incremental: e is one more than the last
//!   id 0, epoch 0    full, may make one      id n, epoch 0     closes n, full, may make one     id n, epoch -1   closes n
//! ```
//! A session is lent to the request that it serves; a second request on it meanwhile finds the wrong epoch. Sessions and the
//! partitions they hold are bounded: where there is no room, a client goes on without a session.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{ErrorCode, limits::FETCH_SESSIONS_MAX};
use wire::messages::FetchRequest;
use world::Instant;

use super::Targets;

/// What one request reads, and the session it belongs to.
pub(crate) struct Plan {
    pub(crate) targets: Targets,
    /// 0 for none.
    pub(crate) session_id: i32,
    /// Only what has changed is answered.
    pub(crate) is_incremental: bool,
}

/// All sessions.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Cache>);

#[derive(Default)]
struct Cache {
    sessions: HashMap<i32, Session>,
    /// Of all sessions together.
    partitions: usize,
    last_id: i32,
}

struct Session {
    /// What the next request must carry.
    epoch: i32,
    by_id: bool,
    used: Instant,
    /// How many partitions it is charged for.
    size: usize,
    /// None while a request has them.
    targets: Option<Targets>,
}

/// A session that nobody has used for this long makes room for another.
const STALE: Duration = Duration::from_secs(120);
/// Partitions in all sessions: about 300 bytes each.
const PARTITIONS_MAX: usize = 100_000;
const EPOCH_CLOSE: i32 = -1;
const EPOCH_NEW: i32 = 0;

impl Sessions {
    /// What `asked` is to read. The session is lent until [`Sessions::give_back`].
    pub(crate) fn plan(
        &self,
        asked: &FetchRequest,
        version: i16,
        now: Instant,
    ) -> Result<Plan, ErrorCode> {
        let id = asked.session_id;
        let mut cache = self.lock();
        match (id, asked.session_epoch) {
            (_, EPOCH_CLOSE) => {
                cache.close(id);
                let targets = Targets::named(asked, version);
                Ok(Plan { targets, session_id: 0, is_incremental: false })
            }
            (_, EPOCH_NEW) => {
                cache.close(id);
                let targets = Targets::named(asked, version);
                let session_id = cache.open(targets.len(), version >= 13, now);
                Ok(Plan { targets, session_id, is_incremental: false })
            }
            _ => cache.next(asked, version, now).map(|targets| Plan {
                targets,
                session_id: id,
                is_incremental: true,
            }),
        }
    }

    /// Takes the session's partitions back from the request that had them; answers how many sessions there are.
    pub(crate) fn give_back(&self, session_id: i32, targets: Targets) -> usize {
        let mut cache = self.lock();
        if let Some(session) = cache.sessions.get_mut(&session_id) {
            session.targets = Some(targets);
        }
        cache.sessions.len()
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.lock().sessions.len()
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn close(&mut self, id: i32) {
        if let Some(session) = self.sessions.remove(&id) {
            self.partitions -= session.size;
        }
    }

    /// A new session of `size` partitions; 0 when there is no room. It is lent at once.
    fn open(&mut self, size: usize, by_id: bool, now: Instant) -> i32 {
        let is_full = |cache: &Self| {
            cache.sessions.len() >= FETCH_SESSIONS_MAX || cache.partitions + size > PARTITIONS_MAX
        };
        if size == 0 {
            return 0;
        }
        if is_full(self) {
            self.evict(now);
        }
        if is_full(self) {
            return 0;
        }
        let id = loop {
            self.last_id = if self.last_id == i32::MAX { 1 } else { self.last_id + 1 };
            if !self.sessions.contains_key(&self.last_id) {
                break self.last_id;
            }
        };
        self.partitions += size;
        self.sessions.insert(id, Session { epoch: 1, by_id, used: now, size, targets: None });
        id
    }

    fn evict(&mut self, now: Instant) {
        let stale: Vec<i32> = self
            .sessions
            .iter()
            .filter(|(_, session)| now.since(session.used) > STALE)
            .map(|(id, _)| *id)
            .collect();
        for id in stale {
            self.close(id);
        }
    }

    fn next(
        &mut self,
        asked: &FetchRequest,
        version: i16,
        now: Instant,
    ) -> Result<Targets, ErrorCode> {
        let id = asked.session_id;
        let session = self.sessions.get_mut(&id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.epoch != asked.session_epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.by_id != (version >= 13) {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        let mut targets = session.targets.take().ok_or(ErrorCode::InvalidFetchSessionEpoch)?;
        session.epoch = if session.epoch == i32::MAX { 1 } else { session.epoch + 1 };
        session.used = now;
        targets.change(asked, version);
        self.partitions = self.partitions - session.size + targets.len();
        session.size = targets.len();
        if self.partitions > PARTITIONS_MAX {
            // It has grown past what there is room for: its client begins anew, and may go on without one.
            self.close(id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        Ok(targets)
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
