"""Kills and starts an idle node many times: after each start its groups, committed offsets and producer ids are there within seconds.

What a crash test with a load meets now and then, a coordinator that never finishes loading, this one meets soon.
"""

import struct

from confluent_client import Confluent
from harness import rawkafka
from harness.node import Node
from harness.report import Cases, check, eventually, say
from harness.sample import plain
from harness.scenarios import read_and_commit

TOPIC, GROUP = "restarted", b"restarted-readers"
node = Node.from_environment()
starts = 40 if node.is_logmill else 2


def text(value):
    return struct.pack(">h", len(value)) + value


def ask(api, version, body):
    """The answer's body, behind the correlation id."""
    with rawkafka.connect(node.port, 5) as connection:
        connection.sendall(rawkafka.request(api, version, 1, body))
        return rawkafka.receive_frame(connection)[4:]


def group_error():
    """The error code of DescribeGroups v0."""
    return struct.unpack_from(">h", ask(15, 0, struct.pack(">i", 1) + text(GROUP)), 4)[0]


def committed():
    """The committed offset of partition 0, by OffsetFetch v1."""
    answer = ask(9, 1, text(GROUP) + struct.pack(">i", 1) + text(TOPIC.encode()) + struct.pack(">ii", 1, 0))
    return struct.unpack_from(">q", answer, 4 + 2 + len(TOPIC) + 4 + 4)[0]


def producer_id():
    """A new producer id, by InitProducerId v0; none while there is an error."""
    _throttle, code, number = struct.unpack_from(">ihq", ask(22, 0, struct.pack(">hi", -1, 1000)))
    return None if code else (number,)


def state_is_there_after_every_start():
    node.require_control()
    client = Confluent(node.bootstrap)
    client.create_topic(TOPIC, 1)
    client.produce(TOPIC, plain(100, "restarted"), "none")
    count = len(read_and_commit(client, TOPIC, GROUP.decode(), 40))
    given, times = set(), []
    for number in range(1, starts + 1):
        times.append(node.restart_after_kill())
        try:
            eventually("the coordinator has loaded the group", lambda: group_error() == 0, 20, 0.01)
        except AssertionError as late:
            raise AssertionError(f"start {number}: {late}; DescribeGroups still answers error {group_error()}") from late
        check(committed() == count, f"start {number}: the committed offset is {committed()}, not {count}")
        [identity] = eventually("a producer id is given out", producer_id, 20)
        check(identity not in given, f"start {number}: producer id {identity} was given out before")
        given.add(identity)
    say(f"{starts} kills; serving again after {sorted(times)[len(times) // 2]:.0f} ms (median), {max(times):.0f} ms (worst)")


cases = Cases("restarts:")
cases.case("groups, offsets and producer ids are there after every start", state_is_there_after_every_start)
cases.close()
