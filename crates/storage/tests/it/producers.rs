//! Idempotence and transactions, over restarts and crashes.

use model::{ErrorCode, LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use records::control::{Marker, marker};
use storage::{AbortedTransaction, AppendError, Appended, Log, LogOptions, Origin};

use crate::bench::{Bench, NOW, append, batch, from_producer};

fn end_transaction(log: &mut Log, producer: i64, how: Marker) -> Result<Appended, AppendError> {
    let batch = marker(how, 3, ProducerId(producer), ProducerEpoch(0), NOW);
    log.append(batch, LeaderEpoch(0), Origin::Coordinator, NOW)
}

#[test]
fn a_batch_sent_again_is_not_appended_again() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    for sequence in 0..8 {
        append(&mut log, from_producer(7, 0, sequence, false)).unwrap();
    }
    for sequence in 3..8 {
        let again = append(&mut log, from_producer(7, 0, sequence, false)).unwrap();
        assert!(again.duplicate);
        assert_eq!((again.base, again.size_bytes), (Offset(i64::from(sequence)), 0));
    }
    assert_eq!(log.end(), Offset(8));
    let gap = append(&mut log, from_producer(7, 0, 9, false)).unwrap_err();
    assert_eq!(gap.code(), ErrorCode::OutOfOrderSequenceNumber);
    let (directory, mut log) = bench.restart_cleanly(directory, log);
    for sequence in [7, 3, 5, 4, 6] {
        let again = append(&mut log, from_producer(7, 0, sequence, false)).unwrap();
        assert_eq!((again.duplicate, again.base), (true, Offset(i64::from(sequence))));
    }
    let forgotten = append(&mut log, from_producer(7, 0, 2, false)).unwrap_err();
    assert_eq!(forgotten.code(), ErrorCode::OutOfOrderSequenceNumber);
    append(&mut log, from_producer(7, 0, 8, false)).unwrap();
    append(&mut log, from_producer(7, 1, 0, false)).unwrap();
    let stale = append(&mut log, from_producer(7, 0, 9, false)).unwrap_err();
    assert_eq!(stale.code(), ErrorCode::InvalidProducerEpoch);
    drop(directory);
}

#[test]
fn a_crash_forgets_no_producer() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    for sequence in 0..20 {
        append(&mut log, from_producer(7, 0, sequence, false)).unwrap();
        append(&mut log, from_producer(8, 2, sequence, false)).unwrap();
        if sequence == 11 {
            log.flush().unwrap();
            crate::bench::checkpoint(&directory, &log).unwrap();
        }
    }
    let before = log.producers();
    drop((directory, log));
    bench.disk.crash_process();
    let (_directory, mut log) = bench.reopen();
    assert_eq!(log.producers(), before);
    for sequence in 15..20 {
        assert!(append(&mut log, from_producer(7, 0, sequence, false)).unwrap().duplicate);
        assert!(append(&mut log, from_producer(8, 2, sequence, false)).unwrap().duplicate);
    }
    assert_eq!(log.end(), Offset(40));
}

/// Found by simulation: a batch that lay in the log already came once more, from a connection that had broken, and was verified; the producer's
/// next transaction was then said to begin out of order.
#[test]
fn a_straggler_is_not_taken_for_the_begin_of_the_next_transaction() {
    let bench = Bench::new(Bench::small());
    let (_directory, mut log) = bench.reopen();
    let producer = (ProducerId(7), ProducerEpoch(0));
    for sequence in 0..2 {
        append(&mut log, from_producer(7, 0, sequence, true)).unwrap();
        end_transaction(&mut log, 7, Marker::Commit).unwrap();
    }
    assert!(log.begin_verification(producer, 1, NOW).is_some(), "the straggler asks");
    let guard = log.begin_verification(producer, 2, NOW);
    let next = from_producer(7, 0, 2, true);
    log.check_verified(&next, guard).unwrap();
    let later = log.check_verified(&from_producer(7, 0, 3, true), guard).unwrap_err();
    assert_eq!(later.code(), ErrorCode::OutOfOrderSequenceNumber);
}

/// Found by reading: a log that was cut counted its guards anew, and took one of before for another transaction's.
#[test]
fn a_guard_of_before_a_cut_is_worth_nothing() {
    let bench = Bench::new(Bench::small());
    let (_directory, mut log) = bench.reopen();
    let producer = (ProducerId(7), ProducerEpoch(0));
    let before = log.begin_verification(producer, 0, NOW);
    log.truncate_fully(Offset(5)).unwrap();
    assert_ne!(log.begin_verification(producer, 0, NOW), before);
    assert!(log.check_verified(&from_producer(7, 0, 0, true), before).is_err());
}

