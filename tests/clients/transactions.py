"""Transactions as librdkafka does them: all or nothing over partitions and groups, fences, time-outs, and a broker that is killed."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from confluent_client import QUIET
from harness.node import Node
from harness.report import Cases, check, eventually

PARTITIONS = 3
node = Node.from_environment()


def create(topic):
    client = AdminClient({"bootstrap.servers": node.bootstrap})
    client.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30)
    eventually(f"{topic} has leaders", lambda: topic in client.list_topics(timeout=10).topics)


def producer(transactional_id, **settings):
    made = Producer({"bootstrap.servers": node.bootstrap, "transactional.id": transactional_id, "linger.ms": 0, **QUIET, **settings})
    made.init_transactions(60)
    return made


def send(to, topic, values):
    """One value per partition in turn, flushed: they lie in the log, whatever becomes of the transaction."""
    failed = []
    for number, value in enumerate(values):
        to.produce(topic, value.encode(), partition=number % PARTITIONS, on_delivery=lambda error, _: error and failed.append(error))
    check(to.flush(60) == 0, "not everything was delivered")
    check(not failed, f"not delivered: {failed[:1]}")


def consumer(group, isolation, **settings):
    return Consumer(
        {
            "bootstrap.servers": node.bootstrap,
            "group.id": group,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            **QUIET,
            **settings,
        }
    )


def read(topic, isolation="read_committed"):
    """Everything up to the end of each partition, sorted."""
    reader = consumer("readers", isolation)
    reader.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    values, at_end = [], set()
    deadline = time.monotonic() + 60
    while len(at_end) < PARTITIONS:
        check(time.monotonic() < deadline, f"{topic} has no end: {len(values)} read")
        message = reader.poll(1)
        if message is None:
            continue
        if message.error():
            check(message.error().code() == KafkaError._PARTITION_EOF, str(message.error()))
            at_end.add(message.partition())
        else:
            values.append(message.value().decode())
    reader.close()
    return sorted(values)


def names(tag, count=30):
    return [f"{tag}-{number:03}" for number in range(count)]


def commits_all_or_nothing():
    topic = "txn-basic"
    create(topic)
    writer = producer("basic")
    for round in range(5):
        for tag, end in ((f"kept{round}", writer.commit_transaction), (f"gone{round}", writer.abort_transaction)):
            writer.begin_transaction()
            send(writer, topic, names(tag))
            check(not [value for value in read(topic) if value.startswith(tag)], f"{tag} is seen before its end")
            end(60)
    kept = sorted(value for round in range(5) for value in names(f"kept{round}"))
    check(read(topic) == kept, "a reader of committed records sees other records than were committed")
    check(len(read(topic, "read_uncommitted")) == 2 * len(kept), "a reader of all records does not see all")


def one_transaction_after_the_other():
    """No pause between them: the next begins while the markers of the last are still being written."""
    topic = "txn-rapid"
    create(topic)
    writer = producer("rapid")
    for number in range(100):
        writer.begin_transaction()
        writer.produce(topic, f"v{number:03}".encode(), partition=number % PARTITIONS)
        writer.commit_transaction(60)
    check(read(topic) == [f"v{number:03}" for number in range(100)], "not every transaction is there")


def copies_with_its_offsets():
    """Consume, transform, produce: the group's offsets are committed with the results, or neither is."""
    source, sink, group = "txn-source", "txn-sink", "txn-copiers"
    create(source)
    create(sink)
    writer = producer("source")
    writer.begin_transaction()
    send(writer, source, names("in", 60))
    writer.commit_transaction(60)
    reader = consumer(group, "read_committed")
    reader.subscribe([source])
    copier = producer("copier")
    copied, rounds, end = 0, 0, time.monotonic() + 120
    while copied < 60:
        check(time.monotonic() < end, f"only {copied} copied")
        batch = [message for message in reader.consume(20, 1) if not message.error()]
        if not batch:
            continue
        rounds += 1
        copier.begin_transaction()
        send(copier, sink, [message.value().decode().replace("in", "out") for message in batch])
        copier.send_offsets_to_transaction(reader.position(reader.assignment()), reader.consumer_group_metadata(), 60)
        if rounds % 2:
            copier.abort_transaction(60)
            for place in reader.committed(reader.assignment(), 30):
                reader.seek(TopicPartition(place.topic, place.partition, max(place.offset, 0)))
        else:
            copier.commit_transaction(60)
            copied += len(batch)
    check(read(sink) == names("out", 60), "the copy is another than the original")
    committed = reader.committed([TopicPartition(source, number) for number in range(PARTITIONS)], 30)
    check([place.offset for place in committed] == ends_of_records(source), f"committed {committed}")
    reader.close()


