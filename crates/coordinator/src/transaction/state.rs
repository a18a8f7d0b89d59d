//! The states of a transaction, with Kafka's numbers and names.
//!
//! ```text
//!            ┌──────────────────────── first partition ◀───────────────────────┐
//!            ▼                                                                 │
//!   Empty ─▶ Ongoing ─▶ PrepareCommit ─ every marker written ─▶ CompleteCommit ─┤
//!     │         └─────▶ PrepareAbort ── every marker written ─▶ CompleteAbort ──┤
//!     └─ abort (version 2) ──▲                  ▲                              │
//!                            └──────────────────┴── abort (version 2) ◀────────┤
//!   Empty ◀──────────────────────────── InitProducerId ◀───────────────────────┘
//! ```
//!
//! From a Prepare state there is no way back: a coordinator that is loaded in one writes the markers again.

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionState {
    /// Nothing has been added since the producer was initialised.
    Empty,
    /// It has partitions.
    Ongoing,
    /// It is committed; markers are being written.
    PrepareCommit,
    /// It is aborted; markers are being written.
    PrepareAbort,
    /// Every commit marker is written.
    CompleteCommit,
    /// Every abort marker is written.
    CompleteAbort,
    /// Its id has expired. In no record: an expired id is a tombstone.
    Dead,
    /// A producer is being fenced. In no record: here the fence is one with the abort that it leads to.
    PrepareEpochFence,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionResult {
    /// Everything in it becomes visible.
    Commit,
    /// Nothing of it does.
    Abort,
}

impl TransactionState {
    const ALL: [Self; 8] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
        Self::Dead,
        Self::PrepareEpochFence,
    ];

    /// Its number in records.
    #[must_use]
    pub const fn number(self) -> i8 {
        self as i8
    }

    /// The state of a number.
    #[must_use]
    pub fn from_number(number: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }

    /// As Kafka's tools show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
            Self::Dead => "Dead",
            Self::PrepareEpochFence => "PrepareEpochFence",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether records are in it.
    pub(crate) const fn is_recorded(self) -> bool {
        !matches!(self, Self::Dead | Self::PrepareEpochFence)
    }

    /// Whether markers are being written.
    pub(crate) const fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }

    /// Whether nothing is under way.
    pub(crate) const fn is_at_rest(self) -> bool {
        matches!(self, Self::Empty | Self::CompleteCommit | Self::CompleteAbort)
    }

    /// How the transaction ends or has ended; none while that is open.
    pub(crate) const fn result(self) -> Option<TransactionResult> {
        match self {
            Self::PrepareCommit | Self::CompleteCommit => Some(TransactionResult::Commit),
            Self::PrepareAbort | Self::CompleteAbort => Some(TransactionResult::Abort),
            Self::Empty | Self::Ongoing | Self::Dead | Self::PrepareEpochFence => None,
        }
    }

    /// Whether a transaction may come from `previous` into this state.
    pub(crate) const fn may_follow(self, previous: Self) -> bool {
        match self {
            Self::Empty => previous.is_at_rest(),
            Self::Ongoing => previous.is_at_rest() || matches!(previous, Self::Ongoing),
            Self::PrepareCommit => matches!(previous, Self::Ongoing),
            Self::PrepareAbort => previous.is_at_rest() || matches!(previous, Self::Ongoing),
            Self::CompleteCommit => matches!(previous, Self::PrepareCommit),
            Self::CompleteAbort => matches!(previous, Self::PrepareAbort),
            Self::Dead => previous.is_at_rest(),
            Self::PrepareEpochFence => matches!(previous, Self::Ongoing),
        }
    }
}

impl TransactionResult {
    pub(crate) const fn prepare(self) -> TransactionState {
        match self {
            Self::Commit => TransactionState::PrepareCommit,
            Self::Abort => TransactionState::PrepareAbort,
        }
    }

    pub(crate) const fn complete(self) -> TransactionState {
        match self {
            Self::Commit => TransactionState::CompleteCommit,
            Self::Abort => TransactionState::CompleteAbort,
        }
    }

    pub(crate) const fn marker(self) -> records::control::Marker {
        match self {
            Self::Commit => records::control::Marker::Commit,
            Self::Abort => records::control::Marker::Abort,
        }
    }
}
