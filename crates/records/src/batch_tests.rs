//! Promises of batches as a whole: golden bytes, round trips, hostile bytes.

use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs};
use proptest::prelude::*;

use crate::{
    Batch, BatchBuilder, Batches, Codec, HEADER_BYTES, Record, RecordsError, Rules, TimestampType,
    crc32c, recompress, stamp, validate,
};

/// The protocol's layout, written down by hand: offset 5, epoch 3, one record with a header, producer 9 of epoch 1 at sequence 4.
#[rustfmt::skip]
const GOLDEN: &[u8] = &[
    0, 0, 0, 0, 0, 0, 0, 5,             // base offset
    0, 0, 0, 63,                        // length
    0, 0, 0, 3,                         // leader epoch
    2,                                  // magic
    0, 0, 0, 0,                         // crc: set below
    0, 0,                               // attributes
    0, 0, 0, 0,                         // last offset delta
    0, 0, 0, 0, 0, 0, 3, 232,           // base timestamp 1000
    0, 0, 0, 0, 0, 0, 3, 232,           // max timestamp
    0, 0, 0, 0, 0, 0, 0, 9,             // producer id
    0, 1,                               // producer epoch
    0, 0, 0, 4,                         // base sequence
    0, 0, 0, 1,                         // record count
    26,                                 // record length 13
    0,                                  // attributes
    0,                                  // timestamp delta
    0,                                  // offset delta
    2, b'k',                            // key
    4, b'v', b'w',                      // value
    2,                                  // one header
    2, b'h',                            // its name
    2, b'x',                            // its value
];

fn golden() -> Vec<u8> {
    let mut bytes = GOLDEN.to_vec();
    let crc = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn rules() -> Rules {
    Rules {
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: i64::MAX,
        after_max_ms: i64::MAX,
        size_bytes_max: 1 << 30,
        compacted: false,
        from_client: false,
    }
}

/// One record, owned, for comparison.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Row {
    fn of(record: &Record<'_>) -> Self {
        let own = |(name, value): (&str, Option<&[u8]>)| (name.to_owned(), value.map(Vec::from));
        Self {
            timestamp: record.timestamp.0,
            key: record.key.map(Vec::from),
            value: record.value.map(Vec::from),
            headers: record.headers.into_iter().map(|header| own(header.unwrap())).collect(),
        }
    }
}

fn build(codec: Codec, rows: &[Row]) -> bytes::BytesMut {
    let mut builder = BatchBuilder::new(codec);
    for row in rows {
        let headers: Vec<_> =
            row.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        let timestamp = TimestampMs(row.timestamp);
        builder.append(timestamp, row.key.as_deref(), row.value.as_deref(), &headers);
    }
    builder.finish()
}

