"""Frames that no honest client sends, on raw sockets, while an honest client works beside them.

Every hostile peer must get an error answer or a closed connection, or be left waiting when it has not finished its own frame; the
process must stay the same one, its memory below 200 MB, and the honest client must lose, double or miss nothing.
"""

import os
import random
import resource
import socket
import struct
import threading
import time

from confluent_client import Confluent
from harness import rawkafka
from harness.node import Node
from harness.report import Cases, check, eventually
from harness.sample import plain
from harness.scenarios import Member

MEMORY_MB = 200
HALF_OPEN = 1000
TOPIC = "honest"
GREATEST = 0x7FFFFFFF
ANSWERED, CLOSED, SILENT = "answered", "closed", "silent"

node = Node.from_environment()
client = Confluent(node.bootstrap)
chance = random.Random(20)
# What a frame claims that is never finished. Apache Kafka reserves it all at once, and 250 of 1 MiB starve its heap.
CLAIMED = 4 << 20 if node.is_logmill else 64 << 10


def send(data, seconds=10.0):
    """What becomes of a peer that sends these bytes and then waits."""
    with rawkafka.connect(node.port, seconds) as peer:
        try:
            peer.sendall(data)
            rawkafka.receive_frame(peer)
            return ANSWERED
        except socket.timeout:
            return SILENT
        except (ConnectionError, OSError):
            return CLOSED


def text(value):
    return struct.pack(">h", len(value)) + value


def varint(number):
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(encoded + bytes([number]))


def lengths_that_lie():
    for length, name in [(GREATEST, "2 GiB"), (-1, "-1"), (-(1 << 31), "-2 GiB"), (0, "0"), (3, "3")]:
        fate = send(struct.pack(">i", length) + b"x" * 64)
        check(fate == CLOSED, f"a frame that claims a length of {name} was {fate}, not closed")


def count_frames(count):
    """One request per API whose body begins its main array with this count and then ends."""
    plain_count = struct.pack(">i", count)
    compact = varint(count + 1)
    no_text = struct.pack(">h", -1)
    return [
        ("Produce v3", rawkafka.request(0, 3, 1, no_text + struct.pack(">hi", -1, 1000) + plain_count)),
        ("Produce v9", rawkafka.request(0, 9, 1, b"\0" + struct.pack(">hi", -1, 1000) + compact, flexible=True)),
        ("Produce v9, partitions", rawkafka.request(0, 9, 1, b"\0" + struct.pack(">hi", -1, 1000) + b"\x02\x07honest" + compact, flexible=True)),
        ("Fetch v4", rawkafka.request(1, 4, 1, struct.pack(">iiiib", -1, 10, 1, 1 << 20, 0) + plain_count)),
        ("Fetch v12", rawkafka.request(1, 12, 1, struct.pack(">iiiibii", -1, 10, 1, 1 << 20, 0, 0, -1) + compact, flexible=True)),
        ("ListOffsets v1", rawkafka.request(2, 1, 1, struct.pack(">i", -1) + plain_count)),
        ("Metadata v1", rawkafka.request(3, 1, 1, plain_count)),
        ("Metadata v12", rawkafka.request(3, 12, 1, compact, flexible=True)),
        ("OffsetCommit v2", rawkafka.request(8, 2, 1, text(b"g") + struct.pack(">i", -1) + text(b"") + struct.pack(">q", -1) + plain_count)),
        ("OffsetFetch v1", rawkafka.request(9, 1, 1, text(b"g") + plain_count)),
        ("OffsetFetch v8", rawkafka.request(9, 8, 1, compact, flexible=True)),
        ("FindCoordinator v4", rawkafka.request(10, 4, 1, b"\0" + compact, flexible=True)),
        ("JoinGroup v2", rawkafka.request(11, 2, 1, text(b"g") + struct.pack(">ii", 10000, 10000) + text(b"") + text(b"consumer") + plain_count)),
        ("LeaveGroup v3", rawkafka.request(13, 3, 1, text(b"g") + plain_count)),
        ("SyncGroup v1", rawkafka.request(14, 1, 1, text(b"g") + struct.pack(">i", 1) + text(b"m") + plain_count)),
        ("DescribeGroups v0", rawkafka.request(15, 0, 1, plain_count)),
        ("ListGroups v4", rawkafka.request(16, 4, 1, compact, flexible=True)),
        ("CreateTopics v2", rawkafka.request(19, 2, 1, plain_count)),
        ("CreateTopics v5", rawkafka.request(19, 5, 1, compact, flexible=True)),
        ("DeleteTopics v1", rawkafka.request(20, 1, 1, plain_count)),
        ("DeleteRecords v0", rawkafka.request(21, 0, 1, plain_count)),
        ("OffsetForLeaderEpoch v2", rawkafka.request(23, 2, 1, plain_count)),
        ("DescribeConfigs v1", rawkafka.request(32, 1, 1, plain_count)),
        ("DescribeLogDirs v1", rawkafka.request(35, 1, 1, plain_count)),
        ("CreatePartitions v0", rawkafka.request(37, 0, 1, plain_count)),
        ("DeleteGroups v0", rawkafka.request(42, 0, 1, plain_count)),
        ("ApiVersions v3, tagged fields", rawkafka.request(18, 3, 1, b"\x02a\x02b" + varint(count), flexible=True)),
        ("a header's tagged fields", rawkafka.request(18, 3, 1, b"\x02a\x02b\0").replace(b"raw\x02", b"raw" + varint(count))),
    ]


