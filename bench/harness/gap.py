"""How long records wait for their acknowledgement while brokers come and go: an open loop of a foreign client over all partitions.

A gap is the longest that any record waited that was due in a span of time. Records go to the partitions in turn, so that a partition without a leader
is noticed although the others are served, and what is due while the client waits counts as well.
"""

import os
import subprocess
import sys
import threading
import time

from harness.brokers import ROOT

QUIET_SECONDS = 0.25
# A record that waits less belongs to no gap; a loaded machine of two cores has such waits by itself.
QUIET_WAIT_SECONDS = 0.1


class Producer:
    """librdkafka with its defaults and `settings`, in a process of its own."""

    def __init__(self, cluster, topic, partitions, rate, **settings):
        program = os.path.join(ROOT, "bench", "harness", "gap_producer.py")
        words = [_python(), program, cluster.bootstrap, topic, str(partitions), str(rate)]
        words += [f"{name.replace('_', '.')}={value}" for name, value in settings.items()]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.partitions = partitions
        self.rate = rate
        self.waits = []
        self.errors = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def gap_ms(self, since):
        """The longest wait of a record due from `since` (time.monotonic) on; waits first until all is served again."""
        self.await_quiet(since)
        return 1000 * max(acked - due for due, acked in list(self.waits) if due >= since)

    def await_quiet(self, since, seconds=120.0):
        """Until every partition has served a record that was due after `since`, and the latest have not waited."""
        # All partitions must have had their turn since, or a gap of one of them would not be seen.
        turn = self.partitions / self.rate
        deadline = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            rows = list(self.waits)[-int(2 * self.rate * max(turn, 1.0)) :]
            recent = [row for row in rows if row[0] >= now - 2 * QUIET_SECONDS]
            is_served = len(recent) >= self.rate * QUIET_SECONDS and all(acked - due < QUIET_WAIT_SECONDS for due, acked in recent)
            # Nothing is under way: as many are answered as were due.
            if now - since > turn + 2 * QUIET_SECONDS and is_served and self._is_complete(since):
                return
            if now > deadline:
                raise TimeoutError(f"the producer does not come to rest within {seconds:g} s; errors {self.errors[-3:]}")
            time.sleep(0.02)

    def _is_complete(self, since):
        until = time.monotonic() - 2 * QUIET_SECONDS
        answered = sum(since <= due < until for due, _ in list(self.waits))
        return answered >= (until - since) * self.rate - 2

    def waits_ms(self, since, until):
        """The waits of the records due in a span."""
        return [1000 * (acked - due) for due, acked in list(self.waits) if since <= due < until]

    def end(self):
        """Ends it."""
        self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _read(self):
        for line in self.process.stdout:
            due, acked, *error = line.split()
            self.waits.append((float(due), float(acked)))
            self.errors += error


def _python():
    """The interpreter with confluent-kafka that the clients' tests install."""
    tests = os.path.join(ROOT, "tests", "clients")
    program = f"import sys; sys.path.insert(0, {tests!r}); from harness import tools; print(tools.python_of('cluster'))"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True, cwd=tests)
    return done.stdout.split("\n")[-2]
