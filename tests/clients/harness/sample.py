"""The records that the clients send: every odd shape that a key, a value or a header may have."""

import random
import time
from typing import NamedTuple, Optional, Tuple


class Record(NamedTuple):
    """What a producer hands over and a consumer must get back."""

    key: Optional[bytes]
    value: Optional[bytes]
    headers: Tuple[Tuple[str, Optional[bytes]], ...]
    timestamp: int


class Received(NamedTuple):
    """A record with the place where it was found."""

    partition: int
    offset: int
    record: Record


def sample(count=300, seed=1, null_headers=True):
    """Keys that repeat and keys that lack, empty and large values, tombstones, headers with one name twice, times in disorder."""
    chance = random.Random(seed)
    base = (int(time.time()) - 3600) * 1000
    return [_record(i, base, chance, None if null_headers else b"") for i in range(count)]


def plain(count, tag):
    """Small records, each with a value of its own, one second apart."""
    base = (int(time.time()) - 3600) * 1000
    return [Record(b"k%d" % (i % 17), b"%s-%d" % (tag.encode(), i), (), base + i * 1000) for i in range(count)]


def _record(i, base, chance, nothing):
    is_tombstone = i % 50 == 49
    key = None if i % 7 == 3 and not is_tombstone else b"key-%d" % (i % 13)
    if is_tombstone:
        value = None
    elif i % 20 == 10:
        value = b""
    elif i % 60 == 30:
        value = chance.randbytes(20_000)
    else:
        value = b"value %d \xff\x00 " % i * (1 + i % 9)
    headers = ()
    if i % 3 == 0:
        headers = (("trace", chance.randbytes(8)), ("trace", b"again"), ("empty", b""))
    elif i % 11 == 1:
        headers = (("näme", nothing),)
    return Record(key, value, headers, base + i * 10 - (i % 5) * 300)
