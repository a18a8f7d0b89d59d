//! Which partition of `__consumer_offsets` a group lives on.

use model::PartitionId;

/// Java's `String.hashCode` of the group id, made positive as Kafka does (the least number becomes 0), modulo `partitions`.
#[must_use]
pub fn partition_for(group: &str, partitions: i32) -> PartitionId {
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let positive = hash.checked_abs().unwrap_or(0);
    PartitionId(positive.checked_rem(partitions).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hash_as_in_java() {
        // "polygenelubricants".hashCode() is Integer.MIN_VALUE, the one with no absolute value.
        assert_eq!(partition_for("polygenelubricants", 50), PartitionId(0));
        assert_eq!(partition_for("", 50), PartitionId(0));
        // "hello".hashCode() is 99162322; "Aa" and "BB" collide; beyond the basic plane two units count.
        assert_eq!(partition_for("hello", 50), PartitionId(22));
        assert_eq!(partition_for("Aa", 50), partition_for("BB", 50));
        assert_eq!(partition_for("😀", 50), PartitionId((1_772_899_i32) % 50));
    }
}
