//! A lone node: publication before the answer, groups, failure, restart, snapshots.

use std::sync::{Arc, Mutex};

use model::{ErrorCode, Pending};
use world::{Disk, exec::Wait};

use crate::{
    ControllerError, IfThere, TopicKey,
    test_cluster::{Cluster, TestNode, wait_until},
};

fn alone() -> (Cluster, TestNode) {
    let mut cluster = Cluster::of(1);
    let node = cluster.start(1);
    node.join();
    (cluster, node)
}

#[test]
fn an_answer_comes_after_subscribers_have_acted_and_readers_see_it() {
    let (_cluster, node) = alone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    node.publisher.subscribe(Box::new(move |_, new, delta| {
        for id in &delta.created {
            log.lock().unwrap().push(new.topic_by_id(*id).unwrap().name.to_string());
        }
    }));
    assert_eq!(node.create("a"), Some(ErrorCode::None));
    assert_eq!(*seen.lock().unwrap(), ["a"]);
    assert!(node.has_topic("a"));
    node.kill();
}

#[test]
fn a_restart_finds_what_was_answered() {
    let (mut cluster, node) = alone();
    node.create("a");
    node.controller.put_job("j", "{}".into(), IfThere::Refuse).wait().unwrap().unwrap();
    let id = node.publisher.current().topic("a").unwrap().id;
    let controller = node.controller.clone();
    node.kill();
    assert!(controller.allocate_producer_ids().wait().is_none(), "closed is closed");

    let node = cluster.start(1);
    node.join();
    let image = node.publisher.current();
    assert_eq!(image.topic("a").unwrap().id, id);
    assert_eq!(image.job("j"), Some("{}"));
    assert_eq!(node.create("a"), Some(ErrorCode::TopicAlreadyExists));
    let gone = node.controller.delete_topics(vec![TopicKey::Id(id)]).wait().unwrap();
    assert!(gone[0].is_ok());
    node.kill();
}

#[test]
fn another_clusters_log_is_refused() {
    let (mut cluster, node) = alone();
    node.kill();
    assert!(matches!(cluster.try_start(1, "d"), Err(ControllerError::Cluster { .. })));
}

#[test]
fn blocks_of_producer_ids_that_are_asked_for_at_once_are_all_different() {
    let (_cluster, node) = alone();
    let asked: Vec<Pending<_>> = (0..50).map(|_| node.controller.allocate_producer_ids()).collect();
    let starts: Vec<_> = asked.into_iter().map(|pending| pending.wait().unwrap().start).collect();
    assert_eq!(starts, (0..50).map(|block| block * 1000).collect::<Vec<_>>());
    assert_eq!(node.publisher.current().producer_ids_next().0, 50_000);
    node.kill();
}

#[test]
fn a_failed_disk_answers_nobody_and_publishes_nothing() {
    let (mut cluster, node) = alone();
    cluster.disk(1).fail_syncs(true);
    assert_eq!(node.create("a"), None);
    assert!(!node.has_topic("a"));
    cluster.disk(1).heal();
    assert_eq!(node.create("b"), None, "what is on disk is not known until a restart");
    node.kill();
}

/// Its vote names it the leader, and without the log it is no voter: a request went from the driver to the quorum and back without a pause.
#[test]
fn a_node_that_has_its_vote_and_not_its_log_does_not_pass_a_request_to_itself_without_end() {
    let (mut cluster, node) = alone();
    node.kill();
    let disk = cluster.disk(1);
    let folder = std::path::Path::new("/data/__cluster_metadata-0");
    for file in disk.list(folder).unwrap().iter().filter(|file| file.name.ends_with(".log")) {
        disk.open(&folder.join(&file.name), false).unwrap().truncate(0).unwrap();
    }
    let node = cluster.start(1);
    assert_eq!(node.status().leader, Some(node.id), "its vote says so");
    let asked = node.controller.allocate_producer_ids();
    let before = node.looks();
    std::thread::sleep(cluster.election_timeout);
    let looks = node.looks() - before;
    assert!(looks < 1_000, "it has looked at the clock {looks} times");
    node.kill();
    assert!(asked.wait().is_none(), "nobody has decided it");
}

#[test]
fn a_log_that_has_grown_gets_a_snapshot_and_a_restart_reads_it() {
    let (mut cluster, node) = alone();
    let definition = "x".repeat(200_000);
    for number in 0..12 {
        let put =
            node.controller.put_table(&format!("t{number}"), definition.clone(), IfThere::Keep);
        put.wait().unwrap().unwrap();
    }
    let disk = cluster.disk(1);
    let folder = std::path::Path::new("/data/__cluster_metadata-0");
    wait_until("a snapshot", || {
        disk.list(folder).unwrap().iter().any(|file| file.name.ends_with(".checkpoint"))
    });
    node.kill();
    let node = cluster.start(1);
    node.join();
    assert_eq!(node.publisher.current().tables().count(), 12);
    node.kill();
}
