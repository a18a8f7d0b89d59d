//! The one thing read from members' metadata: the topics of a consumer's subscription.
//!
//! ```text
//!   ConsumerProtocolSubscription   version i16 │ count i32 │ topic: length i16, bytes … │ user data, owned partitions, …
//! ```
//! The rest differs by version and is not needed.

use std::collections::BTreeSet;

use wire::{Cursor, WireError};

use super::Group;

impl Group {
    /// What all members together read; none if this is not a group of consumers, or one's metadata cannot be read.
    pub(crate) fn read_subscriptions(&self) -> Option<BTreeSet<String>> {
        if !self.is_of_consumers() {
            return None;
        }
        let Some(protocol) = &self.protocol else {
            return self.members.is_empty().then(BTreeSet::new);
        };
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            subscription(&member.metadata(protocol), &mut topics).ok()?;
        }
        Some(topics)
    }
}

fn subscription(metadata: &[u8], topics: &mut BTreeSet<String>) -> Result<(), WireError> {
    let mut metadata = Cursor::new(metadata);
    let version = metadata.i16()?;
    if version < 0 {
        return Err(WireError::Truncated);
    }
    for _ in 0..metadata.length(false)?.unwrap_or(0) {
        topics.insert(metadata.string(false)?.unwrap_or_default().to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_and_nonsense_is_refused() {
        let mut topics = BTreeSet::new();
        let metadata = [0, 3, 0, 0, 0, 2, 0, 1, b'a', 0, 2, b'b', b'c', 9, 9];
        assert_eq!(subscription(&metadata, &mut topics), Ok(()));
        assert_eq!(topics, BTreeSet::from(["a".to_owned(), "bc".to_owned()]));
        for length in 0..13 {
            assert!(subscription(&metadata[..length], &mut topics).is_err());
        }
        assert!(subscription(&[0, 0, 0x7f, 0xff, 0xff, 0xff], &mut topics).is_err());
    }
}
