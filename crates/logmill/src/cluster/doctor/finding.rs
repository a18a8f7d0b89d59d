//! One line of the doctor's.

use std::fmt;

/// What was found, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// It was looked at, and it is well.
    Ok(String),
    /// An acknowledged record may be lost under it, or a time or a disk is about to go wrong.
    Risk(String),
    /// It is broken now.
    Bad(String),
    /// It could not be looked at.
    Unknown(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok(what) => write!(out, "ok    {what}"),
            Self::Risk(what) => write!(out, "risk  {what}"),
            Self::Bad(what) => write!(out, "bad   {what}"),
            Self::Unknown(what) => write!(out, "?     {what}"),
        }
    }
}
