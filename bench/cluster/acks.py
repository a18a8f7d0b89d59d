"""What replication costs: broker CPU per GB with three replicas and acks=all, and how long an acknowledgement takes at a steady pace."""

import time

from harness import machine
from harness.load import Client
from harness.measure import Measure

MIB = 1 << 20
# One partition led by each node.
SPREAD = [[1, 2, 3], [2, 3, 1], [3, 1, 2]]
# Followers have what is acknowledged; what is left is their last answers.
SETTLE_SECONDS = 0.5
# Three JVMs on two cores take that long until their hot code is compiled: at first Kafka takes tenfold of what it takes then.
WARM_SECONDS = {"Kafka": 110.0, "Logmill": 10.0}
# What is kept of a topic that warms.
KEPT = [("segment.bytes", str(64 << 20)), ("retention.bytes", str(256 << 20))]

MEASURES = {
    "produce1k": Measure("produce, 1 KiB records in 1 MiB batches: CPU of the three brokers", "s/GB", 3, ratio_limit=0.8),
    "produce1k.jit": Measure("… and of the JVMs' compilers", "s/GB", 3),
    "produce1k.rate": Measure("… rate, clients and brokers on this machine", "MB/s", 0),
    "produce16k": Measure("produce, 1 KiB records in 16 KiB batches: CPU of the three brokers", "s/GB", 3, ratio_limit=1 / 3),
    "produce16k.jit": Measure("… and of the JVMs' compilers", "s/GB", 3),
    "produce16k.rate": Measure("… rate", "MB/s", 0),
    "latency10k": Measure("ack p99 at 10,000 records/s, open loop", "ms", 3, ratio_limit=0.5),
    "latency10k.p50": Measure("… p50", "ms", 3),
    "latency10k.cpu": Measure("… CPU of the three brokers", "cores", 3),
    "acks.memory": Measure("memory of the three brokers after these loads", "MiB", 0),
}


def measure(cluster, options, note):
    """All loads once, on a cluster that has been warmed by the same."""
    client = Client(cluster, options.scale)
    _warm(cluster, client, WARM_SECONDS[cluster.name] * options.scale)
    for name, records, batch in (("produce1k", 800_000, MIB), ("produce16k", 300_000, 16_384)):
        done, cpu = _produce(cluster, client, name, records, 1024, batch)
        total, compilers = (seconds / done["bytes"] * 1e9 for seconds in cpu)
        note(name, total - compilers)
        note(name + ".jit", compilers)
        note(name + ".rate", done["mb_per_second"])
    _latency(cluster, client, note)
    note("acks.memory", sum(machine.rss_mib(pid) for pid in cluster.pids))


def _warm(cluster, client, seconds):
    cluster.create("warm", 0, SPREAD, KEPT)
    shape = ["--num-records", client.count(100_000), "--record-size", 1024, "--batch-size", 16_384]
    pace = ["--rate", 10_000, "--seconds", min(5.0, seconds / 4), "--warmup-seconds", 0, "--record-size", 150, "--batch-size", MIB, "--no-reader"]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        client.start("produce", "warm", *shape).finish()
        client.start("latency", "warm", *pace).finish()
    client.start("produce", "warm", *shape[:-1], MIB).finish()


def _produce(cluster, client, topic, records, size, batch):
    cluster.create(topic, 0, SPREAD)
    cpu = client.watch_cpu()
    done = client.start("produce", topic, "--num-records", client.count(records), "--record-size", size, "--batch-size", batch).finish()
    time.sleep(SETTLE_SECONDS)
    return done, cpu.seconds()


def _latency(cluster, client, note):
    seconds = max(4.0, 16 * client.scale)
    cluster.create("latency10k", 0, SPREAD)
    cpu = client.watch_cpu()
    pace = ["--rate", 10_000, "--seconds", seconds, "--warmup-seconds", seconds / 4, "--record-size", 150]
    done = client.start("latency", "latency10k", *pace, "--batch-size", MIB, "--no-reader").finish()
    note("latency10k", done["ack_ms"]["p99"])
    note("latency10k.p50", done["ack_ms"]["p50"])
    note("latency10k.cpu", cpu.seconds()[0] / seconds)
