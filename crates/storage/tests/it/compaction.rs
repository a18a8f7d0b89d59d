//! Of each key the newest record stays; what readers need to understand the log stays with it.

use std::{collections::BTreeMap, sync::Arc};

use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs};
use proptest::prelude::*;
use records::{
    Batch, BatchBuilder, Codec,
    control::{Marker, marker},
};
use storage::{AppendError, Log, LogOptions, Origin};
use world::Chance;

use crate::bench::{Bench, NOW, all_batches, append, check, checkpoint, from_producer};

type Seen = (i64, Vec<u8>, Option<Vec<u8>>);

fn options() -> LogOptions {
    LogOptions {
        compact: true,
        delete: false,
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: 1000,
        ..Bench::small()
    }
}

fn put(log: &mut Log, codec: Codec, records: &[(u8, Option<u8>)]) -> Result<(), AppendError> {
    let mut builder = BatchBuilder::new(codec);
    for (key, value) in records {
        let value = value.map(|value| vec![value; 40]);
        builder.append(TimestampMs(5), Some(&[*key]), value.as_deref(), &[("h", None)]);
    }
    append(log, builder.finish()).map(drop)
}

/// All data records, with offset, key and value.
fn records(log: &Log) -> Vec<Seen> {
    let mut found = Vec::new();
    for bytes in all_batches(log) {
        let batch = Batch::parse(&bytes).unwrap();
        let mut scratch = Vec::new();
        for record in batch.records(&mut scratch).unwrap() {
            let record = record.unwrap();
            if !batch.is_control() {
                let value = record.value.map(<[u8]>::to_vec);
                found.push((record.offset.0, record.key.unwrap().to_vec(), value));
            }
        }
    }
    found
}

fn compact(log: &mut Log, now: TimestampMs) -> bool {
    let Some(compaction) = log.plan_compaction(now, log.last_stable(log.end())) else {
        return false;
    };
    log.install_compaction(compaction.run().unwrap()).unwrap();
    true
}

/// What must be left below `dirty_to`: of each key the newest of those records, and all records above.
fn model(all: &[Seen], dirty_to: i64) -> Vec<Seen> {
    let mut newest: BTreeMap<&[u8], i64> = BTreeMap::new();
    for (offset, key, _) in all.iter().filter(|(offset, ..)| *offset < dirty_to) {
        newest.insert(key, *offset);
    }
    let stays = |seen: &&Seen| seen.0 >= dirty_to || newest[seen.1.as_slice()] == seen.0;
    all.iter().filter(stays).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_newest_of_each_key_stays_at_its_offset(
        rounds in prop::collection::vec(
            prop::collection::vec(
                (prop::sample::select(Codec::ALL.to_vec()),
                 prop::collection::vec((0_u8..12, prop::option::weighted(0.8, any::<u8>())), 1..6)),
                1..25),
            1..4),
        segment_bytes in 500_u32..2000,
    ) {
        let bench = Bench::new(LogOptions { segment_bytes, ..options() });
        let (directory, mut log) = bench.reopen();
        let mut all: Vec<Seen> = Vec::new();
        let mut active = 0;
        for round in rounds {
            for (codec, batch) in round {
                let base = log.end().0;
                let segments = log.segment_count();
                put(&mut log, codec, &batch).unwrap();
                for (number, (key, value)) in batch.iter().enumerate() {
                    let offset = base + i64::try_from(number).unwrap();
                    all.push((offset, vec![*key], value.map(|value| vec![value; 40])));
                }
                if log.segment_count() > segments {
                    active = base;
                }
            }
            compact(&mut log, NOW);
            prop_assert_eq!(records(&log), model(&all, active));
            check(&log);
        }
        let end = log.end();
        let left = records(&log);
        let (directory, log) = bench.restart_cleanly(directory, log);
        prop_assert_eq!(log.end(), end);
        prop_assert_eq!(records(&log), left);
        check(&log);
        drop(directory);
    }
}

fn filled(bench: &Bench) -> (storage::DataDirectory, Log, Vec<Seen>) {
    let (directory, mut log) = bench.reopen();
    for number in 0..30_u8 {
        put(&mut log, Codec::None, &[(number % 7, Some(number)), (100 + number % 3, None)])
            .unwrap();
    }
    let all = records(&log);
    (directory, log, all)
}

