"""kafka-python in a process of its own: ride_kafka_python.py BOOTSTRAP TOPIC PARTITIONS RECORDS_PER_S.

Produces numbered records, with idempotence, until its input ends; reads them in a group that commits after every poll, until it is ended.
Prints "acked NUMBER PARTITION OFFSET", "read NUMBER PARTITION OFFSET", "error TEXT" (a record was given up) and "trouble TEXT".
"""

import sys
import threading
import time

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

bootstrap, topic, partitions, rate = sys.argv[1].split(","), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
guard = threading.Lock()
ended = threading.Event()


def tell(*words):
    with guard:
        print(*words, flush=True)


def produce():
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=2, reconnect_backoff_max_ms=500)
    number, begun = 0, time.monotonic()
    while not ended.is_set():
        while number < (time.monotonic() - begun) * rate:
            sent = producer.send(topic, str(number).encode(), partition=number % partitions)
            sent.add_callback(lambda at, number=number: tell("acked", number, at.partition, at.offset))
            sent.add_errback(lambda error, number=number: tell("error", f"{number}: {error!r}"))
            number += 1
        time.sleep(0.01)
    producer.flush()
    tell("done")


def read():
    settings = {"enable_auto_commit": False, "auto_offset_reset": "earliest", "session_timeout_ms": 6000, "heartbeat_interval_ms": 1000}
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=f"{topic}-readers", reconnect_backoff_max_ms=500, **settings)
    while True:
        try:
            for records in consumer.poll(timeout_ms=200).values():
                for record in records:
                    tell("read", int(record.value), record.partition, record.offset)
            consumer.commit()
        except KafkaError as error:
            tell("trouble", repr(error))


threading.Thread(target=read, daemon=True).start()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
produce()
threading.Event().wait()
