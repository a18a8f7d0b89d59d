//! Why a graph cannot be made.

/// A plan that cannot run, or a snapshot that is not of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A windowed aggregate without event time never closes a window.
    #[error("a windowed aggregate needs a table with a WATERMARK")]
    NoWatermark,
    /// The plan is of another version: bind it again from its SQL.
    #[error("plan version {found} is not {expected}")]
    PlanVersion {
        /// What the plan says.
        found: u16,
        /// What this code runs.
        expected: u16,
    },
    /// Something that this engine does not run.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The plan contradicts itself; the binder is at fault.
    #[error("the plan is malformed: {0}")]
    Plan(String),
    /// The snapshot's bytes are damaged, of another version or of another plan.
    #[error("the snapshot cannot be read: {0}")]
    Snapshot(&'static str),
}
