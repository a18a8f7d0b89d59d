//! Products of 128-bit numbers, and their quotients: what decimal arithmetic needs in between.

/// An unsigned 256-bit number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wide {
    pub(crate) high: u128,
    pub(crate) low: u128,
}

impl Wide {
    /// `left` × `right`.
    pub(crate) const fn product(left: u128, right: u128) -> Self {
        const HALF: u128 = u64::MAX as u128;
        let (left_high, left_low) = (left >> 64, left & HALF);
        let (right_high, right_low) = (right >> 64, right & HALF);
        let low = left_low * right_low;
        // At most 2^64 − 1 more than a product of two halves: no overflow.
        let middle = left_high * right_low + (low >> 64);
        let cross = left_low * right_high + (middle & HALF);
        Self {
            high: left_high * right_high + (middle >> 64) + (cross >> 64),
            low: (cross << 64) | (low & HALF),
        }
    }

    /// Quotient and remainder; none when the quotient does not fit 128 bits, or `divisor` is 0.
    pub(crate) const fn divide(self, divisor: u128) -> Option<(u128, u128)> {
        if self.high >= divisor {
            return None;
        }
        if self.high == 0 {
            return Some((self.low / divisor, self.low % divisor));
        }
        let mut remainder = self.high;
        let mut quotient = 0;
        let mut bit = 128;
        while bit > 0 {
            bit -= 1;
            let overflows = remainder >> 127 == 1;
            remainder = (remainder << 1) | ((self.low >> bit) & 1);
            quotient <<= 1;
            if overflows || remainder >= divisor {
                remainder = remainder.wrapping_sub(divisor);
                quotient |= 1;
            }
        }
        Some((quotient, remainder))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_products_are_plain() {
        assert_eq!(Wide::product(7, 6), Wide { high: 0, low: 42 });
        assert_eq!(Wide::product(u128::MAX, 2), Wide { high: 1, low: u128::MAX - 1 });
        assert_eq!(Wide::product(1, 1).divide(0), None);
        assert_eq!(Wide { high: 5, low: 0 }.divide(5), None);
    }

    proptest! {
        #[test]
        fn dividing_undoes_multiplying(left: u128, right: u128, rest: u128) {
            prop_assume!(right > 0);
            let rest = rest % right;
            let product = Wide::product(left, right);
            let (low, carry) = product.low.overflowing_add(rest);
            let sum = Wide { high: product.high + u128::from(carry), low };
            prop_assert_eq!(sum.divide(right), Some((left, rest)));
        }
    }
}
