//! A JSON number: checked, and its digits gathered in the same pass.

/// A number as it lies, and its digits: `mantissa` × 10^`exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number<'d> {
    pub(crate) text: &'d [u8],
    pub(crate) is_negative: bool,
    /// Whether there is a point or an exponent.
    pub(crate) is_float: bool,
    mantissa: u64,
    exponent: i32,
    /// Whether `mantissa` and `exponent` say it all.
    is_whole: bool,
}

const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

impl<'d> Number<'d> {
    /// The number that `bytes` begin with.
    #[inline]
    pub(crate) fn scan(bytes: &'d [u8]) -> Option<Self> {
        let is_negative = bytes.first() == Some(&b'-');
        let mut at = usize::from(is_negative);
        let whole_start = at;
        let mut mantissa = 0;
        at += digits(bytes.get(at..)?, &mut mantissa);
        let whole = at - whole_start;
        if whole == 0 || (whole > 1 && bytes.get(whole_start) == Some(&b'0')) {
            return None;
        }
        let mut count = whole;
        let mut exponent: i32 = 0;
        let mut is_float = false;
        let mut is_whole = true;
        if bytes.get(at) == Some(&b'.') {
            is_float = true;
            let fraction = digits(bytes.get(at + 1..)?, &mut mantissa);
            if fraction == 0 {
                return None;
            }
            at += 1 + fraction;
            count += fraction;
            exponent = -i32::try_from(fraction).unwrap_or(i32::MAX);
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            is_float = true;
            at += 1;
            let is_down = bytes.get(at) == Some(&b'-');
            at += usize::from(matches!(bytes.get(at), Some(b'-' | b'+')));
            let mut power = 0;
            let length = digits(bytes.get(at..)?, &mut power);
            if length == 0 {
                return None;
            }
            at += length;
            is_whole = length <= 4;
            let power = i32::try_from(power.min(100_000)).unwrap_or(0);
            exponent = exponent.saturating_add(if is_down { -power } else { power });
        }
        // 19 digits fit; leading zeros of 0.00… count too, which only costs the slow path.
        is_whole &= count <= 19;
        let text = bytes.get(..at)?;
        Some(Self { text, is_negative, is_float, mantissa, exponent, is_whole })
    }

    /// The whole number, if it is one within 64 bits; a fraction is cut off, as Jackson's coercion does.
    #[inline]
    pub(crate) fn to_integer(self) -> Option<i64> {
        if self.is_float {
            let value = self.to_double().trunc();
            // The bounds are powers of two: exact.
            let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
            return fits.then_some(value as i64);
        }
        if !self.is_whole {
            return None;
        }
        if self.is_negative {
            0_i64.checked_sub_unsigned(self.mantissa)
        } else {
            i64::try_from(self.mantissa).ok()
        }
    }

    /// The nearest double.
    #[inline]
    pub(crate) fn to_double(self) -> f64 {
        // Both factors are exact, so the one rounding is the right one (Clinger).
        if self.is_whole && self.mantissa < 1 << 53 {
            let value = self.mantissa as f64;
            let power = EXACT_POWERS.get(self.exponent.unsigned_abs() as usize);
            if let Some(power) = power {
                let value = if self.exponent < 0 { value / power } else { value * power };
                return if self.is_negative { -value } else { value };
            }
        }
        std::str::from_utf8(self.text).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
    }
}

/// Adds the digits that `bytes` begin with to `value` (which wraps past 19 of them); answers how many there are.
#[inline]
fn digits(bytes: &[u8], value: &mut u64) -> usize {
    let mut rest = bytes;
    let mut count = 0;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let Some(eight) = eight_digits(word) else { break };
        *value = value.wrapping_mul(100_000_000).wrapping_add(eight);
        count += 8;
        rest = after;
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        *value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    count
}

/// The number that eight ASCII digits make, the first in the lowest byte.
#[inline]
const fn eight_digits(word: u64) -> Option<u64> {
    let high = word & 0xf0f0_f0f0_f0f0_f0f0;
    let low = word.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0;
    if high != 0x3030_3030_3030_3030 || low != high {
        return None;
    }
    let digits = word & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (digits.wrapping_mul(10 * 256 + 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 * 65_536 + 1) >> 16) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000 * 4_294_967_296 + 1) >> 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_reach_their_ends() {
        let integer = |text: &str| Number::scan(text.as_bytes()).unwrap().to_integer();
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("9223372036854775808"), None);
        assert_eq!(integer("18446744073709551617"), None);
        assert_eq!(integer("1.9"), Some(1));
        assert_eq!(integer("-1.5e3"), Some(-1_500));
        assert_eq!(integer("1e19"), None);
        assert_eq!(integer("1e99999999"), None);
        assert_eq!(Number::scan(b"12345678901234567,").unwrap().text.len(), 17);
    }

    proptest! {
        #[test]
        fn doubles_are_the_nearest(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:.3}")] {
                let number = Number::scan(text.as_bytes()).unwrap();
                prop_assert_eq!(number.text.len(), text.len());
                prop_assert_eq!(number.to_double().to_bits(), text.parse::<f64>().unwrap().to_bits());
            }
        }

        #[test]
        fn integers_are_what_they_say(value: i64) {
            let text = value.to_string();
            let number = Number::scan(text.as_bytes()).unwrap();
            prop_assert_eq!(number.to_integer(), Some(value));
            prop_assert!(!number.is_float);
        }
    }
}
