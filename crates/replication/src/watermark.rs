//! The high watermark: the offset below which every in-sync replica has the log.
//!
//! Told: how far each replica that counts has come. Answers: the new watermark, never lower than the old one in this reign.
//! Used by `leader.rs`.
//!
//! Why not the minimum over all replicas: one that is down would stop everyone. Why not a majority: the ISR may shrink to one, by
//! the controller's word, and a record then counts as kept as long as that one lives (`min.insync.replicas` bounds it).

use model::Offset;

/// The watermark after `old`, when the replicas that count have come to `positions`. It stays where it is while there are none.
pub(crate) fn high_watermark(old: Offset, positions: impl Iterator<Item = Offset>) -> Offset {
    positions.min().map_or(old, |least| least.max(old))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_least_position_and_never_goes_back() {
        let at = |old, positions: &[i64]| {
            high_watermark(Offset(old), positions.iter().map(|position| Offset(*position))).0
        };
        assert_eq!(at(0, &[7, 5, 9]), 5);
        assert_eq!(at(6, &[7, 5, 9]), 6);
        assert_eq!(at(6, &[]), 6);
    }
}
