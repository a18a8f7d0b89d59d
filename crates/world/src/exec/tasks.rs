//! Tasks of one thread: futures that take turns on it and never leave it.
//!
//! On a real thread they are tokio's (a current-thread runtime and its local set); on a simulated one a queue of our own, drawn from by
//! the seed, with time and wakes of the simulation.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    future::Future,
    io,
    panic::Location,
    pin::{Pin, pin},
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use model::Pending;

use super::{Panicked, lock::address};
use crate::sim::threads as sim;

/// What a task will answer. Dropped, the task goes on alone.
#[derive(Debug)]
pub struct Task<T>(Pending<T>);

/// Runs `future` on this thread until it is done, and with it whatever it [spawns](spawn_local). What is not done then is dropped.
///
/// # Errors
/// The operating system gives a real thread no event queue.
#[track_caller]
pub fn run_local<F: Future>(future: F) -> io::Result<F::Output> {
    if sim::is_active() {
        return Ok(run_simulated(future, Location::caller()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let output = tokio::task::LocalSet::new().block_on(&runtime, future);
    // Without waiting for what tokio's helper threads (names, files) may still be at.
    runtime.shutdown_background();
    Ok(output)
}

/// Starts a task beside the one that runs, on its thread.
///
/// # Panics
/// Outside of [`run_local`].
pub fn spawn_local<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let (reply, pending) = Pending::channel();
    let task = async move { reply.send(future.await) };
    if sim::is_active() {
        let local = sim::current().and_then(|id| LOCALS.with_borrow(|all| all.get(&id).cloned()));
        local.expect("a task is spawned within run_local").add(Box::pin(task));
    } else {
        tokio::task::spawn_local(task);
    }
    Task(pending)
}

impl<T> Future for Task<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.ok_or(Panicked))
    }
}

thread_local! {
    /// The tasks of each simulated thread that has any.
    static LOCALS: RefCell<BTreeMap<sim::ThreadId, Rc<Local>>> = const { RefCell::new(BTreeMap::new()) };
}

type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// The tasks of one simulated thread.
struct Local {
    tasks: RefCell<BTreeMap<u64, Boxed>>,
    woken: Arc<Woken>,
}

/// Who is to be polled.
#[derive(Default)]
struct Woken(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    last_id: u64,
    /// In their order, not in that of their wakes: a channel may wake those who wait for it in a different one each time.
    ready: BTreeSet<u64>,
}

/// Wakes one task. The main future is number 0.
struct TaskWaker {
    id: u64,
    woken: Arc<Woken>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.push(self.id);
        sim::wake_all(address(&*self.woken));
    }
}

impl Woken {
    fn push(&self, id: u64) {
        self.lock().ready.insert(id);
    }

    /// One of those who are ready.
    fn draw(&self) -> Option<u64> {
        let mut queue = self.lock();
        let id = queue.ready.iter().nth(sim::draw(queue.ready.len())).copied()?;
        queue.ready.remove(&id);
        Some(id)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Local {
    fn add(&self, task: Boxed) {
        let id = {
            let mut queue = self.woken.lock();
            queue.last_id += 1;
            queue.last_id
        };
        self.tasks.borrow_mut().insert(id, task);
        self.woken.push(id);
    }

    fn waker(&self, id: u64) -> Waker {
        Waker::from(Arc::new(TaskWaker { id, woken: Arc::clone(&self.woken) }))
    }

    fn poll(&self, id: u64) {
        // Taken out while it runs: it may spawn others.
        let task = self.tasks.borrow_mut().remove(&id);
        let Some(mut task) = task else { return };
        if task.as_mut().poll(&mut Context::from_waker(&self.waker(id))).is_pending() {
            self.tasks.borrow_mut().insert(id, task);
        }
    }
}

fn run_simulated<F: Future>(future: F, place: &'static Location<'static>) -> F::Output {
    let local = Rc::new(Local { tasks: RefCell::default(), woken: Arc::default() });
    let thread = sim::current().expect("a simulated thread runs");
    LOCALS.with_borrow_mut(|all| all.insert(thread, Rc::clone(&local)));
    let _entered = Entered(thread);
    let mut future = pin!(future);
    local.woken.push(0);
    loop {
        match local.woken.draw() {
            Some(0) => {
                let waker = local.waker(0);
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    // Dropped here, where they may still spawn and wake.
                    let left = std::mem::take(&mut *local.tasks.borrow_mut());
                    drop(left);
                    return output;
                }
            }
            Some(id) => local.poll(id),
            None => {
                sim::wait(address(&*local.woken), None, place);
            }
        }
    }
}

struct Entered(sim::ThreadId);

impl Drop for Entered {
    fn drop(&mut self) {
        let local = LOCALS.with_borrow_mut(|all| all.remove(&self.0));
        drop(local);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exec;

    /// Two tasks that take turns by time, and their maker.
    async fn turns() -> Vec<u8> {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let task = |name: u8, pause: Duration| {
            let seen = Rc::clone(&seen);
            spawn_local(async move {
                for _ in 0..2 {
                    exec::delay(pause).await;
                    seen.borrow_mut().push(name);
                }
                name
            })
        };
        let (one, other) = (task(1, Duration::from_millis(20)), task(2, Duration::from_millis(50)));
        drop(task(3, Duration::from_secs(3600)));
        assert_eq!((one.await, other.await), (Ok(1), Ok(2)));
        Rc::try_unwrap(seen).map_or_else(|shared| shared.borrow().clone(), RefCell::into_inner)
    }

    #[test]
    fn tasks_take_turns_on_a_real_thread() {
        assert_eq!(run_local(turns()).unwrap(), [1, 1, 2, 2]);
    }

    #[test]
    fn tasks_take_turns_on_a_simulated_thread() {
        let report = sim::run(&sim::Options::default(), || run_local(turns()).unwrap());
        assert_eq!(report.outcome, Ok(vec![1, 1, 2, 2]));
    }
}
