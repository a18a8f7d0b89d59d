//! Fetch, versions 4 to 18: records as they lie, waited for when there are few.
//!
//! 5 tells the log's start, 7 brings sessions, 9 leader epochs, 11 racks, 12 is flexible and finds diverging logs, 13 names topics
//! by id, 15 moves the replica's id into a tag and adds its epoch, 16 hints at leaders. A request that finds too little is parked on its
//! partitions and woken by the first edge; nothing polls. A follower's request reads up to the log's end, and tells how far it has come.

use std::{sync::Arc, time::Duration};

use metadata::Image;
use model::{Isolation, Offset};
use replication::Waiter;
use storage::Chunk;
use wire::{FetchAnswer, messages::FetchRequest};
use world::exec::timeout;

use crate::{
    broker::Shared,
    dispatch::Context,
    fetch::{Outcome, Plan, Replica, Target, assemble},
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
    let refused = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Outcome::Refused(_) | Outcome::OutOfRange(_)))
        .count();
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
        let outcome = read(shared, image, terms, target, (left, is_first));
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
) -> Outcome {
    let partition = match target.find(shared, image) {
        Ok(partition) => partition,
        Err(error) => return Outcome::Refused(error),
    };
    let request = replication::FetchRequest {
        from: target.from,
        bytes_max: target.bytes_max.min(left),
        at_least_one,
        isolation: terms.isolation,
        current_leader_epoch: target.leader_epoch,
        last_fetched_epoch: target.last_fetched_epoch,
    };
    match &terms.replica {
        None => partition.read(request).into(),
        Some(replica) => replica.read(&partition, image, request),
    }
}

/// Parks `waiter` on all partitions; false when one of them has moved meanwhile, so that it must be read again.
fn park(targets: &[Target], outcomes: &[Outcome], terms: &Terms, waiter: &Arc<Waiter>) -> bool {
    for (target, outcome) in targets.iter().zip(outcomes) {
        let (Outcome::Read(fetched), Some(partition)) = (outcome, target.found()) else { continue };
        if terms.replica.is_some() {
            partition.park_replica(waiter, fetched.chunk.next.max(target.from));
            continue;
        }
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
