//! Doubles and floats as Java's `toString` lays them out: `1.0`, `0.001`, `1.0E-4`, `1.234567E7`, `NaN`, `Infinity`.
//!
//! The digits are the shortest that read back to the same number. Java before 19 gives one or two more in rare cases (2.0E-3 is not one;
//! 2.2E-322 is); the value read back is the same.

use std::io::Write;

/// Writes a DOUBLE.
pub(crate) fn write_double(out: &mut Vec<u8>, value: f64) {
    if write_special(out, value) {
        return;
    }
    let mut shortest = Shortest::default();
    // 17 digits, a point, a sign and an exponent fit 32 bytes.
    let _ = write!(shortest, "{:e}", value.abs());
    lay_out(out, shortest.text());
}

/// Writes a FLOAT.
pub(crate) fn write_float(out: &mut Vec<u8>, value: f32) {
    if write_special(out, f64::from(value)) {
        return;
    }
    let mut shortest = Shortest::default();
    let _ = write!(shortest, "{:e}", value.abs());
    lay_out(out, shortest.text());
}

/// Sign, and what has no digits. Answers whether that was all.
fn write_special(out: &mut Vec<u8>, value: f64) -> bool {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
        return true;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    if value.is_infinite() {
        out.extend_from_slice(b"Infinity");
    } else if value == 0.0 {
        out.extend_from_slice(b"0.0");
    }
    value.is_infinite() || value == 0.0
}

/// `scientific` is `d[.ddd]e[-]n`.
fn lay_out(out: &mut Vec<u8>, scientific: &[u8]) {
    let at = scientific.iter().position(|byte| *byte == b'e').unwrap_or(scientific.len());
    let (mantissa, exponent) = scientific.split_at(at);
    let exponent: i32 = std::str::from_utf8(exponent.get(1..).unwrap_or_default())
        .ok()
        .and_then(|exponent| exponent.parse().ok())
        .unwrap_or(0);
    let (first, rest) = mantissa.split_at(1.min(mantissa.len()));
    let rest = rest.get(1..).unwrap_or_default();
    match exponent {
        0..7 => {
            let whole = (exponent as usize).min(rest.len());
            out.extend_from_slice(first);
            out.extend_from_slice(&rest[..whole]);
            out.extend(std::iter::repeat_n(b'0', exponent as usize - whole));
            write_fraction(out, &rest[whole..]);
        }
        -3..0 => {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', exponent.unsigned_abs() as usize - 1));
            out.extend_from_slice(first);
            out.extend_from_slice(rest);
        }
        _ => {
            out.extend_from_slice(first);
            write_fraction(out, rest);
            // Writing to memory does not fail.
            let _ = write!(out, "E{exponent}");
        }
    }
}

fn write_fraction(out: &mut Vec<u8>, digits: &[u8]) {
    out.push(b'.');
    out.extend_from_slice(if digits.is_empty() { b"0" } else { digits });
}

#[derive(Default)]
struct Shortest {
    bytes: [u8; 32],
    length: usize,
}

impl Shortest {
    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Write for Shortest {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = &mut self.bytes[self.length..];
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.length += count;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_laid_out_as_java_does() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (1.5, "1.5"),
            (100.0, "100.0"),
            (123_456.789, "123456.789"),
            (9_999_999.0, "9999999.0"),
            (10_000_000.0, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (0.001, "0.001"),
            (0.012, "0.012"),
            (0.000_999, "9.99E-4"),
            (-1e-5, "-1.0E-5"),
            (1e100, "1.0E100"),
            (f64::MAX, "1.7976931348623157E308"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut out = Vec::new();
            write_double(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        let mut out = Vec::new();
        write_float(&mut out, 0.1);
        write_float(&mut out, 16_777_216.0);
        assert_eq!(out, b"0.11.6777216E7");
    }
}
