"""The transactional copy: consume, produce to several partitions and commit the offsets in one transaction, a quarter of them aborted.

What is checked: a reader of committed records finds each record of the source once, those of one source partition in order, nothing of a
transaction that was aborted, and of every other transaction all or nothing, also where its outcome was never told.
"""

import random
import struct
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from harness.report import check
from history import misread, read_all
from load import Reader
from nodes import QUIET
from records import number_of

SOURCE_BYTES = struct.Struct(">qqi")  # number, transaction, copier
ABORTED_SHARE = 0.25
RECORDS_MAX = 200


class Anew(Exception):
    """The clients are of no use any more: begin again with new ones, as a program under a supervisor would."""


class Copier:
    """One program that copies: a member of the copiers' group with a transactional id of its own."""

    def __init__(self, cluster, number, source, target, partitions, chance):
        self._bootstrap = cluster.bootstrap
        self._number, self._source, self._target, self._partitions = number, source, target, partitions
        self._chance = chance
        self._producer = self._consumer = None
        self.transactions = {}  # number: [records' numbers], as they were given to the producer
        self.committed, self.aborted = set(), set()
        self.errors = []
        self.step = "begins"
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self):
        self._ending.set()
        self._thread.join(120)
        check(not self._thread.is_alive(), f"copier {self._number} {self.step} without end; its errors: {self.errors[-3:]}")

    def _run(self):
        while not self._ending.is_set():
            try:
                self._copy()
            except (KafkaException, Anew) as error:
                self.errors.append(str(error))
            finally:
                self.step = "closes its consumer"
                if self._consumer:
                    self._consumer.close()
                self._consumer = self._producer = None

    def _copy(self):
        bootstrap = {"bootstrap.servers": self._bootstrap, "reconnect.backoff.max.ms": 500, **QUIET}
        self._producer = Producer({"transactional.id": f"copier-{self._number}", "transaction.timeout.ms": 60_000, "linger.ms": 2, **bootstrap})
        self.step = "initializes its producer"
        again_if_told(lambda: self._producer.init_transactions(20), 60)
        group = {"group.id": "copiers", "session.timeout.ms": 6000, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        self._consumer = Consumer({**bootstrap, **group})
        # Who gives the callbacks hears of a new assignment within `consume` alone, not between reading and committing.
        self._consumer.subscribe([self._source], on_assign=lambda to, places: to.assign(places), on_revoke=lambda to, _: to.unassign())
        while not self._ending.is_set():
            self.step = f"reads {[each.partition for each in self._consumer.assignment()]}"
            messages = [each for each in self._consumer.consume(RECORDS_MAX, 0.2) if not each.error()]
            if messages:
                self._copy_in_one_transaction(messages)

    def _copy_in_one_transaction(self, messages):
        transaction = len(self.transactions)
        self.step = f"sends the records of transaction {transaction}"
        numbers = self.transactions[transaction] = []
        self._producer.begin_transaction()
        ends = {}
        for message in messages:
            number = number_of(message.value())
            numbers.append(number)
            value = SOURCE_BYTES.pack(number, transaction, self._number)
            self._producer.produce(self._target, value, partition=number % self._partitions)
            ends[message.partition()] = message.offset() + 1
        if self._chance.random() < ABORTED_SHARE:
            self._producer.flush(20)
            return self._abort(transaction)
        self.step = f"commits transaction {transaction}"
        try:
            offsets = [TopicPartition(self._source, partition, offset) for partition, offset in ends.items()]
            again_if_told(lambda: self._producer.send_offsets_to_transaction(offsets, self._consumer.consumer_group_metadata(), 20), 60)
            again_if_told(lambda: self._producer.commit_transaction(20), 60)
        except KafkaException as error:
            self.errors.append(str(error))
            if not error.args[0].txn_requires_abort():
                raise
            return self._abort(transaction)
        self.committed.add(transaction)

    def _abort(self, transaction):
        self.step = f"aborts transaction {transaction}"
        again_if_told(lambda: self._producer.abort_transaction(20), 60)
        self.aborted.add(transaction)
        self.step = "goes back to what is committed"
        held = self._consumer.assignment()
        places = self._consumer.committed(held, timeout=20) if held else []
        if any(place.error for place in places):
            raise Anew(f"offsets: {places}")
        # Not seek: it waits without end for a partition whose leader moves just then.
        self._consumer.assign([TopicPartition(each.topic, each.partition, max(each.offset, 0)) for each in places])


def again_if_told(call, seconds):
    """Calls once more, for so long, after an error of which the library says that one may."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise


class Copying:
    """The copiers, a reader of what they have committed, and the check."""

    TOPIC, PARTITIONS = "copies", 4

    def __init__(self, cluster, source, seed):
        self.cluster = cluster
        cluster.create(self.TOPIC, self.PARTITIONS)
        self.copiers = [Copier(cluster, each, source, self.TOPIC, self.PARTITIONS, random.Random(f"{seed} {each}")) for each in range(2)]
        self.reader = Reader(cluster, self.TOPIC, "readers-of-copies", SOURCE_BYTES.unpack, has_gaps=True)

    def finish(self, source, seconds=120):
        """Waits until everything is copied, checks it against what the source holds; returns what to tell."""
        wanted = {number: (partition, offset) for partition, records in source.items() for offset, number in records}
        self._await(len(wanted), seconds)
        for copier in self.copiers:
            copier.end()
        self.reader.end()
        found = read_all(self.cluster, self.TOPIC, self.PARTITIONS, SOURCE_BYTES.unpack)
        all_written = read_all(self.cluster, self.TOPIC, self.PARTITIONS, SOURCE_BYTES.unpack, "read_uncommitted")
        problems = misread(found, [self.reader]) + out_of_order(found, wanted) + self._broken_transactions(found)
        check(not problems, f"copies: {len(problems)} problems: {'; '.join(problems[:5])}")
        visible, written = (sum(map(len, each.values())) for each in (found, all_written))
        committed = sum(len(copier.committed) for copier in self.copiers)
        aborted = sum(len(copier.aborted) for copier in self.copiers)
        untold = sum(len(copier.transactions) for copier in self.copiers) - committed - aborted
        return f"{committed} transactions committed, {aborted} aborted, {untold} of untold outcome, all or nothing; {visible} copies, {written - visible} records hidden"

    def _await(self, count, seconds):
        deadline = time.monotonic() + seconds
        while len(self.reader.seen) < count:
            steps = [(copier.step, copier.errors[-2:]) for copier in self.copiers]
            check(time.monotonic() < deadline, f"{count - len(self.reader.seen)} of {count} records are not copied within {seconds} s; copiers and their last errors: {steps}")
            time.sleep(0.1)

    def _broken_transactions(self, found):
        """Aborted ones that can be read, and those of which only a part can."""
        seen = {}
        for records in found.values():
            for _, (number, transaction, copier) in records:
                seen.setdefault((copier, transaction), []).append(number)
        problems = []
        for (number, transaction), numbers in seen.items():
            copier = self.copiers[number]
            if transaction in copier.aborted:
                problems.append(f"{len(numbers)} records of the aborted transaction {transaction} of copier {number} can be read")
            if sorted(numbers) != sorted(copier.transactions.get(transaction, [])):
                problems.append(f"of transaction {transaction} of copier {number} {len(numbers)} of {len(copier.transactions[transaction])} records can be read")
        for copier in self.copiers:
            lacking = [transaction for transaction in copier.committed if (copier._number, transaction) not in seen]
            problems += [f"the committed transaction {transaction} of copier {copier._number} cannot be read" for transaction in lacking]
        return problems


def out_of_order(found, wanted):
    """Records of the source that are lost or doubled, and those of one of its partitions that changed places."""
    problems, at = [], {}
    for partition, records in found.items():
        before = {}
        for offset, (number, _, _) in records:
            if number in at:
                problems.append(f"doubled {number} at {at[number]} and {(partition, offset)}")
            at[number] = (partition, offset)
            source, position = wanted.get(number, (None, 0))
            if position < before.get(source, 0):
                problems.append(f"reordered {number} in {partition}@{offset}")
            before[source] = position
    problems += [f"lost {number} of {wanted[number]}" for number in sorted(wanted.keys() - at.keys())]
    problems += [f"invented {number}" for number in sorted(at.keys() - wanted.keys())]
    return problems
