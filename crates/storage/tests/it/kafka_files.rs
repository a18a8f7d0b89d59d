//! Files for Apache Kafka's own tools to look at: `LOGMILL_DUMP_DIR=DIR cargo test -p storage -- --ignored kafka`.

use std::{path::Path, sync::Arc};

use model::{BrokerId, LeaderEpoch, ProducerEpoch, ProducerId, TimestampMs};
use records::{
    BatchBuilder, Codec,
    control::{Marker, marker},
};
use storage::{Checkpoint, DataDirectory, LogOptions, Origin};
use world::real::OsDisk;

use crate::bench::{id, partition};

#[test]
#[ignore = "writes files for other programs"]
fn files_for_kafka_dump_log() {
    let Ok(path) = std::env::var("LOGMILL_DUMP_DIR") else { return };
    let now = TimestampMs(1_700_000_000_000);
    let directory = DataDirectory::open(
        Arc::new(OsDisk),
        Path::new(&path),
        "4L6g3nShT-eMCtK--X86sw",
        BrokerId(1),
    )
    .unwrap();
    let options = Arc::new(LogOptions {
        segment_bytes: 1 << 20,
        segment_ms: i64::MAX,
        compact: true,
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: 60_000,
        ..LogOptions::default()
    });
    let mut logs = Vec::new();
    for number in 0..2 {
        let mut log =
            directory.open_log(&partition(number), id(77), Arc::clone(&options), now).unwrap();
        fill(&mut log, now);
        if number == 1 {
            log.enforce_retention(now, log.end()).unwrap();
            let compaction = log.plan_compaction(now, log.last_stable(log.end())).unwrap();
            log.install_compaction(compaction.run().unwrap()).unwrap();
        }
        log.close().unwrap();
        logs.push((
            partition(number),
            Checkpoint {
                recovery_point: log.recovery_point(),
                log_start: log.start(),
                high_watermark: log.end(),
            },
        ));
    }
    directory.checkpoint(&logs).unwrap();
    directory.close_clean().unwrap();
}

fn fill(log: &mut storage::Log, now: TimestampMs) {
    let mut sequence = 0;
    for round in 0..3000_i64 {
        let codec = Codec::ALL[usize::try_from(round % 5).unwrap()];
        let mut builder = BatchBuilder::new(codec);
        let is_transactional = round % 3 == 0;
        builder.producer(ProducerId(9), ProducerEpoch(0), sequence).transactional(is_transactional);
        for number in 0..10 {
            let key = format!("key-{}", (round * 7 + number) % 500);
            let value = vec![b'a' + u8::try_from(number).unwrap(); 100];
            let value = (round % 11 != 0).then_some(value.as_slice());
            let time = now.plus(round * 10 - number);
            builder.append(time, Some(key.as_bytes()), value, &[("h", Some(b"x"))]);
        }
        sequence += 10;
        log.append(builder.finish(), LeaderEpoch((round / 1000) as i32), Origin::Client, now)
            .unwrap();
        if is_transactional {
            let how = if round % 2 == 0 { Marker::Abort } else { Marker::Commit };
            let bytes = marker(how, 0, ProducerId(9), ProducerEpoch(0), now.plus(round * 10));
            log.append(bytes, LeaderEpoch((round / 1000) as i32), Origin::Coordinator, now)
                .unwrap();
        }
    }
}
