//! Crashes at every step, and power cuts of every kind.

use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use records::control::{Marker, marker};
use storage::{DataDirectory, Log, LogOptions, Origin};
use world::Chance;

use crate::bench::{Bench, NOW, all_batches, append, batch, check, checkpoint, from_producer};

/// What a run had been promised when it stopped.
#[derive(Default)]
struct Promised {
    /// Offsets below this were acknowledged.
    acked: Offset,
    /// Offsets below this were synced.
    synced: Offset,
    /// The bytes of the batches, in order, acknowledged or not.
    sent: Vec<Vec<u8>>,
}

/// A life of a log: appends of every kind, flushes, rolls, an idle time, checkpoints. Ends early when the world stops.
fn live(
    directory: &DataDirectory,
    log: &mut Log,
    seed: u64,
    promised: &mut Promised,
) -> Option<()> {
    let mut chance = Chance::from_seed(seed);
    let mut sequence = 0;
    for round in 0..30 {
        let is_open = log.first_unstable().is_some();
        let (bytes, origin) = match chance.below(6) {
            0 => (from_producer(7, 0, sequence, true), Origin::Client),
            1 if is_open => {
                let how = if chance.below(2) == 0 { Marker::Abort } else { Marker::Commit };
                (marker(how, 1, ProducerId(7), ProducerEpoch(0), NOW), Origin::Coordinator)
            }
            _ => {
                let size = usize::try_from(chance.below(300)).unwrap();
                (batch(1 + size % 3, size, round), Origin::Client)
            }
        };
        sequence += i32::from(
            bytes.len() > 61 && records::Batch::parse(&bytes).unwrap().base_sequence() >= 0,
        );
        let mut stamped = bytes.to_vec();
        let epoch = LeaderEpoch((round / 10) as i32);
        records::stamp::offset_and_epoch(&mut stamped, log.end(), epoch);
        promised.sent.push(stamped);
        log.append(bytes, epoch, origin, NOW).ok()?;
        promised.acked = log.end();
        match chance.below(8) {
            0 => {
                promised.synced = log.flush().ok()?;
                checkpoint(directory, log).ok()?;
            }
            1 => log.idle(NOW.plus(1_000_000)),
            2 => {
                let handle = log.flush_handle().ok()?;
                promised.synced = handle.run().ok()?;
                log.note_flushed(promised.synced);
            }
            _ => {}
        }
    }
    Some(())
}

/// What is left must be a prefix of what was sent, whole to the byte, and must be able to go on.
fn check_survivor(bench: &Bench, promised: &Promised, least: Offset, case: &str) {
    let (directory, mut log) = bench.reopen();
    let found = all_batches(&log);
    assert!(log.end() >= least, "{case}: ends at {}, promised {least}", log.end());
    assert!(found.len() <= promised.sent.len(), "{case}");
    assert!(found == promised.sent[..found.len()], "{case}: not a prefix");
    check(&log);
    let end = log.end();
    assert_eq!(append(&mut log, batch(1, 10, 3)).unwrap().base, end, "{case}");
    let (_directory, log) = bench.restart_cleanly(directory, log);
    assert_eq!(log.end(), end.plus(1), "{case}");
    check(&log);
}

fn options() -> LogOptions {
    Bench::small()
}

#[test]
fn nothing_acknowledged_is_lost_at_any_step_of_a_process() {
    for seed in 0..6 {
        let steps = {
            let bench = Bench::new(options());
            let (directory, mut log) = bench.reopen();
            let before = bench.disk.steps();
            live(&directory, &mut log, seed, &mut Promised::default()).unwrap();
            bench.disk.steps() - before
        };
        for step in 0..steps {
            let bench = Bench::new(options());
            let mut promised = Promised::default();
            let (directory, mut log) = bench.reopen();
            bench.disk.stop_after(step);
            assert_eq!(live(&directory, &mut log, seed, &mut promised), None);
            drop((directory, log));
            bench.disk.crash_process();
            check_survivor(&bench, &promised, promised.acked, &format!("seed {seed} step {step}"));
        }
    }
}

