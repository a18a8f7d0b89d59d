"""A group's coordinator that is deposed and does not know: who still asks it must not be told old offsets."""

import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from harness.report import check, eventually, say
from nodes import QUIET

TOPIC = "deposed"
WAYS = ["cut from the brokers", "hangs", "unheard by the brokers"]


def deposed(cluster, chance, options):
    """A coordinator that is cut off or hangs while another commits in its place: whoever asks it is told the newest offset, or an error."""
    cluster.start()
    cluster.create(TOPIC, 1)
    found = {}
    for number in range(max(3, options.kills)):
        way = WAYS[number % len(WAYS)]
        told = one_round(cluster, f"group-{number}", way, chance.uniform(1, 3))
        for answer in told:
            found[answer] = found.get(answer, 0) + 1
        say(f"   round {number + 1}: the coordinator {way}; told: {', '.join(sorted(set(told)))}; in sync {cluster.await_in_sync():.1f} s later")
    return ", ".join(f"{count} × {answer}" for answer, count in sorted(found.items()))


deposed.needs_network = True


def one_round(cluster, group, way, seconds):
    """Commits 1 and then, elsewhere, 2; returns what one who asked the first coordinator all the while was told after that."""
    asker = member(cluster, group)
    commit(asker, 1)
    check(eventually("the offset can be read", lambda: position(asker, 10)) == "1", "what was committed is told")
    coordinator = cluster.node(cluster.admin.describe_consumer_groups([group])[group].result(30).coordinator.id)
    others = [node for node in cluster.nodes if node is not coordinator]
    break_off(cluster, coordinator, others, way)
    waiting = Asker(asker) if way == "hangs" else None
    committer = member(cluster, group, without=coordinator)
    commit(committer, 2)
    committed = time.monotonic()
    told = []
    if waiting:
        time.sleep(seconds)
        coordinator.resume()
        told.append(waiting.answer())
    while time.monotonic() < committed + seconds:
        told.append(position(asker, 1))
    cluster.network.heal_all()
    eventually("the newest offset is told", lambda: position(asker, 5) == "2", 60)
    for client in (asker, committer):
        client.close()
    check("1" not in told, f"{group} was told 1 after 2 had been committed: {told}")
    return told


class Asker:
    """Asks on a thread: of a coordinator that hangs."""

    def __init__(self, consumer):
        self._told = None
        self._thread = threading.Thread(target=self._ask, args=(consumer,), daemon=True)
        self._thread.start()

    def answer(self):
        self._thread.join(60)
        return self._told

    def _ask(self, consumer):
        self._told = position(consumer, 30)


def break_off(cluster, coordinator, others, way):
    if way == "hangs":
        return coordinator.pause()
    for other in others:
        cluster.network.cut(coordinator.id, other.id)
        if way == "cut from the brokers":
            cluster.network.cut(other.id, coordinator.id)


def member(cluster, group, without=None):
    return Consumer({"bootstrap.servers": cluster.bootstrap_without(without), "group.id": group, "enable.auto.commit": False, **QUIET})


def commit(consumer, offset):
    """Until it is done."""

    def done():
        try:
            consumer.commit(offsets=[TopicPartition(TOPIC, 0, offset)], asynchronous=False)
        except KafkaException:
            return False
        return True

    eventually(f"{offset} is committed", done, 60)


def position(consumer, seconds):
    """What the group has committed, as it is told: a number, or an error's name."""
    try:
        place = consumer.committed([TopicPartition(TOPIC, 0)], timeout=seconds)[0]
    except KafkaException as error:
        return error.args[0].name()
    return place.error.name() if place.error else str(place.offset)
