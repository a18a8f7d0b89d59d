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
# Enough names that every partition of the offsets topic is asked; those that nobody uses are answered "Dead", without an error.
GROUPS = [GROUP] + [b"nobody-%d" % number for number in range(400)]
node = Node.from_environment()
starts = 40 if node.is_logmill else 2


def text(value):
    return struct.pack(">h", len(value)) + value


def ask(api, version, body):
    """The answer's body, behind the correlation id."""
    with rawkafka.connect(node.port, 5) as connection:
        connection.sendall(rawkafka.request(api, version, 1, body))
        return rawkafka.receive_frame(connection)[4:]


def groups_in_error():
    """{name: error code} of the groups that DescribeGroups v0 cannot tell of."""
    answer = ask(15, 0, struct.pack(">i", len(GROUPS)) + b"".join(map(text, GROUPS)))
    found, at = {}, 4

    def take(form):
        nonlocal at
        [value] = struct.unpack_from(form, answer, at)
        at += struct.calcsize(form)
        return value

    def take_bytes(form):
        nonlocal at
        length = max(take(form), 0)
        at += length
        return answer[at - length : at]

    for _ in GROUPS:
        code, name = take(">h"), take_bytes(">h")
        for _state_type_protocol in range(3):
            take_bytes(">h")
        for _member in range(take(">i")):
            for form in (">h", ">h", ">h", ">i", ">i"):
                take_bytes(form)
        if code:
            found[name.decode()] = code
    return found


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
            eventually("the coordinator has loaded every partition", lambda: not groups_in_error(), 20, 0.01)
        except AssertionError as late:
            found = groups_in_error()
            text = f"DescribeGroups answers errors {sorted(set(found.values()))} for {len(found)} of {len(GROUPS)} groups"
            raise AssertionError(f"start {number}: {late}; {text}") from late
        check(committed() == count, f"start {number}: the committed offset is {committed()}, not {count}")
        [identity] = eventually("a producer id is given out", producer_id, 20)
        check(identity not in given, f"start {number}: producer id {identity} was given out before")
        given.add(identity)
    say(f"{starts} kills; serving again after {sorted(times)[len(times) // 2]:.0f} ms (median), {max(times):.0f} ms (worst)")


cases = Cases("restarts:")
cases.case("groups, offsets and producer ids are there after every start", state_is_there_after_every_start)
cases.close()
