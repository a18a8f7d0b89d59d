//! Three nodes and more: elections, cut links, those who come back, observers, requests to whoever is asked.

use std::{collections::BTreeMap, time::Duration};

use model::{BrokerId, ErrorCode};
use world::exec::Wait;

use crate::{
    IfThere, Loss, SUSPICION_GRACE,
    test_cluster::{Cluster, TestNode, leader_of, wait_until},
};

fn three() -> (Cluster, Vec<TestNode>) {
    started(Cluster::of(3))
}

/// Brokers in this test show themselves once: nobody is fenced for want of a heartbeat within its time.
fn three_with_long_sessions() -> (Cluster, Vec<TestNode>) {
    let mut cluster = Cluster::of(3);
    cluster.session = Duration::from_secs(3600);
    started(cluster)
}

fn started(mut cluster: Cluster) -> (Cluster, Vec<TestNode>) {
    let nodes: Vec<_> = (1..=3).map(|id| cluster.start(id)).collect();
    leader_of(&nodes.iter().collect::<Vec<_>>());
    nodes.iter().for_each(TestNode::join);
    (cluster, nodes)
}

fn end(nodes: Vec<TestNode>) {
    nodes.into_iter().for_each(TestNode::kill);
}

/// Every node's image holds the same facts.
fn assert_converge(nodes: &[TestNode]) {
    wait_until("images converge", || {
        let versions: Vec<_> =
            nodes.iter().map(|node| node.publisher.current().version()).collect();
        versions.windows(2).all(|pair| pair[0] == pair[1])
    });
    let facts = |node: &TestNode| {
        let image = node.publisher.current();
        image.facts().map(|fact| fact.encode()).collect::<Vec<_>>()
    };
    for pair in nodes.windows(2) {
        assert_eq!(facts(&pair[0]), facts(&pair[1]));
    }
}

#[test]
fn whoever_is_asked_it_is_decided_once_and_seen_by_all() {
    let (_cluster, nodes) = three();
    for (number, node) in nodes.iter().enumerate() {
        assert_eq!(node.create(&format!("t{number}")), Some(ErrorCode::None));
    }
    assert_eq!(nodes[0].create("t1"), Some(ErrorCode::TopicAlreadyExists));
    assert_converge(&nodes);
    assert!(nodes.iter().all(|node| node.has_topic("t0") && node.has_topic("t2")));
    let leader = leader_of(&nodes.iter().collect::<Vec<_>>());
    let status = nodes[leader].status();
    assert_eq!(status.voters.len(), 3);
    assert!(status.voters.iter().all(|voter| voter.log_end >= status.high_watermark));
    end(nodes);
}

#[test]
fn a_killed_leader_is_replaced_and_nothing_it_answered_is_lost() {
    let (mut cluster, mut nodes) = three();
    for round in 0..3 {
        let leader = leader_of(&nodes.iter().collect::<Vec<_>>());
        assert_eq!(nodes[leader].create(&format!("t{round}")), Some(ErrorCode::None));
        let gone = nodes.remove(leader);
        let id = gone.id;
        gone.kill();
        assert_eq!(nodes[0].create(&format!("u{round}")), Some(ErrorCode::None));
        let back = cluster.start(id.0);
        back.join();
        nodes.push(back);
    }
    assert_converge(&nodes);
    for round in 0..3 {
        assert!(nodes[0].has_topic(&format!("t{round}")));
        assert!(nodes[0].has_topic(&format!("u{round}")));
    }
    end(nodes);
}

#[test]
fn a_leader_that_is_cut_off_is_replaced_and_follows_when_it_is_back() {
    let (cluster, nodes) = three();
    let old = leader_of(&nodes.iter().collect::<Vec<_>>());
    cluster.net.cut(nodes[old].id, true);
    let others: Vec<&TestNode> = nodes.iter().filter(|node| node.id != nodes[old].id).collect();
    // Asked while it is cut off, it cannot commit; the answer comes from the new leader once it is back.
    let lonely = nodes[old].controller.allocate_producer_ids();
    let new = leader_of(&others);
    assert_eq!(others[new].create("a"), Some(ErrorCode::None));
    assert!(!nodes[old].has_topic("a"));
    cluster.net.cut(nodes[old].id, false);
    assert!(lonely.wait().is_some());
    assert_converge(&nodes);
    end(nodes);
}

