//! The life of a log: appends refused and taken, retention, deletion, truncation, epochs, failing disks.

use std::{path::Path, sync::Arc};

use model::{ErrorCode, LeaderEpoch, Offset, TimestampMs};
use records::{Batch, Codec, TimestampType};
use storage::{AppendError, LogOptions, Origin};
use world::Disk;

use crate::bench::{
    Bench, DATA, NOW, all_batches, append, bases, batch, check, checkpoint, partition,
};

#[test]
fn offsets_and_epochs_are_stamped_and_epochs_remembered() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    log.begin_epoch(LeaderEpoch(3)).unwrap();
    let first = log.append(batch(2, 10, 5), LeaderEpoch(3), Origin::Client, NOW).unwrap();
    assert_eq!(
        (first.base, first.last, first.append_time),
        (Offset(0), Offset(1), TimestampMs(-1))
    );
    log.begin_epoch(LeaderEpoch(5)).unwrap();
    let second = log.append(batch(1, 10, 5), LeaderEpoch(5), Origin::Client, NOW).unwrap();
    assert_eq!(second.base, Offset(2));
    let batches = all_batches(&log);
    let epochs: Vec<_> =
        batches.iter().map(|bytes| Batch::parse(bytes).unwrap().leader_epoch()).collect();
    assert_eq!(epochs, [LeaderEpoch(3), LeaderEpoch(5)]);
    let (_directory, log) = bench.restart_cleanly(directory, log);
    assert_eq!(log.end_of_epoch(LeaderEpoch(3)), Some((LeaderEpoch(3), Offset(2))));
    assert_eq!(log.end_of_epoch(LeaderEpoch(5)), Some((LeaderEpoch(5), Offset(3))));
    assert_eq!(log.epoch_of(Offset(1)), Some(LeaderEpoch(3)));
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch(5)));
    let text = bench.disk.read_whole(Path::new("/data/topic-0/leader-epoch-checkpoint")).unwrap();
    assert_eq!(text, b"0\n2\n3 0\n5 2\n");
}

#[test]
fn what_breaks_a_rule_is_refused_and_changes_nothing() {
    let options = LogOptions { message_bytes_max: 500, segment_bytes: 2000, ..Bench::small() };
    let bench = Bench::new(options);
    let (_directory, mut log) = bench.reopen();
    let refused = append(&mut log, batch(1, 600, 5)).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::MessageTooLarge);
    let mut corrupt = batch(1, 10, 5);
    *corrupt.last_mut().unwrap() ^= 1;
    assert_eq!(append(&mut log, corrupt).unwrap_err().code(), ErrorCode::CorruptMessage);
    let mut two = batch(1, 10, 5);
    two.extend_from_slice(&batch(1, 10, 5));
    assert_eq!(append(&mut log, two).unwrap_err().code(), ErrorCode::InvalidRecord);
    log.set_options(Arc::new(LogOptions { segment_bytes: 400, ..(**log.options()).clone() }));
    let refused = append(&mut log, batch(1, 350, 5)).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::RecordListTooLarge);
    assert_eq!(log.end(), Offset(0));
    assert_eq!(bench.disk.bytes_written(), written_by_an_empty_log());
}

fn written_by_an_empty_log() -> u64 {
    let bench = Bench::new(Bench::small());
    let _opened = bench.reopen();
    bench.disk.bytes_written()
}

