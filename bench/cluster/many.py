"""3,000 partitions with three replicas each: made, held, started again, and without one of their brokers."""

import time

from harness import machine
from harness.gap import Producer
from harness.measure import Measure, Tail

from cluster.failover import in_turn, settle

PARTITIONS = 3_000
RATE = 200
IDLE_SECONDS = 10
SETTLE_SECONDS = 5

MEASURES = {
    "many.create": Measure(f"{PARTITIONS:,} partitions × 3: created, all in sync", "ms", 0),
    "many.memory": Measure("… memory of a node, the largest", "MiB", 0),
    "many.idle": Measure("… CPU of the three idle nodes", "% of a core", 1),
    "many.restart": Measure("… kill -9 of all three: from their launch until all is in sync", "ms", 0),
    "many.gap": Tail("… kill -9 of a broker: gap", "ms", 0, limit=1000),
}


def measure(cluster, options, note):
    """Once, in the order of the table."""
    partitions = options.partitions(PARTITIONS)
    note("many.create", cluster.create("many", partitions))
    time.sleep(SETTLE_SECONDS)
    note("many.memory", max(machine.rss_mib(pid) for pid in cluster.pids))
    before = sum(machine.cpu_seconds(pid) for pid in cluster.pids)
    time.sleep(IDLE_SECONDS)
    note("many.idle", (sum(machine.cpu_seconds(pid) for pid in cluster.pids) - before) / IDLE_SECONDS * 100)
    cluster.kill()
    note("many.restart", cluster.start())
    producer = Producer(cluster, "many", partitions, RATE)
    try:
        settle(cluster, producer)
        for node in in_turn(cluster, options.count(3)):
            since = time.monotonic()
            node.kill()
            note("many.gap", producer.gap_ms(since))
            node.launch()
            cluster.await_whole()
            settle(cluster, producer)
    finally:
        producer.end()