/// Its quorum refuses at once what it decides then: the request went from its driver to its quorum and back without a pause.
#[test]
fn a_leader_that_is_cut_off_does_not_pass_a_request_to_itself_without_end() {
    let (cluster, nodes) = three();
    let old = leader_of(&nodes.iter().collect::<Vec<_>>());
    cluster.net.cut(nodes[old].id, true);
    std::thread::sleep(cluster.election_timeout * 2);
    let lonely = nodes[old].controller.allocate_producer_ids();
    let before = nodes[old].looks();
    std::thread::sleep(cluster.election_timeout * 2);
    let looks = nodes[old].looks() - before;
    assert!(looks < 1_000, "it has looked at the clock {looks} times");
    cluster.net.cut(nodes[old].id, false);
    assert!(lonely.wait().is_some());
    end(nodes);
}

/// The others heard its heartbeats, and nothing was decided for as long as it was deaf.
#[test]
fn a_leader_that_hears_nobody_is_replaced_although_it_can_be_heard() {
    let (cluster, nodes) = three();
    let old = leader_of(&nodes.iter().collect::<Vec<_>>());
    cluster.net.deafen(nodes[old].id, true);
    let others: Vec<&TestNode> = nodes.iter().filter(|node| node.id != nodes[old].id).collect();
    let new = leader_of(&others);
    assert_eq!(others[new].create("a"), Some(ErrorCode::None));
    cluster.net.deafen(nodes[old].id, false);
    assert_converge(&nodes);
    end(nodes);
}

#[test]
fn a_follower_that_was_cut_off_does_not_disturb_the_leader_when_it_is_back() {
    let (cluster, nodes) = three();
    let leader = leader_of(&nodes.iter().collect::<Vec<_>>());
    let epoch = nodes[leader].status().leader_epoch;
    let other = nodes.iter().position(|node| !node.is_leader()).unwrap();
    cluster.net.cut(nodes[other].id, true);
    // Long enough for it to want an election, several times.
    wait_until("it misses its leader", || {
        nodes[other].status().leader.is_none() || {
            std::thread::sleep(cluster.election_timeout * 4);
            true
        }
    });
    assert_eq!(nodes[leader].create("a"), Some(ErrorCode::None));
    cluster.net.cut(nodes[other].id, false);
    assert_converge(&nodes);
    assert_eq!(nodes[leader].status().leader_epoch, epoch, "no election has been won or lost");
    assert!(nodes[leader].is_leader());
    end(nodes);
}

/// Its connections stay open: before the leader looked who answers, a whole session had to end.
#[test]
fn whoever_no_longer_answers_is_fenced_long_before_its_session_ends() {
    let (cluster, nodes) = three_with_long_sessions();
    let leader = leader_of(&nodes.iter().collect::<Vec<_>>());
    let silent = nodes.iter().position(|node| !node.is_leader()).unwrap();
    wait_until("all take part", || nodes.iter().all(|node| nodes[leader].trusts(node.id)));
    cluster.net.cut(nodes[silent].id, true);
    wait_until("it is fenced", || !nodes[leader].trusts(nodes[silent].id));
    let others = nodes.iter().filter(|node| node.id != nodes[silent].id);
    assert!(others.into_iter().all(|node| nodes[leader].trusts(node.id)));
    cluster.net.cut(nodes[silent].id, false);
    end(nodes);
}

#[test]
fn the_leader_that_vanished_is_fenced_by_the_next() {
    let (cluster, nodes) = three_with_long_sessions();
    let old = leader_of(&nodes.iter().collect::<Vec<_>>());
    cluster.net.cut(nodes[old].id, true);
    let others: Vec<&TestNode> = nodes.iter().filter(|node| node.id != nodes[old].id).collect();
    let new = leader_of(&others);
    wait_until("it is fenced", || !others[new].trusts(nodes[old].id));
    assert!(others.iter().all(|node| others[new].trusts(node.id)));
    cluster.net.cut(nodes[old].id, false);
    end(nodes);
}

#[test]
fn a_broken_connection_fences_nobody_who_still_answers() {
    let (_cluster, nodes) = three_with_long_sessions();
    let leader = leader_of(&nodes.iter().collect::<Vec<_>>());
    let other = nodes.iter().find(|node| !node.is_leader()).unwrap();
    for _ in 0..3 {
        nodes[leader].controller.on_disconnected(other.id, Loss::Broken);
        std::thread::sleep(SUSPICION_GRACE * 2);
        assert!(nodes[leader].trusts(other.id));
    }
    end(nodes);
}

#[test]
fn a_hint_that_only_one_has_makes_no_election() {
    let (_cluster, nodes) = three();
    let leader = leader_of(&nodes.iter().collect::<Vec<_>>());
    let epoch = nodes[leader].status().leader_epoch;
    let other = nodes.iter().find(|node| !node.is_leader()).unwrap();
    for _ in 0..20 {
        other.controller.on_disconnected(nodes[leader].id, Loss::Broken);
        assert!(other.create("a").is_some());
    }
    assert_eq!(nodes[leader].status().leader_epoch, epoch);
    end(nodes);
}

