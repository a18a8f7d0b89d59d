//! Logs that are damaged on the disk, and become whole again from the others' without a record lost.

use std::{path::PathBuf, time::Duration};

use model::BrokerId;
use world::{Chance, Disk, sim::SimDisk};

use crate::cluster::{Cluster, Fate, broker};

/// What of a log's file is another by now.
pub(crate) enum Hit {
    /// The first batch's magic: no batch is there any more.
    Header,
    /// The last record's value: only a CRC tells.
    Body,
}

pub(crate) fn damage(cluster: &mut Cluster, id: BrokerId, hit: Hit) {
    let node = cluster.nodes.get_mut(&id).unwrap();
    // What it shows is not what it was, until it has it anew.
    node.is_suspect = true;
    node.is_damaged = true;
    let path = PathBuf::from("/data/a-0/00000000000000000000.log");
    if !node.disk.exists(&path) {
        return;
    }
    let position = match hit {
        Hit::Header => 16,
        // Behind it is the number of the record's headers.
        Hit::Body => node.disk.read_whole(&path).unwrap().len() - 2,
    };
    let _was_there = node.disk.damage(&path, position);
}

/// As kill -9 and a new start: what lay in memory is read from the disk from now on.
fn restart(cluster: &mut Cluster, id: i32) {
    cluster.crash(broker(id));
    cluster.fence(broker(id));
    cluster.start(broker(id));
    cluster.hear_all();
}

/// Ten records that all have, checkpointed, so that a restart reads none of them.
fn filled(count: i32) -> Cluster {
    let mut cluster = Cluster::new(count, &[("min.insync.replicas", "1")]);
    for number in 0..10 {
        cluster.put(&number.to_string());
        cluster.fetch_round();
    }
    cluster.pass(Duration::from_secs(60));
    cluster.settle();
    cluster
}

fn figures(cluster: &Cluster, id: i32) -> (u64, u64) {
    let life = cluster.nodes[&broker(id)].life.as_ref().unwrap();
    let figures = life.replicas.figures();
    (figures.damaged_logs(), figures.logs_begun_anew())
}

/// `id` leads.
fn elect(cluster: &mut Cluster, id: i32) {
    if cluster.state().leader != broker(id) {
        assert!(cluster.controller.elect(broker(id)), "it is in sync");
        cluster.hear_all();
    }
}

/// Broker 3 has lost its disk, and copies everything anew.
fn replace_third(cluster: &mut Cluster) {
    cluster.crash(broker(3));
    cluster.fence(broker(3));
    cluster.nodes.get_mut(&broker(3)).unwrap().disk = SimDisk::new();
    cluster.start(broker(3));
    cluster.hear_all();
}

#[test]
fn a_leader_that_gives_damage_steps_down_and_is_replicated_anew() {
    let mut cluster = filled(3);
    restart(&mut cluster, 1);
    cluster.settle();
    elect(&mut cluster, 1);
    damage(&mut cluster, broker(1), Hit::Body);
    replace_third(&mut cluster);
    let before = cluster.committed.clone();
    assert_eq!(before.len(), 10);
    // The follower finds the damage, asks once more; the leader looks, and gives up what it leads.
    cluster.settle();
    assert_eq!(figures(&cluster, 1), (1, 1));
    assert_ne!(cluster.state().leader, broker(1));
    assert_eq!(cluster.committed, before);
    for id in 1..=3 {
        assert_eq!(cluster.nodes[&broker(id)].readable().unwrap().1, before, "broker {id}");
    }
}

#[test]
fn the_only_one_in_sync_keeps_its_damaged_log() {
    let mut cluster = filled(2);
    restart(&mut cluster, 1);
    cluster.settle();
    elect(&mut cluster, 1);
    damage(&mut cluster, broker(1), Hit::Body);
    cluster.crash(broker(2));
    cluster.fence(broker(2));
    cluster.nodes.get_mut(&broker(2)).unwrap().disk = SimDisk::new();
    cluster.start(broker(2));
    cluster.hear_all();
    let end = cluster.nodes[&broker(1)].partition().unwrap().offsets().log_end;
    for _ in 0..20 {
        cluster.fetch_round();
        cluster.pass(Duration::from_secs(2));
        while cluster.propose(broker(1), Fate::Decided) {}
    }
    assert_eq!(figures(&cluster, 1), (1, 0));
    assert_eq!(cluster.state().leader, broker(1));
    assert_eq!(cluster.nodes[&broker(1)].partition().unwrap().offsets().log_end, end);
    cluster.put("it still takes records");
}

#[test]
fn a_stop_or_a_power_cut_at_any_step_of_the_mending_loses_nothing() {
    for power_goes in [false, true] {
        let mut step = 0;
        loop {
            let mut cluster = filled(3);
            let end = mend_until(&mut cluster, step, power_goes);
            cluster.settle();
            for id in 1..=3 {
                let node = &cluster.nodes[&broker(id)];
                assert_eq!(node.readable().unwrap().1, cluster.committed, "{id}, step {step}");
            }
            if end {
                break;
            }
            step += 1;
        }
        assert!(step > 5, "there is something to stop in");
    }
}

/// Broker 1 follows with a damaged log and mends it; its disk stops after so many steps. Answers whether it came to the end before.
fn mend_until(cluster: &mut Cluster, step: u64, power_goes: bool) -> bool {
    restart(cluster, 1);
    cluster.settle();
    elect(cluster, 2);
    cluster.settle();
    damage(cluster, broker(1), Hit::Header);
    let _it_finds_out = cluster.nodes[&broker(1)].readable();
    cluster.nodes[&broker(1)].disk.stop_after(step);
    for _ in 0..10 {
        cluster.pass(Duration::from_secs(2));
        for id in 1..=3 {
            while cluster.propose(broker(id), Fate::Decided) {}
        }
        cluster.hear_all();
        cluster.fetch_round();
    }
    let has_ended = !cluster.nodes[&broker(1)].disk.has_stopped();
    if power_goes {
        cluster.power_cut(broker(1), &mut Chance::from_seed(step));
    } else {
        cluster.crash(broker(1));
    }
    cluster.nodes[&broker(1)].disk.heal();
    cluster.fence(broker(1));
    cluster.hear_all();
    has_ended
}
