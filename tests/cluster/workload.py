"""What runs in every case: a producer, two readers of a group, two transactional copiers and a window job, all over one input; and the check at the end."""

from harness.report import check, eventually, say
from copying import Copying
from history import check_history, check_replicas, read_all
from load import Load, Reader
from windows import Windows

TOPIC, GROUP, PARTITIONS = "history", "readers", 6


class Workload:
    """Runs from its making until `finish`."""

    def __init__(self, cluster, options, assignment=None):
        self.cluster = cluster
        if assignment:
            cluster.place(TOPIC, assignment, retention_ms=-1)
        else:
            cluster.create(TOPIC, PARTITIONS, retention_ms=-1)
        self.load = Load(cluster, TOPIC, PARTITIONS, options.rate)
        self.readers = [Reader(cluster, TOPIC, GROUP) for _ in range(2)]
        self.copying = Copying(cluster, TOPIC, options.seed) if "copies" in options.loads else None
        self.windows = Windows(cluster, TOPIC, PARTITIONS) if "windows" in options.loads else None
        self.load.await_acknowledged(1000)
        if self.windows:
            eventually("the job gives results", self.windows.results, 60)

    def finish(self):
        """Checks everything; returns what to tell."""
        self.cluster.start()
        self.load.end()
        await_group(self.readers, self.load.places)
        for reader in self.readers:
            reader.end()
        found = read_all(self.cluster, self.load.topic, PARTITIONS)
        check_history(self.load, found, self.readers)
        told = [f"{self.load.sent} records, none lost, doubled, reordered or moved; longest gap {self.load.gap_s_max:.2f} s"]
        if self.copying:
            told.append(self.copying.finish(found))
        if self.windows:
            told.append(self.windows.finish(found, self.load.real))
        told.append(f"{check_replicas(self.cluster)} batches equal")
        return "; ".join(told)


def await_group(readers, places):
    """Waits until the members have read, between them, everything that was acknowledged."""

    def all_read():
        seen = set().union(*(reader.seen.keys() for reader in readers))
        return all(place in seen or place[1] < 0 for place in places.values())

    eventually("the group has read everything", all_read, 90, 0.2)


def begin(cluster, options, assignment=None):
    """A cluster that runs under load; `assignment` places the partitions of its input, else each is on every broker."""
    took = cluster.start()
    say(f"   {len(cluster.processes)} nodes after {took:.2f} s")
    return Workload(cluster, options, assignment)
