"""Kills the broker again and again under load: no acknowledged record lost or doubled, no window lost, doubled or changed.

The load is an idempotent producer (librdkafka), a consumer in a group, and on Logmill a window job from SQL. Event times are
computed from the record's number, so what every window must hold is known whatever the crashes do to the pace. Afterwards the
same input is given to an undisturbed node, and the result topics must be equal, partition by partition, as sequences.

CLIENTS_CYCLES says how often it kills (run --cycles); CLIENTS_SEED replays the same pauses.
"""

import collections
import datetime
import json
import os
import random
import threading
import time

from confluent_kafka import KafkaException

from confluent_client import Confluent, await_records, read_to_end
from harness.node import Node, free_port
from harness.report import Cases, check, eventually, say
from harness.rawkafka import answers_metadata
from harness.scenarios import Member

INPUT, OUTPUT, GROUP = "clicks", "clicks-per-page", "clicks-readers"
PARTITIONS = 3
PAGES = 7
RECORDS_PER_S = 1500
STEP_MS = 10  # event time per record
WINDOW_MS = 10_000
START = datetime.datetime(2025, 6, 1)
# Behind the watermark of the last real record: this far ahead lies the record that closes every window.
CLOSING_MS = 3_600_000

JOB = """
CREATE TABLE clicks (
  number BIGINT, page STRING, amount BIGINT, happened TIMESTAMP(3),
  WATERMARK FOR happened AS happened - INTERVAL '2' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'clicks', 'properties.bootstrap.servers' = '{bootstrap}',
  'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
CREATE TABLE clicks_per_page (window_start TIMESTAMP(3), page STRING, clicks BIGINT, amount BIGINT)
WITH ('connector' = 'kafka', 'topic' = 'clicks-per-page', 'properties.bootstrap.servers' = '{bootstrap}', 'format' = 'json');
INSERT INTO clicks_per_page
SELECT window_start, page, COUNT(*), SUM(amount)
FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(happened), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, page;
"""

node = Node.from_environment()
cycles = int(os.environ.get("CLIENTS_CYCLES", "5"))
seed = int(os.environ.get("CLIENTS_SEED", random.randrange(1 << 32)))
chance = random.Random(seed)


