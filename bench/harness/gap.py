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
QUIET_WAIT_SECONDS = 0.25


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
        self.oldest = None
        self.quiet_from = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def gap_ms(self, since):
        """The longest wait of a record due from `since` (time.monotonic) on; waits first until all is served again."""
        self.await_quiet(since)
        return 1000 * max(acked - due for due, acked, _ in list(self.waits) if due >= since)

    def await_quiet(self, since, seconds=120.0):
        """Until every partition has had a record since, and all are acknowledged at once."""
        turn = self.partitions / self.rate
        deadline = time.monotonic() + seconds
        while True:
            now, quiet_from = time.monotonic(), self.quiet_from
            if quiet_from is not None and now - max(since + turn, quiet_from) > QUIET_SECONDS:
                return
            if now > deadline:
                waits = f"{now - self.oldest:.1f} s" if self.oldest else "for ever"
                raise TimeoutError(f"the producer does not come to rest within {seconds:g} s: a record waits {waits}; errors {self.errors[-3:]}")
            time.sleep(0.01)

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
            first, second, *rest = line.split()
            if first == "at":
                now, self.oldest = float(second), float(rest[0])
                if now - self.oldest > QUIET_WAIT_SECONDS:
                    self.quiet_from = None
                elif self.quiet_from is None:
                    self.quiet_from = now
            else:
                self.waits.append((float(first), float(second), int(rest[0])))
                self.errors += rest[1:]


def _python():
    """The interpreter with confluent-kafka that the clients' tests install."""
    tests = os.path.join(ROOT, "tests", "clients")
    program = f"import sys; sys.path.insert(0, {tests!r}); from harness import tools; print(tools.python_of('cluster'))"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True, cwd=tests)
    return done.stdout.split("\n")[-2]
