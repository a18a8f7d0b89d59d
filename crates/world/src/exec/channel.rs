//! A bounded queue between threads: many send, one receives.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use super::{Condvar, Mutex};
use crate::sim::threads as sim;

/// The sending end. A clone sends to the same queue.
pub struct Sender<T>(Arc<Queue<T>>);

/// The receiving end.
pub struct Receiver<T>(Arc<Queue<T>>);

struct Queue<T> {
    capacity: usize,
    /// Guards that what was sent before the last sender left is received, and nothing after the receiver left is kept.
    state: Mutex<State<T>>,
    filled: Condvar,
    drained: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    senders: usize,
    is_received: bool,
}

/// The other end is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other end of the channel is gone")]
pub struct Disconnected;

/// Why nothing was sent; what was to be sent comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// No room.
    Full(T),
    /// No receiver.
    Disconnected(T),
}

/// Why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing is there.
    Empty,
    /// Nothing is there, and nobody can send any more.
    Disconnected,
}

/// Why nothing was received in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// Nothing came.
    Timeout,
    /// Nothing is there, and nobody can send any more.
    Disconnected,
}

/// A queue for at most `capacity` items.
///
/// # Panics
/// When there is room for none.
#[must_use]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a queue has room");
    let state = State { items: VecDeque::new(), senders: 1, is_received: true };
    let queue = Arc::new(Queue {
        capacity,
        state: Mutex::new(state),
        filled: Condvar::new(),
        drained: Condvar::new(),
    });
    (Sender(Arc::clone(&queue)), Receiver(queue))
}

impl<T> Sender<T> {
    /// Sends; waits for room.
    ///
    /// # Errors
    /// Nobody receives any more.
    #[track_caller]
    pub fn send(&self, item: T) -> Result<(), Disconnected> {
        let queue = &*self.0;
        let is_full =
            |state: &mut State<T>| state.is_received && state.items.len() >= queue.capacity;
        let mut state = queue.drained.wait_while(queue.state.lock(), is_full);
        if !state.is_received || sim::is_unwinding() {
            return Err(Disconnected);
        }
        state.items.push_back(item);
        drop(state);
        queue.filled.notify_one();
        Ok(())
    }

    /// Sends if there is room.
    ///
    /// # Errors
    /// [`TrySendError`]
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let mut state = self.0.state.lock();
        if !state.is_received {
            return Err(TrySendError::Disconnected(item));
        }
        if state.items.len() >= self.0.capacity {
            return Err(TrySendError::Full(item));
        }
        state.items.push_back(item);
        drop(state);
        self.0.filled.notify_one();
        Ok(())
    }
}

impl<T> Receiver<T> {
    /// The next item; waits for it.
    ///
    /// # Errors
    /// Nothing is left and nobody can send any more.
    #[track_caller]
    pub fn recv(&self) -> Result<T, Disconnected> {
        let state = self.0.filled.wait_while(self.0.state.lock(), is_awaited);
        self.0.take(state).map_err(|_| Disconnected)
    }

    /// The next item, if it comes within `timeout`.
    ///
    /// # Errors
    /// [`RecvTimeoutError`]
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        let state = self.0.filled.wait_timeout_while(self.0.state.lock(), timeout, is_awaited);
        self.0.take(state).map_err(|error| match error {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    /// The next item, if it is there.
    ///
    /// # Errors
    /// [`TryRecvError`]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.take(self.0.state.lock())
    }
}

impl<T> Queue<T> {
    fn take(&self, mut state: super::MutexGuard<'_, State<T>>) -> Result<T, TryRecvError> {
        let Some(item) = state.items.pop_front() else {
            let is_over = state.senders == 0;
            return Err(if is_over { TryRecvError::Disconnected } else { TryRecvError::Empty });
        };
        let was_full = state.items.len() + 1 >= self.capacity;
        drop(state);
        if was_full {
            self.drained.notify_all();
        }
        Ok(item)
    }
}

fn is_awaited<T>(state: &mut State<T>) -> bool {
    state.items.is_empty() && state.senders > 0
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.senders -= 1;
        let is_last = state.senders == 0;
        drop(state);
        if is_last {
            self.0.filled.notify_all();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.is_received = false;
        // Dropped without the lock: an item may hold a sender of this very queue.
        let items = std::mem::take(&mut state.items);
        drop(state);
        drop(items);
        self.0.drained.notify_all();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec;

    #[test]
    fn what_was_sent_is_received_in_order_also_after_the_sender_left() {
        let (sender, receiver) = channel(2);
        let thread = exec::spawn("sends", move || {
            for item in 0..100 {
                sender.send(item).unwrap();
            }
        });
        let received: Vec<i32> = std::iter::from_fn(|| receiver.recv().ok()).collect();
        assert_eq!(received, (0..100).collect::<Vec<_>>());
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(thread.unwrap().join(), Ok(()));
    }

    #[test]
    fn a_full_queue_refuses_and_a_receiver_that_left_gives_back() {
        let (sender, receiver) = channel(1);
        assert_eq!(sender.try_send('a'), Ok(()));
        assert_eq!(sender.try_send('b'), Err(TrySendError::Full('b')));
        drop(receiver);
        assert_eq!(sender.try_send('c'), Err(TrySendError::Disconnected('c')));
        assert_eq!(sender.send('d'), Err(Disconnected));
    }

    #[test]
    fn nothing_comes_in_time() {
        let (sender, receiver) = channel::<u8>(1);
        assert_eq!(receiver.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        drop(sender);
        assert_eq!(receiver.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Disconnected));
    }
}
