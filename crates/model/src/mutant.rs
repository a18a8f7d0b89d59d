//! Test-only mutations: a named wrong turn, taken only when the feature `mutants` is on and the name is chosen.
//!
//! A simulator that finds nothing proves nothing: each mutation is a mistake that somebody could make, and `testkit --mutants` shows that it
//! is found. `docs/TESTING.md` lists them.

#[cfg(feature = "mutants")]
mod choice {
    use std::sync::{PoisonError, RwLock};

    static CHOSEN: RwLock<String> = RwLock::new(String::new());

    /// Makes `name` the one mutation that is taken; an empty one ends it.
    pub fn choose(name: &str) {
        name.clone_into(&mut CHOSEN.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether it is `name`.
    #[must_use]
    pub fn is_chosen(name: &str) -> bool {
        *CHOSEN.read().unwrap_or_else(PoisonError::into_inner) == name
    }
}

#[cfg(feature = "mutants")]
pub use choice::{choose, is_chosen};

/// Whether the mutation `name` is chosen. Constant false without the feature `mutants`, which no release sets.
#[cfg(feature = "mutants")]
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {
        $crate::mutant::is_chosen($name)
    };
}

/// Whether the mutation `name` is chosen. Constant false without the feature `mutants`, which no release sets.
#[cfg(not(feature = "mutants"))]
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {
        false
    };
}
