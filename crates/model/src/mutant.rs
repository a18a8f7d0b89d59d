//! Test-only mutations: a named wrong turn, taken only when the feature `mutants` is on and the name is chosen.

/// Whether the mutation `name` is chosen. Constant false without the feature `mutants`, which no release sets.
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {
        false
    };
}
