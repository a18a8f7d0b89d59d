//! One row per rule: what is done to a good batch, what topic it meets, what is answered.

use bytes::BytesMut;
use model::{ErrorCode, ProducerEpoch, ProducerId, TimestampMs};

use crate::{
    Batch, BatchBuilder, Codec, Invalid, RecordError, Rules, TimestampType, examine, stamp,
    validate,
};

const NOW: TimestampMs = TimestampMs(1_000_000);
const RULES: Rules = Rules {
    timestamp_type: TimestampType::CreateTime,
    before_max_ms: i64::MAX,
    after_max_ms: 3_600_000,
    size_bytes_max: 1_048_588,
    compacted: false,
    from_client: true,
};

/// Two records with keys, both of the present.
fn good(codec: Codec) -> BytesMut {
    let mut builder = BatchBuilder::new(codec);
    builder.append(NOW, Some(b"a"), Some(b"1"), &[("h", None)]);
    builder.append(NOW.plus(-5), Some(b"b"), Some(b"2"), &[]);
    builder.finish()
}

fn timed(codec: Codec, timestamps: &[i64]) -> BytesMut {
    let mut builder = BatchBuilder::new(codec);
    for timestamp in timestamps {
        builder.append(TimestampMs(*timestamp), Some(b"k"), None, &[]);
    }
    builder.finish()
}

fn keyless(codec: Codec) -> BytesMut {
    let mut builder = BatchBuilder::new(codec);
    builder.append(NOW, Some(b"a"), Some(b"1"), &[]);
    builder.append(NOW, None, Some(b"2"), &[]);
    builder.finish()
}

fn set(bytes: &mut BytesMut, at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
    stamp::checksum(bytes);
}

fn judge(bytes: &[u8], rules: &Rules) -> Result<(), Invalid> {
    validate(&Batch::parse(bytes).unwrap(), rules, NOW)
}

#[test]
fn a_good_batch_passes_in_every_codec() {
    for codec in Codec::ALL {
        assert_eq!(judge(&good(codec), &RULES), Ok(()));
        assert_eq!(judge(&good(codec), &Rules { compacted: true, ..RULES }), Ok(()));
        assert_eq!(judge(&good(codec), &Rules { before_max_ms: 5, ..RULES }), Ok(()));
    }
}

/// Where a header field lies, what is written there, and what is answered.
type HeaderRow = (&'static str, usize, &'static [u8], Invalid, ErrorCode);

#[test]
fn each_lie_of_the_header_has_its_error() {
    let rows: &[HeaderRow] = &[
        (
            "base offset",
            0,
            &[0, 0, 0, 0, 0, 0, 0, 1],
            Invalid::BaseOffset(1),
            ErrorCode::InvalidRecord,
        ),
        ("last delta", 23, &[255; 4], Invalid::OffsetRange(-1), ErrorCode::InvalidRecord),
        ("no records", 57, &[0; 4], Invalid::Count(0), ErrorCode::InvalidRecord),
        ("negative count", 57, &[255; 4], Invalid::Count(-1), ErrorCode::InvalidRecord),
        (
            "count and offsets",
            57,
            &[0, 0, 0, 3],
            Invalid::CountMismatch { last_offset_delta: 1, count: 3 },
            ErrorCode::InvalidRecord,
        ),
        ("producer without sequence", 43, &[0; 8], Invalid::Sequence(-1), ErrorCode::InvalidRecord),
        ("control", 22, &[1 << 5], Invalid::Control, ErrorCode::InvalidRecord),
        (
            "codec 7",
            22,
            &[7],
            Invalid::Unreadable(crate::RecordsError::UnknownCodec(7)),
            ErrorCode::UnsupportedCompressionType,
        ),
    ];
    for (what, at, value, expected, code) in rows {
        let mut bytes = good(Codec::None);
        set(&mut bytes, *at, value);
        let error = judge(&bytes, &RULES).unwrap_err();
        assert_eq!((&error, error.code()), (expected, *code), "{what}");
    }
}

#[test]
fn a_wrong_crc_is_corrupt_and_size_is_looked_at_first() {
    let mut bytes = good(Codec::None);
    bytes[17] ^= 1;
    assert_eq!(judge(&bytes, &RULES).unwrap_err().code(), ErrorCode::CorruptMessage);
    let error = judge(&bytes, &Rules { size_bytes_max: 60, ..RULES }).unwrap_err();
    assert_eq!(error.code(), ErrorCode::MessageTooLarge);
    let exact = Rules { size_bytes_max: bytes.len(), ..RULES };
    assert_eq!(judge(&good(Codec::None), &exact), Ok(()));
}

