//! What a directory of logs promises.

use std::{path::Path, sync::Arc};

use model::{BrokerId, Offset, TimestampMs, TopicId};
use storage::{DataDirectory, StorageError};
use world::{Chance, Disk, sim::SimDisk};

use crate::bench::{Bench, DATA, NOW, append, batch, checkpoint, id, partition};

#[test]
fn a_directory_is_one_nodes_of_one_cluster() {
    let bench = Bench::new(Bench::small());
    let first = bench.directory().unwrap();
    assert!(matches!(bench.directory().unwrap_err(), StorageError::Locked { .. }));
    drop(first);
    let open = |cluster, node| {
        let disk = Arc::new(bench.disk.clone());
        DataDirectory::open(disk, Path::new(DATA), cluster, BrokerId(node))
    };
    assert!(matches!(open("other", 1).unwrap_err(), StorageError::Identity { .. }));
    assert!(matches!(open("cluster", 2).unwrap_err(), StorageError::Identity { .. }));
    assert_eq!(open("", 1).unwrap().cluster_id(), "cluster");
    let identity = DataDirectory::identity(&bench.disk, Path::new(DATA)).unwrap();
    assert_eq!(identity, Some(("cluster".to_owned(), BrokerId(1))));
    assert_eq!(DataDirectory::identity(&bench.disk, Path::new("/other")).unwrap(), None);
}

#[test]
fn logs_are_found_by_their_names_and_ids() {
    let bench = Bench::new(Bench::small());
    let directory = bench.directory().unwrap();
    assert!(!directory.was_clean());
    for number in [0, 3, 12] {
        let id = id(u128::try_from(number).unwrap() + 5);
        directory.open_log(&partition(number), id, Arc::clone(&bench.options), NOW).unwrap();
    }
    bench.disk.create_directories(Path::new("/data/not a log")).unwrap();
    bench.disk.create_directories(Path::new("/data/topic-007")).unwrap();
    drop(directory);
    bench.disk.crash_process();
    let found = bench.directory().unwrap().found();
    assert_eq!(found, [(partition(0), id(5)), (partition(3), id(8)), (partition(12), id(17))]);
}

#[test]
fn a_deleted_log_is_gone_at_once_and_its_files_later() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    append(&mut log, batch(1, 10, 5)).unwrap();
    checkpoint(&directory, &log).unwrap();
    directory.delete_log(&partition(0), log, NOW).unwrap();
    assert!(!bench.disk.exists(Path::new("/data/topic-0")));
    let log = directory.open_log(&partition(0), id(2), Arc::clone(&bench.options), NOW).unwrap();
    assert_eq!(log.end(), Offset(0), "a new topic of that name is empty");
    assert_eq!(directory.high_watermark(&partition(0)), None);
    let count = |bench: &Bench| {
        let listing = bench.disk.list(Path::new(DATA)).unwrap();
        listing.iter().filter(|entry| entry.name.ends_with("-delete")).count()
    };
    directory.remove_deleted(NOW).unwrap();
    assert_eq!(count(&bench), 1);
    directory.remove_deleted(NOW.plus(60_000)).unwrap();
    assert_eq!(count(&bench), 0);
}

/// Found by random histories of reassignments: a replica that had gone and come again within a checkpoint's interval, and was killed, was opened
/// with the recovery point, the log start and the high watermark of its earlier log.
#[test]
fn what_a_deleted_log_had_checkpointed_is_not_believed_of_the_next_of_its_name() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    for _ in 0..10 {
        append(&mut log, batch(1, 10, 5)).unwrap();
    }
    log.advance_start(Offset(8), log.end()).unwrap();
    checkpoint(&directory, &log).unwrap();
    directory.delete_log(&partition(0), log, NOW).unwrap();
    let open = |directory: &DataDirectory| {
        directory.open_log(&partition(0), id(2), Arc::clone(&bench.options), NOW).unwrap()
    };
    let mut log = open(&directory);
    append(&mut log, batch(1, 2, 5)).unwrap();
    let end = log.end();
    drop((log, directory));
    bench.disk.crash_process();
    let directory = bench.directory().unwrap();
    let log = open(&directory);
    assert_eq!((log.start(), log.end()), (Offset(0), end));
    assert_eq!(directory.high_watermark(&partition(0)), None);
}

