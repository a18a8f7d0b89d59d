//! Fetchers as they run on a node: a thread per leader, and one that starts them.
//!
//! A thread waits at its leader (for records), or for its inbox, never by time alone. Stopped, in this order: 1. no more threads are started;
//! 2. every thread is interrupted and ends after the answer it is at; 3. all of them are joined.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::BrokerId;
use world::{
    Clock,
    exec::{self, JoinHandle, Mutex, MutexGuard},
};

use super::{Assignments, Fetcher, FetcherOptions, Leaders, LinkFault, Losses, Turn};
use crate::{ReplicaSet, Waiter};

/// The fetching threads; they end with [`Self::stop`] or when dropped.
pub struct Fetchers {
    shared: Arc<Shared>,
    starter: Option<JoinHandle<()>>,
}

struct Shared {
    assignments: Arc<Assignments>,
    losses: Arc<Losses>,
    leaders: Arc<dyn Leaders>,
    options: FetcherOptions,
    clock: Arc<dyn Clock>,
    is_stopping: AtomicBool,
    /// What each thread waits on, the starter's under none: to be woken at the stop.
    waiters: Mutex<BTreeMap<Option<BrokerId>, Arc<Waiter>>>,
}

/// To be told of another partition ends a request that waits, and its session. Where many are told one after the other, not more often than
/// this: until then requests wait no longer than what is left of it.
const DISTURBED_EVERY: Duration = Duration::from_millis(20);
/// A thread that has nothing to do looks around once in this while.
const IDLE: Duration = Duration::from_secs(3600);

impl Fetchers {
    /// Fetches what `replicas` follows.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(
        replicas: &ReplicaSet,
        leaders: Arc<dyn Leaders>,
        options: FetcherOptions,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            assignments: Arc::clone(replicas.assignments()),
            losses: Arc::clone(replicas.losses()),
            leaders,
            options,
            clock: Arc::clone(replicas.clock()),
            is_stopping: AtomicBool::new(false),
            waiters: Mutex::default(),
        });
        let starting = Arc::clone(&shared);
        let starter = exec::spawn("fetchers", move || starting.start_threads())?;
        Ok(Self { shared, starter: Some(starter) })
    }

    /// Ends the threads.
    pub fn stop(mut self) {
        self.join();
    }

    fn join(&mut self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        for waiter in self.shared.lock().values() {
            waiter.wake();
        }
        if let Some(starter) = self.starter.take() {
            let _ = starter.join(); // a panic there has been printed
        }
    }
}

impl Drop for Fetchers {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    fn start_threads(self: &Arc<Self>) {
        let mut threads: BTreeMap<BrokerId, JoinHandle<()>> = BTreeMap::new();
        loop {
            let waiter = self.waiter(None);
            if self.is_stopping.load(Ordering::SeqCst) {
                break;
            }
            for leader in self.assignments.leaders() {
                if threads.contains_key(&leader) {
                    continue;
                }
                let shared = Arc::clone(self);
                let name = format!("fetch-from-{leader}");
                let spawned = exec::spawn(&name, move || shared.run(leader));
                match spawned {
                    Ok(thread) => drop(threads.insert(leader, thread)),
                    Err(error) => eprintln!("error: no thread to fetch from {leader}: {error}"),
                }
            }
            self.assignments.park_for_leaders(&waiter, threads.len());
            let _ = waiter.wait(IDLE);
        }
        for thread in threads.into_values() {
            let _ = thread.join(); // a panic there has been printed
        }
    }

    fn run(&self, leader: BrokerId) {
        let mut fetcher = Fetcher::new(leader, self.options);
        let mut link = self.leaders.link(leader);
        let mut undisturbed_until = self.clock.now();
        loop {
            let waiter = self.waiter(Some(leader));
            if self.is_stopping.load(Ordering::SeqCst) {
                break;
            }
            for partition in self.assignments.take(leader) {
                fetcher.look_at(partition);
            }
            let now = self.clock.now();
            match fetcher.next(now) {
                Turn::Fetch(mut ask) => {
                    if now >= undisturbed_until {
                        self.assignments.park(leader, &waiter);
                    } else {
                        let left = undisturbed_until.since(now);
                        ask.options.wait_max = ask.options.wait_max.min(left);
                    }
                    let answer = link.fetch(&ask, &waiter);
                    let now = self.clock.now();
                    match answer {
                        Ok(_) => self.losses.note_answer(leader),
                        Err(LinkFault::Interrupted) => {
                            undisturbed_until = now.plus(DISTURBED_EVERY);
                        }
                        Err(LinkFault::Failed(_)) => self.losses.note_failure(leader, now),
                    }
                    fetcher.on_answer(answer, now);
                }
                Turn::Wait(until) => {
                    self.assignments.park(leader, &waiter);
                    let _ = waiter.wait(until.map_or(IDLE, |until| until.since(now)));
                }
            }
        }
    }

    /// A fresh waiter for a thread, where the stop finds it.
    fn waiter(&self, thread: Option<BrokerId>) -> Arc<Waiter> {
        let waiter = Waiter::new();
        self.lock().insert(thread, Arc::clone(&waiter));
        waiter
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<BrokerId>, Arc<Waiter>>> {
        self.waiters.lock()
    }
}
