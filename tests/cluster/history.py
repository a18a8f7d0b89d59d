"""The exact check: what was acknowledged against what the log holds, and the replicas against each other."""

import os
import struct
import time

from confluent_kafka import Consumer, TopicPartition

from harness.report import check, eventually
from load import number_of
from nodes import QUIET


def read_all(cluster, topic, partitions):
    """{partition: [(offset, number)]} as a new reader sees the whole topic."""
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "nobody", "enable.partition.eof": True, **QUIET})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    found = {partition: [] for partition in range(partitions)}
    ended = set()
    deadline = time.monotonic() + 120
    while len(ended) < partitions:
        check(time.monotonic() < deadline, f"{topic} cannot be read to its end within 120 s")
        for message in consumer.consume(1000, 0.5):
            if message.error() is None:
                found[message.partition()].append((message.offset(), number_of(message.value())))
            elif message.error().name() == "_PARTITION_EOF":
                ended.add(message.partition())
    consumer.close()
    return found


def lost(load, found):
    """The acknowledged numbers that are not there."""
    there = {number for records in found.values() for _, number in records}
    return sorted(load.places.keys() - there)


def check_history(load, found, readers=(), is_idempotent=True):
    """Every acknowledged record is there once, where it was acknowledged, in the order of sending; nobody read anything else.

    Without idempotence a batch whose answer was lost is sent again, as with any Kafka broker: then only loss is a problem. Returns how many records are there twice.
    """
    doubled = sum(len(records) for records in found.values()) - len({number for records in found.values() for _, number in records})
    problems = [f"lost {number}, acknowledged at {load.places[number]}" for number in lost(load, found)]
    at = {}
    for partition, records in found.items() if is_idempotent else ():
        before = -1
        for offset, number in records:
            if number in at:
                problems.append(f"doubled {number} at {at[number]} and {(partition, offset)}")
            elif number < before:
                problems.append(f"reordered {number} after {before} in {partition}@{offset}")
            before = max(before, number)
            at[number] = (partition, offset)
    for number, place in load.places.items():
        if place[1] >= 0 and at.get(number, place) != place:
            problems.append(f"moved {number} from {place} to {at[number]}")
    there = {(partition, offset): number for partition, records in found.items() for offset, number in records}
    for reader in readers:
        for place, number in reader.seen.items():
            if there.get(place) != number:
                problems.append(f"read {number} at {place}, where {there.get(place)} is")
    check(not problems, f"{len(problems)} problems: {'; '.join(problems[:5])}")
    return doubled


def check_replicas(cluster):
    """Stops every node cleanly; then all replicas of a partition hold the same batches. Returns how many batches were compared."""
    cluster.await_in_sync()
    topics = [(topic, partition.id, sorted(partition.replicas)) for topic, partition in cluster.partitions()]
    await_equal_ends(cluster, topics)
    for node in cluster.nodes:
        node.stop()
    compared = 0
    for topic, partition, replicas in topics:
        logs = {number: batches(os.path.join(cluster.node(number).data, f"{topic}-{partition}")) for number in replicas}
        first = logs[replicas[0]]
        for number in replicas[1:]:
            # While the nodes end one by one, the last of them may append to topics of their own.
            both = min(len(first), len(logs[number])) if topic.startswith("__") else max(len(first), len(logs[number]))
            unlike = [(one, other) for one, other in zip(first[:both], logs[number][:both]) if one != other]
            check(not unlike, f"{topic}-{partition}: node {replicas[0]} has {unlike[:1]} of node {number}")
            check(topic.startswith("__") or len(first) == len(logs[number]), f"{topic}-{partition}: {len(first)} and {len(logs[number])} batches")
            compared += both
    return compared


def await_equal_ends(cluster, topics):
    """Waits until the followers have what the leaders have: the files are the measure."""

    def equal():
        for topic, partition, replicas in topics:
            ends = set()
            for number in replicas:
                found = batches(os.path.join(cluster.node(number).data, f"{topic}-{partition}"))
                ends.add(found[-1][0] if found else -1)
            if len(ends) > 1:
                return False
        return True

    eventually("all replicas end at the same batch", equal, 30, 0.5)


def batches(directory):
    """[(base offset, leader epoch, size, crc)] of a partition's files. Preallocated space ends a file."""
    found = []
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    for name in names:
        if not name.endswith(".log"):
            continue
        with open(os.path.join(directory, name), "rb") as file:
            while len(head := file.read(21)) == 21:
                base, size, epoch, magic, crc = struct.unpack(">qiibI", head)
                if size <= 0 or magic != 2:
                    break
                found.append((base, epoch, size, crc))
                file.seek(size - 9, os.SEEK_CUR)
    return found
