"""What every client library is taken through, once, so that all are held to the same.

A client is an object with
    name, codecs                        the name for topics; the compression types that it can send
    null_headers                        whether it can send a header without a value
    create_topic(topic, partitions)     raises AlreadyExists where there is one already
    partition_count(topic)
    produce(topic, records, codec)      waits for every acknowledgement; returns [(partition, offset)] in the records' order
    read(topic, partitions, count)      the first `count` records of the topic from its beginning, as [Received], without a group
    consumer(topic, group, auto_commit) a group member: poll() -> [Received], assignment() -> {partition}, commit(), close()
    offset_for_time(topic, timestamp)   of partition 0: an offset, or None past the last record
    read_from(topic, offset, count)     of partition 0, after a seek, as [Received]
"""

import threading

from harness.murmur2 import partition_of
from harness.report import check, eventually
from harness.sample import plain, sample


class AlreadyExists(Exception):
    """A topic of that name exists."""


class Scenarios:
    """The five cases of one client against one node."""

    def __init__(self, client, node):
        self.client = client
        self.node = node

    def run(self, cases):
        """All of them, in the order in which they build on each other."""
        cases.case("creates a topic once", self.creates_a_topic_once)
        for codec in self.client.codecs:
            cases.case(f"gets back what it sent, {codec}", self.gets_back_what_it_sent, codec)
        cases.case("shares a group of two", self.shares_a_group_of_two)
        cases.case("resumes from its commit after kill -9", self.resumes_from_its_commit_after_kill)
        cases.case("goes on with the same consumer after kill -9", self.goes_on_after_kill)
        cases.case("seeks by time", self.seeks_by_time)

    def creates_a_topic_once(self):
        topic = self._topic("created", 3)
        check(self.client.partition_count(topic) == 3, "the new topic has not three partitions")
        try:
            self.client.create_topic(topic, 3)
        except AlreadyExists:
            return
        raise AssertionError("a second creation was accepted")

    def gets_back_what_it_sent(self, codec):
        topic = self._topic(f"codec-{codec}", 4)
        records = sample(null_headers=self.client.null_headers)
        places = self.client.produce(topic, records, codec)
        sent = dict(zip(places, records))
        check(len(sent) == len(records), "two records were acknowledged with one offset")
        for (partition, _), record in sent.items():
            if record.key is not None:
                check(partition == partition_of(record.key, 4), f"key {record.key} went to partition {partition}")
        received = self.client.read(topic, range(4), len(records))
        compare(sent, received)

    def shares_a_group_of_two(self):
        topic, group = self._topic("shared", 4), f"{self.client.name}-pair"
        first = Member(self.client.consumer(topic, group, auto_commit=True))
        try:
            first.await_assignment({0, 1, 2, 3})
            alone = self.client.produce(topic, plain(100, "alone"), "none")
            first.await_count(100)
            second = Member(self.client.consumer(topic, group, auto_commit=True))
            try:
                eventually("two members share four partitions", lambda: shared(first, second, 4))
                both = self.client.produce(topic, plain(200, "both"), "none")
                eventually("both together read all", lambda: len(first.received) + len(second.received) >= 300)
            finally:
                first.leave()
            second.await_assignment({0, 1, 2, 3})
            rest = self.client.produce(topic, plain(100, "rest"), "none")
            eventually("the one left reads the rest", lambda: len(first.received) + len(second.received) >= 400)
        finally:
            first.leave()
            second.leave()
        check(len(second.places()) > 100, "the second member read nothing while there were two")
        found = first.places() + second.places()
        check(sorted(found) == sorted(alone + both + rest), "a record was missed or read twice")

    def resumes_from_its_commit_after_kill(self):
        self.node.require_control()
        topic, group = self._topic("resumed", 3), f"{self.client.name}-resumed"
        sent = self.client.produce(topic, plain(120, "before"), "none")
        before = read_and_commit(self.client, topic, group, 40)
        check(40 <= len(before) < 120, f"{len(before)} records were read where about 40 were wanted")
        self.node.restart_after_kill()
        after = Member(self.client.consumer(topic, group, auto_commit=False))
        try:
            sent += self.client.produce(topic, plain(60, "after"), "none")
            after.await_count(len(sent) - len(before))
        finally:
            after.leave()
        check(sorted(before + after.places()) == sorted(sent), "what was committed and what was read after do not make the whole")

    def goes_on_after_kill(self):
        self.node.require_control()
        topic, group = self._topic("steady", 3), f"{self.client.name}-steady"
        member = Member(self.client.consumer(topic, group, auto_commit=False))
        try:
            sent = self.client.produce(topic, plain(60, "before"), "none")
            member.await_count(60)
            self.node.restart_after_kill()
            sent += self.client.produce(topic, plain(60, "after"), "none")
            # A member may have to join anew, and what it had not committed is then read again.
            eventually("all are read", lambda: set(member.places()) == set(sent), 60)
        finally:
            member.leave()

    def seeks_by_time(self):
        topic = self._topic("timed", 1)
        records = plain(100, "timed")
        self.client.produce(topic, records, "none")
        first = records[0].timestamp
        for asked, expected in [(first, 0), (first + 41_000, 41), (first + 41_001, 42), (first - 5, 0), (first + 99_001, None)]:
            found = self.client.offset_for_time(topic, asked)
            check(found == expected, f"{asked - first} ms after the first record: offset {found}, not {expected}")
        tail = self.client.read_from(topic, 42, 58)
        check([each.record for each in tail] == records[42:], "the records after the seek are not those that were sent")

    def _topic(self, purpose, partitions):
        topic = f"{self.client.name}-{purpose}"
        self.client.create_topic(topic, partitions)
        return topic