def ends_of_records(topic):
    """The positions of a reader that has read every record."""
    return [last_position(topic, number) for number in range(PARTITIONS)]


def last_position(topic, number):
    reader = consumer("positions", "read_committed")
    reader.assign([TopicPartition(topic, number, 0)])
    position = 0
    while True:
        message = reader.poll(10)
        check(message is not None, "neither a record nor the end")
        if message.error():
            break
        position = message.offset() + 1
    reader.close()
    return position


def fences_the_one_before():
    topic = "txn-fence"
    create(topic)
    old = producer("fenced")
    old.begin_transaction()
    send(old, topic, names("old"))
    new = producer("fenced")  # aborts what the old one has open
    new.begin_transaction()
    send(new, topic, names("new"))
    new.commit_transaction(60)
    try:
        old.produce(topic, b"zombie", partition=0)
        old.commit_transaction(60)
    except KafkaException as error:
        code = error.args[0]
        check(code.fatal() or code.txn_requires_abort(), f"the old producer is told {code}")
        check(code.code() in (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH), str(code))
    else:
        check(False, "two producers hold one transactional id")
    check(read(topic) == names("new"), "the fenced producer's records are seen")


def times_out():
    """A producer that goes silent in the middle of a transaction blocks readers for as long as its time-out, and no longer."""
    topic = "txn-timeout"
    create(topic)
    silent = producer("silent", **{"transaction.timeout.ms": 2000})
    silent.begin_transaction()
    send(silent, topic, names("lost"))
    other = producer("other")
    other.begin_transaction()
    send(other, topic, names("kept"))
    other.commit_transaction(60)
    check(read(topic) == [], "records behind an open transaction are seen")
    eventually("the silent transaction is aborted", lambda: read(topic) == names("kept"), 60, 0.5)
    try:
        silent.commit_transaction(60)
    except KafkaException:
        pass
    else:
        check(False, "a transaction that was aborted is committed")
    check(read(topic) == names("kept"), "an aborted transaction is seen")


def survives_kill_9():
    """The broker dies with transactions open and just committed: the ones go on, the others are there, none hangs."""
    node.require_control()
    topic = "txn-killed"
    create(topic)
    expected = []
    writers = [producer(f"killed-{number}") for number in range(3)]
    for cycle in range(3):
        for number, writer in enumerate(writers):
            writer.begin_transaction()
            send(writer, topic, names(f"c{cycle}w{number}"))
        writers[0].commit_transaction(60)
        node.kill()
        node.start()
        writers[1].commit_transaction(120)
        writers[2].abort_transaction(120)
        expected += names(f"c{cycle}w0") + names(f"c{cycle}w1")
        eventually("nothing hangs", lambda: read(topic) == sorted(expected), 60, 0.5)
    writers[0].begin_transaction()
    send(writers[0], topic, names("last"))
    node.kill()
    node.start()
    heir = producer("killed-0")  # its predecessor never came back: its transaction is aborted
    heir.begin_transaction()
    send(heir, topic, names("heir"))
    heir.commit_transaction(60)
    eventually("nothing hangs", lambda: read(topic) == sorted(expected + names("heir")), 60, 0.5)


cases = Cases("transactions")
cases.case("commits all or nothing", commits_all_or_nothing)
cases.case("one transaction after the other", one_transaction_after_the_other)
cases.case("copies with its offsets", copies_with_its_offsets)
cases.case("fences the one before", fences_the_one_before)
cases.case("times out", times_out)
cases.case("survives kill -9", survives_kill_9)
cases.close()
