"""`logmill bench` as the client of either system."""

import json
import shlex
import subprocess
import time

from harness import machine
from harness.brokers import logmill_binary

SETTLE_SECONDS = 1.0


class Client:
    """Loads for a broker or a cluster: whatever has a `bootstrap` and `pids`."""

    def __init__(self, target, scale=1.0, records=None):
        self.target = target
        self.scale = scale
        self.records = records

    def run(self, command, topic, *arguments):
        """What the load's JSON says; of a single broker with its CPU and memory."""
        done = self.start(command, topic, *arguments).finish()
        time.sleep(SETTLE_SECONDS)
        return done

    def start(self, command, topic, *arguments):
        """The load, under way."""
        words = [logmill_binary(), "bench", command, "--bootstrap-server", self.target.bootstrap, "--topic", topic]
        if len(self.target.pids) == 1:
            words += ["--broker-pid", str(self.target.pids[0])]
        return Running([*words, "--output", "json", *map(str, arguments)])

    def count(self, records):
        """So many records, to scale."""
        return self.records or max(1000, int(records * self.scale))

    def produce(self, topic, records, size, batch, recreate=True):
        """Sends as fast as it is taken."""
        shape = ["--num-records", self.count(records), "--record-size", size, "--batch-size", batch]
        return self.run("produce", topic, *shape, *(["--recreate"] if recreate else []))

    def watch_cpu(self):
        """The CPU time of the target's processes from now on."""
        return Cpu(self.target.pids)


class Cpu:
    """CPU time of processes since it was made."""

    def __init__(self, pids):
        self.pids = pids
        self.before = self._now()

    def seconds(self):
        """All of it, and what of it went to a JVM's compilers."""
        now = self._now()
        compilers = sum(total - self.before[pid][1].get(thread, 0.0) for pid in self.pids for thread, total in now[pid][1].items())
        return sum(now[pid][0] - self.before[pid][0] for pid in self.pids), compilers

    def _now(self):
        return {pid: (machine.cpu_seconds(pid), machine.compiler_seconds(pid)) for pid in self.pids}


class Running:
    """A load that runs beside."""

    def __init__(self, words):
        self.words = words
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self):
        """Waits for its end; what it prints."""
        out, err = self.process.communicate()
        if self.process.returncode:
            raise RuntimeError(f"{shlex.join(self.words)}\n{out[-1000:]}{err[-1000:]}")
        return json.loads(out)

    def end(self):
        """Ends it early."""
        self.process.kill()
        self.process.communicate()
