//! What was cut off stays away: through new appends of the same size, through power cuts, through a recovery that was cut short.

use bytes::{Bytes, BytesMut};
use model::{LeaderEpoch, Offset};
use storage::{CopyRules, Log, LogOptions};
use world::Chance;

use crate::bench::{Bench, NOW, all_batches, batch, check, checkpoint};

/// A leader's batch: all of one size, none like another.
fn copy(base: i64, epoch: i32, mark: i64) -> Vec<u8> {
    let mut bytes = batch(1, 100, mark);
    records::stamp::offset_and_epoch(&mut bytes, Offset(base), LeaderEpoch(epoch));
    bytes.to_vec()
}

/// Appends copies of one epoch at the end; answers them.
fn follow(log: &mut Log, count: usize, epoch: i32, mark: i64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for _ in 0..count {
        let bytes = copy(log.end().0, epoch, mark);
        let rules = CopyRules { reign: LeaderEpoch(9), may_have_gaps: false };
        let sent = Bytes::from(BytesMut::from(&bytes[..]));
        let copied = log.append_copies(&sent, rules, NOW).unwrap();
        assert_eq!(copied.damage, None);
        all.push(bytes);
    }
    all
}

fn options(chance: &mut Chance) -> LogOptions {
    let segment_bytes = if chance.below(2) == 0 { 700 } else { 100_000 };
    LogOptions { segment_bytes, ..Bench::small() }
}

#[test]
fn what_was_cut_off_does_not_come_back_with_a_power_cut() {
    for seed in 0..600 {
        let mut chance = Chance::from_seed(seed);
        let bench = Bench::new(options(&mut chance));
        let (directory, mut log) = bench.reopen();
        // Unclean elections and KIP-279 bring older epochs after newer ones.
        let (old_epoch, new_epoch) = if chance.below(2) == 0 { (1, 2) } else { (2, 1) };
        let mut history = follow(&mut log, 5, 0, 1);
        history.extend(follow(&mut log, 1 + chance.below(12) as usize, old_epoch, 2));
        let is_synced = chance.below(2) == 0;
        if is_synced {
            log.flush().unwrap();
            checkpoint(&directory, &log).unwrap();
        }
        let cut = 1 + chance.below(log.end().0 as u64 - 1) as usize;
        log.truncate_to(Offset(cut as i64)).unwrap();
        history.truncate(cut);
        let is_old_tail = cut > 5;
        let epoch = if is_old_tail { old_epoch.max(new_epoch) } else { new_epoch };
        history.extend(follow(&mut log, chance.below(12) as usize, epoch, 3));
        drop((directory, log));
        bench.disk.power_cut(&mut chance);

        let (_directory, mut log) = bench.reopen();
        let found = all_batches(&log);
        assert!(
            found.len() <= history.len() && found == history[..found.len()],
            "seed {seed}: a mixture of before and after the cut"
        );
        assert!(!is_synced || found.len() >= cut, "seed {seed}: what was synced is there");
        check(&log);
        follow(&mut log, 1, 9, 4);
        check(&log);
    }
}

#[test]
fn what_a_recovery_cut_off_does_not_come_back_with_the_next_power_cut() {
    for seed in 0..600 {
        let mut chance = Chance::from_seed(seed);
        let bench = Bench::new(options(&mut chance));
        let (directory, mut log) = bench.reopen();
        follow(&mut log, 12, 1, 1);
        drop((directory, log));
        bench.disk.power_cut(&mut chance);

        let (directory, mut log) = bench.reopen();
        let mut history = all_batches(&log);
        history.extend(follow(&mut log, chance.below(8) as usize, 1, 2));
        drop((directory, log));
        bench.disk.power_cut(&mut chance);

        let (_directory, log) = bench.reopen();
        let found = all_batches(&log);
        assert!(
            found.len() <= history.len() && found == history[..found.len()],
            "seed {seed}: a mixture of before and after the recovery"
        );
        check(&log);
    }
}

#[test]
fn recovery_ends_where_an_older_epoch_follows_a_newer_one() {
    use std::path::Path;
    use world::Disk;

    let bench = Bench::new(LogOptions { segment_bytes: 100_000, ..Bench::small() });
    let (directory, mut log) = bench.reopen();
    let mut history = follow(&mut log, 6, 1, 1);
    log.flush().unwrap();
    drop((directory, log));
    // As if a write in the middle had arrived, and the cut before it had not.
    let path = Path::new("/data/topic-0/00000000000000000000.log");
    let file = bench.disk.open(path, false).unwrap();
    let newer = copy(3, 2, 2);
    file.write_all_at(&newer, 3 * newer.len() as u64).unwrap();
    file.sync().unwrap();
    bench.disk.crash_process();
    let (_directory, log) = bench.reopen();
    history.truncate(3);
    history.push(newer);
    assert_eq!(all_batches(&log), history);
    check(&log);
}

/// Found by reading: a sync that was under way while a follower was cut and copied on vouched for what came after it.
#[test]
fn a_sync_of_before_a_cut_says_nothing_of_what_grew_since() {
    let bench = Bench::new(Bench::small());
    let (_directory, mut log) = bench.reopen();
    follow(&mut log, 10, 1, 0);
    let (batches, whole) = (log.sync_handle().unwrap(), log.flush_handle().unwrap());
    let (synced, flushed) = (batches.run().unwrap(), whole.run().unwrap());
    log.truncate_to(Offset(5)).unwrap();
    follow(&mut log, 10, 2, 100);
    log.note_synced(synced);
    log.note_flushed(flushed);
    assert_eq!((log.synced(), log.recovery_point()), (Offset::ZERO, Offset::ZERO));
    let synced = log.sync_handle().unwrap().run().unwrap();
    log.note_flushed(flushed);
    log.note_synced(synced);
    assert_eq!((log.synced(), log.recovery_point()), (log.end(), Offset::ZERO));
    log.flush().unwrap();
    assert_eq!(log.recovery_point(), log.end());
}
