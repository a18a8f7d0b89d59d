//! DECIMAL: an `i128` of digits, its scale in the type. Rounds half up (away from zero); what has more digits than the precision is
//! none, which SQL shows as NULL.

use crate::wide::Wide;

/// Precision and scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) precision: u8,
    pub(crate) scale: u8,
}

/// The most digits there are.
pub(crate) const PRECISION_MAX: u8 = 38;

/// 10^`exponent`; none past 10^38.
pub(crate) fn power_of_ten(exponent: u32) -> Option<u128> {
    (exponent <= u32::from(PRECISION_MAX)).then(|| 10_u128.pow(exponent))
}

impl Form {
    /// `digits`, if the precision holds them.
    pub(crate) fn fit(self, digits: i128) -> Option<i128> {
        let bound = power_of_ten(u32::from(self.precision))?;
        (digits.unsigned_abs() < bound).then_some(digits)
    }

    /// `digits` of scale `scale` in this form.
    pub(crate) fn rescale(self, digits: i128, scale: u8) -> Option<i128> {
        self.quotient(digits, i32::from(self.scale) - i32::from(scale), 1)
    }

    pub(crate) fn add(self, left: (i128, u8), right: (i128, u8)) -> Option<i128> {
        let scale = left.1.max(right.1);
        let common = Self { precision: PRECISION_MAX, scale };
        let sum = common.rescale_freely(left)?.checked_add(common.rescale_freely(right)?)?;
        self.rescale(sum, scale)
    }

    pub(crate) fn multiply(self, left: (i128, u8), right: (i128, u8)) -> Option<i128> {
        let product = Wide::product(left.0.unsigned_abs(), right.0.unsigned_abs());
        let scale = u32::from(left.1) + u32::from(right.1);
        let divisor = power_of_ten(scale.checked_sub(u32::from(self.scale))?)?;
        let (quotient, remainder) = product.divide(divisor)?;
        self.sign_and_fit(round(quotient, remainder, divisor)?, (left.0 < 0) != (right.0 < 0))
    }

    /// `right` is not 0.
    pub(crate) fn divide(self, left: (i128, u8), right: (i128, u8)) -> Option<i128> {
        let shift = i32::from(self.scale) - i32::from(left.1) + i32::from(right.1);
        self.quotient(left.0, shift, right.0)
    }

    /// `right` is not 0; the sign is that of `left`.
    pub(crate) fn remainder(self, left: (i128, u8), right: (i128, u8)) -> Option<i128> {
        let scale = left.1.max(right.1);
        let common = Self { precision: PRECISION_MAX, scale };
        let rest = common.rescale_freely(left)?.checked_rem(common.rescale_freely(right)?)?;
        self.rescale(rest, scale)
    }

    /// `left` × 10^`shift` / `right`, rounded.
    pub(crate) fn quotient(self, left: i128, shift: i32, right: i128) -> Option<i128> {
        if left == 0 {
            return Some(0);
        }
        let power = power_of_ten(shift.unsigned_abs());
        let divisor = right.unsigned_abs();
        let rounded = if shift >= 0 {
            let (quotient, remainder) =
                Wide::product(left.unsigned_abs(), power?).divide(divisor)?;
            round(quotient, remainder, divisor)?
        } else {
            // A divisor past 128 bits is more than twice any dividend: the quotient rounds to 0.
            match power.and_then(|power| divisor.checked_mul(power)) {
                None => 0,
                Some(divisor) => {
                    let left = left.unsigned_abs();
                    round(left / divisor, left % divisor, divisor)?
                }
            }
        };
        self.sign_and_fit(rounded, (left < 0) != (right < 0))
    }

    fn sign_and_fit(self, digits: u128, is_negative: bool) -> Option<i128> {
        let digits = i128::try_from(digits).ok()?;
        self.fit(if is_negative { -digits } else { digits })
    }

    /// Only up: the scale is not below that of the value, and precision is not looked at.
    fn rescale_freely(self, (digits, scale): (i128, u8)) -> Option<i128> {
        let power = power_of_ten(u32::from(self.scale.checked_sub(scale)?))?;
        digits.checked_mul(i128::try_from(power).ok()?)
    }

    /// Reads a number: sign, digits, a point, an exponent. None: it is no number. Some(None): it does not fit.
    pub(crate) fn parse(self, text: &[u8]) -> Option<Option<i128>> {
        let number = Number::parse(text)?;
        Some(self.of_number(&number))
    }