def shown(milliseconds):
    return (START + datetime.timedelta(milliseconds=milliseconds)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def click(number, happened):
    return json.dumps({"number": number, "page": f"/page/{number * 7919 % PAGES}", "amount": number % 1000, "happened": shown(happened)}).encode()


class Load:
    """Produces numbered clicks round robin at a steady pace, and remembers where each was acknowledged."""

    def __init__(self, client):
        # Nothing is given up: a record whose answer a crash swallowed is sent again, under its sequence number.
        self._producer = client.producer("lz4", **{"message.timeout.ms": 0, "reconnect.backoff.ms": 20, "max.in.flight": 5})
        self.sent = 0
        self.places = {}
        self.errors = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        started = time.monotonic()
        while not self._ending.is_set():
            while self.sent < (time.monotonic() - started) * RECORDS_PER_S and self.sent - len(self.places) < 20_000:
                self._send(self.sent, self.sent * STEP_MS, self.sent % PARTITIONS)
                self.sent += 1
            self._producer.poll(0.005)

    def _send(self, number, happened, partition):
        def on_delivery(error, message):
            if error is not None:
                self.errors.append(f"{number}: {error}")
            elif number in self.places:
                self.errors.append(f"{number}: acknowledged twice")
            else:
                self.places[number] = (message.partition(), message.offset())

        self._producer.produce(INPUT, click(number, happened), partition=partition, on_delivery=on_delivery)

    def end(self):
        """Sends what closes every window and waits until all is acknowledged."""
        self._ending.set()
        self._thread.join(30)
        self.real = self.sent
        for partition in range(PARTITIONS):
            self._send(self.sent, self.sent * STEP_MS + CLOSING_MS, partition)
            self.sent += 1
        check(self._producer.flush(120) == 0, "the producer could not deliver everything within 120 s")
        check(not self.errors, f"the producer was told of {len(self.errors)} errors: {self.errors[:3]}")
        check(len(self.places) == self.sent, f"{self.sent - len(self.places)} of {self.sent} records have no answer")

    def expected_windows(self):
        """{(window_start, page): (clicks, amount)} of the real records."""
        windows = collections.defaultdict(lambda: [0, 0])
        for number in range(self.real):
            row = windows[shown(number * STEP_MS // WINDOW_MS * WINDOW_MS), f"/page/{number * 7919 % PAGES}"]
            row[0] += 1
            row[1] += number % 1000
        return {key: tuple(row) for key, row in windows.items()}


class Reader:
    """One of the group, committing after every poll; after an error it begins anew, as a program under a supervisor would."""

    def __init__(self, client):
        self._client = client
        self.numbers = collections.Counter()
        self.errors = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ending.is_set():
            consumer = self._client.consumer(INPUT, GROUP, auto_commit=False)
            try:
                while not self._ending.is_set():
                    received = consumer.poll()
                    self.numbers.update(json.loads(each.record.value)["number"] for each in received)
                    if received:
                        consumer.commit()
            except KafkaException as error:
                self.errors.append(str(error))
            finally:
                consumer.close()

    def end(self):
        self._ending.set()
        self._thread.join(60)
        check(not self._thread.is_alive(), "a reader hangs in the library")


def await_windows(bootstrap, count):
    """{partition: [row]} of the result topic once it has so many; a window's start without its empty milliseconds or with them is one."""
    decoded = {}
    for partition, records in await_records(bootstrap, OUTPUT, count, 60).items():
        decoded[partition] = []
        for _, value in records:
            row = json.loads(value)
            start = row["window_start"].replace("T", " ")
            decoded[partition].append((start if "." in start else start + ".000", row["page"], row["clicks"], row["amount"]))
    return decoded


def start_job(broker):
    printed = broker.sql(JOB.format(bootstrap=broker.bootstrap))
    say(f"the job: {' '.join(printed.split())[:200]}")


class Crashes:
    """The run that all cases look at."""

    results = {}  # {partition: [row]}, once they are read

    def kill_again_and_again(self):
        node.require_control()
        self.client = Confluent(node.bootstrap)
        self.client.create_topic(INPUT, PARTITIONS, {"retention.ms": "-1"})
        if node.is_logmill:
            start_job(node)
        self.load, self.readers = Load(self.client), [Reader(self.client), Reader(self.client)]
        recoveries = []
        try:
            for cycle in range(cycles):
                time.sleep(chance.uniform(0.2, 2.5))
                acknowledged = len(self.load.places)
                recoveries.append(node.restart_after_kill())
                eventually(f"records are acknowledged again after kill {cycle + 1}", lambda: len(self.load.places) > acknowledged, 90)
            time.sleep(1)
        finally:
            self.load.end()
        middle = sorted(recoveries)[len(recoveries) // 2]
        say(f"{cycles} kills, seed {seed}, {self.load.sent} records; serving again after {middle:.0f} ms (median), {max(recoveries):.0f} ms (worst)")

    def no_acknowledged_record_is_lost_or_doubled(self):
        found = read_to_end(node.bootstrap, INPUT)
        seen = collections.Counter(json.loads(value)["number"] for records in found.values() for _, value in records)
        doubled = [number for number, times in seen.items() if times > 1]
        check(not doubled, f"{len(doubled)} records are in the log twice, the first is {min(doubled, default=None)}")
        there = {json.loads(value)["number"]: (partition, offset) for partition, records in found.items() for offset, value in records}
        lost = [number for number in self.load.places if number not in there]
        first = min(lost, default=None)
        check(not lost, f"{len(lost)} acknowledged records are lost, the first is {first} at {self.load.places.get(first)}")
        moved = [number for number, place in self.load.places.items() if there[number] != place]
        check(not moved, f"{len(moved)} records lie elsewhere than was acknowledged: {moved[:3]}")
        for partition, records in found.items():
            numbers = [json.loads(value)["number"] for _, value in records]
            check(numbers == sorted(numbers), f"partition {partition} is not in the order in which it was sent")

    def group_misses_nothing(self):
        def missing():
            return set(range(self.load.sent)).difference(*(reader.numbers.keys() for reader in self.readers))

        try:
            eventually("the group has read every record", lambda: not missing(), 90, 0.5)
        except AssertionError as late:
            found = sorted(missing())
            errors = collections.Counter(error for reader in self.readers for error in reader.errors)
            places = [self.load.places[number] for number in found[:3]]
            raise AssertionError(f"{late}: {len(found)} are missing, from {places} to {self.load.places[found[-1]]}; errors {errors}") from late
        finally:
            for reader in self.readers:
                reader.end()
        rest = Member(self.client.consumer(INPUT, GROUP, auto_commit=False))
        try:
            rest.await_assignment(set(range(PARTITIONS)))
            time.sleep(1)
            check(len(rest.received) == 0, f"{len(rest.received)} records are given out again after they were committed")
        finally:
            rest.leave()

    def windows_are_exactly_what_was_sent(self):
        node.require_logmill()
        wanted = self.load.expected_windows()
        self.results = await_windows(node.bootstrap, len(wanted))
        found = [row for partition in self.results.values() for row in partition]
        counted = collections.Counter(row[:2] for row in found)
        doubled = [key for key, times in counted.items() if times > 1]
        check(not doubled, f"{len(doubled)} windows came twice: {doubled[:3]}")
        got = {row[:2]: row[2:] for row in found}
        wrong = [f"{key}: {got.get(key)}, not {wanted.get(key)}" for key in got.keys() | wanted.keys() if got.get(key) != wanted.get(key)]
        check(not wrong, f"{len(wrong)} of {len(wanted)} windows are wrong: {'; '.join(sorted(wrong)[:3])}")

    def results_equal_those_of_an_undisturbed_run(self):
        node.require_logmill()
        check(any(self.results.values()), "the disturbed run has no results to compare")
        calm = Node("logmill", "127.0.0.1", free_port(), free_port(), node.directory + "-calm", node.program)
        calm.start()
        try:
            client = Confluent(calm.bootstrap)
            client.create_topic(INPUT, PARTITIONS, {"retention.ms": "-1"})
            start_job(calm)
            producer = client.producer("lz4")
            for partition, records in read_to_end(node.bootstrap, INPUT).items():
                for number, (_, value) in enumerate(records):
                    producer.produce(INPUT, value, partition=partition)
                    if number % 1000 == 0:
                        producer.poll(0)
            check(producer.flush(60) == 0, "the undisturbed node did not take the input")
            undisturbed = await_windows(calm.bootstrap, sum(map(len, self.results.values())))
            check(undisturbed.keys() == self.results.keys(), "the result topics have different partitions")
            for partition, sequence in undisturbed.items():
                for at, (calmly, crashed) in enumerate(zip(sequence, self.results[partition])):
                    check(calmly == crashed, f"partition {partition}, result {at}: {crashed} after crashes, {calmly} without")
                check(len(sequence) == len(self.results[partition]), f"partition {partition}: one result topic is longer")
        finally:
            calm.kill()

    def broker_still_serves(self):
        check(answers_metadata(node.port), "the broker does not answer")


run = Crashes()
cases = Cases("kill -9 under load:")
if cases.case(f"{cycles} crashes", run.kill_again_and_again):
    cases.case("no acknowledged record is lost or doubled", run.no_acknowledged_record_is_lost_or_doubled)
    cases.case("the group misses nothing", run.group_misses_nothing)
    cases.case("the windows are exactly what was sent", run.windows_are_exactly_what_was_sent)
    cases.case("the results equal those of an undisturbed run", run.results_equal_those_of_an_undisturbed_run)
    cases.case("the broker still serves", run.broker_still_serves)
cases.close()