/// Each message to a leader whose port refuses it was a hint, each hint a campaign, each campaign's pre-votes were messages to that leader: a
/// survivor that nobody could elect asked ever more often, until its memory was full.
#[test]
fn a_lost_leader_that_refuses_is_not_asked_ever_more_often() {
    let (cluster, mut nodes) = three();
    let leader = leader_of(&nodes.iter().collect::<Vec<_>>());
    let leader = nodes.remove(leader);
    cluster.net.cut(nodes[1].id, true);
    leader.kill();
    std::thread::sleep(cluster.election_timeout * 6);
    let refused = cluster.net.refused();
    assert!(refused > 0, "the survivor asks");
    assert!(refused < 1_000, "it has asked {refused} times");
    cluster.net.cut(nodes[1].id, false);
    let new = leader_of(&nodes.iter().collect::<Vec<_>>());
    assert_eq!(nodes[new].create("a"), Some(ErrorCode::None));
    end(nodes);
}

#[test]
fn a_broker_that_does_not_vote_observes_and_may_ask() {
    let (mut cluster, mut nodes) = three();
    let observer = cluster.start(7);
    observer.join();
    assert_eq!(observer.create("a"), Some(ErrorCode::None));
    wait_until("it is told", || observer.has_topic("a"));
    wait_until("it is known as an observer", || {
        let leader = leader_of(&nodes.iter().collect::<Vec<_>>());
        let status = nodes[leader].status();
        status.observers.iter().map(|node| node.id).collect::<Vec<_>>() == [BrokerId(7)]
    });
    nodes.push(observer);
    assert_converge(&nodes);
    end(nodes);
}

#[test]
fn a_node_far_behind_gets_a_snapshot() {
    let mut cluster = Cluster::of(3);
    cluster.log_bytes_max = 100_000;
    let mut nodes: Vec<_> = (1..=2).map(|id| cluster.start(id)).collect();
    leader_of(&nodes.iter().collect::<Vec<_>>());
    nodes.iter().for_each(TestNode::join);
    let definition = "x".repeat(5_000);
    for number in 0..600 {
        let put = nodes[number % 2].controller.put_table(
            &format!("t{}", number % 300),
            definition.clone(),
            IfThere::Replace,
        );
        put.wait().unwrap().unwrap();
    }
    let late = cluster.start(3);
    wait_until("it has caught up", || late.publisher.current().tables().count() == 300);
    nodes.push(late);
    assert_converge(&nodes);
    // And what it was sent is on its disk.
    let late = nodes.pop().unwrap();
    late.kill();
    nodes.push(cluster.start(3));
    assert_converge(&nodes);
    end(nodes);
}

/// openraft's leader and the node were both busy with each other without end.
#[test]
fn a_node_whose_disk_was_emptied_is_told_everything_anew() {
    let (mut cluster, mut nodes) = three();
    let observer = cluster.start(7);
    observer.join();
    nodes.push(observer);
    for id in [7, 1, 2] {
        assert_eq!(nodes[0].create(&format!("before{id}")), Some(ErrorCode::None));
        assert_converge(&nodes);
        let place = nodes.iter().position(|node| node.id.0 == id).unwrap();
        nodes.remove(place).kill();
        assert_eq!(nodes[0].create(&format!("after{id}")), Some(ErrorCode::None));
        cluster.empty_disk(id);
        nodes.push(cluster.start(id));
        let back = nodes.last().unwrap();
        wait_until("it is told", || back.has_topic(&format!("after{id}")));
        assert!(back.has_topic(&format!("before{id}")));
    }
    end(nodes);
}

#[test]
fn no_term_has_two_leaders_and_a_whole_cluster_comes_back() {
    let mut cluster = Cluster::of(3);
    let mut leaders: BTreeMap<i32, BrokerId> = BTreeMap::new();
    for round in 0..4 {
        let nodes: Vec<_> = (1..=3).map(|id| cluster.start(id)).collect();
        leader_of(&nodes.iter().collect::<Vec<_>>());
        for node in &nodes {
            let status = node.status();
            if let Some(leader) = status.leader {
                let known = *leaders.entry(status.leader_epoch).or_insert(leader);
                assert_eq!(known, leader, "term {}", status.leader_epoch);
            }
        }
        let block = nodes[round % 3].controller.allocate_producer_ids().wait().unwrap();
        assert_eq!(block.start, round as i64 * 1000, "what a life before answered is known");
        end(nodes);
    }
}
