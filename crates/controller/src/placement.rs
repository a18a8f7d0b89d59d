//! Where replicas go: striped over the brokers from a random start, so that leaders and followers spread evenly.
//!
//! ```text
//!   brokers 1 2 3, factor 2, start 1      partition 0: 2 3    1: 3 1    2: 1 2    3: 2 3 …
//! ```
//! Racks come with the cluster; Kafka's exact random order is not a promise.

use model::BrokerId;

/// The replicas of partition `number`; the first is to lead. `factor` is at most the number of brokers.
pub(crate) fn replicas(
    brokers: &[BrokerId],
    start: usize,
    number: usize,
    factor: usize,
) -> Vec<BrokerId> {
    assert!(factor <= brokers.len(), "a broker holds one replica of a partition");
    let first = start.wrapping_add(number);
    (0..factor).map(|step| brokers[first.wrapping_add(step) % brokers.len()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaders_and_followers_spread_evenly() {
        let brokers = [BrokerId(1), BrokerId(2), BrokerId(3)];
        let mut led = [0; 4];
        for number in 0..9 {
            let replicas = replicas(&brokers, 1, number, 2);
            assert_ne!(replicas[0], replicas[1]);
            led[replicas[0].0 as usize] += 1;
        }
        assert_eq!(led, [0, 3, 3, 3]);
    }
}
