//! openraft's runtime over [`world::exec`]: tasks and time of the thread that the quorum runs on, tokio's on a real one, the simulation's
//! on a simulated one.
//!
//! Its channels and locks are tokio's, which need no runtime. Chance comes from one source of the thread, which the quorum
//! [seeds](Runtime::seed) when it starts. Simulated threads share it, in the same order in every run; a source in each task
//! (openraft's `DeterministicRng`) would be mixed up when a simulated thread waits within a task.

use std::{
    cell::RefCell,
    future::Future,
    io,
    ops::{Add, AddAssign, Sub, SubAssign},
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
    time::Duration,
};

use openraft_rt::AsyncRuntime;
use openraft_rt_tokio::{TokioMpsc, TokioMutex, TokioOneshot, TokioWatch};
use rand::{SeedableRng, rngs::SmallRng};
use world::{
    Chance,
    exec::{self, Delay, Panicked, Task},
};

thread_local! {
    static CHANCE: RefCell<Chance> = RefCell::new(Chance::from_seed(0));
}

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Runtime;

impl Runtime {
    /// What chance grows from on this thread, from now on.
    pub(crate) fn seed(seed: u64) {
        CHANCE.set(Chance::from_seed(seed));
    }
}

/// A moment, in nanoseconds since one that all threads share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

/// A future that is given so much time.
pub(crate) struct Timeout<F> {
    future: Pin<Box<F>>,
    delay: Delay,
}

/// It has not come in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not in time")]
pub(crate) struct Late;

impl AsyncRuntime for Runtime {
    type JoinError = Panicked;
    type JoinHandle<T: 'static> = Task<T>;
    type Sleep = Delay;
    type Instant = Moment;
    type TimeoutError = Late;
    type Timeout<R, F: Future<Output = R>> = Timeout<F>;
    type ThreadLocalRng = SmallRng;
    type Mpsc = TokioMpsc;
    type Watch = TokioWatch;
    type Oneshot = TokioOneshot;
    type Mutex<T: 'static> = TokioMutex<T>;

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        exec::spawn_local(future)
    }

    fn sleep(duration: Duration) -> Delay {
        exec::delay(duration)
    }

    fn sleep_until(deadline: Moment) -> Delay {
        exec::delay(deadline - now())
    }

    fn timeout<R, F: Future<Output = R>>(duration: Duration, future: F) -> Timeout<F> {
        Timeout { future: Box::pin(future), delay: exec::delay(duration) }
    }

    fn timeout_at<R, F: Future<Output = R>>(deadline: Moment, future: F) -> Timeout<F> {
        Self::timeout(deadline - now(), future)
    }

    fn is_panic(_: &Panicked) -> bool {
        true
    }

    fn thread_rng() -> SmallRng {
        SmallRng::seed_from_u64(CHANCE.with_borrow_mut(Chance::bits))
    }

    fn new(_threads: usize) -> Self {
        Self
    }

    fn block_on<F: Future<Output = T>, T>(&mut self, future: F) -> T {
        exec::run_local(future).expect("the system gives an event queue")
    }

    async fn spawn_blocking<F, T>(work: F) -> Result<T, io::Error>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (reply, pending) = model::Pending::channel();
        let _detached = exec::spawn("quorum-blocking", move || reply.send(work()))?;
        pending.await.ok_or_else(|| io::Error::other("the blocking thread has ended"))
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Late>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = self.future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(&mut self.delay).poll(cx).map(|()| Err(Late))
    }
}

impl openraft_rt::Instant for Moment {
    fn now() -> Self {
        now()
    }
}

/// Tokio's time, which a test may pause, or the simulation's.
fn now() -> Moment {
    static BEGINNING: OnceLock<tokio::time::Instant> = OnceLock::new();
    let since = exec::simulated_now().unwrap_or_else(|| {
        let now = tokio::time::Instant::now();
        now.saturating_duration_since(*BEGINNING.get_or_init(|| now))
    });
    Moment(nanos(since))
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl AddAssign<Duration> for Moment {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

impl SubAssign<Duration> for Moment {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub for Moment {
    type Output = Duration;

    /// Zero, when `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        let nanos = self.0.saturating_sub(earlier.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use openraft_rt::Instant;
    use world::sim::threads;

    use super::*;

    async fn draws() -> Vec<u64> {
        Runtime::seed(7);
        let begun = Moment::now();
        let task = Runtime::spawn(async {
            Runtime::sleep(Duration::from_secs(3600)).await;
            rand::Rng::next_u64(&mut Runtime::thread_rng())
        });
        let waits = Runtime::timeout(Duration::from_millis(5), std::future::pending::<()>());
        assert!(waits.await.is_err());
        assert!(begun.elapsed() >= Duration::from_millis(5));
        vec![rand::Rng::next_u64(&mut Runtime::thread_rng()), task.await.unwrap()]
    }

    #[test]
    fn an_hour_of_a_simulated_runtime_takes_no_time_and_is_had_again() {
        let run = || threads::run(&threads::Options::default(), || Runtime.block_on(draws()));
        let (one, other) = (run(), run());
        assert_eq!(one.outcome, other.outcome);
        assert_eq!(one.trace, other.trace);
        assert!(one.elapsed >= Duration::from_secs(3600));
    }
}
