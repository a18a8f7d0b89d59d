"""Brokers that are killed, stopped cleanly or paused while a client sends to 1,000 partitions: the gap that it feels."""

import time
from collections import Counter

from harness.gap import Producer
from harness.measure import Tail

PARTITIONS = 1_000
RATE = 200
# Longer than both systems' session timeout (9 s) and the time of an election.
PAUSE_SECONDS = 12.0
SETTLE_SECONDS = 3.0
# A client that is not what is measured: it notices by itself within a second that a broker no longer answers.
WATCHFUL = {"topic_metadata_refresh_interval_ms": 500, "socket_timeout_ms": 1000, "request_timeout_ms": 1000}

MEASURES = {
    "kill": Tail(f"kill -9 of the broker that leads most of {PARTITIONS:,} partitions: gap", "ms", 0, limit=1000),
    "kill.led": Tail("… until the metadata names another leader for all of them", "ms", 0),
    "kill.back": Tail("… launched again until all is in sync", "ms", 0),
    "planned": Tail("SIGTERM of the broker that leads most of them: gap", "ms", 0, limit=300),
    "planned.errors": Tail("… records that the client was told had failed", "", 0, limit=0),
    "vanish": Tail("the broker that leads most of them stands still (SIGSTOP): gap", "ms", 0, limit=3000),
}


def kill(cluster, options, note):
    """kill -9 of whoever leads most."""
    producer = _begin(cluster, options)
    try:
        for _ in range(options.count(20)):
            node = leading_most(cluster, "gaps")
            since = time.monotonic()
            node.kill()
            _await_led(cluster, node)
            note("kill.led", (time.monotonic() - since) * 1000)
            note("kill", producer.gap_ms(since))
            node.launch()
            since = time.monotonic()
            cluster.await_whole()
            note("kill.back", (time.monotonic() - since) * 1000)
            producer.await_quiet(since)
    finally:
        producer.end()


def planned(cluster, options, note):
    """SIGTERM of whoever leads most, and its return; both may be felt."""
    producer = _begin(cluster, options)
    try:
        for _ in range(options.count(10)):
            node = leading_most(cluster, "gaps")
            since, errors = time.monotonic(), len(producer.errors)
            node.stop()
            node.launch()
            cluster.await_whole()
            note("planned", producer.gap_ms(since))
            note("planned.errors", len(producer.errors) - errors)
    finally:
        producer.end()


def vanish(cluster, options, note):
    """SIGSTOP of whoever leads most; its return afterwards is not part of the gap."""
    producer = _begin(cluster, options, **WATCHFUL)
    try:
        for _ in range(options.count(5)):
            node = leading_most(cluster, "gaps")
            since = time.monotonic()
            node.pause()
            note("vanish", producer.gap_ms(since))
            time.sleep(max(0.0, since + PAUSE_SECONDS - time.monotonic()))
            node.resume()
            cluster.await_whole()
            producer.await_quiet(time.monotonic())
    finally:
        producer.end()


def _begin(cluster, options, **settings):
    partitions = options.partitions(PARTITIONS)
    cluster.create("gaps", partitions)
    time.sleep(SETTLE_SECONDS)
    producer = Producer(cluster, "gaps", partitions, RATE, **settings)
    producer.await_quiet(time.monotonic())
    return producer


def _await_led(cluster, gone):
    while any(each.leader in (gone.number, -1) for each in cluster.partitions("gaps")):
        time.sleep(0.01)


def leading_most(cluster, topic):
    """The node that leads most partitions of the topic."""
    leads = Counter(each.leader for each in cluster.partitions(topic))
    return cluster.node(leads.most_common(1)[0][0])