def counts_that_lie():
    for count in (GREATEST, 1 << 24):
        for name, frame in count_frames(count):
            fate = send(frame)
            check(fate in (ANSWERED, CLOSED), f"{name} with a count of {count} was left {fate}")
    peers = [rawkafka.connect(node.port) for _ in range(100)]
    for at, peer in enumerate(peers):  # all at once: what each is granted adds up
        frames = count_frames(GREATEST)
        try_to_send(peer, frames[at % len(frames)][1])
    for peer in peers:
        peer.close()


def strings_and_bytes_that_lie():
    absent = struct.pack(">hhii", -1, -1, 1000, 1) + text(b"honest") + struct.pack(">iii", 1, 0, GREATEST)
    for name, frame in [
        ("a topic name of 32,767 bytes that are not there", rawkafka.request(3, 1, 1, struct.pack(">ih", 1, 0x7FFF))),
        ("records of 2 GiB that are not there", rawkafka.request(0, 3, 1, absent)),
        ("a client id longer than the frame", rawkafka.frame(struct.pack(">hhih", 3, 1, 1, 0x7FFF) + b"abc")),
        ("a client id of length -7", rawkafka.frame(struct.pack(">hhih", 3, 1, 1, -7) + b"abc" * 20)),
        ("a varint that never ends", rawkafka.request(3, 12, 1, b"\xff" * 40, flexible=True)),
    ]:  # fmt: skip
        fate = send(frame)
        check(fate in (ANSWERED, CLOSED), f"{name}: left {fate}")


def unknown_apis_and_versions():
    for api, version in [(999, 0), (-1, 0), (0x7FFF, 0x7FFF), (3, 99), (3, -1), (0, 99), (1, 0x7FFF)]:
        fate = send(rawkafka.request(api, version, 1, b"\0" * 16))
        check(fate in (ANSWERED, CLOSED), f"API {api} version {version} was left {fate}")
    with rawkafka.connect(node.port) as peer:
        peer.sendall(rawkafka.request(18, 99, 5, b"\0" * 16))
        correlation, code = struct.unpack_from(">ih", rawkafka.receive_frame(peer))
        check((correlation, code) == (5, 35), f"ApiVersions 99 was answered {correlation}, error {code}, not UNSUPPORTED_VERSION in version 0")


def corrupt_batches():
    """A batch whose CRC is wrong is refused with CORRUPT_MESSAGE; garbage in place of a batch is refused too."""
    body = struct.pack(">iBihiqqqhii", 0, 2, 0xBAD & 0x7FFFFFFF, 0, 0, 0, 0, -1, -1, -1, 1) + b"\x0c\0\0\0\x01\x01a\0"
    batch = struct.pack(">qi", 0, len(body)) + body
    old = batch[:16] + b"\0" + batch[17:]
    for name, records in [("a wrong CRC", batch), ("garbage", chance.randbytes(200)), ("a cut batch", batch[:40]), ("old magic", old)]:
        sent = struct.pack(">hhii", -1, -1, 1000, 1) + text(b"honest") + struct.pack(">iii", 1, 0, len(records)) + records
        with rawkafka.connect(node.port) as peer:
            peer.sendall(rawkafka.request(0, 3, 9, sent))
            try:
                answer = rawkafka.receive_frame(peer)
            except ConnectionError:
                continue
            (code,) = struct.unpack_from(">h", answer, 4 + 4 + 2 + len("honest") + 4 + 4)
            check(code != 0, f"{name} was accepted as a record batch")


def truncated_frames():
    whole = rawkafka.request(3, 1, 1, struct.pack(">i", 1) + text(b"honest"))
    for length in range(1, len(whole)):
        with rawkafka.connect(node.port) as peer:
            peer.sendall(whole[:length])
    for length in range(4, len(whole)):  # frames that are whole, but end within a field
        fate = send(struct.pack(">i", length - 4) + whole[4:length])
        check(fate in (ANSWERED, CLOSED), f"a request cut after {length} bytes was left {fate}")