/// Found by simulation: the first transaction was aborted when the log had been synced before. The name of the index was never synced; a power cut
/// took the file, and readers of committed records were given what was aborted.
#[test]
fn an_aborted_transaction_stays_aborted_when_the_power_goes() {
    for seed in 0..8 {
        let bench = Bench::new(Bench::small());
        let (directory, mut log) = bench.reopen();
        append(&mut log, from_producer(7, 0, 0, true)).unwrap();
        log.flush().unwrap();
        end_transaction(&mut log, 7, Marker::Abort).unwrap();
        log.flush().unwrap();
        crate::bench::checkpoint(&directory, &log).unwrap();
        drop((directory, log));
        bench.disk.power_cut(&mut world::Chance::from_seed(seed));
        let (_directory, log) = bench.reopen();
        let aborted = log.aborted(Offset(0), log.end()).unwrap();
        assert_eq!(aborted.len(), 1, "seed {seed}");
    }
}

#[test]
fn silent_producers_expire_unless_in_a_transaction() {
    let bench = Bench::new(LogOptions { producer_id_expiration_ms: 1000, ..Bench::small() });
    let (_directory, mut log) = bench.reopen();
    append(&mut log, from_producer(1, 0, 0, false)).unwrap();
    append(&mut log, from_producer(2, 0, 0, true)).unwrap();
    log.idle(NOW.plus(20_000));
    let left: Vec<_> = log.producers().iter().map(|producer| producer.id).collect();
    assert_eq!(left, [ProducerId(2)]);
    // Of an unknown producer any sequence is taken.
    append(&mut log, from_producer(1, 0, 1, false)).unwrap();
}

#[test]
fn open_transactions_hold_the_last_stable_offset_and_aborted_ones_are_told() {
    let bench = Bench::new(Bench::small());
    let (directory, mut log) = bench.reopen();
    append(&mut log, batch(2, 10, 5)).unwrap(); // 0, 1
    append(&mut log, from_producer(1, 0, 0, true)).unwrap(); // 2
    append(&mut log, from_producer(2, 0, 0, true)).unwrap(); // 3
    assert_eq!((log.first_unstable(), log.last_stable(log.end())), (Some(Offset(2)), Offset(2)));
    end_transaction(&mut log, 1, Marker::Abort).unwrap(); // 4
    assert_eq!(log.last_stable(Offset(4)), Offset(2), "the marker is not replicated");
    assert_eq!(log.last_stable(Offset(5)), Offset(3));
    append(&mut log, from_producer(1, 0, 1, true)).unwrap(); // 5
    end_transaction(&mut log, 2, Marker::Commit).unwrap(); // 6
    end_transaction(&mut log, 1, Marker::Abort).unwrap(); // 7
    assert_eq!((log.last_stable(log.end()), log.first_unstable()), (Offset(8), None));
    let aborted = |first, last| AbortedTransaction {
        producer_id: ProducerId(1),
        first_offset: Offset(first),
        last_offset: Offset(last),
    };
    let check = |log: &Log| {
        assert_eq!(log.aborted(Offset(0), Offset(8)).unwrap(), [aborted(2, 4), aborted(5, 7)]);
        assert_eq!(log.aborted(Offset(0), Offset(5)).unwrap(), [aborted(2, 4)]);
        assert_eq!(log.aborted(Offset(5), Offset(8)).unwrap(), [aborted(5, 7)]);
        assert_eq!(log.aborted(Offset(0), Offset(2)).unwrap(), []);
    };
    check(&log);
    let (directory, log) = bench.restart_cleanly(directory, log);
    check(&log);
    drop((directory, log));
    bench.disk.crash_process();
    let (directory, mut log) = bench.reopen();
    check(&log);
    // Roll, so that one lies in a sealed segment.
    for _ in 0..6 {
        append(&mut log, batch(1, 400, 5)).unwrap();
    }
    assert!(log.segment_count() > 2);
    check(&log);
    append(&mut log, from_producer(9, 0, 0, true)).unwrap();
    let open = log.last_stable(log.end());
    drop((directory, log));
    bench.disk.crash_process();
    let (_directory, mut log) = bench.reopen();
    check(&log);
    assert_eq!(log.last_stable(log.end()), open, "an open transaction stays open");
    log.truncate_to(Offset(7)).unwrap();
    assert_eq!(log.last_stable(Offset(7)), Offset(5), "a marker cut away opens it again");
    assert_eq!(log.aborted(Offset(0), Offset(7)).unwrap(), [aborted(2, 4)]);
}

#[test]
fn plain_batches_and_dead_coordinators_do_not_break_into_a_transaction() {
    let bench = Bench::new(Bench::small());
    let (_directory, mut log) = bench.reopen();
    append(&mut log, from_producer(1, 0, 0, true)).unwrap();
    let plain = append(&mut log, from_producer(1, 0, 1, false)).unwrap_err();
    assert_eq!(plain.code(), ErrorCode::InvalidTxnState);
    end_transaction(&mut log, 1, Marker::Commit).unwrap();
    let old = marker(Marker::Commit, 2, ProducerId(1), ProducerEpoch(0), NOW);
    let refused = log.append(old, LeaderEpoch(0), Origin::Coordinator, NOW).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::TransactionCoordinatorFenced);
    let by_client = marker(Marker::Commit, 9, ProducerId(1), ProducerEpoch(0), NOW);
    let refused = log.append(by_client, LeaderEpoch(0), Origin::Client, NOW).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidRecord);
}