    fn of_number(self, number: &Number<'_>) -> Option<i128> {
        // The first 38 significant digits, and the one after them: what is further back cannot change the rounding.
        let mut digits: u128 = 0;
        let mut dropped: i64 = 0;
        let mut first_dropped = 0;
        for byte in number.whole.iter().chain(number.fraction) {
            let digit = u128::from(byte - b'0');
            if digits < 10_u128.pow(37) {
                digits = digits * 10 + digit;
            } else {
                first_dropped = if dropped == 0 { digit } else { first_dropped };
                dropped += 1;
            }
        }
        if digits == 0 {
            return Some(0);
        }
        let scale = i64::try_from(number.fraction.len()).ok()? - dropped - number.exponent;
        let shift = i64::from(self.scale) - scale;
        if shift > 0 {
            let power = power_of_ten(u32::try_from(shift).ok()?)?;
            return self.sign_and_fit(digits.checked_mul(power)?, number.is_negative);
        }
        let down = u32::try_from(-shift).unwrap_or(u32::MAX);
        let Some(divisor) = power_of_ten(down) else { return Some(0) };
        let rounded = if down == 0 {
            digits + u128::from(first_dropped >= 5)
        } else {
            round(digits / divisor, digits % divisor, divisor)?
        };
        self.sign_and_fit(rounded, number.is_negative)
    }
}

/// Half rounds away from zero.
fn round(quotient: u128, remainder: u128, divisor: u128) -> Option<u128> {
    let up = remainder >= divisor - remainder && remainder > 0;
    quotient.checked_add(u128::from(up))
}

/// A decimal number's text, taken apart.
struct Number<'t> {
    is_negative: bool,
    whole: &'t [u8],
    fraction: &'t [u8],
    exponent: i64,
}

impl<'t> Number<'t> {
    fn parse(text: &'t [u8]) -> Option<Self> {
        let (is_negative, rest) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            (b'+', rest) => (false, rest),
            _ => (false, text),
        };
        let (whole, rest) = digits(rest);
        let (fraction, rest) = match rest.split_first() {
            Some((b'.', rest)) => digits(rest),
            _ => (&[][..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest.split_first() {
            None => 0,
            Some((b'e' | b'E', rest)) => std::str::from_utf8(rest).ok()?.parse::<i32>().ok()?,
            Some(_) => return None,
        };
        Some(Self { is_negative, whole, fraction, exponent: i64::from(exponent) })
    }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// All digits, the point where it belongs: `0.05`, `-12.30`.
pub(crate) fn write_plain(out: &mut Vec<u8>, digits: i128, scale: u8) {
    if digits < 0 {
        out.push(b'-');
    }
    let text = digits.unsigned_abs().to_string();
    let scale = usize::from(scale);
    let whole = text.len().saturating_sub(scale);
    out.extend_from_slice(if whole == 0 { b"0" } else { &text.as_bytes()[..whole] });
    if scale > 0 {
        out.push(b'.');
        out.extend(std::iter::repeat_n(b'0', scale.saturating_sub(text.len())));
        out.extend_from_slice(&text.as_bytes()[whole..]);
    }
}

/// As Java prints a number without trailing zeros: `1E+2`, `12.3`, `2.7E-8`.
pub(crate) fn write_stripped(out: &mut Vec<u8>, digits: i128, scale: u8) {
    let mut digits = digits;
    let mut scale = i32::from(scale);
    if digits == 0 {
        out.push(b'0');
        return;
    }
    while digits % 10 == 0 {
        digits /= 10;
        scale -= 1;
    }
    let text = digits.unsigned_abs().to_string();
    let adjusted = text.len() as i32 - 1 - scale;
    if let Ok(scale) = u8::try_from(scale)
        && adjusted >= -6
    {
        write_plain(out, digits, scale);
        return;
    }
    if digits < 0 {
        out.push(b'-');
    }
    let (first, rest) = text.as_bytes().split_at(1);
    out.extend_from_slice(first);
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest);
    }
    out.push(b'E');
    out.push(if adjusted < 0 { b'-' } else { b'+' });
    out.extend_from_slice(adjusted.unsigned_abs().to_string().as_bytes());
}

/// The nearest double.
pub(crate) fn to_double(digits: i128, scale: u8) -> f64 {
    let mut text = Vec::with_capacity(48);
    write_plain(&mut text, digits, scale);
    std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

#[cfg(test)]
#[path = "decimal_tests.rs"]
mod tests;