#[test]
fn the_topics_codec_and_time_take_the_place_of_the_producers() {
    let options = LogOptions {
        codec: Some(Codec::Zstd),
        timestamp_type: TimestampType::LogAppendTime,
        ..Bench::small()
    };
    let bench = Bench::new(options);
    let (_directory, mut log) = bench.reopen();
    let appended = append(&mut log, batch(5, 50, 5)).unwrap();
    assert_eq!(appended.append_time, NOW);
    let batches = all_batches(&log);
    let found = Batch::parse(&batches[0]).unwrap();
    assert_eq!(found.codec().unwrap(), Codec::Zstd);
    assert_eq!(found.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(log.max_timestamp().unwrap(), Some((Offset(0), NOW)));
    check(&log);
}

#[test]
fn a_follower_takes_what_follows_and_nothing_else() {
    let leader = Bench::new(Bench::small());
    let (_d, mut from) = leader.reopen();
    for _ in 0..3 {
        from.append(batch(2, 100, 5), LeaderEpoch(7), Origin::Client, NOW).unwrap();
    }
    let follower = Bench::new(Bench::small());
    let (_e, mut to) = follower.reopen();
    for bytes in all_batches(&from) {
        let copy = bytes::BytesMut::from(bytes.as_slice());
        to.append(copy.clone(), LeaderEpoch(0), Origin::Follower, NOW).unwrap();
        let again = to.append(copy, LeaderEpoch(0), Origin::Follower, NOW).unwrap_err();
        assert!(matches!(again, AppendError::NotNext { .. }));
    }
    assert_eq!(all_batches(&to), all_batches(&from));
    assert_eq!(to.latest_epoch(), Some(LeaderEpoch(7)));
}

#[test]
fn what_is_too_old_goes_and_the_end_is_remembered() {
    let options = LogOptions { retention_ms: 1000, file_delete_delay_ms: 50, ..Bench::small() };
    let bench = Bench::new(options);
    let (directory, mut log) = bench.reopen();
    for timestamp in [1, 2, 3] {
        append(&mut log, batch(1, 700, timestamp)).unwrap();
    }
    assert_eq!(log.enforce_retention(TimestampMs(900), log.end()).unwrap(), 0);
    assert_eq!(log.enforce_retention(NOW, Offset(2)).unwrap(), 2, "not above the high watermark");
    assert_eq!((log.start(), log.end(), log.segment_count()), (Offset(2), Offset(3), 1));
    assert_eq!(log.enforce_retention(NOW, log.end()).unwrap(), 1);
    assert_eq!((log.start(), log.end(), log.size_bytes()), (Offset(3), Offset(3), 0));
    let deleted = |bench: &Bench| {
        let listing = bench.disk.list(Path::new("/data/topic-0")).unwrap();
        listing.iter().filter(|entry| entry.name.ends_with(".deleted")).count()
    };
    assert!(deleted(&bench) > 0);
    directory.remove_deleted(NOW.plus(10)).unwrap();
    assert!(deleted(&bench) > 0, "not before file.delete.delay.ms");
    directory.remove_deleted(NOW.plus(50)).unwrap();
    assert_eq!(deleted(&bench), 0);
    bench.disk.crash_process();
    let (_directory, mut log) = bench.reopen();
    assert_eq!((log.start(), log.end()), (Offset(3), Offset(3)));
    assert_eq!(append(&mut log, batch(1, 1, 9)).unwrap().base, Offset(3));
}

#[test]
fn deleted_records_stay_deleted() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    for _ in 0..5 {
        append(&mut log, batch(3, 200, 5)).unwrap();
    }
    assert!(log.advance_start(Offset(8), Offset(7)).is_err(), "past the high watermark");
    log.advance_start(Offset(7), Offset(15)).unwrap();
    assert_eq!((log.start(), log.segment_count()), (Offset(7), 3));
    checkpoint(&directory, &log).unwrap();
    bench.disk.crash_process();
    let (_directory, log) = bench.reopen();
    assert_eq!((log.start(), log.end()), (Offset(7), Offset(15)));
    check(&log);
}

#[test]
fn a_log_can_be_cut_anywhere_and_goes_on() {
    for cut in 0..=20 {
        let bench = Bench { tail_bytes: 1 << 20, ..Bench::new(Bench::small()) };
        let (directory, mut log) = bench.reopen();
        for number in 0..10 {
            log.append(batch(2, 150, number), LeaderEpoch(number as i32), Origin::Client, NOW)
                .unwrap();
        }
        log.flush().unwrap();
        let before = all_batches(&log);
        log.truncate_to(Offset(cut)).unwrap();
        let kept = usize::try_from(cut / 2).unwrap();
        assert_eq!(log.end(), Offset(cut / 2 * 2), "a batch goes as a whole");
        assert_eq!(all_batches(&log), before[..kept]);
        assert_eq!(log.latest_epoch(), (kept > 0).then(|| LeaderEpoch(kept as i32 - 1)));
        assert!(log.recovery_point() <= log.end());
        append(&mut log, batch(1, 150, 99)).unwrap();
        check(&log);
        let (_directory, log) = bench.restart_cleanly(directory, log);
        check(&log);
        assert_eq!(all_batches(&log).len(), kept + 1);
    }
}

