"""The node under test: started, stopped, killed and started again, whatever kind of broker it is.

Kinds: `logmill` (the binary named by $LOGMILL), `controlled` (any broker behind a control script) and `foreign` (somebody's
broker at HOST:PORT, which is never stopped). The control script is called as `SCRIPT start DIR PORT`, `SCRIPT stop DIR`,
`SCRIPT kill DIR` and `SCRIPT pid DIR`; `start` need not wait until the broker serves.

Programs in other languages call this file: `python3 node.py kill|start|stop|pid`; it finds the node in the environment.
"""

import glob
import os
import random
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.rawkafka import await_metadata
from harness.report import Skip, check

ENVIRONMENT = "CLIENTS_NODE"


class Node:
    """A broker on 127.0.0.1, or a foreign one elsewhere."""

    def __init__(self, kind, host, port, http_port=0, directory="", program=""):
        self.kind = kind
        self.host = host
        self.port = port
        self.http_port = http_port
        self.directory = directory
        self.program = program

    @classmethod
    def from_environment(cls):
        """The node that `run` started, or the broker that a person named in CLIENTS_NODE=HOST:PORT."""
        text = os.environ.get(ENVIRONMENT, "")
        check(text, f"{ENVIRONMENT} is not set: start the tests by tests/clients/run")
        fields = text.split("|")
        if len(fields) == 1:
            host, _, port = text.rpartition(":")
            return cls("foreign", host, int(port))
        kind, host, port, http_port, directory, program = fields
        return cls(kind, host, int(port), int(http_port), directory, program)

    def to_environment(self):
        """The value that `from_environment` reads."""
        return "|".join([self.kind, self.host, str(self.port), str(self.http_port), self.directory, self.program])

    @property
    def bootstrap(self):
        """What clients call bootstrap.servers."""
        return f"{self.host}:{self.port}"

    @property
    def url(self):
        """Where Logmill answers HTTP."""
        self.require_logmill()
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def is_logmill(self):
        """Whether it is our own binary, hence also serves SQL."""
        return self.kind == "logmill"

    def require_logmill(self):
        """Skips the case unless the node is our own."""
        if not self.is_logmill:
            raise Skip("needs Logmill's SQL, and this broker is another")

    def require_control(self):
        """Skips the case unless the node can be killed."""
        if self.kind == "foreign":
            raise Skip(f"needs to stop the broker, and {self.bootstrap} is not ours (give --control)")

    def start(self):
        """Starts the broker and waits until it answers Metadata; returns the milliseconds."""
        self.require_control()
        os.makedirs(self.directory, exist_ok=True)
        if self.is_logmill:
            self._launch_logmill()
        else:
            subprocess.run([self.program, "start", self.directory, str(self.port)], check=True, stdout=subprocess.DEVNULL)
        return await_metadata(self.port, self._check_it_lives)

    def kill(self):
        """kill -9."""
        self._end(signal.SIGKILL, "kill")

    def stop(self):
        """SIGTERM, and waits for the clean end."""
        self._end(signal.SIGTERM, "stop")

    def restart_after_kill(self):
        """kill -9 and start; returns the milliseconds until Metadata was answered."""
        self.kill()
        return self.start()

    def pid(self):
        """The broker's process id."""
        self.require_control()
        if self.is_logmill:
            with open(self._pid_file) as file:
                return int(file.read())
        return int(subprocess.run([self.program, "pid", self.directory], check=True, capture_output=True, text=True).stdout)

    def memory_peak_mb(self):
        """The most resident memory that the process has had, from /proc."""
        with open(f"/proc/{self.pid()}/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024
        raise AssertionError("no VmHWM in /proc")

    def log_files(self, topic, suffix):
        """The files of a topic's partitions with this suffix, in order of path."""
        self.require_control()
        pattern = os.path.join(glob.escape(self.directory), "**", f"{topic}-*", f"*{suffix}")
        return sorted(glob.glob(pattern, recursive=True))

    def sql(self, text, seconds=120):
        """Gives SQL text to `logmill sql -f` and returns what it printed."""
        path = os.path.join(self.directory, "statements.sql")
        with open(path, "w") as file:
            file.write(text)
        done = subprocess.run([self.program, "sql", "-f", path, "--url", self.url], capture_output=True, text=True, timeout=seconds)
        check(done.returncode == 0, f"logmill sql ended with {done.returncode}: {done.stdout} {done.stderr}")
        return done.stdout

    def _check_it_lives(self):
        if not self.is_logmill or is_alive(self.pid()):
            return
        with open(self._log_file, errors="replace") as log:
            raise AssertionError(f"the broker ended at once: {log.readlines()[-1:]}")

    @property
    def _pid_file(self):
        return os.path.join(self.directory, "pid")

    @property
    def _log_file(self):
        return os.path.join(self.directory, "broker.log")

    def _launch_logmill(self):
        command = [self.program, "dev", "--data", os.path.join(self.directory, "data")]
        command += ["--kafka-port", str(self.port), "--http-port", str(self.http_port)]
        with open(self._log_file, "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        with open(self._pid_file, "w") as file:
            file.write(str(process.pid))

    def _end(self, number, command):
        self.require_control()
        if not self.is_logmill:
            subprocess.run([self.program, command, self.directory], check=True, stdout=subprocess.DEVNULL)
            return
        if not os.path.exists(self._pid_file):
            return
        pid = self.pid()
        if is_alive(pid):
            os.kill(pid, number)
        deadline = time.monotonic() + 60
        while is_alive(pid):
            check(time.monotonic() < deadline, f"process {pid} did not end within 60 s of signal {number}")
            time.sleep(0.005)
        os.remove(self._pid_file)


def is_alive(pid):
    """Whether the process runs: one that only waits to be reaped does not.

    Every thread is asked. The first is a zombie as soon as it has ended itself, while the others still hold the listening sockets.
    """
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    return any(map(_is_running, glob.glob(f"/proc/{pid}/task/*/stat")))


def _is_running(stat_file):
    try:
        with open(stat_file) as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def free_port(pair=False):
    """A port of 127.0.0.1 that nobody uses now; with `pair` the one after it is free as well.

    Below the range from which the system gives ports to connections: while a broker is down, a client that keeps connecting to
    such a port would in the end be given that very port, meet itself, and keep the broker from coming back.
    """
    while True:
        with socket.socket() as first, socket.socket() as second:
            port = random.randrange(12_000, ephemeral_first())
            try:
                first.bind(("127.0.0.1", port))
                if pair:
                    second.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue


def ephemeral_first():
    """The first port that the system gives to connections by itself."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
            return max(20_000, int(file.read().split()[0]))
    except OSError:
        return 32_768


if __name__ == "__main__":
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    check(verb in ("start", "stop", "kill", "pid"), "node.py start|stop|kill|pid")
    answer = getattr(Node.from_environment(), verb)()
    if answer is not None:
        print(round(answer))