#[test]
fn the_broker_itself_may_write_at_any_offset_and_write_markers() {
    let own = Rules { from_client: false, ..RULES };
    let mut bytes = good(Codec::None);
    set(&mut bytes, 0, &[0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(judge(&bytes, &own), Ok(()));
    let marker = crate::control::marker(
        crate::control::Marker::Abort,
        0,
        ProducerId(1),
        ProducerEpoch(0),
        NOW,
    );
    assert_eq!(judge(&marker, &Rules { compacted: true, ..own }), Ok(()));
    assert_eq!(judge(&marker, &RULES), Err(Invalid::Control));
}

#[test]
fn a_compacted_topic_refuses_the_records_without_a_key_by_number() {
    for codec in Codec::ALL {
        let bytes = keyless(codec);
        assert_eq!(judge(&bytes, &RULES), Ok(()));
        let error = judge(&bytes, &Rules { compacted: true, ..RULES }).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidRecord);
        let message = "Compacted topic cannot accept message without key.".to_owned();
        assert_eq!(error.record_errors(), [RecordError { index: 1, message }]);
    }
}

#[test]
fn timestamps_have_their_limits() {
    let hour = 3_600_000;
    let day_back = Rules { before_max_ms: 86_400_000, ..RULES };
    let append_time = Rules { timestamp_type: TimestampType::LogAppendTime, ..day_back };
    // The timestamps, the topic, and the records refused.
    let rows: &[(&[i64], Rules, &[i32])] = &[
        (&[NOW.0, NOW.0 + hour], RULES, &[]),
        (&[NOW.0, NOW.0 + hour + 1], RULES, &[1]),
        (&[i64::MAX, i64::MIN], RULES, &[0]),
        (&[-1, -1], day_back, &[]),
        (&[NOW.0 - 86_400_000], day_back, &[]),
        (&[NOW.0, NOW.0 - 86_400_001, NOW.0 + hour + 1], day_back, &[1, 2]),
        (&[NOW.0 + hour + 1], append_time, &[]),
    ];
    for codec in Codec::ALL {
        for (timestamps, rules, refused) in rows {
            let answer = judge(&timed(codec, timestamps), rules);
            let errors = answer.as_ref().err().map(Invalid::record_errors).unwrap_or_default();
            let indexes: Vec<_> = errors.iter().map(|error| error.index).collect();
            assert_eq!(&indexes, refused, "{codec:?} {timestamps:?}");
            if let Err(error) = answer {
                assert_eq!(error.code(), ErrorCode::InvalidTimestamp);
            }
        }
    }
}

#[test]
fn a_client_may_not_set_log_append_time() {
    let mut bytes = good(Codec::Gzip);
    stamp::log_append_time(&mut bytes, NOW);
    let error = judge(&bytes, &RULES).unwrap_err();
    assert_eq!((error.code(), error.record_errors().len()), (ErrorCode::InvalidTimestamp, 2));
    assert_eq!(judge(&bytes, &Rules { from_client: false, ..RULES }), Ok(()));
}

#[test]
fn record_errors_are_bounded() {
    let mut builder = BatchBuilder::new(Codec::None);
    for _ in 0..5_000 {
        builder.append(NOW, None, None, &[]);
    }
    let error = judge(&builder.finish(), &Rules { compacted: true, ..RULES }).unwrap_err();
    assert_eq!(error.record_errors().len(), 1_000);
}

#[test]
fn records_that_do_not_count_up_or_do_not_fit_are_refused() {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.append_at(1, NOW, None, None, &[]);
    let mut bytes = builder.finish();
    set(&mut bytes, 23, &[0; 4]);
    assert_eq!(judge(&bytes, &RULES), Err(Invalid::OffsetDelta { index: 0, offset_delta: 1 }));
    // The last byte is the header count of the last record.
    for (value, what) in [(2, "a header too many"), (1, "a negative count"), (9, "cut")] {
        let mut bytes = good(Codec::None);
        let last = bytes.len() - 1;
        set(&mut bytes, last, &[value]);
        assert_eq!(judge(&bytes, &RULES).unwrap_err().code(), ErrorCode::InvalidRecord, "{what}");
    }
}

#[test]
fn a_wrong_max_timestamp_is_told_and_can_be_corrected() {
    let mut bytes = good(Codec::None);
    stamp::max_timestamp(&mut bytes, TimestampMs(3));
    let examined = examine(&Batch::parse(&bytes).unwrap(), &RULES, NOW).unwrap();
    assert_eq!(examined.max_timestamp, Some(NOW));
    stamp::max_timestamp(&mut bytes, NOW);
    assert_eq!(bytes, good(Codec::None));
    let examined = examine(&Batch::parse(&bytes).unwrap(), &RULES, NOW).unwrap();
    assert_eq!(examined.max_timestamp, None);
}
