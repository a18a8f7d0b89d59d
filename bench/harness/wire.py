"""As much of Kafka's protocol as the measurements need themselves: the probe must cost the broker next to nothing."""

import socket
import struct
import time

METADATA, METADATA_VERSION = 3, 7
CREATE_TOPICS, CREATE_TOPICS_VERSION = 19, 2
ELECT_LEADERS, ELECT_LEADERS_VERSION, PREFERRED = 43, 1, 0
PROBE_INTERVAL_S = 0.002


def ask(port, api, version, body, seconds=60.0, is_flexible=False):
    """The answer to one request on a connection of its own, past its correlation id."""
    client = b"probe"
    head = struct.pack(">hhih", api, version, 1, len(client)) + client + (b"\0" if is_flexible else b"")
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.settimeout(seconds)
        connection.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
        (length,) = struct.unpack(">i", _receive(connection, 4))
        return _receive(connection, length)[4:]


def is_taken(port):
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


def await_metadata(port, since, seconds=120.0):
    """Milliseconds from `since` (time.monotonic) to the first Metadata answer that names a broker."""
    while True:
        try:
            answer = ask(port, METADATA, METADATA_VERSION, struct.pack(">i?", 0, False), 2.0)
            if struct.unpack_from(">i", answer, 4)[0] > 0:
                return (time.monotonic() - since) * 1000
        except OSError:
            pass
        if time.monotonic() - since > seconds:
            raise TimeoutError(f"no Metadata answer on port {port} within {seconds:g} s")
        time.sleep(PROBE_INTERVAL_S)


def create_topic(port, name, partitions, seconds=120.0, replicas=1, assignment=(), options=()):
    """Creates a topic, and waits until all its partitions are led; the milliseconds that both took. `assignment` says which brokers hold
    each partition, `options` are pairs of texts."""
    began = time.monotonic()
    counts = (-1, -1) if assignment else (partitions, replicas)
    row = string(name) + struct.pack(">ihi", *counts, len(assignment))
    for number, brokers in enumerate(assignment):
        row += struct.pack(f">ii{len(brokers)}i", number, len(brokers), *brokers)
    row += struct.pack(">i", len(options)) + b"".join(string(key) + string(value) for key, value in options)
    body = struct.pack(">i", 1) + row + struct.pack(">i?", int(seconds * 1000), False)
    answer = ask(port, CREATE_TOPICS, CREATE_TOPICS_VERSION, body, seconds)
    (error,) = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name))
    if error:
        raise RuntimeError(f"CreateTopics of {name}: error {error}")
    while sum(each.is_led for each in partitions_of(port, name)) < partitions:
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not all partitions of {name} are led within {seconds:g} s")
        time.sleep(0.02)
    return (time.monotonic() - began) * 1000


def elect_preferred(port, seconds=60.0):
    """Asks that every partition be led by the first of its replicas; some may not be yet when this returns."""
    ask(port, ELECT_LEADERS, ELECT_LEADERS_VERSION, struct.pack(">bii", PREFERRED, -1, int(seconds * 1000)), seconds)


class Partition:
    """What Metadata says about one."""

    def __init__(self, reader):
        error, self.number, self.leader, self.epoch = (reader.take(form) for form in (">h", ">i", ">i", ">i"))
        self.replicas, self.isr, _offline = (reader.numbers() for _ in range(3))
        self.is_led = error == 0 and self.leader >= 0

    @property
    def is_in_sync(self):
        """Led, with every replica in its ISR."""
        return self.is_led and sorted(self.replicas) == sorted(self.isr)

    @property
    def is_as_preferred(self):
        """Led by the first of its replicas."""
        return self.is_led and self.leader == self.replicas[0]


def partitions_of(port, topic=None):
    """The partitions of a topic, or of all, as one broker says."""
    names = struct.pack(">i", -1) if topic is None else struct.pack(">i", 1) + string(topic)
    reader = Reader(ask(port, METADATA, METADATA_VERSION, names + b"\0"))
    reader.take(">i")  # throttle
    for _ in range(reader.take(">i")):
        reader.take(">i"), reader.string(), reader.take(">i"), reader.string()
    reader.string(), reader.take(">i")  # cluster id, controller
    found = []
    for _ in range(reader.take(">i")):
        reader.take(">h"), reader.string(), reader.take(">?")
        found += [Partition(reader) for _ in range(reader.take(">i"))]
    return found


class Reader:
    """Takes one field after the other."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, form):
        """A number of the struct's form."""
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def varint(self):
        """An unsigned one; lengths and counts of the flexible versions are one more than what they say."""
        value, shift = 0, 0
        while True:
            byte = self.take(">B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def string(self):
        """Passes over a text, or over null."""
        self.skip(max(self.take(">h"), 0))

    def skip(self, count):
        """Passes over so many bytes."""
        self.at += count

    def numbers(self):
        """An array of 32-bit numbers."""
        return [self.take(">i") for _ in range(self.take(">i"))]


def string(text):
    """As it goes over the wire."""
    return struct.pack(">h", len(text)) + text.encode()


def _receive(connection, count):
    received = bytearray()
    while len(received) < count:
        more = connection.recv(min(1 << 20, count - len(received)))
        if not more:
            raise ConnectionError("closed by the broker")
        received += more
    return bytes(received)
