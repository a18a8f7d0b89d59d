//! The controllers: `controller.quorum.voters`, as `id@host:port`.

use std::{collections::BTreeMap, fmt};

use model::BrokerId;

use super::listener::Address;

/// One controller that has a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Voter {
    pub(crate) id: BrokerId,
    /// Where its controller listener is reached.
    pub(crate) address: Address,
}

impl Voter {
    /// Reads a list of them, sorted by id.
    ///
    /// # Errors
    /// Why one of them is none, as half a sentence.
    pub(crate) fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        let mut voters: Vec<Self> = texts.map(Self::parse).collect::<Result<_, _>>()?;
        voters.sort_by_key(|voter| voter.id);
        if let Some(pair) = voters.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(format!("there are two voters with id {}", pair[0].id));
        }
        let mut by_address = BTreeMap::new();
        for voter in &voters {
            if let Some(other) = by_address.insert(voter.address.to_string(), voter.id) {
                let (id, address) = (voter.id, &voter.address);
                return Err(format!("voters {other} and {id} are both at {address}"));
            }
        }
        Ok(voters)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let Some((id, address)) = text.split_once('@') else {
            return Err(format!("'{text}' is not id@host:port"));
        };
        let id = id.parse().ok().filter(|id| *id >= 0);
        let id = id.ok_or_else(|| format!("'{text}' has no node.id before the '@'"))?;
        let address = Address::parse(address)?;
        if address.is_wildcard() {
            return Err(format!("'{text}' names no host that the others can reach"));
        }
        Ok(Self { id: BrokerId(id), address })
    }
}

impl fmt::Display for Voter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_are_sorted_and_told_apart() {
        let voters = Voter::parse_list("3@c:9093, 1@a:9093,2@[::1]:9093").unwrap();
        let shown: Vec<_> = voters.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["1@a:9093", "2@[::1]:9093", "3@c:9093"]);
        let why = |text| Voter::parse_list(text).unwrap_err();
        assert!(why("1@a:1,1@b:1").contains("two voters"));
        assert!(why("1@a:1,2@b:1,3@a:1").contains("1 and 3 are both at a:1"));
        assert!(why("a:9093").contains("id@host:port"));
        assert!(why("x@a:9093").contains("node.id"));
        assert!(why("-1@a:9093").contains("node.id"));
        assert!(why("1@:9093").contains("reach"));
        assert!(why("1@0.0.0.0:9093").contains("reach"));
    }
}
