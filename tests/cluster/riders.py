"""Other clients in processes of their own, who produce and read while brokers are killed, and what each must find afterwards."""

import json
import os
import subprocess
import threading

from harness import tools
from harness.report import Skip, check, eventually
from history import read_all

PARTITIONS = 3


class Rider:
    """A client's process. A thread takes what it prints, by `_on_line`."""

    reads = False  # whether it tells what it reads

    def __init__(self, cluster, name, topic):
        self.cluster, self.name, self.topic = cluster, name, topic
        self.places = {}  # number: (partition, offset), as they were acknowledged
        self.seen = {}  # (partition, offset): number, as they were read
        self.errors, self.wrong = [], []
        self.is_done = False
        self._process = self._thread = None

    def start(self, *command, **more):
        log = open(os.path.join(self.cluster.directory, f"{self.name}.log"), "ab")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True, **more)
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def progress(self):
        """How far it is: grows as long as it gets on."""
        return len(self.places)

    def end(self):
        """It sends nothing more, and has been answered."""
        self._process.stdin.close()
        eventually(f"{self.name} has its answers", lambda: self.is_done, 120)

    def kill(self):
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def check(self):
        """Everything acknowledged is there once and in order, and was read where it reads; returns what to tell."""
        if self.reads:
            eventually(f"{self.name} has read everything", lambda: not self.places.items() - {(number, place) for place, number in self.seen.items()}, 60, 0.5)
        check(not self.errors, f"{self.name} was told of {len(self.errors)} errors: {self.errors[:3]}")
        check(not self.wrong, f"{self.name} saw: {self.wrong[:3]}")
        found = read_all(self.cluster, self.topic, PARTITIONS, int)
        check_once(self.name, found, self.places)
        return f"{self.name}: {len(self.places)} records"

    def _take(self):
        for line in self._process.stdout:
            self._on_line(line.rstrip("\n"))

    def _on_line(self, line):
        word, _, rest = line.partition(" ")
        if word == "acked":
            self._on_acknowledged(*map(int, rest.split()))
        elif word == "read":
            number, partition, offset = map(int, rest.split())
            if self.seen.setdefault((partition, offset), number) != number:
                self.wrong.append(f"{partition}@{offset} was {self.seen[partition, offset]} and is {number}")
        elif word == "error":
            self.errors.append(rest)
        elif word == "done":
            self.is_done = True

    def _on_acknowledged(self, number, partition, offset):
        if number in self.places:
            self.wrong.append(f"{number} acknowledged twice")
        self.places[number] = (partition, offset)


def check_once(name, found, places):
    """Each of `places` is there, and nothing twice or out of order."""
    problems, at = [], {}
    for partition, records in found.items():
        before = -1
        for offset, number in records:
            if number in at:
                problems.append(f"doubled {number} at {at[number]} and {(partition, offset)}")
            elif number < before:
                problems.append(f"reordered {number} after {before} in {partition}@{offset}")
            before, at[number] = max(before, number), (partition, offset)
    problems += [f"{number} acknowledged at {place}, found at {at.get(number)}" for number, place in places.items() if at.get(number) != place]
    check(not problems, f"{name}: {len(problems)} problems: {'; '.join(problems[:5])}")


class KafkaPythonRider(Rider):
    """kafka-python 3."""

    reads = True

    def __init__(self, cluster, rate):
        super().__init__(cluster, "kafka-python", "of-kafka-python")
        interpreter = installed(lambda: tools.python_of("kafka-python-3"))
        cluster.create(self.topic, PARTITIONS)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ride_kafka_python.py")
        self.start(interpreter, script, cluster.bootstrap, self.topic, str(PARTITIONS), str(rate))


class FranzGoRider(Rider):
    """franz-go."""

    reads = True

    def __init__(self, cluster, rate):
        super().__init__(cluster, "franz-go", "of-franz-go")
        program = installed(tools.go_program)
        cluster.create(self.topic, PARTITIONS)
        self.start(program, "ride", cluster.bootstrap, self.topic, str(PARTITIONS), str(rate))


class VerifiableProducerRider(Rider):
    """Apache Kafka's VerifiableProducer: its records are numbers; with retries, which it otherwise turns off."""

    def __init__(self, cluster, rate):
        super().__init__(cluster, "VerifiableProducer", "verifiable")
        script = installed(tools.kafka_tools)
        cluster.create(self.topic, PARTITIONS)
        settings = write_settings(cluster, "producer.properties", "retries=2147483647\nenable.idempotence=true\nreconnect.backoff.max.ms=500\n")
        options = ["--topic", self.topic, "--throughput", str(rate), "--acks", "-1", "--command-config", settings]
        self.start(script, "org.apache.kafka.tools.VerifiableProducer", "--bootstrap-server", cluster.bootstrap, *options)

    def end(self):
        self._process.terminate()
        eventually("VerifiableProducer ends", lambda: self._process.poll() is not None, 120)
        self._thread.join(10)

    def _on_line(self, line):
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("name") == "producer_send_success":
            self._on_acknowledged(int(event["value"]), event["partition"], event["offset"])
        elif event.get("name") == "producer_send_error":
            self.errors.append(line)


