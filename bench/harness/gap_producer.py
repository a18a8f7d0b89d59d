"""The program behind `gap.Producer`: sends a record every 1/RATE s to the partitions in turn, whatever happens, and prints for each when it was due and
when its acknowledgement came, in seconds of the system's monotonic clock: gap_producer.py BOOTSTRAP TOPIC PARTITIONS RATE [SETTING=VALUE ...]

It is librdkafka with its defaults (acks=all) and the settings that are named. It ends when its standard input is closed.
"""

import select
import sys
import time

from confluent_kafka import Producer

VALUE = b"x" * 100


def main():
    bootstrap, topic, partitions, rate = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    settings = dict(word.split("=", 1) for word in sys.argv[5:])
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, **settings})
    number, began, out = 0, time.monotonic(), sys.stdout

    def on_delivery(due):
        return lambda error, _: out.write(f"{due:.4f} {time.monotonic():.4f} {'' if error is None else error.name()}\n")

    while not select.select([sys.stdin], [], [], 0)[0]:
        now = time.monotonic()
        while (due := began + number / rate) <= now:
            producer.produce(topic, VALUE, partition=number % partitions, on_delivery=on_delivery(due))
            number += 1
        producer.poll(0.001)
        out.flush()
    producer.flush(10)


if __name__ == "__main__":
    main()