/// Everything that a reader of hostile bytes may do.
fn walk(bytes: &[u8]) {
    let mut scratch = Vec::new();
    for batch in Batches::new(bytes).flatten() {
        let _ = format!("{batch:?}");
        let _ = (batch.next_offset(), batch.last_sequence(), batch.delete_horizon());
        for compacted in [false, true] {
            let _ = validate(&batch, &Rules { compacted, ..rules() }, TimestampMs(0));
        }
        let Ok(records) = batch.records(&mut scratch) else { continue };
        for record in records.flatten() {
            for header in record.headers {
                let _ = header;
            }
            let _ = crate::control::parse(&record);
        }
        let _ = recompress(&batch, Codec::Lz4);
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let bytes = || prop::option::of(prop::collection::vec(any::<u8>(), 0..200));
    let headers = prop::collection::vec((".{0,8}", bytes()), 0..3);
    let row = (any::<i64>(), bytes(), bytes(), headers)
        .prop_map(|(timestamp, key, value, headers)| Row { timestamp, key, value, headers });
    prop::collection::vec(row, 1..40)
}

#[test]
fn the_golden_batch_is_read_and_written_byte_for_byte() {
    let bytes = golden();
    let batch = Batch::parse(&bytes).unwrap();
    assert!(batch.is_crc_right());
    assert_eq!(batch.size_bytes(), bytes.len());
    assert_eq!((batch.base_offset(), batch.last_offset()), (Offset(5), Offset(5)));
    assert_eq!((batch.next_offset(), batch.leader_epoch()), (Offset(6), LeaderEpoch(3)));
    assert_eq!((batch.producer_id(), batch.producer_epoch()), (ProducerId(9), ProducerEpoch(1)));
    assert_eq!((batch.base_sequence(), batch.last_sequence()), (4, 4));
    let mut scratch = Vec::new();
    let record = batch.records(&mut scratch).unwrap().next().unwrap().unwrap();
    assert_eq!(record.offset, Offset(5));
    let expected = Row {
        timestamp: 1000,
        key: Some(b"k".to_vec()),
        value: Some(b"vw".to_vec()),
        headers: vec![("h".to_owned(), Some(b"x".to_vec()))],
    };
    assert_eq!(Row::of(&record), expected);

    let mut builder = BatchBuilder::new(Codec::None);
    builder.base_offset(Offset(5)).leader_epoch(LeaderEpoch(3));
    builder.producer(ProducerId(9), ProducerEpoch(1), 4);
    builder.append(TimestampMs(1000), Some(b"k"), Some(b"vw"), &[("h", Some(b"x"))]);
    assert_eq!(builder.finish(), bytes);
}

/// Segments that Apache Kafka 4.3.1 wrote for its console producer: three records `h:x1 k1 value 1 …` in one batch.
const KAFKAS: [(Codec, &[u8]); 5] = [
    (Codec::None, include_bytes!("../testdata/kafka-4.3.1-none.batch")),
    (Codec::Gzip, include_bytes!("../testdata/kafka-4.3.1-gzip.batch")),
    (Codec::Snappy, include_bytes!("../testdata/kafka-4.3.1-snappy.batch")),
    (Codec::Lz4, include_bytes!("../testdata/kafka-4.3.1-lz4.batch")),
    (Codec::Zstd, include_bytes!("../testdata/kafka-4.3.1-zstd.batch")),
];

#[test]
fn what_apache_kafka_wrote_is_read_in_every_codec() {
    let mut scratch = Vec::new();
    for (codec, bytes) in KAFKAS {
        let batch = Batch::parse(bytes).unwrap();
        assert_eq!((batch.codec(), batch.size_bytes()), (Ok(codec), bytes.len()));
        assert!(batch.is_crc_right());
        assert_eq!(validate(&batch, &Rules { compacted: true, ..rules() }, TimestampMs(0)), Ok(()));
        let mut numbers = 1..=3;
        for (record, number) in batch.records(&mut scratch).unwrap().zip(numbers.by_ref()) {
            let row = Row::of(&record.unwrap());
            assert_eq!(row.key, Some(format!("k{number}").into_bytes()));
            let value = format!("value {number} of a record that repeats repeats repeats");
            assert_eq!(row.value, Some(value.into_bytes()));
            let name = ("h".to_owned(), Some(format!("x{number}").into_bytes()));
            assert_eq!(row.headers, [name]);
        }
        assert!(numbers.is_empty(), "{codec:?} holds three records");
        if codec == Codec::None {
            let mut again = BatchBuilder::like(&batch).unwrap();
            for record in batch.records(&mut scratch).unwrap() {
                again.append_record(&record.unwrap());
            }
            assert_eq!(again.finish(), bytes, "byte for byte as Kafka's");
        }
    }
}

#[test]
fn sequences_wrap_to_zero() {
    let mut bytes = golden();
    bytes[53..57].copy_from_slice(&i32::MAX.to_be_bytes());
    bytes[23..27].copy_from_slice(&2_i32.to_be_bytes());
    assert_eq!(Batch::parse(&bytes).unwrap().last_sequence(), 1);
}

#[test]
fn what_is_no_whole_batch_is_refused() {
    let bytes = golden();
    for cut in 0..bytes.len() {
        let error = Batch::parse(&bytes[..cut]).unwrap_err();
        assert!(matches!(error, RecordsError::CutShort { .. }), "{cut}: {error}");
    }
    for (at, value, expected) in [
        (16, [1, 0, 0, 0], RecordsError::Magic(1)),
        (8, [0, 0, 0, 48], RecordsError::Length(48)),
        (8, [255, 255, 255, 255], RecordsError::Length(-1)),
    ] {
        let mut bytes = golden();
        bytes[at..at + 4].copy_from_slice(&value);
        assert_eq!(Batch::parse(&bytes).unwrap_err(), expected);
    }
}

#[test]
fn compaction_keeps_gaps_last_offset_and_horizon() {
    let mut builder = BatchBuilder::new(Codec::Snappy);
    builder.base_offset(Offset(100)).keep_last_offset_delta(9);
    builder.delete_horizon(Some(TimestampMs(5_000)));
    builder.append_at(2, TimestampMs(10), Some(b"a"), None, &[]);
    builder.append_at(7, TimestampMs(20), Some(b"b"), Some(b"v"), &[]);
    let bytes = builder.finish();
    let batch = Batch::parse(&bytes).unwrap();
    assert_eq!((batch.last_offset(), batch.record_count()), (Offset(109), 2));
    assert_eq!(batch.delete_horizon(), Some(TimestampMs(5_000)));
    assert_eq!(batch.max_timestamp(), TimestampMs(20));
    let mut scratch = Vec::new();
    let places: Vec<_> = batch
        .records(&mut scratch)
        .unwrap()
        .map(|record| record.map(|record| (record.offset.0, record.timestamp.0)).unwrap())
        .collect();
    assert_eq!(places, [(102, 10), (107, 20)]);

    let mut empty = BatchBuilder::like(&batch).unwrap();
    let bytes = empty.finish();
    let batch = Batch::parse(&bytes).unwrap();
    assert_eq!((batch.record_count(), batch.last_offset()), (0, Offset(109)));
    assert_eq!(batch.records(&mut scratch).unwrap().count(), 0);
}

#[test]
fn a_builder_is_ready_again_after_finish() {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.append(TimestampMs(9), None, Some(b"first"), &[]);
    let first = builder.finish();
    assert!(builder.is_empty());
    assert_eq!(builder.size_bytes(), HEADER_BYTES);
    builder.append(TimestampMs(9), None, Some(b"first"), &[]);
    assert_eq!(builder.finish(), first);
}

#[test]
fn a_count_that_the_bytes_do_not_bear_is_an_error() {
    let mut scratch = Vec::new();
    for (count, fails_at) in [(2_i32, 1), (0, 0)] {
        let mut bytes = golden();
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        let batch = Batch::parse(&bytes).unwrap();
        let walk: Vec<_> = batch.records(&mut scratch).unwrap().collect();
        assert_eq!(walk.iter().position(Result::is_err), Some(fails_at));
        assert_eq!(walk.len(), fails_at + 1);
    }
    for count in [-1, i32::MAX] {
        let mut bytes = golden();
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        let batch = Batch::parse(&bytes).unwrap();
        assert_eq!(batch.records(&mut scratch).unwrap_err(), RecordsError::Count(count));
    }
}

proptest! {
    #[test]
    fn records_come_back_from_every_codec(rows in rows()) {
        let mut scratch = Vec::new();
        for codec in Codec::ALL {
            let bytes = build(codec, &rows);
            let batch = Batch::parse(&bytes).unwrap();
            prop_assert!(batch.is_crc_right());
            prop_assert_eq!(batch.codec(), Ok(codec));
            let max = rows.iter().map(|row| row.timestamp).max().unwrap().max(-1);
            prop_assert_eq!(batch.max_timestamp(), TimestampMs(max));
            let read: Vec<_> =
                batch.records(&mut scratch).unwrap().map(|record| Row::of(&record.unwrap())).collect();
            prop_assert_eq!(&read, &rows);
            prop_assert_eq!(validate(&batch, &rules(), TimestampMs(0)), Ok(()));
            let plain = recompress(&batch, Codec::None).unwrap();
            prop_assert_eq!(&plain, &build(Codec::None, &rows));
        }
    }

    #[test]
    fn any_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        walk(&bytes);
        // The same bytes behind a header that passes, so that the record reader sees them too.
        if bytes.len() > HEADER_BYTES {
            let length = i32::try_from(bytes.len() - 12).unwrap();
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            bytes[16] = 2;
            bytes[57..59].copy_from_slice(&[0, 0]);
            bytes[21] = 0;
            for codec in 0..8 {
                bytes[22] = codec;
                stamp::checksum(&mut bytes);
                walk(&bytes);
            }
        }
    }

    #[test]
    fn mangled_batches_never_panic(rows in rows(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for codec in Codec::ALL {
            let mut bytes = build(codec, &rows);
            let at = HEADER_BYTES + at.index(bytes.len() - HEADER_BYTES);
            bytes[at] = byte;
            stamp::checksum(&mut bytes);
            walk(&bytes);
        }
    }

    #[test]
    fn a_flipped_bit_is_found(rows in rows(), at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let mut bytes = build(Codec::None, &rows);
        let at = 17 + at.index(bytes.len() - 17);
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(!Batch::parse(&bytes).unwrap().is_crc_right());
    }
}
