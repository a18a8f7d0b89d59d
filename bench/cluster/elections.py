"""Elections that nobody asked for: counted over a stretch of produce load during which nothing is done to the cluster."""

import time

from harness.load import Client
from harness.measure import Measure
from harness.quorum import Quorum

from cluster.acks import KEPT, SPREAD

PAUSE_SECONDS = 5.0
MEASURES = {
    "elections.controller": Measure("elections of a controller under full produce load, nothing done to the cluster", "", 0, limit=0),
    "elections.partitions": Measure("… elections of partition leaders", "", 0, limit=0),
    "elections.minutes": Measure("… minutes that this was watched", "", 0),
    "elections.volume": Measure("… produced meanwhile", "GB", 1),
}


def measure(cluster, options, note):
    """For `--minutes`."""
    client = Client(cluster)
    cluster.create("load", 0, SPREAD, KEPT)
    before = _epochs(cluster)
    began, produced = time.monotonic(), 0
    while time.monotonic() - began < options.minutes * 60:
        shape = ["--num-records", 2_000_000, "--record-size", 1024, "--batch-size", 16_384]
        produced += client.start("produce", "load", *shape).finish()["bytes"]
    time.sleep(PAUSE_SECONDS)
    quorum, partitions = (after - earlier for after, earlier in zip(_epochs(cluster), before))
    note("elections.controller", quorum)
    note("elections.partitions", partitions)
    note("elections.minutes", (time.monotonic() - began) / 60)
    note("elections.volume", produced / 1e9)


def _epochs(cluster):
    return Quorum(cluster.port).epoch, sum(each.epoch for each in cluster.partitions())