#[test]
fn a_crash_at_any_step_of_the_cleaner_loses_nothing() {
    let run = |directory: &storage::DataDirectory, log: &mut Log| -> Option<()> {
        let compaction = log.plan_compaction(NOW, log.end())?;
        let compacted = compaction.run().ok()?;
        log.install_compaction(compacted).ok()?;
        checkpoint(directory, log).ok()?;
        directory.remove_deleted(NOW.plus(1_000_000)).ok()?;
        Some(())
    };
    let steps = {
        let bench = Bench::new(options());
        let (directory, mut log, _) = filled(&bench);
        let before = bench.disk.steps();
        run(&directory, &mut log).unwrap();
        bench.disk.steps() - before
    };
    assert!(steps > 20);
    for step in 0..steps {
        for power in [false, true] {
            let bench = Bench::new(options());
            let (directory, mut log, all) = filled(&bench);
            if power {
                log.flush().unwrap();
                checkpoint(&directory, &log).unwrap();
            }
            let end = log.end();
            bench.disk.stop_after(step);
            let _stopped = run(&directory, &mut log);
            drop((directory, log));
            if power {
                bench.disk.power_cut(&mut Chance::from_seed(step));
            } else {
                bench.disk.crash_process();
            }
            let (_directory, mut log) = bench.reopen();
            assert_eq!(log.end(), end, "step {step} power {power}");
            let found = records(&log);
            let newest = model(&all, i64::MAX);
            assert!(newest.iter().all(|seen| found.contains(seen)), "step {step} power {power}");
            assert!(found.iter().all(|seen| all.contains(seen)), "step {step} power {power}");
            check(&log);
            compact(&mut log, NOW);
            put(&mut log, Codec::None, &[(1, Some(1))]).unwrap();
            check(&log);
        }
    }
}

#[test]
fn tombstones_stay_for_a_while_and_go_in_a_later_round() {
    let bench = Bench::new(options());
    let (_directory, mut log) = bench.reopen();
    let fill = |log: &mut Log, key: u8| {
        for number in 0..12 {
            put(log, Codec::None, &[(key, Some(number))]).unwrap();
        }
    };
    put(&mut log, Codec::Lz4, &[(1, Some(1)), (2, Some(2))]).unwrap();
    put(&mut log, Codec::Lz4, &[(1, None)]).unwrap();
    fill(&mut log, 50);
    let tombstone =
        |log: &Log| records(log).iter().any(|(_, key, value)| key == &[1] && value.is_none());
    assert!(compact(&mut log, NOW));
    assert!(tombstone(&log));
    assert!(!records(&log).iter().any(|(offset, ..)| *offset == 0), "its value is gone");
    let batches = all_batches(&log);
    let horizon = batches.iter().find_map(|bytes| Batch::parse(bytes).unwrap().delete_horizon());
    assert_eq!(horizon, Some(NOW.plus(1000)));
    check(&log);
    fill(&mut log, 51);
    assert!(compact(&mut log, NOW.plus(999)));
    assert!(tombstone(&log), "not before delete.retention.ms");
    fill(&mut log, 52);
    assert!(compact(&mut log, NOW.plus(1000)));
    assert!(!tombstone(&log));
    assert!(records(&log).iter().any(|(offset, ..)| *offset == 1), "the other key is kept");
}

fn end_transaction(log: &mut Log, producer: i64, how: Marker) {
    let batch = marker(how, 1, ProducerId(producer), ProducerEpoch(0), NOW);
    log.append(batch, LeaderEpoch(0), Origin::Coordinator, NOW).unwrap();
}

fn markers(log: &Log) -> Vec<i64> {
    let batches = all_batches(log);
    let views = batches.iter().map(|bytes| Batch::parse(bytes).unwrap());
    views.filter(Batch::is_control).map(|batch| batch.base_offset().0).collect()
}

#[test]
fn aborted_records_go_and_markers_follow_when_nothing_needs_them() {
    let bench = Bench::new(options());
    let (_directory, mut log) = bench.reopen();
    append(&mut log, from_producer(1, 0, 0, true)).unwrap(); // 0: aborted
    end_transaction(&mut log, 1, Marker::Abort); // 1
    append(&mut log, from_producer(2, 0, 0, true)).unwrap(); // 2: committed, key "k"
    end_transaction(&mut log, 2, Marker::Commit); // 3
    append(&mut log, from_producer(1, 0, 1, false)).unwrap(); // 4: key "k" again
    append(&mut log, from_producer(2, 0, 1, false)).unwrap(); // 5
    for number in 0..12 {
        put(&mut log, Codec::None, &[(9, Some(number))]).unwrap();
    }
    assert!(compact(&mut log, NOW));
    let offsets = |log: &Log| records(log).iter().map(|seen| seen.0).collect::<Vec<_>>();
    assert!(!offsets(&log).contains(&0), "aborted");
    assert!(!offsets(&log).contains(&2), "replaced");
    assert_eq!(markers(&log), [1, 3], "a reader may be in the middle of these");
    assert_eq!(log.aborted(Offset(0), log.end()).unwrap().len(), 1);
    let more = |log: &mut Log| {
        for number in 0..12 {
            put(log, Codec::None, &[(9, Some(number))]).unwrap();
        }
    };
    more(&mut log);
    assert!(compact(&mut log, NOW));
    assert_eq!(markers(&log), [1, 3], "their horizon is set now");
    more(&mut log);
    assert!(compact(&mut log, NOW.plus(1000)));
    assert_eq!(markers(&log), []);
    assert_eq!(log.aborted(Offset(0), log.end()).unwrap(), []);
    check(&log);
}

