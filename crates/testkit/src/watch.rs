//! Looks at a cluster from within while things break: what must hold at every moment, and may be healed again by the end.
//!
//! It is told every image that any node applies, before anybody acts on it or is answered, so that it knows who is in sync as well as the
//! controller does; and it looks between two steps of the run, when nothing moves.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use metadata::{Image, Publisher};
use model::BrokerId;
use world::{
    exec,
    sim::threads::{self, ProcessId},
};

use crate::{check, node::Inside};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(20);
/// So many broken promises are enough.
const FOUND_MAX: usize = 20;

/// What is known of a cluster. Clones are the same.
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    newest: Option<Arc<Image>>,
    /// Of the nodes that serve.
    insides: BTreeMap<BrokerId, Inside>,
    found: BTreeMap<(model::TopicPartition, BrokerId), String>,
}

/// A watch that goes on.
pub(crate) struct Watching {
    watch: Watch,
    process: ProcessId,
    is_over: Arc<AtomicBool>,
}

impl Watch {
    /// Is told of what `publisher` publishes, first of all its subscribers.
    pub(crate) fn follow(&self, publisher: &Publisher) {
        let watch = self.clone();
        publisher.subscribe(Box::new(move |_, image, _| {
            let mut state = watch.state();
            if state.newest.as_ref().is_none_or(|newest| newest.version() < image.version()) {
                state.newest = Some(Arc::clone(image));
            }
        }));
    }

    /// The node serves.
    pub(crate) fn on_up(&self, node: BrokerId, inside: Inside) {
        self.state().insides.insert(node, inside);
    }

    /// Its process is gone.
    pub(crate) fn on_gone(&self, node: BrokerId) {
        let gone = self.state().insides.remove(&node);
        drop(gone); // outside the lock: it may be the last of its kind
    }

    /// Looks from now on, in a process of its own.
    pub(crate) fn begin(&self) -> Watching {
        let is_over = Arc::new(AtomicBool::new(false));
        let (watch, until) = (self.clone(), Arc::clone(&is_over));
        let process = threads::process("watch");
        threads::spawn_in(process, "watch", move || {
            while !until.load(Ordering::Relaxed) {
                watch.look();
                exec::sleep(EVERY);
            }
        });
        Watching { watch: self.clone(), process, is_over }
    }

    fn look(&self) {
        let (image, insides) = {
            let state = self.state();
            let Some(image) = state.newest.clone() else { return };
            (image, state.insides.clone())
        };
        let at = threads::elapsed().as_secs_f64();
        for (place, what) in check::candidates_hold_what_is_committed(&image, &insides) {
            let mut state = self.state();
            if state.found.len() < FOUND_MAX {
                state.found.entry(place).or_insert_with(|| format!("at {at:.3} s {what}"));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    /// Ends it; answers what it has seen.
    pub(crate) fn end(self) -> Vec<String> {
        self.is_over.store(true, Ordering::Relaxed);
        while threads::thread_count(self.process) > 0 {
            exec::sleep(EVERY);
        }
        self.watch.state().found.values().cloned().collect()
    }
}
