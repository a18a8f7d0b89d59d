"""As much of Kafka's protocol as asking for metadata and creating a topic takes: the probe must cost the broker next to nothing."""

import socket
import struct
import time

METADATA, METADATA_VERSION = 3, 5
CREATE_TOPICS, CREATE_TOPICS_VERSION = 19, 2
PROBE_INTERVAL_S = 0.002


def ask(port, api, version, body, seconds=60.0):
    """The answer to one request on a connection of its own, past its correlation id."""
    client = b"probe"
    head = struct.pack(">hhih", api, version, 1, len(client)) + client
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.settimeout(seconds)
        connection.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
        (length,) = struct.unpack(">i", _receive(connection, 4))
        return _receive(connection, length)[4:]


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


def create_topic(port, name, partitions, seconds=120.0):
    """Creates a topic, and waits until all its partitions are led; the milliseconds that both took."""
    began = time.monotonic()
    row = _string(name) + struct.pack(">ihii", partitions, 1, 0, 0)
    body = struct.pack(">i", 1) + row + struct.pack(">i?", int(seconds * 1000), False)
    answer = ask(port, CREATE_TOPICS, CREATE_TOPICS_VERSION, body, seconds)
    (error,) = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name))
    if error:
        raise RuntimeError(f"CreateTopics of {name}: error {error}")
    while _led(port, name) < partitions:
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not all partitions of {name} are led within {seconds:g} s")
        time.sleep(0.02)
    return (time.monotonic() - began) * 1000


def _led(port, name):
    """How many partitions of the topic have a leader."""
    answer = ask(port, METADATA, METADATA_VERSION, struct.pack(">i", 1) + _string(name) + b"\0")
    reader = _Reader(answer)
    reader.take(">i")  # throttle
    for _ in range(reader.take(">i")):
        reader.take(">i"), reader.string(), reader.take(">i"), reader.string()
    reader.string(), reader.take(">i")  # cluster id, controller
    led = 0
    for _ in range(reader.take(">i")):
        reader.take(">h"), reader.string(), reader.take(">?")
        for _ in range(reader.take(">i")):
            error, _partition, leader = reader.take(">h"), reader.take(">i"), reader.take(">i")
            for _ in range(3):  # replicas, in-sync replicas, offline replicas
                count = reader.take(">i")
                reader.at += 4 * count
            led += error == 0 and leader >= 0
    return led


class _Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, form):
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def string(self):
        length = self.take(">h")
        self.at += max(length, 0)


def _string(text):
    return struct.pack(">h", len(text)) + text.encode()


def _receive(connection, count):
    received = bytearray()
    while len(received) < count:
        more = connection.recv(min(1 << 20, count - len(received)))
        if not more:
            raise ConnectionError("closed by the broker")
        received += more
    return bytes(received)
