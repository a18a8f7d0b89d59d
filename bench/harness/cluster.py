"""Three nodes of either system, broker and controller in one, from the same server.properties: started, killed, paused, stopped, asked."""

import os
import signal
import time

from harness import wire
from harness.brokers import SETTINGS, Kafka, Logmill, logmill_binary
from harness.quorum import Quorum

NODES = 3
CLUSTER_SETTINGS = [
    "default.replication.factor=3",
    "min.insync.replicas=2",
    "offsets.topic.replication.factor=3",
    "transaction.state.log.replication.factor=3",
    "transaction.state.log.min.isr=2",
    "share.coordinator.state.topic.replication.factor=3",
    "share.coordinator.state.topic.min.isr=2",
    "group.initial.rebalance.delay.ms=0",
    "inter.broker.listener.name=PLAINTEXT",
    *SETTINGS,
]


class Node:
    """What both systems' nodes share: a number, and the settings of a voter."""

    def place(self, number, voters):
        """Makes it node `number` of those voters."""
        self.number, self.voters = number, voters
        self.folder = os.path.join(os.path.dirname(self.folder), f"{self.name.lower()}-{number}")
        return self

    def settings(self):
        """The lines of its server.properties."""
        return [
            "process.roles=broker,controller",
            f"node.id={self.number}",
            f"controller.quorum.voters={self.voters}",
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.port + 1}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names=CONTROLLER",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            f"log.dirs={os.path.join(self.folder, 'data')}",
            *CLUSTER_SETTINGS,
        ]

    def pause(self):
        """SIGSTOP: to the others it is a machine that vanished."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)


class KafkaNode(Node, Kafka):
    """Apache Kafka, heap and collector as its start script sets them."""


class LogmillNode(Node, Logmill):
    """`logmill server`."""

    def launch(self, files_max=None):
        os.makedirs(self.folder, exist_ok=True)
        with open(self._properties, "w") as file:
            file.write("\n".join([*self.settings(), f"logmill.http.listener=127.0.0.1:{self.http_port}"]) + "\n")
        super().launch(files_max)

    def command(self):
        return [logmill_binary(), "server", "--config", self._properties]

    @property
    def _properties(self):
        return os.path.join(self.folder, "server.properties")


class Cluster:
    """The nodes, and what one of them says of all."""

    node_type = None

    def __init__(self, folder, port):
        ports = [port + 3 * index for index in range(NODES)]
        voters = ",".join(f"{index + 1}@127.0.0.1:{port + 1}" for index, port in enumerate(ports))
        self.nodes = [self.node_type(folder, port).place(index + 1, voters) for index, port in enumerate(ports)]

    @property
    def name(self):
        """The system's."""
        return self.node_type.name

    @property
    def bootstrap(self):
        """Where clients find it."""
        return ",".join(node.bootstrap for node in self.nodes)

    @property
    def pids(self):
        """Its processes, which must live: the CPU of one that has ended is that of nobody."""
        ended = [node.number for node in self.nodes if node.process and node.process.poll() is not None]
        if ended:
            raise RuntimeError(f"{self.name}: nodes {ended} have ended by themselves")
        return [node.pid for node in self.nodes if node.process]

    @property
    def port(self):
        """Of a node that runs."""
        return next(node.port for node in self.nodes if node.process)

    def start(self):
        """Starts all, waits until each serves, the quorum is whole and all partitions are in sync; milliseconds."""
        began = time.monotonic()
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.await_serving()
        self.await_whole()
        return (time.monotonic() - began) * 1000

    def kill(self):
        """kill -9 of all. A clean end of all at once is none for Kafka: who loses the quorum waits for it for minutes."""
        for node in self.nodes:
            node.kill()

    def node(self, number):
        """By its id."""
        return self.nodes[number - 1]

    def others(self, node):
        """Those that are not it."""
        return [each for each in self.nodes if each is not node]

    def partitions(self, topic=None):
        """As a node that runs tells them."""
        return wire.partitions_of(self.port, topic)

    def create(self, topic, partitions, assignment=(), options=()):
        """A topic with three replicas of each partition, all in sync; milliseconds."""
        began = time.monotonic()
        wire.create_topic(self.port, topic, partitions or len(assignment), 300.0, NODES, assignment, options)
        self.await_in_sync()
        return (time.monotonic() - began) * 1000

    def await_in_sync(self, seconds=240.0):
        """Until every replica is in its ISR."""
        self._await("all replicas in sync", lambda: all(each.is_in_sync for each in self.partitions()), seconds)

    def await_whole(self, seconds=240.0):
        """Until the quorum has all its voters again, and every partition its replicas."""
        self._await("a whole quorum", lambda: all(Quorum(node.port, 5.0).is_whole for node in self.nodes), seconds)
        self.await_in_sync(seconds)

    def balance(self, seconds=240.0):
        """Elects the preferred leaders, so that every node leads its share; waits until they lead."""

        def is_balanced():
            if all(each.is_as_preferred for each in self.partitions()):
                return True
            wire.elect_preferred(self.port)
            return False

        self._await("the preferred leaders", is_balanced, seconds)

    def remove(self):
        """Ends it, and removes its data."""
        for node in self.nodes:
            if node.process:
                node.resume()
            node.remove()

    @staticmethod
    def _await(what, holds, seconds):
        deadline = time.monotonic() + seconds
        while True:
            try:
                if holds():
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds:g} s: {what}")
            time.sleep(0.02)


class KafkaCluster(Cluster):
    """Three nodes of Apache Kafka."""

    node_type = KafkaNode


class LogmillCluster(Cluster):
    """Three nodes of Logmill."""

    node_type = LogmillNode


SYSTEMS = {"kafka": KafkaCluster, "logmill": LogmillCluster}
