//! Reads and lookups agree with what was appended, from memory and from files.

use model::{Offset, TimestampMs};
use proptest::prelude::*;
use storage::{LogOptions, Piece, ReadError};

use crate::bench::{Bench, append, batch, check};

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lookups_equal_a_walk_over_all_batches(
        batches in prop::collection::vec((1_usize..5, 0_usize..200, 0_i64..50), 1..40),
        segment_bytes in 400_u32..3000,
        index_interval_bytes in 1_u32..600,
        tail_bytes in prop::sample::select(vec![0, 1500, 1 << 20]),
        restart in any::<bool>(),
    ) {
        let options = LogOptions { segment_bytes, index_interval_bytes, ..Bench::small() };
        let bench = Bench { tail_bytes, ..Bench::new(options) };
        let (mut directory, mut log) = bench.reopen();
        for (count, value_bytes, timestamp) in batches {
            // A batch must fit into a segment.
            let count = if value_bytes * count > 250 { 1 } else { count };
            let bytes = batch(count, value_bytes, timestamp);
            prop_assume!(bytes.len() <= segment_bytes as usize);
            append(&mut log, bytes).unwrap();
        }
        check(&log);
        let newest = log.max_timestamp().unwrap();
        if restart {
            (directory, log) = bench.restart_cleanly(directory, log);
            check(&log);
            prop_assert_eq!(log.max_timestamp().unwrap(), newest);
        }
        drop(directory);
    }
}

#[test]
fn recent_batches_are_the_producers_own_bytes() {
    let bench = Bench { tail_bytes: 1 << 20, ..Bench::new(Bench::small()) };
    let (_directory, mut log) = bench.reopen();
    let bytes = batch(1, 100, 5);
    let address = bytes.as_ptr();
    append(&mut log, bytes).unwrap();
    let chunk = log.read(Offset(0), Offset(1), 1, true).unwrap();
    let [Piece::Memory(found)] = chunk.pieces.as_slice() else { panic!("{chunk:?}") };
    assert_eq!(found.as_ptr(), address);
}

#[test]
fn offsets_outside_are_refused_and_the_end_is_empty() {
    let bench = Bench::new(Bench::small());
    let (_directory, mut log) = bench.reopen();
    append(&mut log, batch(3, 10, 5)).unwrap();
    log.advance_start(Offset(1), Offset(3)).unwrap();
    for outside in [0, 4] {
        let refused = log.read(Offset(outside), Offset(9), 100, true).unwrap_err();
        assert!(matches!(refused, ReadError::OutOfRange { .. }));
    }
    assert!(log.read(Offset(3), Offset(3), 100, true).unwrap().is_empty());
    assert!(log.read(Offset(2), Offset(1), 100, true).unwrap().is_empty());
    let none = log.read(Offset(1), Offset(2), 100, true).unwrap();
    assert_eq!((none.base, none.next), (Offset(1), Offset(1)), "a batch is not split");
    let head = log.read(Offset(1), Offset(3), 100, true).unwrap();
    assert_eq!((head.base, head.next), (Offset(0), Offset(3)), "the batch that holds the start");
}

#[test]
fn the_first_of_the_largest_timestamps_is_found() {
    let bench = Bench::new(Bench::small());
    let (_directory, mut log) = bench.reopen();
    assert_eq!(log.max_timestamp().unwrap(), None);
    assert_eq!(log.offset_for_time(TimestampMs(0)).unwrap(), None);
    for timestamp in [5, 9, 7, 9, 3] {
        append(&mut log, batch(2, 300, timestamp)).unwrap();
    }
    assert!(log.segment_count() > 2);
    assert_eq!(log.max_timestamp().unwrap(), Some((Offset(2), TimestampMs(9))));
    assert_eq!(log.offset_for_time(TimestampMs(6)).unwrap(), Some((Offset(2), TimestampMs(9))));
    assert_eq!(log.offset_for_time(TimestampMs(10)).unwrap(), None);
}

#[test]
fn slices_outlive_the_segment_that_they_come_from() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    for _ in 0..5 {
        append(&mut log, batch(1, 600, 5)).unwrap();
    }
    let chunk = log.read(Offset(0), Offset(1), 10_000, true).unwrap();
    log.advance_start(Offset(4), Offset(5)).unwrap();
    directory.remove_deleted(TimestampMs(i64::MAX)).unwrap();
    let bytes = chunk.into_bytes().unwrap();
    assert!(records::Batch::parse(&bytes).unwrap().is_crc_right());
}
