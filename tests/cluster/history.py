"""The exact check: what was acknowledged against what the log holds, and the replicas against each other."""

import os
import struct
import time

from confluent_kafka import Consumer, TopicPartition

from harness.report import check, eventually
from nodes import QUIET
from records import number_of


def read_all(cluster, topic, partitions, decode=number_of, isolation="read_committed"):
    """{partition: [(offset, number)]} as a new reader sees the whole topic."""
    settings = {"group.id": "nobody", "enable.partition.eof": True, "isolation.level": isolation, **QUIET}
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, **settings})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    found = {partition: [] for partition in range(partitions)}
    ended = set()
    deadline = time.monotonic() + 120
    while len(ended) < partitions:
        check(time.monotonic() < deadline, f"{topic} cannot be read to its end within 120 s")
        for message in consumer.consume(1000, 0.5):
            if message.error() is None:
                found[message.partition()].append((message.offset(), decode(message.value())))
            elif message.error().name() == "_PARTITION_EOF":
                ended.add(message.partition())
    consumer.close()
    return found


def lost(load, found):
    """The acknowledged numbers that are not there."""
    there = {number for records in found.values() for _, number in records}
    return sorted(load.places.keys() - there)


def check_history(load, found, readers=()):
    """Every acknowledged record is there once, where it was acknowledged, in the order of sending; nobody read anything else."""
    problems = [f"lost {number}, acknowledged at {load.places[number]}" for number in lost(load, found)]
    at = {}
    for partition, records in found.items():
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
    problems += misread(found, readers)
    check(not problems, f"{len(problems)} problems: {'; '.join(problems[:5])}")


def misread(found, readers):
    """What readers were given that is not there."""
    there = {(partition, offset): value for partition, records in found.items() for offset, value in records}
    seen = [(place, value) for reader in readers for place, value in reader.seen.items()]
    return [f"read {value} at {place}, where {there.get(place)} is" for place, value in seen if there.get(place) != value]


def check_replicas(cluster):
    """Stops every node cleanly; then all replicas of a partition hold the same batches. Returns how many batches were compared."""
    cluster.await_in_sync()
    topics = [(topic, partition.id, sorted(partition.replicas)) for topic, partition in cluster.partitions()]
    await_equal_ends(cluster, topics)
    for node in cluster.processes:
        node.stop()
    compared = 0
    for topic, partition, replicas in topics:
        logs = {number: batches(os.path.join(cluster.node(number).data, f"{topic}-{partition}")) for number in replicas}
        first = logs[replicas[0]]
        for number in replicas[1:]:
            other = logs[number]
            both = first.keys() | other.keys()
            if topic.startswith("__"):
                # While the nodes end one by one, the others may append to topics of their own (a job that ends commits its offsets),
                # and each removes old segments in its time. That all had the same was awaited before.
                shared = range(max(min(first), min(other)), min(max(first), max(other)) + 1) if first and other else range(0)
                both = {at for at in both if at in shared}
            unlike = [(at, first.get(at), other.get(at)) for at in sorted(both) if first.get(at) != other.get(at)]
            check(not unlike, f"{topic}-{partition}: nodes {replicas[0]} and {number} differ in {len(unlike)} batches: {unlike[:1]}")
            compared += len(both)
    return compared


def await_equal_ends(cluster, topics):
    """Waits until the followers have what the leaders have: the files are the measure."""

    def equal():
        for topic, partition, replicas in topics:
            ends = set()
            for number in replicas:
                found = batches(os.path.join(cluster.node(number).data, f"{topic}-{partition}"))
                ends.add(max(found, default=-1))
            if len(ends) > 1:
                return False
        return True

    eventually("all replicas end at the same batch", equal, 30, 0.5)


def batches(directory):
    """{base offset: (leader epoch, size, crc)} of a partition's files. Preallocated space ends a file."""
    found = {}
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    for name in names:
        if not name.endswith(".log"):
            continue
        with open(os.path.join(directory, name), "rb") as file:
            while len(head := file.read(21)) == 21:
                base, size, epoch, magic, crc = struct.unpack(">qiibI", head)
                if size <= 0 or magic != 2:
                    break
                found[base] = (epoch, size, crc)
                file.seek(size - 9, os.SEEK_CUR)
    return found
