"""The program behind `gap.Producer`: sends a record every 1/RATE s to the partitions in turn, whatever happens:
gap_producer.py BOOTSTRAP TOPIC PARTITIONS RATE [SETTING=VALUE ...]

It prints for each record when it was due, when its acknowledgement came (seconds of the system's monotonic clock), its partition and error; and from time to time
a line "at NOW OLDEST": when the oldest record was due that is not acknowledged. It is librdkafka with its defaults (acks=all) and the settings
that are named. It ends when its standard input is closed.
"""

import select
import sys
import time

from confluent_kafka import Producer

VALUE = b"x" * 100
REPORT_SECONDS = 0.02


def main():
    bootstrap, topic, partitions, rate = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    settings = dict(word.split("=", 1) for word in sys.argv[5:])
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, **settings})
    number, began, reported, waiting, out = 0, time.monotonic(), 0.0, {}, sys.stdout

    def on_delivery(number):
        def note(error, message):
            due = waiting.pop(number)
            out.write(f"{due:.4f} {time.monotonic():.4f} {message.partition()} {'' if error is None else error.name()}\n")

        return note

    while not select.select([sys.stdin], [], [], 0)[0]:
        now = time.monotonic()
        while (due := began + number / rate) <= now:
            waiting[number] = due
            producer.produce(topic, VALUE, partition=number % partitions, on_delivery=on_delivery(number))
            number += 1
        producer.poll(0.001)
        if now - reported > REPORT_SECONDS:
            reported = now
            out.write(f"at {now:.4f} {next(iter(waiting.values()), now):.4f}\n")
            out.flush()


if __name__ == "__main__":
    main()
