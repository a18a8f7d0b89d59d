"""Which partition a key belongs to: Kafka's murmur2, with the seed and the masking of its default partitioner."""

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(data):
    """The hash as an unsigned 32-bit number."""
    value = (_SEED ^ len(data)) & _MASK
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _MULTIPLIER & _MASK
        word ^= word >> 24
        value = value * _MULTIPLIER & _MASK ^ word * _MULTIPLIER & _MASK
    if whole < len(data):
        value ^= int.from_bytes(data[whole:], "little")
        value = value * _MULTIPLIER & _MASK
    value ^= value >> 13
    value = value * _MULTIPLIER & _MASK
    return value ^ value >> 15


def partition_of(key, partitions):
    """The partition, of so many, that a record with this key belongs to."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
