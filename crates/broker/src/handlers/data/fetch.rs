//! Fetch, versions 4 to 18: records as they lie, waited for when there are few.
//!
//! 5 tells the log's start, 7 brings sessions, 9 leader epochs, 11 racks, 12 is flexible and finds diverging logs, 13 names topics
//! by id, 15 moves the replica's id into a tag, 16 hints at leaders. A request that finds too little is parked on its partitions and woken by
//! the first edge; nothing polls.

use std::{sync::Arc, time::Duration};

use metadata::Image;
use model::{ErrorCode, Isolation, Offset};
use replication::Waiter;
use storage::Chunk;
use wire::{FetchAnswer, messages::FetchRequest};
use world::exec::timeout;

use crate::{
    broker::Shared,
    dispatch::Context,
    fetch::{Outcome, Plan, Target, assemble},
};

pub(crate) async fn handle(cx: Context, asked: FetchRequest) -> FetchAnswer<Chunk> {
    let clock = Arc::clone(&cx.shared.clock);
    let plan = match cx.shared.sessions.plan(&asked, cx.version, clock.now()) {
        Ok(plan) => plan,
        Err(error) => return FetchAnswer::empty(error, 0),
    };
    let mut lent = Lent { shared: Arc::clone(&cx.shared), plan };

    let terms = Terms::of(&asked, &cx.shared);
    let deadline = clock.now().plus(terms.wait_max);
    let outcomes = loop {
        let image = cx.shared.publisher.current();
        let outcomes = read_all(&cx.shared, &image, &terms, &mut lent.plan.targets);
        let left = deadline.since(clock.now());
        if terms.is_enough(&outcomes) || left.is_zero() {
            break outcomes;
        }
        let waiter = Waiter::new();
        if park(&lent.plan.targets, &outcomes, &terms, &waiter) {
            drop(outcomes);
            let _ = timeout(left, waiter.woken()).await;
        }
    };

    let records: usize = outcomes.iter().map(Outcome::size_bytes).sum();
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Refused(_))).count();
    cx.shared.metrics.bytes_out.add(records as u64);
    cx.shared.metrics.fetch_failed.add(refused as u64);
    let image = cx.shared.publisher.current();
    assemble(&mut lent.plan, outcomes, &image, cx.version)
}

/// What holds for all partitions of one request.
struct Terms {
    isolation: Isolation,
    bytes_min: usize,
    bytes_max: usize,
    wait_max: Duration,
    /// A follower: replication does not go this way yet.
    is_follower: bool,
}

/// The longest wait that is granted, whatever is asked.
const WAIT_MAX: Duration = Duration::from_secs(300);

impl Terms {
    fn of(asked: &FetchRequest, shared: &Shared) -> Self {
        let bytes = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
        let wait = Duration::from_millis(u64::try_from(asked.max_wait_ms).unwrap_or(0));
        let replica = asked.replica_id.0.max(asked.replica_state.replica_id.0);
        Self {
            isolation: Isolation::from_wire(asked.isolation_level),
            bytes_min: bytes(asked.min_bytes),
            bytes_max: bytes(asked.max_bytes).min(shared.options.fetch_bytes_max),
            wait_max: wait.min(WAIT_MAX),
            is_follower: replica >= 0,
        }
    }

    fn is_enough(&self, outcomes: &[Outcome]) -> bool {
        outcomes.is_empty()
            || outcomes.iter().any(Outcome::is_urgent)
            || outcomes.iter().map(Outcome::size_bytes).sum::<usize>() >= self.bytes_min
    }
}

fn read_all(shared: &Shared, image: &Image, terms: &Terms, targets: &mut [Target]) -> Vec<Outcome> {
    let mut left = terms.bytes_max;
    let mut is_first = true;
    let mut outcomes = Vec::with_capacity(targets.len());
    for target in targets {
        let outcome = match read(shared, image, terms, target, (left, is_first)) {
            Ok(fetched) => Outcome::Read(fetched),
            Err(error) => Outcome::Refused(error),
        };
        let size = outcome.size_bytes();
        is_first &= size == 0;
        left = left.saturating_sub(size);
        outcomes.push(outcome);
    }
    outcomes
}

/// The first batch of the first partition that has any is answered however large it is: else a client would never get past it.
fn read(
    shared: &Shared,
    image: &Image,
    terms: &Terms,
    target: &mut Target,
    (left, at_least_one): (usize, bool),
) -> Result<replication::Fetched, ErrorCode> {
    if terms.is_follower {
        return Err(ErrorCode::NotLeaderOrFollower);
    }
    let partition = target.find(shared, image)?;
    let request = replication::FetchRequest {
        from: target.from,
        bytes_max: target.bytes_max.min(left),
        at_least_one,
        isolation: terms.isolation,
        current_leader_epoch: target.leader_epoch,
        last_fetched_epoch: target.last_fetched_epoch,
    };
    partition.read(request).map_err(|error| error.code())
}

/// Parks `waiter` on all partitions; false when one of them has moved meanwhile, so that it must be read again.
fn park(targets: &[Target], outcomes: &[Outcome], terms: &Terms, waiter: &Arc<Waiter>) -> bool {
    for (target, outcome) in targets.iter().zip(outcomes) {
        let (Outcome::Read(fetched), Some(partition)) = (outcome, target.found()) else { continue };
        let past = readable_end(fetched, terms.isolation).max(target.from);
        partition.park(waiter, past, terms.isolation);
    }
    !waiter.is_woken()
}

fn readable_end(fetched: &replication::Fetched, isolation: Isolation) -> Offset {
    match isolation {
        Isolation::ReadUncommitted => fetched.high_watermark,
        Isolation::ReadCommitted => fetched.last_stable,
    }
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
