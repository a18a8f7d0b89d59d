"""Kafka's protocol by hand, as far as the tests need it: frames, and whether a broker answers Metadata."""

import socket
import struct
import time

API_VERSIONS = 18
METADATA = 3


def connect(port, seconds=10.0, host="127.0.0.1"):
    """A socket to the broker with a time-out."""
    connection = socket.create_connection((host, port), seconds)
    connection.settimeout(seconds)
    return connection


def request(api, version, correlation, body, client=b"raw", flexible=False):
    """A whole request frame; `flexible` adds the empty tagged fields of header version 2."""
    head = struct.pack(">hhih", api, version, correlation, len(client)) + client
    return frame(head + (b"\0" if flexible else b"") + body)


def frame(payload):
    """The payload behind its length."""
    return struct.pack(">i", len(payload)) + payload


def receive_exactly(connection, count):
    """The next `count` bytes, or ConnectionError."""
    received = bytearray()
    while len(received) < count:
        more = connection.recv(min(1 << 20, count - len(received)))
        if not more:
            raise ConnectionError("closed by the broker")
        received += more
    return bytes(received)


def receive_frame(connection):
    """The payload of the next frame."""
    (length,) = struct.unpack(">i", receive_exactly(connection, 4))
    return receive_exactly(connection, length)


def answers_metadata(port, host="127.0.0.1"):
    """Whether a Metadata request without topics is answered with at least one broker."""
    try:
        with connect(port, host=host) as connection:
            connection.sendall(request(METADATA, 4, 7, struct.pack(">ib", 0, 0)))
            answer = receive_frame(connection)
    except OSError:
        return False
    correlation, _throttle, brokers = struct.unpack_from(">iii", answer)
    return correlation == 7 and brokers > 0


def await_metadata(port, check_it_lives, seconds=120.0):
    """Waits until the broker serves; returns the milliseconds that it took. `check_it_lives` raises once waiting is in vain."""
    started = time.monotonic()
    while not answers_metadata(port):
        check_it_lives()
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"no Metadata answer on port {port} within {seconds:g} s")
        time.sleep(0.01)
    return (time.monotonic() - started) * 1000
