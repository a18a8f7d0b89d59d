"""Computes with pandas what examples/flights.sql computes, and compares it with a result topic, row for row.

flights_check.py HOST:PORT [topic, or flights-per-hour]
"""

import json
import sys

import pandas

from confluent_client import await_records
from flights import load
from harness.report import check

RESULT = "flights-per-hour"


def expected():
    """{(window_start, origin, carrier): (departures, dep_delay_minutes, dep_delay_worst, arrivals, arr_delay_minutes)}."""
    table = load()
    table = table[table["departed"].notna()]
    hours = table.groupby([table["departed"].dt.floor("h").rename("hour"), "origin", "carrier"])
    answer = pandas.DataFrame({
        "departures": hours.size(),
        "dep_delay_minutes": hours["dep_delay"].sum(),
        "dep_delay_worst": hours["dep_delay"].max(),
        "arrivals": hours["arr_delay"].count(),
        "arr_delay_minutes": hours["arr_delay"].sum(min_count=1),  # of no rows at all SQL's sum is null
    })  # fmt: skip
    return {
        (hour.strftime("%Y-%m-%d %H:%M:%S"), origin, carrier): tuple(None if pandas.isna(value) else int(value) for value in values)
        for (hour, origin, carrier), *values in answer.itertuples()
    }


def read(bootstrap, topic, count):
    """The rows of the topic as [(key of `expected`, values)], once there are so many."""
    return [
        (
            (row["window_start"], row["origin"], row["carrier"]),
            (row["departures"], row["dep_delay_minutes"], row["dep_delay_worst"], row["arrivals"], row["arr_delay_minutes"]),
        )
        for records in await_records(bootstrap, topic, count).values()
        for row in (json.loads(value) for _, value in records)
    ]


def compare(found, wanted):
    """Every row once, with the wanted values, and none beside them."""
    rows = dict(found)
    check(len(rows) == len(found), f"{len(found) - len(rows)} rows came twice")
    wrong = [f"{key}: {rows.get(key)}, pandas says {wanted.get(key)}" for key in rows.keys() | wanted.keys() if rows.get(key) != wanted.get(key)]
    check(not wrong, f"{len(wrong)} of {len(wanted)} rows differ: {'; '.join(sorted(wrong)[:5])}")


if __name__ == "__main__":
    truth = expected()
    compare(read(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else RESULT, len(truth)), truth)
    print(f"all {len(truth)} rows agree with pandas")
