//! Which protocol a group speaks: one that all members support, elected by votes.

use std::{collections::BTreeMap, sync::Arc};

use super::{Group, Phase, member::Protocol};

impl Group {
    /// Whether a joiner of this type, with these protocols, can be in this group.
    pub(crate) fn accepts_protocols(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.phase == Phase::Empty || self.members.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.is_common(&protocol.name))
    }

    /// Every member votes for the first of its protocols that all support; the most votes win. Between equals the
    /// leader's order decides (Kafka leaves that to its hash map).
    pub(crate) fn elect_protocol(&self) -> Option<Arc<str>> {
        let leader = self.members.get(self.leader.as_ref()?)?;
        let common: Vec<&Arc<str>> = leader
            .protocols
            .iter()
            .map(|protocol| &protocol.name)
            .filter(|name| self.is_common(name))
            .collect();
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let first = member
                .protocols
                .iter()
                .find(|protocol| common.iter().any(|name| **name == protocol.name));
            if let Some(first) = first {
                *votes.entry(&*first.name).or_default() += 1;
            }
        }
        let count = |name: &Arc<str>| votes.get(&**name).copied().unwrap_or(0);
        // `max_by_key` keeps the last of equals: reversed, that is the leader's dearest.
        common.into_iter().rev().max_by_key(|name| count(name)).cloned()
    }

    fn is_common(&self, protocol: &str) -> bool {
        self.members.values().all(|member| member.supports(protocol))
    }
}