#[test]
fn a_producer_goes_on_though_all_its_records_were_replaced() {
    let bench = Bench::new(options());
    let (directory, mut log) = bench.reopen();
    for sequence in 0..3 {
        append(&mut log, from_producer(1, 0, sequence, false)).unwrap();
    }
    append(&mut log, from_producer(2, 0, 0, false)).unwrap();
    for number in 0..12 {
        put(&mut log, Codec::None, &[(9, Some(number))]).unwrap();
    }
    assert!(compact(&mut log, NOW));
    assert_eq!(records(&log)[0].0, 3);
    let batches = all_batches(&log);
    let empty = Batch::parse(&batches[0]).unwrap();
    assert_eq!((empty.base_offset(), empty.record_count()), (Offset(2), 0));
    assert_eq!((empty.base_sequence(), empty.producer_id()), (2, ProducerId(1)));
    // Without snapshots it is all that is left to know of it.
    drop((directory, log));
    let listing = world::Disk::list(&bench.disk, std::path::Path::new("/data/topic-0")).unwrap();
    for entry in listing.iter().filter(|entry| entry.name.ends_with(".snapshot")) {
        let path = std::path::Path::new("/data/topic-0").join(&entry.name);
        world::Disk::remove_file(&bench.disk, &path).unwrap();
    }
    bench.disk.crash_process();
    let (_directory, mut log) = bench.reopen();
    append(&mut log, from_producer(1, 0, 3, false)).unwrap();
    let gap = append(&mut log, from_producer(1, 0, 5, false)).unwrap_err();
    assert_eq!(gap.code(), model::ErrorCode::OutOfOrderSequenceNumber);
}

#[test]
fn what_changed_meanwhile_is_left_alone() {
    let bench = Bench::new(options());
    let (_directory, mut log, _) = filled(&bench);
    let compacted = log.plan_compaction(NOW, log.end()).unwrap().run().unwrap();
    log.truncate_to(Offset(10)).unwrap();
    let before = records(&log);
    log.install_compaction(compacted).unwrap();
    assert_eq!(records(&log), before);
    check(&log);
    for _ in 0..10 {
        put(&mut log, Codec::None, &[(1, Some(1)); 8]).unwrap();
    }
    let planned = log.plan_compaction(NOW, log.end()).unwrap();
    log.truncate_to(Offset(5)).unwrap();
    let before = records(&log);
    log.install_compaction(planned.run().unwrap()).unwrap();
    assert_eq!(records(&log), before);
    let listing = world::Disk::list(&bench.disk, std::path::Path::new("/data/topic-0")).unwrap();
    assert!(listing.iter().all(|entry| !entry.name.ends_with(".cleaned")), "{listing:?}");
}

#[test]
fn nothing_is_cleaned_where_nothing_is_asked() {
    let bench = Bench::new(LogOptions { compact: false, delete: true, ..options() });
    let (_directory, log, _) = filled(&bench);
    assert!(log.plan_compaction(NOW, log.end()).is_none());
    let bench = Bench::new(options());
    let (_directory, mut log, _) = filled(&bench);
    assert!(log.plan_compaction(NOW, Offset(0)).is_none(), "an open transaction");
    assert!(compact(&mut log, NOW));
    assert!(!compact(&mut log, NOW), "it is clean");
    log.set_options(Arc::new(LogOptions { min_cleanable_dirty_ratio: 0.99, ..options() }));
    put(&mut log, Codec::None, &[(1, Some(1)); 8]).unwrap();
    put(&mut log, Codec::None, &[(1, Some(1)); 8]).unwrap();
    assert!(!compact(&mut log, NOW), "too little of it is dirty");
}
