"""Brokers that are killed, stopped cleanly or paused while a client sends to 1,000 partitions: the gap that it feels.

All in turn. Before each the broker before is back, the preferred leaders lead, and the client has sent to all partitions: it would else wait for a broker which it
could not reach a moment ago (`reconnect.backoff.max.ms` is 10 s), and the gap would be that of two fail-overs.
"""

import time

from harness.gap import Producer
from harness.measure import Tail
from harness.wire import partitions_of

PARTITIONS = 1_000
RATE = 200
# Longer than both systems' session timeout (9 s) and the time of an election.
PAUSE_SECONDS = 12.0
SETTLE_SECONDS = 3.0
LED_SECONDS_MAX = 120.0
# A client that is not what is measured: it notices by itself within a second that a broker no longer answers.
WATCHFUL = {"topic_metadata_refresh_interval_ms": 500, "socket_timeout_ms": 1000, "request_timeout_ms": 1000}

MEASURES = {
    "kill": Tail(f"kill -9 of a broker that leads a third of {PARTITIONS:,} partitions: gap", "ms", 0, limit=1000),
    "kill.led": Tail("… until the metadata names another leader for all of them", "ms", 0),
    "kill.back": Tail("… launched again until all is in sync", "ms", 0),
    "planned": Tail("SIGTERM of one, its return, the election of the preferred leaders: gap", "ms", 0, limit=300),
    "planned.errors": Tail("… records that the client was told had failed", "", 0, limit=0),
    "vanish": Tail("one stands still (SIGSTOP): gap", "ms", 0, limit=3000),
    "vanish.led": Tail("… until the metadata names another leader for all that it led", "ms", 0),
}


def kill(cluster, options, note):
    """kill -9."""
    producer = _begin(cluster, options)
    try:
        for node in in_turn(cluster, options.count(20)):
            since = time.monotonic()
            node.kill()
            _await_led(cluster, node)
            note("kill.led", (time.monotonic() - since) * 1000)
            note("kill", producer.gap_ms(since))
            node.launch()
            since = time.monotonic()
            cluster.await_whole()
            note("kill.back", (time.monotonic() - since) * 1000)
            settle(cluster, producer)
    finally:
        producer.end()


def planned(cluster, options, note):
    """SIGTERM, the broker's return, and the move back of what it led; all may be felt."""
    producer = _begin(cluster, options)
    try:
        for node in in_turn(cluster, options.count(10)):
            since, errors = time.monotonic(), len(producer.errors)
            node.stop()
            node.launch()
            cluster.await_whole()
            settle(cluster, producer)
            note("planned", producer.gap_ms(since))
            note("planned.errors", len(producer.errors) - errors)
    finally:
        producer.end()


def vanish(cluster, options, note):
    """SIGSTOP; its return afterwards is not part of the gap."""
    producer = _begin(cluster, options, **WATCHFUL)
    try:
        for node in in_turn(cluster, options.count(5)):
            since = time.monotonic()
            node.pause()
            _await_led(cluster, node)
            note("vanish.led", (time.monotonic() - since) * 1000)
            note("vanish", producer.gap_ms(since))
            time.sleep(max(0.0, since + PAUSE_SECONDS - time.monotonic()))
            node.resume()
            cluster.await_whole()
            settle(cluster, producer)
    finally:
        producer.end()


def _begin(cluster, options, **settings):
    partitions = options.partitions(PARTITIONS)
    cluster.create("gaps", partitions)
    time.sleep(SETTLE_SECONDS)
    producer = Producer(cluster, "gaps", partitions, RATE, **settings)
    producer.await_quiet(time.monotonic())
    return producer


def in_turn(cluster, count):
    """So many of the nodes, one after the other, over and over."""
    return (cluster.nodes[number % len(cluster.nodes)] for number in range(count))


def _await_led(cluster, gone):
    port = cluster.others(gone)[0].port
    deadline = time.monotonic() + LED_SECONDS_MAX
    while any(each.leader in (gone.number, -1) for each in partitions_of(port, "gaps")):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {LED_SECONDS_MAX:g} s node {gone.number} is still named as a leader")
        time.sleep(0.01)


def settle(cluster, producer):
    """The preferred leaders lead, and the client sends to all of them."""
    cluster.balance()
    producer.await_quiet(time.monotonic())