#[test]
fn nothing_synced_is_lost_in_any_power_cut() {
    for seed in 0..300 {
        let bench = Bench::new(options());
        let mut promised = Promised::default();
        let (directory, mut log) = bench.reopen();
        let mut chance = Chance::from_seed(seed);
        bench.disk.stop_after(chance.below(200));
        let _stopped = live(&directory, &mut log, seed % 10, &mut promised);
        drop((directory, log));
        bench.disk.power_cut(&mut chance);
        check_survivor(&bench, &promised, promised.synced, &format!("seed {seed}"));
    }
}

#[test]
fn producers_and_transactions_are_the_same_after_a_crash() {
    for seed in 0..40 {
        let bench = Bench::new(options());
        let (directory, mut log) = bench.reopen();
        live(&directory, &mut log, seed, &mut Promised::default()).unwrap();
        let state = |log: &Log| {
            assert!(log.last_stable(log.end()) <= log.end());
            (log.producers(), log.first_unstable(), log.aborted(log.start(), log.end()).unwrap())
        };
        let before = state(&log);
        let end = log.end();
        drop((directory, log));
        bench.disk.crash_process();
        let (directory, log) = bench.reopen();
        assert_eq!(state(&log), before, "seed {seed}");
        let (_directory, log) = bench.restart_cleanly(directory, log);
        assert_eq!(state(&log).0, before.0, "seed {seed}");
        assert_eq!(log.latest_epoch(), Some(LeaderEpoch(2)));
        assert_eq!(log.end(), end);
    }
}

#[test]
fn after_a_crash_nothing_below_the_recovery_point_is_read() {
    let bench = Bench::new(LogOptions { segment_bytes: 20_000, ..Bench::small() });
    let (directory, mut log) = bench.reopen();
    for _ in 0..100 {
        append(&mut log, batch(1, 1000, 5)).unwrap();
    }
    log.flush().unwrap();
    checkpoint(&directory, &log).unwrap();
    append(&mut log, batch(1, 1000, 5)).unwrap();
    let (recovery_point, end) = (log.recovery_point(), log.end());
    assert_eq!((recovery_point, end), (Offset(100), Offset(101)));
    drop((directory, log));
    bench.disk.crash_process();
    // A body below the recovery point that is damaged is not noticed, for it is not read.
    let listing = world::Disk::list(&bench.disk, std::path::Path::new("/data/topic-0")).unwrap();
    for entry in listing.iter().filter(|entry| entry.name.ends_with(".log")) {
        let path = std::path::Path::new("/data/topic-0").join(&entry.name);
        let file = world::Disk::open(&bench.disk, &path, false).unwrap();
        file.write_all_at(b"damage", 500).unwrap();
    }
    let (_directory, log) = bench.reopen();
    assert_eq!(log.end(), end);
}

/// Found by the simulation: a process was killed between a write and its sync; the next one found the batch, told the producer that
/// sent it again that it was there, and lost power.
#[test]
fn what_a_killed_process_left_is_synced_before_it_is_served() {
    for seed in 0..20 {
        let bench = Bench::new(LogOptions { flush_messages: 1, ..options() });
        let (directory, mut log) = bench.reopen();
        append(&mut log, from_producer(7, 0, 0, false)).unwrap();
        bench.disk.stop_after(1); // the write arrives, its sync does not
        append(&mut log, from_producer(7, 0, 1, false)).unwrap_err();
        drop((directory, log));
        bench.disk.crash_process();
        let (directory, mut log) = bench.reopen();
        let again = append(&mut log, from_producer(7, 0, 1, false)).unwrap();
        assert!(again.duplicate);
        drop((directory, log));
        bench.disk.power_cut(&mut Chance::from_seed(seed));
        assert_eq!(bench.reopen().1.end(), Offset(2), "seed {seed}");
    }
}
