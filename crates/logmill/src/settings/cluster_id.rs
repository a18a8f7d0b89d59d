//! The cluster's id, where nobody has given one: made from the voters, so that nodes that start at once agree without a word.
//!
//! The rule, in this order: what the data directory says (for life), what `logmill.cluster.id` says (a difference between the two is
//! refused), what `controller.quorum.voters` comes to. The metadata log holds the id as its first fact and every node compares: nodes
//! that write their voters differently refuse to work together instead of forming two clusters.

use model::TopicId;
use uuid::Builder;

use super::Voter;

/// 22 characters, as Kafka writes them; the same for the same voters in any order, on any build.
pub(crate) fn derived_cluster_id(voters: &[Voter]) -> String {
    let mut texts: Vec<String> = voters.iter().map(ToString::to_string).collect();
    texts.sort();
    let bits = fnv_1a(texts.join(",").as_bytes());
    TopicId(Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()).to_string()
}

/// FNV-1a over 128 bits: it needs to be the same everywhere for ever, not to withstand anybody.
fn fnv_1a(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_for_ever_and_differs_with_the_voters() {
        let of = |text| derived_cluster_id(&Voter::parse_list(text).unwrap());
        let id = of("1@a:9093,2@b:9093,3@c:9093");
        assert_eq!(id, of("3@c:9093,1@a:9093,2@b:9093"));
        assert_eq!(id, "0fgzMiD3RAuxXCHQ2-rW6A");
        assert_ne!(id, of("1@a:9093,2@b:9093,3@c:9094"));
        assert!(TopicId::parse(&id).is_some());
    }
}