#[test]
fn a_log_half_deleted_goes_after_a_restart() {
    let bench = Bench::new(Bench::small());
    let (directory, log) = bench.reopen();
    directory.delete_log(&partition(0), log, NOW).unwrap();
    drop(directory);
    bench.disk.crash_process();
    let directory = bench.directory().unwrap();
    assert!(directory.found().is_empty());
    directory.remove_deleted(TimestampMs(0)).unwrap();
    let left = bench.disk.list(Path::new(DATA)).unwrap();
    assert!(left.iter().all(|entry| !entry.is_directory), "{left:?}");
}

#[test]
fn a_log_of_another_topic_is_put_aside() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    append(&mut log, batch(1, 10, 5)).unwrap();
    drop((directory, log));
    bench.disk.crash_process();
    let directory = bench.directory().unwrap();
    let log = directory.open_log(&partition(0), id(99), Arc::clone(&bench.options), NOW).unwrap();
    assert_eq!(log.end(), Offset(0));
    let listing = bench.disk.list(Path::new(DATA)).unwrap();
    assert!(listing.iter().any(|entry| entry.name.ends_with("-stray")), "nothing is lost");
}

#[test]
fn a_log_whose_id_was_lost_keeps_its_records() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    append(&mut log, batch(1, 10, 5)).unwrap();
    drop((directory, log));
    bench.disk.remove_file(Path::new("/data/topic-0/partition.metadata")).unwrap();
    bench.disk.crash_process();
    let directory = bench.directory().unwrap();
    assert_eq!(directory.found(), [(partition(0), TopicId::NONE)]);
    let log = bench.open(&directory).unwrap();
    assert_eq!(log.end(), Offset(1));
}

#[test]
fn checkpoints_keep_what_they_are_not_told_of() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    let other = directory.open_log(&partition(1), id(7), Arc::clone(&bench.options), NOW).unwrap();
    append(&mut log, batch(1, 10, 5)).unwrap();
    let at = |high_watermark| storage::Checkpoint {
        recovery_point: Offset(0),
        log_start: Offset(0),
        high_watermark: Offset(high_watermark),
    };
    directory.checkpoint(&[(partition(0), at(1)), (partition(1), at(5))]).unwrap();
    drop((directory, log, other));
    bench.disk.crash_process();
    let (directory, log) = bench.reopen();
    assert_eq!(directory.high_watermark(&partition(0)), Some(Offset(1)));
    checkpoint(&directory, &log).unwrap();
    assert_eq!(directory.high_watermark(&partition(1)), Some(Offset(5)));
    let text = bench.disk.read_whole(Path::new("/data/replication-offset-checkpoint")).unwrap();
    assert_eq!(text, b"0\n2\ntopic 0 1\ntopic 1 5\n");
}

#[test]
fn the_mark_of_a_clean_stop_counts_once() {
    let bench = Bench::new(Bench::small());
    let (directory, log) = bench.reopen();
    let (directory, log) = bench.restart_cleanly(directory, log);
    drop((directory, log));
    bench.disk.crash_process();
    assert!(!bench.directory().unwrap().was_clean());
}

#[test]
fn few_files_serve_many_logs() {
    let bench = Bench { open_files: 8, ..Bench::new(Bench::small()) };
    let directory = bench.directory().unwrap();
    let open = |number| {
        directory.open_log(&partition(number), id(1), Arc::clone(&bench.options), NOW).unwrap()
    };
    let mut logs: Vec<_> = (0..40).map(open).collect();
    for round in 0..5 {
        for log in &mut logs {
            assert_eq!(append(log, batch(1, 300, round)).unwrap().base, Offset(round));
        }
    }
    for log in &logs {
        crate::bench::check(log);
    }
}

/// Found by the simulation: everything in a new directory was synced, but nobody had synced the directory's own name.
#[test]
fn a_new_directory_outlives_a_power_cut() {
    for seed in 0..20 {
        let disk = SimDisk::new();
        let path = Path::new("/var/lib/data");
        let open = || DataDirectory::open(Arc::new(disk.clone()), path, "cluster", BrokerId(1));
        drop(open().unwrap());
        disk.power_cut(&mut Chance::from_seed(seed));
        let identity = DataDirectory::identity(&disk, path).unwrap();
        assert_eq!(identity, Some(("cluster".to_owned(), BrokerId(1))), "seed {seed}");
    }
}
