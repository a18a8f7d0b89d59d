//! A follower's append: what is whole and next is taken, whatever comes behind it; what is not is told.

use bytes::Bytes;
use model::{LeaderEpoch, Offset};
use storage::{Copied, CopyRules, Log, LogOptions};

use crate::bench::{Bench, NOW, all_batches, batch, check};

fn copy(base: i64, epoch: i32) -> Vec<u8> {
    let mut bytes = batch(1, 100, base);
    records::stamp::offset_and_epoch(&mut bytes, Offset(base), LeaderEpoch(epoch));
    bytes.to_vec()
}

fn follow(log: &mut Log, batches: &[Vec<u8>], may_have_gaps: bool) -> Copied {
    let rules = CopyRules { reign: LeaderEpoch(5), may_have_gaps };
    log.append_copies(&Bytes::from(batches.concat()), rules, NOW).unwrap()
}

/// Two good batches and `third`: where is the damage, and what has the log then?
fn third(third: Vec<u8>, may_have_gaps: bool) -> (Option<(Offset, String)>, usize) {
    let bench = Bench::new(Bench::small());
    let (_directory, mut log) = bench.reopen();
    let copied = follow(&mut log, &[copy(0, 1), copy(1, 2), third], may_have_gaps);
    if !may_have_gaps {
        check(&log); // it looks at every offset
    }
    (copied.damage.map(|damage| (damage.at, damage.why)), all_batches(&log).len())
}

#[test]
fn what_comes_before_the_first_damage_is_taken() {
    let damaged = |bytes: Vec<u8>| {
        let (damage, count) = third(bytes, false);
        let (at, why) = damage.unwrap();
        assert_eq!((at, count), (Offset(2), 2), "{why}");
        why
    };
    assert!(damaged(copy(2, 1)).contains("epoch 1, not of 2 to 5"), "an epoch that goes down");
    assert!(damaged(copy(2, 6)).contains("epoch 6"), "an epoch beyond the reign");
    assert!(damaged(copy(1, 2)).contains("before 2"), "an offset again");
    assert!(damaged(copy(4, 2)).contains("gap from 2"), "offsets left out");
    let mut torn = copy(2, 2);
    torn.pop();
    damaged(torn);
    let mut wrong = copy(2, 2);
    *wrong.last_mut().unwrap() ^= 1;
    assert!(damaged(wrong).contains("CRC"));
}

#[test]
fn a_compacted_log_is_copied_with_its_gaps() {
    assert_eq!(third(copy(1_000_000, 2), true), (None, 3));
    assert_eq!(third(copy(5_000_000_000, 2), true), (None, 3), "wider than a segment can be");
}

#[test]
fn one_answer_fills_as_many_segments_as_it_takes() {
    let bench = Bench::new(LogOptions { segment_bytes: 500, ..Bench::small() });
    let (directory, mut log) = bench.reopen();
    let batches: Vec<_> = (0..40).map(|base| copy(base, 1)).collect();
    let copied = follow(&mut log, &batches, false);
    assert_eq!(copied, Copied { size_bytes: batches.concat().len(), damage: None });
    assert!(log.segment_count() > 10);
    assert_eq!(all_batches(&log), batches);
    check(&log);
    let (_directory, log) = bench.restart_cleanly(directory, log);
    assert_eq!(all_batches(&log), batches);
}
