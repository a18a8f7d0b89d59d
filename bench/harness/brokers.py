"""The two systems: Logmill's own binary, and one node of Apache Kafka as its start script would run it.

Both listen on 127.0.0.1 only and keep their data in a folder that is removed at the end. Kafka's jars are fetched by
tests/peers/jars, which says where it keeps them.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time

from harness import wire

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
STOP_TIMEOUT_S = 120
# Room for the next run soon after a topic is deleted.
SETTINGS = ["log.segment.delete.delay.ms=1000"]


def logmill_binary():
    """$LOGMILL, else the release binary."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    binary = os.environ.get("LOGMILL", os.path.join(target, "release", "logmill"))
    if not os.access(binary, os.X_OK):
        sys.exit(f"{binary} is not there: cargo build --release, or set LOGMILL")
    return binary


class Broker:
    """A broker process and its folder."""

    name = ""

    def __init__(self, folder, port):
        self.folder = os.path.join(folder, self.name.lower())
        self.port = port
        self.process = None
        self.launched = 0.0

    def start(self, files_max=None):
        """Starts it, waits for the first Metadata answer; milliseconds. `files_max` is its limit of open files."""
        self.launch(files_max)
        return self.await_serving()

    def launch(self, files_max=None):
        """Starts it; does not wait. Where somebody else listens already, that one would be measured: refused."""
        if wire.is_taken(self.port):
            raise RuntimeError(f"port {self.port} is taken: give another --port")
        os.makedirs(self.folder, exist_ok=True)
        command = self.command()
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))) if files_max else None
        with open(self._log, "a") as log:
            self.launched = time.monotonic()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, preexec_fn=limit, start_new_session=True
            )

    def await_serving(self):
        """Waits for the first Metadata answer; milliseconds since it was launched."""
        try:
            return wire.await_metadata(self.port, self.launched)
        except TimeoutError as late:
            self.kill()
            with open(self._log) as log:
                raise RuntimeError(f"{self.name} does not serve: {log.read()[-2000:]}") from late

    def stop(self):
        """SIGTERM, and waits for its end."""
        self._end(signal.SIGTERM)

    def kill(self):
        """kill -9."""
        self._end(signal.SIGKILL)

    def remove(self):
        """Ends it if it runs, and removes its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self):
        """Its process id."""
        return self.process.pid

    @property
    def pids(self):
        """Its process, as a list."""
        return [self.pid]

    @property
    def bootstrap(self):
        """Where clients find it."""
        return f"127.0.0.1:{self.port}"

    def command(self):
        """What starts it."""
        raise NotImplementedError

    @property
    def _log(self):
        return os.path.join(self.folder, "broker.log")

    def _end(self, signal_number):
        if self.process is None:
            return
        self.process.send_signal(signal_number)
        self.process.wait(STOP_TIMEOUT_S)
        self.process = None


class Logmill(Broker):
    """`logmill dev` with a folder of its own."""

    name = "Logmill"

    def __init__(self, folder, port):
        super().__init__(folder, port)
        self.http_port = port + 2

    def command(self):
        data = os.path.join(self.folder, "data")
        ports = ["--kafka-port", str(self.port), "--http-port", str(self.http_port)]
        settings = [word for setting in SETTINGS for word in ("--set", setting)]
        return [logmill_binary(), "dev", "--data", data, *ports, *settings]

    @property
    def url(self):
        """Where it answers HTTP."""
        return f"http://127.0.0.1:{self.http_port}"


class Kafka(Broker):
    """Apache Kafka: broker and controller in one, heap and collector as its start script sets them."""

    name = "Kafka"

    def launch(self, files_max=None):
        jars()
        self._write_properties()
        if not os.path.exists(os.path.join(self.folder, "data", "meta.properties")):
            self._format()
        super().launch(files_max)

    def command(self):
        heap = os.environ.get("KAFKA_HEAP_OPTS", "-Xmx1G -Xms1G").split()
        collector = ["-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"]
        return ["java", *heap, *collector, "-Djava.awt.headless=true", *self._class_path("INFO"), "kafka.Kafka", self._properties]

    def _format(self):
        command = ["java", "-Xmx256M", *self._class_path("ERROR"), "kafka.tools.StorageTool", "format", "--ignore-formatted"]
        command += ["-t", "bG9nbWlsbC1iZW5jaC0tLQ", "-c", self._properties]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"Kafka's format failed: {done.stdout} {done.stderr}")

    def _write_properties(self):
        os.makedirs(self.folder, exist_ok=True)
        with open(self._properties, "w") as file:
            file.write("\n".join(self.settings()) + "\n")

    def settings(self):
        """The lines of its server.properties."""
        controller = self.port + 1
        return [
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@127.0.0.1:{controller}",
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names=CONTROLLER",
            f"log.dirs={os.path.join(self.folder, 'data')}",
            "offsets.topic.replication.factor=1",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "share.coordinator.state.topic.replication.factor=1",
            "share.coordinator.state.topic.min.isr=1",
            "group.initial.rebalance.delay.ms=0",
            *SETTINGS,
        ]

    @property
    def _properties(self):
        return os.path.join(self.folder, "server.properties")

    @staticmethod
    def _class_path(level):
        logging = os.path.join(ROOT, "tests", "peers", "log4j2.properties")
        return [f"-Dlog4j2.configurationFile={logging}", f"-Dpeer.log={level}", "-cp", f"{jars()}/*"]


def jars(name="kafka"):
    """The folder with the jars of `name`-pom.xml, fetched when they are not there."""
    if name not in _JARS:
        script = os.path.join(ROOT, "tests", "peers", "jars")
        done = subprocess.run(["bash", "-c", f'set -e; . "{script}"; fetch_jars {name}; echo "$jars"'], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"the jars of {name} cannot be fetched")
        _JARS[name] = done.stdout.strip()
    return _JARS[name]


_JARS = {}
