//! Where replicas go: striped over the brokers and their racks from a random start, so that leaders and followers spread evenly (KIP-36).
//!
//! ```text
//!   racks a: 1 4   b: 2 5   c: 3        in turn by rack    1 2 3 4 5
//!   partition 0 is led by 1, 1 by 2 …   each follower is the next broker along in a rack that has no replica yet, while there is one;
//!                                       the first step grows with each round, so that a leader's followers are not always the same
//! ```
//! Brokers that are not active get replicas only where there are not enough others, and never lead. Kafka's exact random order is not a
//! promise.

use std::collections::{BTreeMap, VecDeque};

use metadata::{Broker, Image};
use model::{BrokerId, ErrorCode};
use world::Chance;

use crate::Refusal;

/// Places partitions, one after the other.
pub(crate) struct Placer {
    active: Striped,
    others: Striped,
    start: usize,
    factor: usize,
}

impl Placer {
    pub(crate) fn new(chance: &mut Chance, image: &Image, factor: usize) -> Result<Self, Refusal> {
        let refuse = |why: String| {
            let message = format!("Unable to replicate the partition {factor} time(s): {why}");
            Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message))
        };
        let (active, others): (Vec<&Broker>, Vec<&Broker>) =
            image.brokers().map(|broker| &**broker).partition(|broker| broker.is_active());
        let registered = active.len() + others.len();
        if factor > registered {
            return refuse(format!(
                "The target replication factor of {factor} cannot be reached because only {registered} broker(s) are registered."
            ));
        }
        if active.is_empty() {
            return refuse("All brokers are currently fenced or in controlled shutdown.".into());
        }
        let start = chance.below(active.len() as u64) as usize;
        Ok(Self { active: Striped::new(&active), others: Striped::new(&others), start, factor })
    }

    /// The replicas of partition `number`; the first is to lead.
    pub(crate) fn replicas(&self, number: usize) -> Vec<BrokerId> {
        let of_active = self.factor.min(self.active.brokers.len());
        let mut replicas = self.active.replicas(self.start, number, of_active);
        replicas.extend(self.others.replicas(self.start, number, self.factor - of_active));
        replicas
    }
}

/// Brokers, neighbours in different racks where that is possible.
struct Striped {
    brokers: Vec<(BrokerId, usize)>,
    racks: usize,
}

impl Striped {
    fn new(brokers: &[&Broker]) -> Self {
        let mut racks: BTreeMap<Option<&str>, VecDeque<BrokerId>> = BTreeMap::new();
        for broker in brokers {
            racks.entry(broker.rack.as_deref()).or_default().push_back(broker.id);
        }
        let count = racks.len();
        let mut in_turn = Vec::with_capacity(brokers.len());
        while in_turn.len() < brokers.len() {
            for (rack, brokers) in racks.values_mut().enumerate() {
                in_turn.extend(brokers.pop_front().map(|broker| (broker, rack)));
            }
        }
        Self { brokers: in_turn, racks: count }
    }

    fn replicas(&self, start: usize, number: usize, factor: usize) -> Vec<BrokerId> {
        let count = self.brokers.len();
        assert!(factor <= count, "a broker holds one replica of a partition");
        if factor == 0 {
            return Vec::new();
        }
        let first = start.wrapping_add(number) % count;
        let shift = number / count;
        // The leader, then the others from a step that grows with each round.
        let others = (0..count - 1).map(|step| (first + 1 + (shift + step) % (count - 1)) % count);
        let along: Vec<(BrokerId, usize)> = std::iter::once(first)
            .chain(others)
            .filter_map(|index| self.brokers.get(index).copied())
            .collect();
        let mut taken: Vec<(BrokerId, usize)> = Vec::with_capacity(factor);
        while taken.len() < factor {
            let racks_taken =
                taken.iter().map(|(_, rack)| rack).collect::<std::collections::BTreeSet<_>>();
            let is_fresh = |(_, rack): &&(BrokerId, usize)| {
                racks_taken.len() == self.racks || !racks_taken.contains(rack)
            };
            let mut free = along.iter().filter(|broker| !taken.contains(broker));
            let next = free.find(is_fresh).expect("there are at least as many brokers as replicas");
            taken.push(*next);
        }
        taken.into_iter().map(|(broker, _)| broker).collect()
    }
}

