"""Partitions that get other replicas, by Apache Kafka's reassign-partitions tool, under load."""

import json
import os
import re
import struct
import subprocess
import threading
import time

from harness import tools
from harness.rawkafka import METADATA, connect, receive_frame, request
from harness.report import Skip, check, eventually
from workload import TOPIC

ALTER_PARTITION_REASSIGNMENTS = 45

PLANNED = [
    [[1], [1], [1, 2], [1, 2], [1, 2, 3], [1, 2, 3]],
    [[2, 3], [2, 3], [2, 3], [2, 3], [3, 1], [3, 1]],
]


class Tool:
    """kafka-reassign-partitions; the case is skipped where it cannot be had."""

    def __init__(self, cluster):
        try:
            self._script = tools.kafka_tools()
        except tools.Missing as missing:
            raise Skip(f"{missing} is missing, and with it Kafka's reassign-partitions") from None
        self._cluster = cluster
        self._plan = os.path.join(cluster.directory, "reassignment.json")

    def execute(self, wanted):
        """Begins to move; `wanted` is {(topic, partition): replicas}."""
        self._write(wanted)
        said = self._run("--execute")
        check("Successfully started partition reassignment" in said, f"--execute said {said}")

    def execute_by_hand(self, wanted, absent):
        """The tool takes a second to ask, and refuses a broker that clients do not see now; the request does not."""
        self._write(wanted)
        node = next(node for node in self._cluster.nodes if node is not absent)
        topics = b"".join(compact(topic) + array([struct.pack(">i", partition) + array([struct.pack(">i", replica) for replica in replicas]) + b"\0"]) + b"\0" for (topic, partition), replicas in sorted(wanted.items()))
        body = struct.pack(">i", 30_000) + varint(len(wanted) + 1) + topics + b"\0"
        with connect(node.ports[0], 60, node.host) as connection:
            connection.sendall(request(ALTER_PARTITION_REASSIGNMENTS, 0, 1, body, flexible=True))
            answer = receive_frame(connection)
        (code,) = struct.unpack_from(">h", answer, 9)
        check(code == 0, f"AlterPartitionReassignments was answered {code}: {answer}")

    def _write(self, wanted):
        partitions = [{"topic": topic, "partition": partition, "replicas": replicas} for (topic, partition), replicas in sorted(wanted.items())]
        with open(self._plan, "w") as file:
            json.dump({"version": 1, "partitions": partitions}, file)

    def call_off(self, absent):
        # Else it takes throttles back of every broker by itself, and waits for the one that hangs.
        said = self._run("--cancel", absent, "--preserve-throttles")
        check("Successfully cancelled partition reassignment" in said, f"--cancel said {said}")

    def verify(self, absent=None):
        """{(topic, partition): completed, in progress or none}, of all that were executed last."""
        said = self._run("--verify", absent)
        found = {}
        for topic, partition, state in re.findall(r"^Reassignment of partition (.+)-(\d+) is (?:still )?(completed|in progress)\.$", said, re.M):
            found[topic, int(partition)] = state
        for topic, partition in re.findall(r"^There is no active reassignment of partition (.+)-(\d+), but", said, re.M):
            found[topic, int(partition)] = "none"
        with open(self._plan) as file:
            names = {(each["topic"], each["partition"]) for each in json.load(file)["partitions"]}
        check(found.keys() == names, f"--verify said {said}")
        return found

    def check_complete(self, but=()):
        """All are where they were wanted; of those in `but` nothing is under way, and they are not."""
        wrong = {name: state for name, state in self.verify().items() if state != ("none" if name in but else "completed")}
        check(not wrong, f"--verify says {wrong}")

    def _run(self, what, absent=None, *more):
        command = [self._script, "reassign-partitions", "--bootstrap-server", self._cluster.bootstrap_without(absent), "--reassignment-json-file", self._plan, what, *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        check(done.returncode == 0, f"reassign-partitions {what} ended with {done.returncode}: {done.stdout} {done.stderr}")
        return done.stdout


def planned(number):
    """Where the input's partitions go in the first rounds; None after these."""
    return {(TOPIC, partition): replicas for partition, replicas in enumerate(PLANNED[number])} if number < len(PLANNED) else None


def shuffled(cluster, chance):
    """Other replicas for most partitions of every topic: of the input one to three, of all other topics at least the two that are to be in sync."""
    wanted = {}
    for topic, partition in cluster.partitions():
        if chance.random() < 0.8:
            nodes = [node.id for node in cluster.nodes]
            wanted[topic, partition.id] = chance.sample(nodes, chance.choice([1, 2, 3] if topic == TOPIC else [2, 3]))
    return wanted


def added(cluster, wanted, chance):
    """A broker that `wanted` adds to some partition; None if it adds nobody anywhere."""
    present = replicas_of(cluster)
    return cluster.node(chance.choice(sorted({node for name, replicas in wanted.items() for node in replicas if node not in present[name]}) or [0]))


def calmly(cluster, tool, wanted, chance):
    """Moves everything; nobody dies."""
    tool.execute(wanted)
    await_placed(cluster, wanted)
    tool.check_complete()
    return "nobody dies"


def with_a_kill(cluster, tool, wanted, chance):
    """A broker that is added is killed at some moment from before the request to after it, and started again at once."""
    node = added(cluster, wanted, chance)
    if not node:
        return calmly(cluster, tool, wanted, chance)
    after_s = chance.uniform(-0.1, 0.4)

    def kill():
        time.sleep(0.1 + after_s)
        node.kill()
        node.launch()

    killing = threading.Thread(target=kill)
    killing.start()
    time.sleep(0.1)
    tool.execute_by_hand(wanted, node)
    killing.join()
    node.await_serving()
    await_placed(cluster, wanted)
    tool.check_complete()
    return f"node {node.id}, which is added, killed {1000 * after_s:.0f} ms after the request"


def with_a_hang(cluster, tool, wanted, chance):
    """A broker that is added hangs, so that what it is added to cannot end, and is killed when all else has."""
    node = added(cluster, wanted, chance)
    if not node:
        return calmly(cluster, tool, wanted, chance)
    waits = begin_without(cluster, tool, wanted, node)
    node.replace()
    await_placed(cluster, wanted)
    tool.check_complete()
    return f"{len(waits)} partitions wait for node {node.id}, which hangs, is killed and comes back"


def called_off(cluster, tool, wanted, chance):
    """As with a hang; then what waits is taken back, and what has ended stays."""
    node = added(cluster, wanted, chance)
    if not node:
        return calmly(cluster, tool, wanted, chance)
    before = replicas_of(cluster)
    waits = begin_without(cluster, tool, wanted, node)
    tool.call_off(node)
    eventually("nothing is reassigned any more", lambda: not cluster.status(node)["reassigned"], 30, 0.1)
    node.replace()
    now = {name: before[name] if name in waits else wanted.get(name, before[name]) for name in before}
    await_placed(cluster, now, set)
    tool.check_complete(but=waits)
    return f"{len(waits)} partitions wait for node {node.id}, which hangs, and are called off"


WAYS = [calmly, with_a_kill, with_a_hang, called_off]


def begin_without(cluster, tool, wanted, absent):
    """Executes while `absent` hangs, and answers what waits for it: what it is added to, what it alone has, and what it alone is to have. All else ends."""
    before = replicas_of(cluster)

    def is_awaited(old, new):
        return old != new and (absent.id in new - old or {absent.id} in (old, new))

    waits = {name for name, replicas in wanted.items() if is_awaited(set(before[name]), set(replicas))}
    absent.pause()
    # Nobody's clients are sent to it any more.
    eventually(f"node {absent.id} is fenced", lambda: absent.id not in visible(cluster, absent), 30, 0.1)
    tool.execute_by_hand(wanted, absent)
    names = [f"{topic}-{partition}" for topic, partition in sorted(waits)]
    await_under_way(cluster, absent, names)
    going_on = {name for name, state in tool.verify(absent).items() if state == "in progress"}
    check(going_on == waits, f"--verify says that {going_on} are in progress, not {waits}")
    return waits


def visible(cluster, absent):
    """The brokers that clients are told of, by another than `absent`: a client's library may wait for that one."""
    node = next(node for node in cluster.nodes if node is not absent)
    with connect(node.ports[0], host=node.host) as connection:
        connection.sendall(request(METADATA, 4, 7, struct.pack(">ib", 0, 0)))
        answer = receive_frame(connection)
    (count,), at, found = struct.unpack_from(">i", answer, 8), 12, set()
    for _ in range(count):
        number, length = struct.unpack_from(">ih", answer, at)
        (rack,) = struct.unpack_from(">h", answer, at + 6 + length + 4)
        at += 6 + length + 4 + 2 + max(rack, 0)
        found.add(number)
    return found


def await_under_way(cluster, absent, names, seconds=60):
    """Waits until these are reassigned and no others."""
    deadline = time.monotonic() + seconds
    while (found := cluster.status(absent))["reassigned"] != names:
        unlike = [each for each in found["partitions"] if (f"{each['topic']}-{each['partition']}" in names) != bool(each["adding"] or each["removing"])]
        check(time.monotonic() < deadline, f"{len(unlike)} partitions are under way that do not wait for node {absent.id}, or the other way round: {unlike[:3]}")
        time.sleep(0.2)


def compact(text):
    return varint(len(text) + 1) + text.encode()


def array(items):
    return varint(len(items) + 1) + b"".join(items)


def varint(number):
    low = bytes([number & 0x7F | (0x80 if number > 0x7F else 0)])
    return low + varint(number >> 7) if number > 0x7F else low


def replicas_of(cluster):
    return {(topic, partition.id): list(partition.replicas) for topic, partition in cluster.partitions()}


def await_placed(cluster, wanted, as_told=list, seconds=120):
    """Waits until every partition is on the brokers that are wanted (in their order, unless told `set`), and nothing is under way."""

    def placed():
        found = replicas_of(cluster)
        return all(as_told(found[name]) == as_told(replicas) for name, replicas in wanted.items()) and not cluster.status()["reassigned"]

    eventually("all partitions are where they are wanted", placed, seconds, 0.05)


def check_strays(cluster):
    """A broker keeps no log of a partition that has gone from it."""

    def strays():
        found = replicas_of(cluster)
        return [f"{topic}-{partition} on node {node.id}" for (topic, partition), replicas in found.items() for node in cluster.nodes if node.id not in replicas and os.path.isdir(os.path.join(node.data, f"{topic}-{partition}"))]

    eventually("no log is left where its partition is not", lambda: not strays(), 30, 0.5)
