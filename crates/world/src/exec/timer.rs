//! Time for futures: a delay that a task awaits. On a simulated thread it runs on the simulation's time, else on tokio's, and then
//! within a tokio runtime only (a plain thread that waits uses [`super::block_on_for`]).

use std::{
    future::{Future, poll_fn},
    panic::Location,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use crate::{Instant, sim::threads as sim};

/// A future that is ready when its time has come.
#[derive(Debug)]
pub struct Delay(Kind);

#[derive(Debug)]
enum Kind {
    Real(Pin<Box<tokio::time::Sleep>>),
    Simulated(Instant, Option<sim::TimerId>),
}

/// Ready after `duration`.
#[must_use]
pub fn delay(duration: Duration) -> Delay {
    Delay(if sim::is_active() {
        Kind::Simulated(sim::now().plus(duration), None)
    } else {
        Kind::Real(Box::pin(tokio::time::sleep(duration)))
    })
}

/// What `future` answers, if it does within `duration`.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut delay = delay(duration);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        Pin::new(&mut delay).poll(cx).map(|()| None)
    })
    .await
}

impl Delay {
    /// Whether its time has come.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        match &self.0 {
            Kind::Real(sleep) => sleep.is_elapsed(),
            Kind::Simulated(deadline, _) => sim::now() >= *deadline,
        }
    }

    /// Begins anew.
    pub fn reset(&mut self, duration: Duration) {
        match &mut self.0 {
            Kind::Real(sleep) => sleep.as_mut().reset(tokio::time::Instant::now() + duration),
            Kind::Simulated(deadline, timer) => {
                *deadline = sim::now().plus(duration);
                if let Some(timer) = timer.take() {
                    sim::cancel(timer);
                }
            }
        }
    }
}

impl Future for Delay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Kind::Real(sleep) => sleep.as_mut().poll(cx),
            Kind::Simulated(deadline, timer) => {
                if let Some(earlier) = timer.take() {
                    sim::cancel(earlier);
                }
                if sim::now() >= *deadline {
                    return Poll::Ready(());
                }
                *timer = Some(sim::wake_at(*deadline, cx.waker().clone(), Location::caller()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        if let Kind::Simulated(_, Some(timer)) = &self.0 {
            sim::cancel(*timer);
        }
    }
}
