//! Drop-behind, from appends to advice: what it names is there, and following it changes nothing.

use std::path::Path;

use storage::LogOptions;
use world::Disk;

use crate::bench::{Bench, DATA, all_batches, append, batch, check};

const STEPS: usize = 7;
/// A step is told when it has 8 MiB.
const BATCHES_PER_STEP: usize = 9;
const BATCH_BYTES: usize = 1_000_000;

#[test]
fn a_log_that_is_written_fast_leaves_the_cache_and_stays_readable() {
    let bench = Bench::new(LogOptions { segment_bytes: 1 << 30, ..Bench::small() });
    let (directory, mut log) = bench.reopen();
    let behind = directory.drop_behind();
    behind.start(0); // at least 32 MiB: three steps and a half
    for number in 0..STEPS * BATCHES_PER_STEP {
        let timestamp = i64::try_from(number).unwrap();
        append(&mut log, batch(1, BATCH_BYTES, timestamp)).unwrap();
    }
    let written = all_batches(&log);

    let file = Path::new(DATA).join("topic-0/00000000000000000000.log");
    let size = bench.disk.open_sealed(&file).unwrap().size_bytes().unwrap();
    let step = size / STEPS as u64;
    // Written back from the fourth step on, when 32 MiB have come at once; dropped when there are more than three.
    for number in [3, 4, 5, 6, 3] {
        let advice = behind.next().unwrap();
        assert_eq!(advice.path(), file);
        assert_eq!(advice.range(), &(number * step..(number + 1) * step));
        advice.follow();
    }
    behind.stop();
    assert!(behind.next().is_none(), "nothing more was due");
    assert_eq!(all_batches(&log), written);
    check(&log);
}
