//! Decimals by tables.

use super::*;

const fn form(precision: u8, scale: u8) -> Form {
    Form { precision, scale }
}

fn plain(digits: i128, scale: u8) -> String {
    let mut out = Vec::new();
    write_plain(&mut out, digits, scale);
    String::from_utf8(out).unwrap()
}

fn stripped(digits: i128, scale: u8) -> String {
    let mut out = Vec::new();
    write_stripped(&mut out, digits, scale);
    String::from_utf8(out).unwrap()
}

#[test]
fn text_is_read_exactly_rounded_half_up_and_refused_past_the_precision() {
    let two = form(5, 2);
    for (text, digits) in [
        ("1.5", Some(150)),
        ("-1.005", Some(-101)),
        ("1.004999999999999999999999999999999999999999999", Some(100)),
        ("999.994", Some(99_999)),
        ("999.995", None),
        ("1e2", Some(10_000)),
        ("1E-2", Some(1)),
        ("5e-3", Some(1)),
        ("1e400", None),
        ("1e-400", Some(0)),
        ("0e999", Some(0)),
        ("+7", Some(700)),
        (".5", Some(50)),
        ("5.", Some(500)),
    ] {
        assert_eq!(two.parse(text.as_bytes()), Some(digits), "{text}");
    }
    for text in ["", "-", ".", "1x", "1e", "1.2.3", "NaN", " 1", "1e99999999999"] {
        assert_eq!(two.parse(text.as_bytes()), None, "{text}");
    }
    let all = "12345678901234567890123456789012345678";
    assert_eq!(form(38, 0).parse(all.as_bytes()), Some(all.parse().ok()));
}

#[test]
fn arithmetic_is_exact() {
    assert_eq!(form(38, 2).add((150, 2), (5, 1)), Some(200));
    assert_eq!(form(3, 1).add((150, 2), (4, 2)), Some(15));
    assert_eq!(form(4, 0).add((9_999, 0), (1, 0)), None);
    assert_eq!(form(10, 4).multiply((150, 2), (-150, 2)), Some(-22_500));
    assert_eq!(form(10, 2).multiply((15, 1), (33, 2)), Some(50));
    assert_eq!(form(38, 10).divide((1, 0), (3, 0)), Some(3_333_333_333));
    assert_eq!(form(10, 1).divide((25, 1), (-20, 1)), Some(-13));
    assert_eq!(form(10, 1).remainder((-55, 1), (2, 0)), Some(-15));
    let large = 10_i128.pow(37);
    assert_eq!(form(38, 0).multiply((large, 0), (9, 0)), Some(large * 9));
    assert_eq!(form(38, 0).multiply((large, 0), (10, 0)), None);
    assert_eq!(form(38, 20).multiply((large, 20), (large, 20)), None);
    assert_eq!(form(38, 36).multiply((large, 37), (large, 37)), Some(10_i128.pow(36)));
}

#[test]
fn scales_change_with_rounding() {
    assert_eq!(form(10, 1).rescale(155, 2), Some(16));
    assert_eq!(form(10, 1).rescale(-155, 2), Some(-16));
    assert_eq!(form(10, 3).rescale(155, 2), Some(1_550));
    assert_eq!(form(3, 3).rescale(155, 2), None);
}

#[test]
fn text_is_written_as_java_writes_it() {
    assert_eq!(plain(5, 2), "0.05");
    assert_eq!(plain(-1_230, 2), "-12.30");
    assert_eq!(plain(7, 0), "7");
    assert_eq!(stripped(10_000, 2), "1E+2");
    assert_eq!(stripped(1_230, 2), "12.3");
    assert_eq!(stripped(27, 9), "2.7E-8");
    assert_eq!(stripped(-27, 8), "-2.7E-7");
    assert_eq!(stripped(27, 7), "0.0000027");
    assert_eq!(stripped(0, 5), "0");
    assert_eq!(stripped(123, 0), "123");
    assert!((to_double(-1_230, 2) + 12.3).abs() < 1e-12);
}