class Member:
    """A group member that polls on a thread of its own, as a program of its own would."""

    def __init__(self, consumer):
        self.received = []
        self.assigned = set()
        self.error = None
        self._consumer = consumer
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def places(self):
        """(partition, offset) of all that it read."""
        return [(each.partition, each.offset) for each in list(self.received)]

    def await_assignment(self, partitions):
        """Waits until exactly these are its partitions."""
        eventually(f"a member holds {sorted(partitions)}", lambda: self._healthy() and self.assigned == partitions)

    def await_count(self, count):
        """Waits until it has read so many records."""
        eventually(f"a member has read {count} records", lambda: self._healthy() and len(self.received) >= count, 60)

    def leave(self):
        """Closes the consumer properly; a second call does nothing."""
        self._leaving.set()
        self._thread.join(60)
        check(not self._thread.is_alive(), "a consumer did not close within 60 s")

    def _healthy(self):
        if self.error:
            raise self.error
        return True

    def _run(self):
        try:
            while not self._leaving.is_set():
                self.received += self._consumer.poll()
                self.assigned = self._consumer.assignment()
        except Exception as error:  # told to the thread that waits
            self.error = error
        finally:
            self.assigned = set()
            self._consumer.close()


def read_and_commit(client, topic, group, count):
    """Reads about `count` records in the group, commits, leaves; returns their places."""
    consumer = client.consumer(topic, group, auto_commit=False)
    places = []

    def read_on():
        places.extend((each.partition, each.offset) for each in consumer.poll())
        return len(places) >= count

    try:
        eventually(f"{count} records are read", read_on)
        consumer.commit()
    finally:
        consumer.close()
    return places


def compare(sent, received):
    """Every record once, at the offset that was acknowledged, the same to the last byte."""
    found = {(each.partition, each.offset): each.record for each in received}
    check(len(found) == len(received), "an offset was delivered twice")
    check(found.keys() == sent.keys(), f"offsets differ: {sorted(found.keys() ^ sent.keys())[:10]}")
    for place, record in sent.items():
        for field in record._fields:
            there, here = getattr(found[place], field), getattr(record, field)
            check(there == here, f"{place}: {field} is {there!r:.200}, sent was {here!r:.200}")


def shared(first, second, partitions):
    """Whether two members hold all partitions, each some and none both."""
    one, other = first.assigned, second.assigned
    return one and other and not one & other and one | other == set(range(partitions))
