"""A follower that is away under produce load, and what the others' clients feel while it fetches what it missed.

The load goes on all the time; beside it short probes (`logmill bench latency`, an open loop) take the p99 of acknowledgements: before, and again from
the launch of the follower until it is in sync. The follower leads nothing, so that the load's leaders stay where they are.
"""

import time

from harness.load import Client
from harness.measure import Measure

FOLLOWER = 3
LED_BY_OTHERS = [[1, 2, 3], [2, 1, 3]]
LOAD = ["--throughput", 20_000, "--record-size", 1024, "--batch-size", 16_384]
LOAD_RATE = 20_000
AWAY_SECONDS = 60.0
PROBE_RATE = 1_000
PROBE_SECONDS = 8.0
LAUNCH_SECONDS_MAX = 120

MEASURES = {
    "absence.back": Measure("a follower away for a minute at 20 MB/s: from its launch until in sync", "s", 2),
    "absence.before": Measure("… ack p99 before", "ms", 3),
    "absence.during": Measure("… ack p99 from its launch until in sync", "ms", 3),
    "absence.factor": Measure("… during to before", "×", 2, limit=2),
}


def measure(cluster, options, note):
    """Once."""
    away = max(3.0, AWAY_SECONDS * options.scale)
    client = Client(cluster)
    for topic in ("load", "probe"):
        cluster.create(topic, 0, LED_BY_OTHERS)
    load = client.start("produce", "load", *LOAD, "--num-records", int(LOAD_RATE * (away + 60 + LAUNCH_SECONDS_MAX)))
    try:
        _probe(client, PROBE_SECONDS)
        before = _probe(client, PROBE_SECONDS)
        follower = cluster.node(FOLLOWER)
        follower.kill()
        time.sleep(away)
        since = time.monotonic()
        follower.launch()
        probe = client.start(*_words(PROBE_SECONDS))
        cluster.await_in_sync()
        back = time.monotonic() - since
        during = probe.finish()["ack_ms"]["p99"]
    finally:
        load.end()
    note("absence.back", back)
    note("absence.before", before)
    note("absence.during", during)
    note("absence.factor", during / before)


def _probe(client, seconds):
    return client.start(*_words(seconds)).finish()["ack_ms"]["p99"]


def _words(seconds):
    pace = ["--rate", PROBE_RATE, "--seconds", seconds, "--warmup-seconds", 0]
    return ["latency", "probe", *pace, "--record-size", 150, "--no-reader"]
