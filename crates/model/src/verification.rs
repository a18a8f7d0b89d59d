//! The right to begin a transaction in a partition (KIP-890).
//!
//! A partition that knows of no open transaction of a producer hands out a guard before its leader asks the coordinator
//! whether the partition is in the transaction; the append must show it again. Any marker in between makes it worthless.

/// Handed out by a log; worth something to that log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationGuard(pub u64);

/// What is known of a transactional batch before it is appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// Nobody asks: not a transactional batch, or `transaction.partition.verification.enable` is off.
    #[default]
    Waived,
    /// The coordinator was asked under this guard; none: the partition knew the transaction already.
    Asked(Option<VerificationGuard>),
}
