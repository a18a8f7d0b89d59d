//! What a reader may see: everything replicated, or only what no open transaction can undo.

/// A reader's isolation level (`isolation.level`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Up to the high watermark.
    #[default]
    ReadUncommitted,
    /// Up to the last stable offset.
    ReadCommitted,
}

impl Isolation {
    /// Kafka's wire value: 0 is uncommitted, everything else committed.
    #[must_use]
    pub const fn from_wire(value: i8) -> Self {
        if value == 0 { Self::ReadUncommitted } else { Self::ReadCommitted }
    }
}
