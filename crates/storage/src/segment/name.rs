//! The names of a segment's files: the base offset in twenty digits, and what it is.

use model::Offset;

/// What a file of a log's directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Log,
    Index,
    TimeIndex,
    TransactionIndex,
    /// A snapshot of the producers, named by the offset that it was taken at.
    Snapshot,
}

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In use.
    Live,
    /// Written by the cleaner, perhaps not to its end.
    Cleaned,
    /// Written by the cleaner and whole; about to take its place.
    Swap,
    /// To be removed.
    Deleted,
}

impl Kind {
    /// Those that belong to one segment.
    pub(crate) const OF_SEGMENT: [Self; 4] =
        [Self::Log, Self::Index, Self::TimeIndex, Self::TransactionIndex];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Index => "index",
            Self::TimeIndex => "timeindex",
            Self::TransactionIndex => "txnindex",
            Self::Snapshot => "snapshot",
        }
    }

    fn parse(suffix: &str) -> Option<Self> {
        [Self::Log, Self::Index, Self::TimeIndex, Self::TransactionIndex, Self::Snapshot]
            .into_iter()
            .find(|kind| kind.suffix() == suffix)
    }
}

impl Stage {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Live => "",
            Self::Cleaned => ".cleaned",
            Self::Swap => ".swap",
            Self::Deleted => ".deleted",
        }
    }
}

/// The name of a file.
pub(crate) fn name(base: Offset, kind: Kind, stage: Stage) -> String {
    format!("{:020}.{}{}", base.0, kind.suffix(), stage.suffix())
}

/// What `name` names; none if it is not ours.
pub(crate) fn parse(name: &str) -> Option<(Offset, Kind, Stage)> {
    let (digits, rest) = name.split_once('.')?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let base = Offset(digits.parse().ok()?);
    let (kind, stage) = match rest.split_once('.') {
        None => (rest, Stage::Live),
        Some((kind, "cleaned")) => (kind, Stage::Cleaned),
        Some((kind, "swap")) => (kind, Stage::Swap),
        Some((kind, "deleted")) => (kind, Stage::Deleted),
        Some(_) => return None,
    };
    Some((base, Kind::parse(kind)?, stage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_are_kafkas() {
        assert_eq!(
            name(Offset(42), Kind::TimeIndex, Stage::Live),
            "00000000000000000042.timeindex"
        );
        for kind in
            [Kind::Log, Kind::Index, Kind::TimeIndex, Kind::TransactionIndex, Kind::Snapshot]
        {
            for stage in [Stage::Live, Stage::Cleaned, Stage::Swap, Stage::Deleted] {
                let text = name(Offset(i64::MAX), kind, stage);
                assert_eq!(parse(&text), Some((Offset(i64::MAX), kind, stage)), "{text}");
            }
        }
    }

    #[test]
    fn other_files_are_not_ours() {
        for other in [
            "leader-epoch-checkpoint",
            "partition.metadata",
            "42.log",
            "00000000000000000042",
            "00000000000000000042.txt",
            "00000000000000000042.log.bak",
            "99999999999999999999.log",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
