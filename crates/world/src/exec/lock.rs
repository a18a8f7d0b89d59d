//! A lock that may be held while its holder waits, and a condition to wait for. Nothing is ever poisoned: what a lock guards is
//! whole between any two statements, by the rules of this house.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    panic::Location,
    ptr,
    sync::{self, PoisonError, TryLockError},
    time::Duration,
};

use crate::sim::threads as sim;

/// Mutual exclusion.
#[derive(Default)]
pub struct Mutex<T: ?Sized>(sync::Mutex<T>);

/// The lock, held.
#[must_use]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// Always there until it is dropped or given to a condition.
    held: Option<sync::MutexGuard<'a, T>>,
}

/// Where those wait who need what a lock guards to change.
#[derive(Default)]
pub struct Condvar(sync::Condvar);

impl<T> Mutex<T> {
    /// A lock around `value`.
    pub const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let held = if sim::is_active() {
            self.lock_simulated(Location::caller())
        } else {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        };
        MutexGuard { mutex: self, held: Some(held) }
    }

    /// The lock, if nobody holds it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.try_held().map(|held| MutexGuard { mutex: self, held: Some(held) })
    }

    /// What it guards, without locking: nobody else can reach it.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_held(&self) -> Option<sync::MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(held) => Some(held),
            Err(TryLockError::Poisoned(held)) => Some(held.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn lock_simulated(&self, place: &'static Location<'static>) -> sync::MutexGuard<'_, T> {
        loop {
            if let Some(held) = self.try_held() {
                return held;
            }
            sim::wait_for_lock(address(self), place);
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("held until it is dropped")
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("held until it is dropped")
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if self.held.take().is_some() && sim::is_active() {
            sim::wake_all(address(self.mutex));
        }
    }
}

impl Condvar {
    /// A condition nobody waits for yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(sync::Condvar::new())
    }

    /// Gives the lock away until `is_awaited` no longer holds.
    #[track_caller]
    pub fn wait_while<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        is_awaited: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        self.wait(guard, None, is_awaited)
    }

    /// As [`Self::wait_while`], for no longer than `timeout`: what came of it is seen in what the lock guards.
    #[track_caller]
    pub fn wait_timeout_while<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
        is_awaited: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        self.wait(guard, Some(timeout), is_awaited)
    }

    /// Wakes one who waits.
    pub fn notify_one(&self) {
        if sim::is_active() {
            sim::wake_one(address(self));
        } else {
            self.0.notify_one();
        }
    }

    /// Wakes all who wait.
    pub fn notify_all(&self) {
        if sim::is_active() {
            sim::wake_all(address(self));
        } else {
            self.0.notify_all();
        }
    }

    #[track_caller]
    fn wait<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Option<Duration>,
        mut is_awaited: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        if sim::is_active() {
            return self.wait_simulated(guard, timeout, is_awaited, Location::caller());
        }
        let held = guard.held.take().expect("held until it is dropped");
        let held = match timeout {
            None => {
                self.0.wait_while(held, |it| is_awaited(it)).unwrap_or_else(PoisonError::into_inner)
            }
            Some(timeout) => {
                self.0
                    .wait_timeout_while(held, timeout, |it| is_awaited(it))
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        guard.held = Some(held);
        guard
    }

    fn wait_simulated<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Option<Duration>,
        mut is_awaited: impl FnMut(&mut T) -> bool,
        place: &'static Location<'static>,
    ) -> MutexGuard<'a, T> {
        let deadline = timeout.map(|timeout| sim::now().plus(timeout));
        let mutex = guard.mutex;
        while is_awaited(&mut guard) && !sim::is_unwinding() {
            drop(guard);
            let was_woken = sim::wait(address(self), deadline, place);
            guard = MutexGuard { mutex, held: Some(mutex.lock_simulated(place)) };
            if !was_woken {
                break;
            }
        }
        guard
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condvar")
    }
}

/// What the simulation knows a lock or a condition by, while somebody holds a reference to it.
pub(super) fn address<T: ?Sized>(of: &T) -> usize {
    ptr::from_ref(of).cast::<()>().addr()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::exec;

    #[test]
    fn a_condition_wakes_who_waits_for_it() {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let of_thread = Arc::clone(&pair);
        let thread = exec::spawn("waits", move || {
            let (is_set, changed) = &*of_thread;
            *changed.wait_while(is_set.lock(), |is_set| !*is_set)
        });
        *pair.0.lock() = true;
        pair.1.notify_all();
        assert_eq!(thread.unwrap().join(), Ok(true));
    }

    #[test]
    fn a_condition_that_does_not_come_times_out() {
        let (is_set, changed) = (Mutex::new(false), Condvar::new());
        assert!(!*changed.wait_timeout_while(is_set.lock(), Duration::ZERO, |is_set| !*is_set));
        assert!(is_set.try_lock().is_some());
    }
}
