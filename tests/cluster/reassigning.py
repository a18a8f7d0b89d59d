"""Partitions that get other replicas, by Apache Kafka's reassign-partitions tool, under load."""

import json
import os
import subprocess
import time

from harness import tools
from harness.report import Skip, check, eventually
from workload import TOPIC

FIRST = [[1], [1], [1, 2], [1, 2], [1, 2, 3], [1, 2, 3]]
SECOND = [[2, 3], [2, 3], [2, 3], [2, 3], [3, 1], [3, 1]]


class Tool:
    """kafka-reassign-partitions; the case is skipped where it cannot be had."""

    def __init__(self, cluster):
        try:
            self._script = tools.kafka_tools()
        except tools.Missing as missing:
            raise Skip(f"{missing} is missing, and with it Kafka's reassign-partitions") from None
        self._cluster = cluster
        self._plan = os.path.join(cluster.directory, "reassignment.json")

    def execute(self, wanted):
        """Begins to move; `wanted` is {(topic, partition): replicas}."""
        partitions = [{"topic": topic, "partition": partition, "replicas": replicas} for (topic, partition), replicas in sorted(wanted.items())]
        with open(self._plan, "w") as file:
            json.dump({"version": 1, "partitions": partitions}, file)
        said = self._run("--execute")
        check("Successfully started partition reassignment" in said, f"--execute said {said}")

    def call_off(self):
        said = self._run("--cancel")
        check("Successfully cancelled partition reassignment" in said, f"--cancel said {said}")

    def verify(self):
        """{(topic, partition): whether its reassignment is complete}, of all that were executed last."""
        said = self._run("--verify")
        with open(self._plan) as file:
            names = [(each["topic"], each["partition"]) for each in json.load(file)["partitions"]]
        complete = {(topic, partition) for topic, partition in names if f"Reassignment of partition {topic}-{partition} is completed." in said}
        going_on = {(topic, partition) for topic, partition in names if f"Reassignment of partition {topic}-{partition} is still in progress." in said}
        check(complete | going_on == set(names), f"--verify said {said}")
        return {name: name in complete for name in names}

    def _run(self, what):
        command = [self._script, "reassign-partitions", "--bootstrap-server", self._cluster.bootstrap, "--reassignment-json-file", self._plan, what]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        check(done.returncode == 0, f"reassign-partitions {what} ended with {done.returncode}: {done.stdout} {done.stderr}")
        return done.stdout


def shuffled(cluster, chance):
    """Other replicas for most partitions of every topic: of the input one to three, of all other topics at least the two that are to be in sync."""
    wanted = {}
    for topic, partition in cluster.partitions():
        if chance.random() < 0.8:
            nodes = [node.id for node in cluster.nodes]
            wanted[topic, partition.id] = chance.sample(nodes, chance.choice([1, 2, 3] if topic == TOPIC else [2, 3]))
    return wanted


def added(cluster, wanted, chance):
    """A broker that `wanted` adds to some partition; None if it adds nobody anywhere."""
    present = replicas_of(cluster)
    return cluster.node(chance.choice(sorted({node for name, replicas in wanted.items() for node in replicas if node not in present[name]}) or [0]))


def perform(cluster, work, tool, wanted, absent):
    """Moves everything; answers the seconds. `absent` hangs before, so that what it is added to cannot end, and is killed in the midst."""
    if absent:
        begin_without(cluster, tool, wanted, absent)
        work.load.await_acknowledged(300)
        absent.launch()
        absent.await_serving()
    else:
        tool.execute(wanted)
    took_s = await_placed(cluster, wanted)
    check(all(tool.verify().values()), "--verify does not call complete what is in its place")
    return took_s


def call_off(cluster, work, tool, wanted, absent):
    """Begins to move, and takes back what waits for `absent`; what had ended by then stays."""
    before = replicas_of(cluster)
    waits = begin_without(cluster, tool, wanted, absent)
    tool.call_off()
    eventually("nothing is reassigned any more", lambda: not cluster.status()["reassigned"], 30, 0.1)
    for name, replicas in replicas_of(cluster).items():
        kept = before[name] if name in waits else wanted.get(name, before[name])
        check(set(replicas) == set(kept), f"{name} is on {replicas}, not on {kept}")
    work.load.await_acknowledged(300)
    absent.launch()
    absent.await_serving()
    return 0


def begin_without(cluster, tool, wanted, absent):
    """Executes while `absent` hangs, kills it, and answers what waits for it: what it is added to, and what it alone has. All else ends."""
    before = replicas_of(cluster)
    waits = {name for name, replicas in wanted.items() if set(replicas) != set(before[name]) and (before[name] == [absent.id] or absent.id in set(replicas) - set(before[name]))}
    absent.pause()
    tool.execute(wanted)
    absent.kill()
    names = sorted(f"{topic}-{partition}" for topic, partition in waits)
    eventually(f"what waits for node {absent.id}, and nothing else, is under way", lambda: sorted(cluster.status()["reassigned"]) == names, 60, 0.2)
    going_on = {name for name, is_complete in tool.verify().items() if not is_complete}
    check(going_on == waits, f"--verify says that {going_on} are in progress, not {waits}")
    return waits


def replicas_of(cluster):
    return {(topic, partition.id): list(partition.replicas) for topic, partition in cluster.partitions()}


def await_placed(cluster, wanted, seconds=120):
    """Waits until every partition is on the brokers that are wanted, the preferred first; answers the seconds."""
    begun = time.monotonic()

    def placed():
        found = replicas_of(cluster)
        return all(found[name] == replicas for name, replicas in wanted.items()) and not cluster.status()["reassigned"]

    eventually("all partitions are where they are wanted", placed, seconds, 0.05)
    return time.monotonic() - begun


def check_strays(cluster):
    """A broker keeps no log of a partition that has gone from it."""

    def strays():
        found = replicas_of(cluster)
        return [f"{topic}-{partition} on node {node.id}" for (topic, partition), replicas in found.items() for node in cluster.nodes if node.id not in replicas and os.path.isdir(os.path.join(node.data, f"{topic}-{partition}"))]

    eventually("no log is left where its partition is not", lambda: not strays(), 30, 0.5)
