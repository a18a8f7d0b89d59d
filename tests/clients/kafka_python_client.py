"""kafka-python, old and new, as `harness.scenarios` wants a client."""

import sys
import warnings

if sys.version_info >= (3, 12):  # 2.0.2 carries a copy of six that newer interpreters cannot import from
    import six

    sys.modules.setdefault("kafka.vendor.six.moves", six.moves)

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

from harness.report import eventually
from harness.sample import Received, Record
from harness.scenarios import AlreadyExists

warnings.simplefilter("ignore", DeprecationWarning)

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


class KafkaPython:
    """One version of the library, whichever is installed where this runs."""

    def __init__(self, bootstrap):
        self.name = f"kafka-python-{kafka.__version__}"
        self.bootstrap = bootstrap
        self.codecs = CODECS
        self.null_headers = False  # both versions refuse them
        self.idempotence = {} if kafka.__version__.startswith("2.0") else {"enable_idempotence": True}

    def create_topic(self, topic, partitions, configs=None):
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs or {})])
        except TopicAlreadyExistsError as error:
            raise AlreadyExists(topic) from error
        finally:
            admin.close()

    def partition_count(self, topic):
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap)
        try:
            return len(eventually("the topic is known", lambda: consumer.partitions_for_topic(topic)))
        finally:
            consumer.close()

    def produce(self, topic, records, codec):
        compression = None if codec == "none" else codec
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap, acks="all", compression_type=compression, linger_ms=5, retries=100, **self.idempotence
        )
        try:
            futures = [
                producer.send(topic, record.value, record.key, list(record.headers), timestamp_ms=record.timestamp)
                for record in records
            ]
            producer.flush()
            acknowledged = [future.get(timeout=60) for future in futures]
        finally:
            producer.close()
        return [(each.partition, each.offset) for each in acknowledged]

    def read(self, topic, partitions, count):
        return self._read([TopicPartition(topic, partition) for partition in partitions], 0, count)

    def read_from(self, topic, offset, count):
        return self._read([TopicPartition(topic, 0)], offset, count)

    def offset_for_time(self, topic, timestamp):
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap)
        try:
            partition = TopicPartition(topic, 0)
            found = consumer.offsets_for_times({partition: timestamp})[partition]
            return None if found is None else found.offset
        finally:
            consumer.close()

    def consumer(self, topic, group, auto_commit, **settings):
        return _Member(
            KafkaConsumer(
                topic,
                bootstrap_servers=self.bootstrap,
                group_id=group,
                auto_offset_reset="earliest",
                enable_auto_commit=auto_commit,
                session_timeout_ms=10_000,
                heartbeat_interval_ms=300,
                max_poll_records=20,
                reconnect_backoff_max_ms=500,
                **settings,
            )
        )

    def _read(self, partitions, offset, count):
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
        received = []
        try:
            consumer.assign(partitions)
            for partition in partitions:
                consumer.seek(partition, offset)

            def read_on():
                received.extend(_flat(consumer.poll(500)))
                return len(received) >= count

            eventually(f"{count} records are read", read_on)
            received.extend(_flat(consumer.poll(200)))  # there must be no more
        finally:
            consumer.close()
        return received


class _Member:
    def __init__(self, consumer):
        self._consumer = consumer

    def poll(self):
        return _flat(self._consumer.poll(100))

    def assignment(self):
        return {each.partition for each in self._consumer.assignment() or ()}

    def commit(self):
        self._consumer.commit()

    def close(self):
        self._consumer.close()


def _flat(batches):
    return [
        Received(m.partition, m.offset, Record(m.key, m.value, tuple((name, value) for name, value in m.headers), m.timestamp))
        for messages in batches.values()
        for m in messages
    ]
