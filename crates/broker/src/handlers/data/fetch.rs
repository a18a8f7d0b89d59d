//! Fetch, versions 4 to 18: records as they lie, waited for when there are few.
//!
//! 5 tells the log's start, 7 brings sessions, 9 leader epochs, 11 racks, 12 is flexible and finds diverging logs, 13 names topics
//! by id, 15 moves the replica's id into a tag and adds its epoch, 16 hints at leaders. A request that finds too little is parked
//! and woken by the first partition that moves; nothing polls, and only what has moved is looked at. A follower's request reads up to the log's end, and tells how far it has come.

use std::{sync::Arc, time::Duration};

use metadata::Image;
use model::Isolation;
use replication::{Slot, Waiter};
use storage::Chunk;
use wire::{FetchAnswer, messages::FetchRequest};
use world::exec::timeout;

use crate::{
    broker::Shared,
    dispatch::Context,
    fetch::{Outcome, Plan, Reader, Replica, Target, Targets, assemble},
};

pub(crate) async fn handle(cx: Context, asked: FetchRequest) -> FetchAnswer<Chunk> {
    let clock = Arc::clone(&cx.shared.clock);
    let replica = match Replica::of(&asked, &cx.image) {
        Ok(replica) => replica,
        Err(error) => return FetchAnswer::empty(error, 0),
    };
    let plan = match cx.shared.sessions.plan(&asked, cx.version, clock.now()) {
        Ok(plan) => plan,
        Err(error) => return FetchAnswer::empty(error, 0),
    };
    let mut lent = Lent { shared: Arc::clone(&cx.shared), plan };

    let terms = Terms::of(&asked, replica, &cx.shared);
    let deadline = clock.now().plus(terms.wait_max);
    let read = loop {
        let image = cx.shared.publisher.current();
        let read = read_due(&cx.shared, &image, &terms, &mut lent.plan.targets);
        let left = deadline.since(clock.now());
        let is_enough = terms.is_enough(read.iter().map(|(_, outcome)| outcome));
        if is_enough || left.is_zero() || lent.plan.targets.is_empty() {
            break read;
        }
        let waiter = Waiter::new();
        let may_rest = lent.plan.is_incremental;
        lent.plan.targets.park(&read, may_rest, &waiter);
        drop(read);
        let _ = timeout(left, waiter.woken()).await;
    };

    let outcomes = || read.iter().map(|(_, outcome)| outcome);
    let records: usize = outcomes().map(Outcome::size_bytes).sum();
    let is_refused =
        |outcome: &&Outcome| matches!(outcome, Outcome::Refused(_) | Outcome::OutOfRange(_));
    let refused = outcomes().filter(is_refused).count();
    cx.shared.metrics.bytes_out.add(records as u64);
    cx.shared.metrics.fetch_failed.add(refused as u64);
    let image = cx.shared.publisher.current();
    assemble(&mut lent.plan, read, &image, cx.version)
}

/// What holds for all partitions of one request.
struct Terms {
    isolation: Isolation,
    bytes_min: usize,
    bytes_max: usize,
    wait_max: Duration,
    /// The follower who asks.
    replica: Option<Replica>,
}

/// The longest wait that is granted, whatever is asked.
const WAIT_MAX: Duration = Duration::from_secs(300);

impl Terms {
    fn of(asked: &FetchRequest, replica: Option<Replica>, shared: &Shared) -> Self {
        let bytes = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
        let wait = Duration::from_millis(u64::try_from(asked.max_wait_ms).unwrap_or(0));
        Self {
            isolation: Isolation::from_wire(asked.isolation_level),
            bytes_min: bytes(asked.min_bytes),
            bytes_max: bytes(asked.max_bytes).min(shared.options.fetch_bytes_max),
            wait_max: wait.min(WAIT_MAX),
            replica,
        }
    }

    fn is_enough<'a>(&self, mut outcomes: impl Iterator<Item = &'a Outcome>) -> bool {
        let mut bytes = 0;
        self.bytes_min == 0
            || outcomes.any(|outcome| {
                bytes += outcome.size_bytes();
                outcome.is_urgent() || bytes >= self.bytes_min
            })
    }
}

/// Reads what is due. What is not has nothing to tell ([`Targets`]).
fn read_due(
    shared: &Shared,
    image: &Image,
    terms: &Terms,
    targets: &mut Targets,
) -> Vec<(Slot, Outcome)> {
    let reader = Reader::of(terms.replica, terms.isolation, image);
    let mut left = terms.bytes_max;
    let mut is_first = true;
    targets.read(reader, |target| {
        let outcome = read(shared, image, &reader, target, (left, is_first, terms.isolation));
        let size = outcome.size_bytes();
        is_first &= size == 0;
        left = left.saturating_sub(size);
        outcome
    })
}

/// The first batch of the first partition that has any is answered however large it is: else a client would never get past it.
fn read(
    shared: &Shared,
    image: &Image,
    reader: &Reader,
    target: &mut Target,
    (left, at_least_one, isolation): (usize, bool, Isolation),
) -> Outcome {
    let partition = match target.find(shared, image) {
        Ok(partition) => partition,
        Err(error) => return Outcome::Refused(error),
    };
    let request = replication::FetchRequest {
        from: target.from,
        bytes_max: target.bytes_max.min(left),
        at_least_one,
        isolation,
        current_leader_epoch: target.leader_epoch,
        last_fetched_epoch: target.last_fetched_epoch,
    };
    reader.read(&partition, request, target.log_start)
}

/// A plan whose session gets its partitions back, also when the request is given up.
struct Lent {
    shared: Arc<Shared>,
    plan: Plan,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.plan.session_id != 0 {
            let targets = std::mem::take(&mut self.plan.targets);
            let sessions = self.shared.sessions.give_back(self.plan.session_id, targets);
            self.shared.metrics.fetch_sessions.set(sessions as i64);
        }
    }
}
