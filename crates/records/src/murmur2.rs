//! MurmurHash2 as Kafka's clients use it to choose a partition.

use model::PartitionId;

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// MurmurHash2 (32 bits, Kafka's seed) of `bytes`.
#[must_use]
pub fn murmur2(bytes: &[u8]) -> u32 {
    let (words, tail) = bytes.as_chunks::<4>();
    // Java's int wraps as u32 does; a key longer than 4 GiB does not exist.
    #[expect(clippy::cast_possible_truncation, reason = "as Java's int length")]
    let mut hash = SEED ^ bytes.len() as u32;
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    for (place, byte) in tail.iter().enumerate().rev() {
        hash ^= u32::from(*byte) << (8 * place);
    }
    if !tail.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of `partitions` that Kafka's default partitioner chooses for `key`; 0 when there are none.
#[must_use]
pub fn partition_for_key(key: &[u8], partitions: i32) -> PartitionId {
    let positive = i32::try_from(murmur2(key) & 0x7fff_ffff).unwrap_or(0);
    PartitionId(positive.checked_rem(partitions).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_own_vectors_hold() {
        for (text, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "{text}");
        }
    }

    #[test]
    fn a_partition_is_always_one_of_them() {
        for partitions in [1, 2, 3, 50] {
            for key in ["", "21", "foobar", "abc"] {
                let PartitionId(partition) = partition_for_key(key.as_bytes(), partitions);
                assert!((0..partitions).contains(&partition));
            }
        }
        assert_eq!(partition_for_key(b"x", 0), PartitionId(0));
    }
}
