"""The metadata quorum as its members tell it: who leads in which epoch, how far each voter is, and whether a change of metadata works."""

import struct

from harness.wire import Reader, ask, string

DESCRIBE_QUORUM, DESCRIBE_QUORUM_VERSION = 55, 0
ALTER_CONFIGS, ALTER_CONFIGS_VERSION = 44, 0
METADATA_TOPIC = "__cluster_metadata"
TOPIC_RESOURCE, SET = 2, 0
# Metadata is committed a few records behind its end at any instant: the controller notes the time in it.
LAG_MAX = 10


class Quorum:
    """One answer to DescribeQuorum."""

    def __init__(self, port, seconds=60.0):
        name = METADATA_TOPIC.encode()
        body = bytes([2, len(name) + 1]) + name + bytes([2]) + struct.pack(">i", 0) + bytes(3)
        reader = Reader(ask(port, DESCRIBE_QUORUM, DESCRIBE_QUORUM_VERSION, body, seconds, is_flexible=True))
        reader.varint()  # tags of the header
        self.error = reader.take(">h")
        self.leader, self.epoch, self.ends = -1, -1, {}
        if self.error or reader.varint() < 2:
            return
        reader.skip(reader.varint() - 1)  # the topic
        reader.varint(), reader.take(">i")  # one partition, number 0
        self.error, self.leader, self.epoch, self.end = (reader.take(form) for form in (">h", ">i", ">i", ">q"))
        for _ in range(reader.varint() - 1):
            voter, end = reader.take(">i"), reader.take(">q")
            reader.varint()
            self.ends[voter] = end

    @property
    def is_whole(self):
        """Whether it is led and every voter is at its end, but for what is under way."""
        return self.error == 0 and self.leader >= 0 and bool(self.ends) and min(self.ends.values()) >= self.end - LAG_MAX


def change(port, topic, number, seconds=60.0):
    """Changes an option of the topic; the error code."""
    option = string("retention.ms") + bytes([SET]) + string(str(600_000_000 + number))
    body = struct.pack(">ib", 1, TOPIC_RESOURCE) + string(topic) + struct.pack(">i", 1) + option + b"\0"
    return struct.unpack_from(">h", ask(port, ALTER_CONFIGS, ALTER_CONFIGS_VERSION, body, seconds), 4 + 4)[0]