#[test]
fn a_follower_left_behind_starts_anew() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    for _ in 0..5 {
        append(&mut log, batch(1, 600, 5)).unwrap();
    }
    log.truncate_fully(Offset(100)).unwrap();
    assert_eq!((log.start(), log.end(), log.segment_count()), (Offset(100), Offset(100), 1));
    append(&mut log, batch(1, 10, 5)).unwrap();
    let (_directory, log) = bench.restart_cleanly(directory, log);
    assert_eq!((log.start(), log.end()), (Offset(100), Offset(101)));
}

#[test]
fn a_full_disk_is_told_and_healed() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    append(&mut log, batch(1, 100, 5)).unwrap();
    bench.disk.full_after(70);
    for _ in 0..3 {
        let refused = append(&mut log, batch(1, 100, 5)).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::KafkaStorageError);
    }
    assert!(!directory.is_failed());
    bench.disk.heal();
    assert_eq!(append(&mut log, batch(1, 100, 5)).unwrap().base, Offset(1));
    check(&log);
    bench.disk.crash_process();
    let (_directory, log) = bench.reopen();
    assert_eq!(bases(&log), [0, 1]);
}

#[test]
fn a_failed_sync_takes_the_directory_out_of_use() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    append(&mut log, batch(1, 100, 5)).unwrap();
    log.flush().unwrap();
    append(&mut log, batch(1, 100, 5)).unwrap();
    bench.disk.fail_syncs(true);
    assert!(log.flush().is_err());
    bench.disk.fail_syncs(false);
    assert!(directory.is_failed());
    assert!(log.flush().is_err(), "a sync is not tried again");
    let refused = append(&mut log, batch(1, 100, 5)).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::KafkaStorageError);
    assert!(checkpoint(&directory, &log).is_err());
    assert!(directory.close_clean().is_err());
}

#[test]
fn flush_messages_syncs_with_the_append() {
    let bench = Bench::new(LogOptions { flush_messages: 1, ..Bench::small() });
    let (directory, mut log) = bench.reopen();
    append(&mut log, batch(3, 100, 5)).unwrap();
    drop((directory, log));
    for seed in 0..50 {
        bench.disk.power_cut(&mut world::Chance::from_seed(seed));
        let (_directory, mut log) = bench.reopen();
        assert_eq!(log.end(), Offset(3 + i64::try_from(seed).unwrap()));
        append(&mut log, batch(1, 100, 5)).unwrap();
    }
}

#[test]
fn segments_roll_by_time_of_their_records() {
    let bench =
        Bench::new(LogOptions { segment_ms: 100, segment_bytes: 100_000, ..Bench::small() });
    let (directory, mut log) = bench.reopen();
    append(&mut log, batch(1, 10, 1000)).unwrap();
    append(&mut log, batch(1, 10, 1100)).unwrap();
    assert_eq!(log.segment_count(), 1);
    let (_directory, mut log) = bench.restart_cleanly(directory, log);
    append(&mut log, batch(1, 10, 1101)).unwrap();
    assert_eq!(log.segment_count(), 2, "the first time is read again");
}

#[test]
fn an_idle_log_goes_on() {
    let bench = Bench::new(LogOptions { preallocate_bytes: 1 << 20, ..Bench::small() });
    let (_directory, mut log) = bench.reopen();
    for number in 0..10 {
        append(&mut log, batch(1, 100, number)).unwrap();
        log.idle(NOW.plus(number * 20_000));
    }
    check(&log);
    assert_eq!(log.partition(), &partition(0));
    assert!(bench.disk.exists(&Path::new(DATA).join("topic-0")));
}