#[cfg(test)]
mod tests {
    use metadata::Fact;
    use model::BrokerEpoch;

    use super::*;

    fn image(brokers: &[(i32, Option<&str>, bool)]) -> Image {
        let mut image = Image::default();
        for (id, rack, is_active) in brokers {
            image.apply(&Fact::RegisterBroker {
                id: BrokerId(*id),
                incarnation: 1,
                epoch: BrokerEpoch(1),
                host: "h".into(),
                port: 1,
                rack: rack.map(str::to_owned),
                lineage: 0,
                is_fenced: !is_active,
                is_shutting_down: false,
            });
        }
        image
    }

    fn placer(image: &Image, factor: usize) -> Result<Placer, ErrorCode> {
        Placer::new(&mut Chance::from_seed(3), image, factor).map_err(|refusal| refusal.code)
    }

    #[test]
    fn leaders_and_followers_spread_evenly() {
        let image = image(&[(1, None, true), (2, None, true), (3, None, true), (4, None, true)]);
        let placer = placer(&image, 3).unwrap();
        let (mut led, mut held) = ([0; 5], [0; 5]);
        for number in 0..48 {
            let replicas = placer.replicas(number);
            led[replicas[0].0 as usize] += 1;
            replicas.iter().for_each(|id| held[id.0 as usize] += 1);
        }
        assert_eq!(led, [0, 12, 12, 12, 12]);
        assert_eq!(held, [0, 36, 36, 36, 36]);
    }

    #[test]
    fn replicas_of_a_partition_stand_in_different_racks_and_every_broker_leads() {
        let racks = ["a", "a", "b", "b", "c", "c"];
        let brokers: Vec<_> = (0..).zip(racks).map(|(id, rack)| (id, Some(rack), true)).collect();
        let image = image(&brokers);
        let placer = placer(&image, 3).unwrap();
        let mut led = [0; 6];
        for number in 0..60 {
            let replicas = placer.replicas(number);
            led[replicas[0].0 as usize] += 1;
            let mut racks: Vec<i32> = replicas.iter().map(|id| id.0 / 2).collect();
            racks.sort_unstable();
            assert_eq!(racks, [0, 1, 2], "{replicas:?}");
        }
        assert_eq!(led, [10; 6]);
    }

    #[test]
    fn few_racks_are_used_again_and_brokers_never() {
        let image = image(&[(1, Some("a"), true), (2, Some("a"), true), (3, Some("b"), true)]);
        let placer = placer(&image, 3).unwrap();
        for number in 0..9 {
            let mut replicas = placer.replicas(number);
            replicas.sort_unstable();
            assert_eq!(replicas, [BrokerId(1), BrokerId(2), BrokerId(3)]);
        }
    }

    #[test]
    fn who_is_fenced_is_taken_last_and_never_leads() {
        let one_fenced = image(&[(1, None, false), (2, None, true), (3, None, true)]);
        for number in 0..6 {
            assert!(!placer(&one_fenced, 2).unwrap().replicas(number).contains(&BrokerId(1)));
            assert_eq!(placer(&one_fenced, 3).unwrap().replicas(number)[2], BrokerId(1));
        }
        assert_eq!(placer(&one_fenced, 4).err(), Some(ErrorCode::InvalidReplicationFactor));
        let fenced = image(&[(1, None, false)]);
        assert_eq!(placer(&fenced, 1).err(), Some(ErrorCode::InvalidReplicationFactor));
    }
}
