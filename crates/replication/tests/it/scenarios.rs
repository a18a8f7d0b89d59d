//! Histories that have a name: where followers lost or mixed up records before epochs told them.

use crate::cluster::{Cluster, broker};

fn values(cluster: &Cluster) -> Vec<&str> {
    cluster.committed.iter().filter_map(|record| record.split(':').nth(1)).collect()
}

/// The controller makes `id` leader, and everybody hears of it.
fn elect(cluster: &mut Cluster, id: i32) {
    assert!(cluster.controller.elect(broker(id)), "it is in sync");
    cluster.hear_all();
}

/// KIP-101, the first scenario: the new leader's own watermark lies below what the old one has acknowledged; nothing is cut there.
#[test]
fn a_follower_that_leads_keeps_what_lies_above_its_watermark() {
    let mut cluster = Cluster::new(2, &[]);
    cluster.put("1");
    cluster.fetch_round();
    cluster.put("2");
    cluster.fetch_round();
    // The leader learns that "2" is everywhere; its answer never arrives.
    cluster.fetch(broker(2), broker(1), |answer| answer);
    assert_eq!(values(&cluster), ["1", "2"]);
    cluster.crash(broker(1));
    cluster.fence(broker(1));
    cluster.hear_all();
    assert_eq!(cluster.state().leader, broker(2));
    cluster.put("3");
    cluster.settle();
    assert_eq!(values(&cluster), ["1", "2", "3"]);
}

/// KIP-101, the second scenario: the same offset with two records, on logs of the same length.
#[test]
fn a_record_that_was_never_replicated_gives_way_to_the_new_leaders() {
    let mut cluster = Cluster::new(2, &[]);
    cluster.put("1");
    cluster.fetch_round();
    cluster.fetch_round();
    cluster.put("lost");
    cluster.crash(broker(1));
    cluster.fence(broker(1));
    cluster.hear_all();
    cluster.put("2");
    cluster.settle();
    assert_eq!(values(&cluster), ["1", "2"]);
}

/// KIP-279: the leader comes back and knows nothing of the epoch in between; cutting by that epoch's end alone would mix two histories.
#[test]
fn a_follower_of_an_epoch_that_its_leader_does_not_know_cuts_all_of_it() {
    let mut cluster = Cluster::new(2, &[]);
    cluster.put("1");
    cluster.fetch_round();
    cluster.fetch_round();
    cluster.put("2");
    cluster.put("3");
    elect(&mut cluster, 2);
    cluster.put("lost");
    elect(&mut cluster, 1);
    cluster.put("4");
    cluster.settle();
    assert_eq!(values(&cluster), ["1", "2", "3", "4"]);
}

/// KIP-320: who has not heard of the new reign copies from the old leader; neither commits, and both turn.
#[test]
fn what_is_copied_from_a_leader_whose_reign_is_over_is_never_committed() {
    let mut cluster = Cluster::new(3, &[]);
    cluster.put("1");
    cluster.fetch_round();
    cluster.fetch_round();
    let old = ["lost".to_owned()];
    assert!(cluster.controller.elect(broker(2)));
    cluster.hear(broker(2), usize::MAX);
    let placed = cluster.append(broker(1), &old, None, replication::Acks::All).unwrap();
    for _ in 0..4 {
        cluster.fetch(broker(3), broker(1), |answer| answer);
    }
    let partition = cluster.nodes[&broker(1)].partition().unwrap();
    let until = placed.appended.last.plus(1);
    assert!(!partition.is_replicated(placed.reign, until).unwrap());
    cluster.put("2");
    cluster.settle();
    assert_eq!(values(&cluster), ["1", "2"]);
}