class TransactionalCopierRider(Rider):
    """Apache Kafka's TransactionalMessageCopier over one partition of what VerifiableProducer writes, with aborts at random.

    It ends when it has copied what there was when it began, and is started again, as by a supervisor, until its source has ended before it began.
    """

    SOURCE_PARTITION = 0

    def __init__(self, cluster, source):
        super().__init__(cluster, "TransactionalMessageCopier", "verifiable-copies")
        self._source = source
        script = installed(tools.kafka_tools)
        cluster.create(self.topic, PARTITIONS)
        options = ["--broker-list", cluster.bootstrap, "--input-topic", source.topic, "--input-partition", str(self.SOURCE_PARTITION)]
        options += ["--output-topic", self.topic, "--transactional-id", "kafkas-copier", "--consumer-group", "kafkas-copiers", "--transaction-size", "50"]
        self._command = [script, "org.apache.kafka.tools.TransactionalMessageCopier", *options, "--enable-random-aborts"]
        self._earlier = self._now = self.runs = 0
        self._ending = threading.Event()
        self._supervisor = threading.Thread(target=self._run, daemon=True)
        self._supervisor.start()

    def progress(self):
        return self._earlier + self._now

    def end(self):
        """Its source has ended."""
        self._ending.set()
        self._supervisor.join(120)
        check(not self._supervisor.is_alive(), f"{self.name} has copied {self.progress()} records and does not end")

    def kill(self):
        self._ending.set()
        super().kill()

    def check(self):
        check(not self.errors, f"{self.name} was told of errors: {self.errors[:3]}")
        source = [number for _, number in read_all(self.cluster, self._source.topic, PARTITIONS, int)[self.SOURCE_PARTITION]]
        found = read_all(self.cluster, self.topic, PARTITIONS, int)
        check_once(self.name, found, {})
        got = sorted(number for records in found.values() for _, number in records)
        check(got == sorted(source), f"{self.name}: {len(got)} records, not those {len(source)} of the source")
        return f"{self.name}: {len(got)} records in {self.runs} runs"

    def _run(self):
        is_last = False
        while not is_last:
            is_last = self._ending.is_set()
            self.start(*self._command)
            code = self._process.wait()
            self._thread.join(10)
            self._earlier, self._now = self._earlier + self._now, 0
            self.runs += 1
            if code != 0:
                self.errors.append(f"run {self.runs} ended with {code}")

    def _on_line(self, line):
        event = json.loads(line) if line.startswith("{") else {}
        self._now = int(event.get("totalProcessed", self._now))


class ConsoleRider(Rider):
    """Apache Kafka's console producer, fed with numbers, and its console consumer in a group."""

    def __init__(self, cluster, rate):
        super().__init__(cluster, "console tools", "of-console")
        script = installed(tools.kafka_tools)
        cluster.create(self.topic, PARTITIONS)
        self.read = []
        self.sent = 0
        self._ending = threading.Event()
        errors = open(os.path.join(cluster.directory, "console.log"), "ab")
        self._producer = subprocess.Popen(
            [script, "console-producer", "--bootstrap-server", cluster.bootstrap, "--topic", self.topic, "--request-required-acks", "all"],
            stdin=subprocess.PIPE, stdout=errors, stderr=errors, text=True, start_new_session=True,
        )
        self._feeder = threading.Thread(target=self._feed, args=(rate,), daemon=True)
        self._feeder.start()
        self.start(script, "console-consumer", "--bootstrap-server", cluster.bootstrap, "--topic", self.topic, "--group", "console", "--from-beginning")

    def progress(self):
        return len(self.read)

    def end(self):
        self._ending.set()
        self._feeder.join(60)
        check(self._producer.wait(120) == 0, f"the console producer ended with {self._producer.returncode}")

    def kill(self):
        super().kill()
        self._producer.kill()
        self._producer.wait()

    def check(self):
        eventually(f"the console consumer has read {self.sent} records ({len(set(self.read))} so far)", lambda: len(set(self.read)) == self.sent, 60, 0.2)
        found = read_all(self.cluster, self.topic, PARTITIONS, int)
        check_once(self.name, found, {})
        got = sorted(number for records in found.values() for _, number in records)
        check(got == list(range(self.sent)), f"{self.name}: {len(got)} records in the log, {self.sent} were sent")
        return f"{self.name}: {self.sent} records, {len(self.read) - self.sent} read twice"

    def _feed(self, rate):
        while not self._ending.wait(1 / rate):
            self._producer.stdin.write(f"{self.sent}\n")
            self._producer.stdin.flush()
            self.sent += 1
        self._producer.stdin.close()

    def _on_line(self, line):
        if line.isdigit():
            self.read.append(int(line))


def installed(install):
    """What the tests install, or a skip that says what is missing."""
    try:
        return install()
    except tools.Missing as missing:
        raise Skip(f"needs {missing}, which is not installed") from missing
    except (subprocess.CalledProcessError, RuntimeError) as error:
        raise Skip(f"cannot be installed here: {error}") from error


def write_settings(cluster, name, text):
    path = os.path.join(cluster.directory, name)
    with open(path, "w") as file:
        file.write(text)
    return path
