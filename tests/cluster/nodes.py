"""The `logmill server` processes that form a cluster, three in most cases: started, killed, paused, stopped, and asked how they are."""

import glob
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness.node import free_port, is_alive
from harness.rawkafka import answers_metadata
from harness.report import check, eventually
from network import address

PROPERTIES = """
node.id={id}
process.roles={roles}
controller.quorum.voters={voters}
broker.rack=rack-{id}
listeners={listeners}
advertised.listeners=PLAINTEXT://{kafka}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
logmill.http.listener={http}
log.dirs={data}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=6
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
group.initial.rebalance.delay.ms=0
"""

QUIET = {"log_level": 2, "topic.metadata.refresh.interval.ms": 1000}


class Process:
    """One node: its files, its ports, and its process while it has one."""

    def __init__(self, number, directory, ports, roles=("broker", "controller"), host="127.0.0.1", inside=()):
        self.id = number
        self.roles = roles
        self._inside = list(inside)
        self.host = host
        self.directory = os.path.join(directory, f"node-{number}")
        self.data = os.path.join(self.directory, "data")
        self.ports = ports
        self.process = None

    @property
    def address(self):
        """What clients connect to."""
        return f"{self.host}:{self.ports[0]}"

    @property
    def controller_address(self):
        """Where the other nodes reach its quorum, if it votes."""
        return f"{self.host}:{self.ports[1]}"

    @property
    def url(self):
        """Where it answers HTTP."""
        return f"http://{self.host}:{self.ports[2]}"

    @property
    def log(self):
        """Where it says what it has to say."""
        return os.path.join(self.directory, "log")

    def write_properties(self, voters):
        os.makedirs(self.directory)
        addresses = {"broker": f"PLAINTEXT://{self.address}", "controller": f"CONTROLLER://{self.controller_address}"}
        roles, listeners = ",".join(self.roles), ",".join(addresses[role] for role in self.roles)
        with open(os.path.join(self.directory, "server.properties"), "w") as file:
            file.write(PROPERTIES.format(id=self.id, roles=roles, voters=voters, listeners=listeners, kafka=self.address, http=self.url.removeprefix("http://"), data=self.data))

    def launch(self):
        """Starts it; does not wait."""
        command = [*self._inside, program(), "server", "--config", os.path.join(self.directory, "server.properties")]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def replace(self):
        """kill -9 and a new start, until it answers."""
        self.kill()
        self.launch()
        self.await_serving()

    def await_serving(self, seconds=60):
        """Waits until it answers clients, or HTTP where it has none; returns the seconds that took."""
        begun = time.monotonic()
        eventually(f"node {self.id} answers: {self.last_words()}", lambda: self._serves(), seconds, 0.01)
        return time.monotonic() - begun

    def kill(self):
        """kill -9, and waits until it is gone."""
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        if self.process:
            self.process.wait()

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self, seconds=60):
        """SIGTERM; returns the seconds until its clean end."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        check(code == 0, f"node {self.id} ended with {code}: {self.last_words()}")
        return time.monotonic() - begun

    def last_words(self):
        try:
            with open(self.log, errors="replace") as log:
                return " / ".join(line.strip() for line in log.readlines()[-4:])
        except OSError:
            return "no log"

    def _serves(self):
        code = self.process.poll()
        check(code is None, f"node {self.id} ended with {code}: {self.last_words()}")
        return answers_metadata(self.ports[0], self.host) if "broker" in self.roles else self._is_healthy()

    def _is_healthy(self):
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


class Cluster:
    """The nodes that clients see, the controllers that they do not (none where every node is both), and what a client of them sees."""

    def __init__(self, directory, count, network=None, controllers=0):
        self.directory = directory
        self.network = network
        roles = [("broker",) if controllers else ("broker", "controller")] * count + [("controller",)] * controllers
        count = len(roles)
        ports = []
        while len(set(ports)) < 3 * count:
            ports = [free_port() for _ in range(3 * count)]
        self.processes = []
        for number in range(count):
            where = (address(number + 1), network.inside(number + 1)) if network else ()
            self.processes.append(Process(number + 1, directory, ports[3 * number : 3 * number + 3], roles[number], *where))
        self.nodes = [node for node in self.processes if "broker" in node.roles]
        self.controllers = [node for node in self.processes if "broker" not in node.roles]
        voters = ",".join(f"{node.id}@{node.controller_address}" for node in self.processes if "controller" in node.roles)
        for node in self.processes:
            node.write_properties(voters)
        self._admin = None

    @property
    def bootstrap(self):
        return self.bootstrap_without(None)

    def bootstrap_without(self, absent):
        """Of all brokers but one that hangs: who begins there waits for it."""
        return ",".join(node.address for node in self.nodes if node is not absent)

    @property
    def admin(self):
        self._admin = self._admin or AdminClient({"bootstrap.servers": self.bootstrap, **QUIET})
        return self._admin

    def start(self):
        """Starts all that do not run, waits until all serve; returns the seconds."""
        begun = time.monotonic()
        for node in self.processes:
            if node.process is None or node.process.poll() is not None:
                node.launch()
        for node in self.processes:
            node.await_serving()
        return time.monotonic() - begun

    def create(self, topic, partitions, replicas=3, **configs):
        """Makes a topic and waits until every replica is in sync."""
        settings = {name.replace("_", "."): str(value) for name, value in configs.items()}
        eventually("all brokers are registered", lambda: len(self._metadata().brokers) == len(self.nodes))
        self.admin.create_topics([NewTopic(topic, partitions, replicas, config=settings)])[topic].result(30)
        self.await_in_sync()

    def place(self, topic, assignment, **configs):
        """Makes a topic whose partitions lie where `assignment` says."""
        settings = {name.replace("_", "."): str(value) for name, value in configs.items()}
        eventually("all brokers are registered", lambda: len(self._metadata().brokers) == len(self.nodes))
        new = NewTopic(topic, len(assignment), replica_assignment=assignment, config=settings)
        self.admin.create_topics([new])[topic].result(30)
        self.await_in_sync()

    def partitions(self):
        """[(topic, PartitionMetadata)] as some broker says."""
        topics = self._metadata().topics
        return [(name, partition) for name in sorted(topics) for _, partition in sorted(topics[name].partitions.items())]

    def leader(self, topic, partition):
        """The node that leads it, or None."""
        for name, found in self.partitions():
            if (name, found.id) == (topic, partition):
                return self.node(found.leader)
        return None

    def node(self, number):
        return next((node for node in self.processes if node.id == number), None)

    def status(self, absent=None):
        """What `logmill cluster status` says, asked of another than `absent`."""
        command = [program(), "cluster", "status", "--output", "json", "--bootstrap-server", self.bootstrap_without(absent)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        check(done.stdout, f"cluster status ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def quorum_leader(self):
        """The node that leads the quorum; waits until one that runs does."""

        def leader():
            node = self.node(self.status()["quorum"]["leader"])
            return node and node.process.poll() is None and node

        return eventually("somebody leads the quorum", leader, 30, 0.02)

    def await_in_sync(self, seconds=90):
        """Waits until every replica of every partition is in its ISR; returns the seconds."""
        begun = time.monotonic()
        eventually("all replicas are in sync", self._all_in_sync, seconds, 0.1)
        return time.monotonic() - begun

    def end(self):
        """Leaves nothing running."""
        for node in self.processes:
            if node.process and node.process.poll() is None:
                node.process.send_signal(signal.SIGCONT)
            node.kill()
        if self.network:
            self.network.end()

    def _all_in_sync(self):
        found = self.partitions()
        return bool(found) and all(sorted(each.isrs) == sorted(each.replicas) and each.leader > 0 for _, each in found)

    def _metadata(self):
        return eventually("somebody answers Metadata", self._try_metadata)

    def _try_metadata(self):
        try:
            return self.admin.list_topics(timeout=5)
        except KafkaException:
            return None


def program():
    """$LOGMILL, or the newest build."""
    named = os.environ.get("LOGMILL")
    if named:
        return os.path.abspath(named)
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(top, "target")
    built = [path for kind in ("release", "debug") for path in glob.glob(os.path.join(target, kind, "logmill"))]
    if not built:
        sys.exit(f"no logmill in {target}: run `cargo build --release`, or set LOGMILL")
    return max(built, key=os.path.getmtime)
