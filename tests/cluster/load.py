"""What runs while nodes break: a producer of numbered records and readers in a group, each remembering what it was told."""

import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from harness.report import check
from nodes import QUIET
from records import CLOSING_MS, STEP_MS, number_of, value_of


class Load:
    """Produces numbered records round robin at a steady pace; remembers where each was acknowledged, and when."""

    def __init__(self, cluster, topic, partitions, rate, **settings):
        # Nothing is given up: a record whose answer was lost is sent again, under its sequence number.
        chosen = {"enable.idempotence": True, "message.timeout.ms": 0, "reconnect.backoff.max.ms": 500, "linger.ms": 2}
        chosen.update({name.replace("_", "."): value for name, value in settings.items()})
        self._producer = Producer({"bootstrap.servers": cluster.bootstrap, **QUIET, **chosen})
        self.topic = topic
        self.partitions = partitions
        self.rate = rate
        self.sent = 0
        self.real = None
        self.places = {}
        self.errors = []
        self.gap_s_max = 0.0
        self._answered = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def await_acknowledged(self, more, seconds=90):
        """Waits until so many more records are acknowledged than now."""
        wanted = len(self.places) + more
        deadline = time.monotonic() + seconds
        while len(self.places) < wanted:
            check(not self.errors, f"the producer was told of errors: {self.errors[:3]}")
            check(time.monotonic() < deadline, f"{wanted - len(self.places)} of {more} records are not acknowledged within {seconds} s")
            time.sleep(0.02)

    def end(self, seconds=120):
        """Sends what closes every window, and waits until all is acknowledged."""
        self._ending.set()
        self._thread.join(30)
        self.real = self.sent
        for _ in range(self.partitions):
            self._send(self.sent, self.sent * STEP_MS + CLOSING_MS)
            self.sent += 1
        left = self._producer.flush(seconds)
        check(not self.errors, f"the producer was told of {len(self.errors)} errors: {self.errors[:3]}")
        check(left == 0, f"{left} records could not be delivered within {seconds} s")
        check(len(self.places) == self.sent, f"{self.sent - len(self.places)} of {self.sent} records have no answer")

    def abandon(self):
        """Stops sending; what is not acknowledged stays so."""
        self._ending.set()
        self._thread.join(30)

    def _run(self):
        begun, before = time.monotonic(), self.sent
        while not self._ending.is_set():
            while self.sent - before < (time.monotonic() - begun) * self.rate and self.sent - len(self.places) < 20_000:
                self._send(self.sent)
                self.sent += 1
            self._producer.poll(0.005)

    def _send(self, number, happened=None):
        def on_delivery(error, message):
            now = time.monotonic()
            if error is not None:
                self.errors.append(f"{number}: {error}")
                return
            if number in self.places:
                self.errors.append(f"{number}: acknowledged twice")
            # Of a record that was sent again and is known to be there the broker does not say where it is.
            offset = message.offset()
            self.places[number] = (message.partition(), -1 if offset is None else offset)
            if self._answered is not None:
                self.gap_s_max = max(self.gap_s_max, now - self._answered)
            self._answered = now

        self._producer.produce(self.topic, value_of(number, happened), partition=number % self.partitions, on_delivery=on_delivery)


class Reader:
    """One of a group: commits after every poll, remembers each record by its place, and notices a position that went back.

    `decode` makes of a value what is remembered. With `has_gaps` (markers of transactions and of a job's fences, which nobody is given) offsets may be missing.
    """

    def __init__(self, cluster, topic, group, decode=number_of, has_gaps=False, **settings):
        self._decode, self._has_gaps = decode, has_gaps
        self._settings = {
            "bootstrap.servers": cluster.bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
            "reconnect.backoff.max.ms": 500,
            **QUIET,
            **{name.replace("_", "."): value for name, value in settings.items()},
        }
        self._topic = topic
        self.seen = {}
        self.wrong = []
        self.errors = []
        self._committed = {}
        self._next = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self):
        self._ending.set()
        self._thread.join(60)
        check(not self._thread.is_alive(), "a reader hangs in the library")
        check(not self.wrong, f"a reader saw: {self.wrong[:3]}")

    def _run(self):
        consumer = Consumer(self._settings)
        consumer.subscribe([self._topic], on_assign=lambda _, parts: [self._next.pop(part.partition, None) for part in parts])
        while not self._ending.is_set():
            for message in consumer.consume(500, 0.2):
                if message.error():
                    self.errors.append(str(message.error()))
                else:
                    self._on_record(message.partition(), message.offset(), self._decode(message.value()))
            self._commit(consumer)
        consumer.close()

    def _on_record(self, partition, offset, number):
        known = self.seen.setdefault((partition, offset), number)
        if known != number:
            self.wrong.append(f"{partition}@{offset} was {known} and is {number}")
        expected = self._next.get(partition)
        if expected is None and offset < self._committed.get(partition, 0):
            self.wrong.append(f"{partition} begins again at {offset}, {self._committed[partition]} was committed")
        if expected is not None and (offset < expected if self._has_gaps else offset != expected):
            self.wrong.append(f"{partition} goes on at {offset} instead of {expected}")
        self._next[partition] = offset + 1

    def _commit(self, consumer):
        if not self._next:
            return
        wanted = [TopicPartition(self._topic, partition, offset) for partition, offset in self._next.items()]
        wanted = [each for each in wanted if each.offset > self._committed.get(each.partition, 0)]
        if not wanted:
            return
        try:
            for done in consumer.commit(offsets=wanted, asynchronous=False):
                if done.error is None:
                    self._committed[done.partition] = done.offset
        except KafkaException as error:
            self.errors.append(str(error))