def garbage():
    for _ in range(300):
        payload = chance.randbytes(chance.randrange(8, 400))
        if chance.random() < 0.7:  # behind a header that is right, so that it reaches a decoder
            payload = struct.pack(">hhi", chance.randrange(0, 70), chance.randrange(0, 14), 1) + b"\xff\xff" + payload
        with rawkafka.connect(node.port) as peer:
            try_to_send(peer, rawkafka.frame(payload))
            if chance.random() < 0.2:
                peer.settimeout(0.02)
                try_to_receive(peer)


def silent_and_slow_peers():
    """A thousand connections that say nothing, or begin a frame and stop; the honest client goes on meanwhile."""
    peers = []
    try:
        for number in range(HALF_OPEN):
            peer = rawkafka.connect(node.port, 30)
            peers.append(peer)
            if number % 4 == 1:
                try_to_send(peer, b"\0\0")
            elif number % 4 == 2:  # a large frame, of which little comes
                try_to_send(peer, struct.pack(">i", CLAIMED) + struct.pack(">hhih", 0, 3, 1, -1))
            elif number % 4 == 3:  # asks, and never reads
                try_to_send(peer, rawkafka.request(3, 1, 1, struct.pack(">i", -1)) * 5)
        before = len(honest.received)
        eventually("the honest client goes on beside a thousand half-open peers", lambda: len(honest.received) >= before + 200, 60)
        check(rawkafka.answers_metadata(node.port), "a new connection is not served beside a thousand half-open ones")
        memory_is_bounded()
    finally:
        for peer in peers:
            peer.close()


def pipelined_flood():
    """Requests without end from peers that do not read the answers: the broker must stop reading, not remember."""
    peers = [rawkafka.connect(node.port, 2) for _ in range(8)]
    question = rawkafka.request(3, 1, 1, struct.pack(">i", -1)) * 200
    sent = 0
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for peer in peers:
                peer.settimeout(0.05)
                sent += try_to_send(peer, question)
        check(rawkafka.answers_metadata(node.port), "a new connection is not served beside a flood")
    finally:
        for peer in peers:
            peer.close()


def try_to_send(peer, data):
    try:
        peer.sendall(data)
        return len(data)
    except OSError:
        return 0


def try_to_receive(peer):
    try:
        return peer.recv(1 << 16)
    except OSError:
        return b""


def memory_is_bounded():
    if not node.is_logmill or not os.path.exists("/proc/self/status"):
        return
    peak = node.memory_peak_mb()
    check(peak <= MEMORY_MB, f"the broker's memory reached {peak:.0f} MB, the bound is {MEMORY_MB}")


class HonestClient:
    """Produces steadily and reads it back in a group, until it is told to end."""

    def __init__(self):
        client.create_topic(TOPIC, 2)
        self.sent = []
        self.error = None
        self._ending = threading.Event()
        self._reader = Member(client.consumer(TOPIC, "honest", auto_commit=True))
        self._thread = threading.Thread(target=self._produce, daemon=True)
        self._thread.start()

    @property
    def received(self):
        return self._reader.received

    def _produce(self):
        producer = client.producer()
        records = plain(1000, "honest")

        def on_delivery(error, message):
            self.error = self.error or error
            self.sent.append((message.partition(), message.offset()))

        number = 0
        while not self._ending.wait(0.01):
            for record in records[number % 1000 : number % 1000 + 10]:
                producer.produce(TOPIC, record.value, record.key, timestamp=record.timestamp, on_delivery=on_delivery)
            number += 10
            producer.poll(0)
        producer.flush(30)

    def end(self):
        """Every record was acknowledged once and read once."""
        self._ending.set()
        self._thread.join(60)
        check(self.error is None, f"the honest producer was refused: {self.error}")
        check(len(self.sent) > 500, f"the honest producer sent only {len(self.sent)} records")
        eventually("the honest reader has everything", lambda: len(self.received) >= len(self.sent))
        self._reader.leave()
        check(sorted(self._reader.places()) == sorted(self.sent), "the honest client lost or doubled a record")


def same_process_serves():
    if node.kind != "foreign":
        check(node.pid() == pid, "the broker is another process now")
        check(rawkafka.answers_metadata(node.port), "the broker does not answer")


soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
pid = None if node.kind == "foreign" else node.pid()
cases = Cases("hostile peers:")
honest = HonestClient()
for attack in [
    lengths_that_lie, counts_that_lie, strings_and_bytes_that_lie, unknown_apis_and_versions, corrupt_batches, truncated_frames,
    garbage, silent_and_slow_peers, pipelined_flood,
]:  # fmt: skip

    def withstood(attack=attack):
        attack()
        same_process_serves()
        memory_is_bounded()

    cases.case(attack.__name__.replace("_", " "), withstood)
cases.case("the honest client is unharmed", honest.end)
if node.is_logmill:
    cases.case(f"memory stays below {MEMORY_MB} MB", memory_is_bounded)
cases.close()
