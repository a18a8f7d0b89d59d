"""The window job: SQL over the input of the load; its results, read uncommitted, are exactly what an undisturbed run gives."""

import collections
import json
import subprocess
import urllib.error
import urllib.request

from confluent_kafka import Producer

from harness.node import Node, free_port
from harness.report import check, eventually
from history import misread, read_all
from load import Reader
from nodes import QUIET, program
from records import STEP_MS, amount, page, shown

WINDOW_MS = 1000

JOB = """
CREATE TABLE clicks (
  number BIGINT, page STRING, amount BIGINT, happened TIMESTAMP(3),
  WATERMARK FOR happened AS happened - INTERVAL '2' SECOND
) WITH ('connector' = 'kafka', 'topic' = '{source}', 'properties.bootstrap.servers' = '{bootstrap}',
  'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
CREATE TABLE clicks_per_page (window_start TIMESTAMP(3), page STRING, clicks BIGINT, amount BIGINT)
WITH ('connector' = 'kafka', 'topic' = '{target}', 'properties.bootstrap.servers' = '{bootstrap}', 'format' = 'json');
INSERT INTO clicks_per_page
SELECT window_start, page, COUNT(*), SUM(amount)
FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(happened), INTERVAL '1' SECOND))
GROUP BY window_start, window_end, page;
"""


class Windows:
    """The job, a reader of its results while it runs, and the check."""

    TOPIC, PARTITIONS = "windows", 3

    def __init__(self, cluster, source, source_partitions):
        self.cluster = cluster
        self.source, self.source_partitions = source, source_partitions
        cluster.create(self.TOPIC, self.PARTITIONS)
        asked, other = cluster.nodes[:2]
        submit(asked.url, asked.directory, JOB.format(source=source, target=self.TOPIC, bootstrap=other.address))
        self.reader = Reader(cluster, self.TOPIC, "readers-of-windows", row_of, has_gaps=True, isolation_level="read_uncommitted")

    def results(self):
        """How many results have been read so far."""
        return len(self.reader.seen)

    def journal(self):
        """The topic whose leader runs the job."""
        return next(topic for topic, _ in self.cluster.partitions() if topic.startswith("__logmill-job-"))

    def runner(self):
        """The node that runs the job: it leads the job's journal."""
        return self.cluster.leader(self.journal(), 0)

    def finish(self, source, real, seconds=120):
        """Waits for the last window, checks all of them, and compares with an undisturbed node; returns what to tell."""
        wanted = expected(number for records in source.values() for _, number in records if number < real)
        eventually(f"{len(wanted)} windows are there ({self.results()} are)", lambda: self.results() >= len(wanted), seconds, 0.1)
        self.reader.end()
        found = read_all(self.cluster, self.TOPIC, self.PARTITIONS, row_of, "read_uncommitted")
        problems = misread(found, [self.reader])
        rows = [row for records in found.values() for _, row in records]
        problems += [f"{key} came {times} times" for key, times in collections.Counter(row[:2] for row in rows).items() if times > 1]
        got = {row[:2]: row[2:] for row in rows}
        problems += [f"{key}: {got.get(key)}, not {wanted.get(key)}" for key in sorted(got.keys() | wanted.keys()) if got.get(key) != wanted.get(key)]
        check(not problems, f"windows: {len(problems)} problems: {'; '.join(problems[:5])}")
        self._compare_with_calm_run(found)
        return f"{len(rows)} windows equal to those of an undisturbed run"

    def _compare_with_calm_run(self, found):
        """The same input on a lone node that nobody disturbs: each result partition must be the same sequence."""
        calm = Node("logmill", "127.0.0.1", free_port(), free_port(), f"{self.cluster.directory}/calm", program())
        calm.start()
        try:
            alone = Alone(calm)
            alone.create(self.source, self.source_partitions)
            alone.create(self.TOPIC, self.PARTITIONS)
            submit(calm.url, calm.directory, JOB.format(source=self.source, target=self.TOPIC, bootstrap=calm.bootstrap))
            alone.fill(self.source, read_all(self.cluster, self.source, self.source_partitions, bytes))
            count = sum(map(len, found.values()))

            def calm_run():
                rows = read_all(alone, self.TOPIC, self.PARTITIONS, row_of)
                return rows if sum(map(len, rows.values())) >= count else None

            calmly = eventually("the undisturbed run has given as much", calm_run, 60, 0.2)
        finally:
            calm.kill()
        for partition, records in found.items():
            here, there = ([row for _, row in each] for each in (records, calmly[partition]))
            unlike = [(at, one, other) for at, (one, other) in enumerate(zip(here, there)) if one != other]
            check(not unlike and len(here) == len(there), f"result partition {partition} differs from an undisturbed run: {len(here)} and {len(there)} rows, {unlike[:1]}")


class Alone:
    """A lone node, as `read_all` wants a cluster."""

    def __init__(self, node):
        from confluent_kafka.admin import AdminClient

        self.bootstrap = node.bootstrap
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, **QUIET})

    def create(self, topic, partitions):
        from confluent_kafka.admin import NewTopic

        self._admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)
        eventually(f"{topic} is known", lambda: topic in self._admin.list_topics(timeout=10).topics)

    def fill(self, topic, values):
        producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "linger.ms": 5, **QUIET})
        for partition, records in values.items():
            for number, (_, value) in enumerate(records):
                producer.produce(topic, value, partition=partition)
                if number % 1000 == 999:
                    producer.poll(0)
                    if number % 20_000 == 19_999:
                        producer.flush(60)
            producer.flush(60)
        check(producer.flush(60) == 0, "the undisturbed node did not take the input")


def submit(url, directory, text):
    """Gives the statements to `logmill sql -f`."""
    path = f"{directory}/job.sql"
    with open(path, "w") as file:
        file.write(text)
    done = subprocess.run([program(), "sql", "-f", path, "--url", url], capture_output=True, text=True, timeout=120)
    check(done.returncode == 0, f"logmill sql ended with {done.returncode}: {done.stdout} {done.stderr}")


def jobs_at(url):
    """What a node says of the cluster's jobs, or None when it does not answer."""
    try:
        with urllib.request.urlopen(f"{url}/v1/jobs", timeout=5) as answer:
            return json.load(answer)
    except (OSError, urllib.error.URLError):
        return None


def row_of(value):
    """(window_start, page, clicks, amount); a start without its empty milliseconds or with them is one."""
    row = json.loads(value)
    start = row["window_start"].replace("T", " ")
    return (start if "." in start else start + ".000", row["page"], row["clicks"], row["amount"])


def expected(numbers):
    """{(window_start, page): (clicks, amount)} of these records."""
    windows = collections.defaultdict(lambda: [0, 0])
    for number in numbers:
        row = windows[shown(number * STEP_MS // WINDOW_MS * WINDOW_MS), page(number)]
        row[0] += 1
        row[1] += amount(number)
    return {key: tuple(row) for key, row in windows.items()}
