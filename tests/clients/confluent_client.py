"""confluent-kafka (librdkafka) as `harness.scenarios` wants a client."""

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness.report import check, eventually
from harness.sample import Received, Record
from harness.scenarios import AlreadyExists

# It tells at length of every connection that a killed broker refuses; the cases judge what comes of it.
QUIET = {"log_level": 2}
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


class Confluent:
    """The library with idempotence on and Kafka's own partitioner."""

    def __init__(self, bootstrap):
        self.name = "confluent"
        self.codecs = CODECS
        self.null_headers = True
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})

    def create_topic(self, topic, partitions, configs=None):
        future = self.admin.create_topics([NewTopic(topic, partitions, 1, config=configs or {})])[topic]
        try:
            future.result(30)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                raise AlreadyExists(topic) from error
            raise

    def partition_count(self, topic):
        return len(self.admin.list_topics(topic, 10).topics[topic].partitions)

    def producer(self, codec="none", **settings):
        return Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "enable.idempotence": True,
                "compression.type": codec,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "reconnect.backoff.max.ms": 500,
                **QUIET,
                **settings,
            }
        )

    def produce(self, topic, records, codec):
        producer = self.producer(codec)
        places = [None] * len(records)

        def acknowledge(index):
            def on_delivery(error, message):
                check(error is None, f"record {index} was not delivered: {error}")
                places[index] = (message.partition(), message.offset())

            return on_delivery

        for index, record in enumerate(records):
            producer.produce(
                topic, record.value, record.key, headers=list(record.headers), timestamp=record.timestamp, on_delivery=acknowledge(index)
            )
        check(producer.flush(60) == 0, "not all records were acknowledged within 60 s")
        return places

    def read(self, topic, partitions, count):
        return self._read([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions], count)

    def read_from(self, topic, offset, count):
        return self._read([TopicPartition(topic, 0, offset)], count)

    def offset_for_time(self, topic, timestamp):
        consumer = self._lone_consumer()
        try:
            [found] = consumer.offsets_for_times([TopicPartition(topic, 0, timestamp)], 10)
            return None if found.offset < 0 else found.offset
        finally:
            consumer.close()

    def consumer(self, topic, group, auto_commit):
        return _Member(topic, {
            "bootstrap.servers": self.bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": auto_commit,
            "session.timeout.ms": 10_000,
            "heartbeat.interval.ms": 300,
            "reconnect.backoff.max.ms": 500,
            **QUIET,
        })

    def _lone_consumer(self):
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": "none-is-joined", "enable.auto.commit": False, **QUIET})

    def _read(self, partitions, count):
        consumer = self._lone_consumer()
        received = []
        try:
            consumer.assign(partitions)

            def read_on():
                received.extend(_received(consumer.consume(500, 0.5)))
                return len(received) >= count

            eventually(f"{count} records are read", read_on)
            received.extend(_received(consumer.consume(500, 0.2)))  # there must be no more
        finally:
            consumer.close()
        return received


def read_to_end(bootstrap, topic, keys=False):
    """{partition: [(offset, value)]}, with `keys` [(offset, key, value)], of all that the topic holds now, uncommitted records too.

    KeyError if there is no such topic.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none-is-joined", "enable.auto.commit": False,
                         "enable.partition.eof": True, "isolation.level": "read_uncommitted", **QUIET})  # fmt: skip
    try:
        metadata = consumer.list_topics(topic, 10).topics[topic]
        if metadata.error:
            raise KeyError(topic)
        found = {partition: [] for partition in metadata.partitions}
        unfinished = set(found)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in found])

        def read_on():
            for message in consumer.consume(2000, 0.2):
                if not message.error():
                    key = (message.key(),) if keys else ()
                    found[message.partition()].append((message.offset(), *key, message.value()))
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    unfinished.discard(message.partition())
            return not unfinished

        eventually(f"the end of {topic} is read", read_on, 120, 0)
    finally:
        consumer.close()
    return found


def await_records(bootstrap, topic, count, seconds=120):
    """What `read_to_end` returns once there are so many records, or when the time is over; {} if there is no topic even then."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = read_to_end(bootstrap, topic)
        except KeyError:
            found = {}
        if sum(map(len, found.values())) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


class _Member:
    def __init__(self, topic, settings):
        self._consumer = Consumer(settings)
        self._consumer.subscribe([topic])

    def poll(self):
        return _received(self._consumer.consume(20, 0.1))

    def assignment(self):
        return {each.partition for each in self._consumer.assignment()}

    def commit(self):
        self._consumer.commit(asynchronous=False)

    def close(self):
        self._consumer.close()


def _received(messages):
    found = []
    for message in messages:
        if message.error():
            if message.error().retriable() or message.error().code() in _PASSING:
                time.sleep(0.05)
                continue
            raise KafkaException(message.error())
        _, timestamp = message.timestamp()
        record = Record(message.key(), message.value(), tuple(message.headers() or ()), timestamp)
        found.append(Received(message.partition(), message.offset(), record))
    return found


_PASSING = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR}
