"""The orders of the shop through examples/orders.sql: exact decimals, a computed event time, an upsert topic; --flink on Apache Flink.

The result topic has four partitions, so that the key's partition can be seen to be the one that Kafka's partitioner gives.
"""

import collections
import datetime
import json
import random
import sys
from decimal import Decimal

from confluent_client import Confluent, await_records, read_to_end
from harness.murmur2 import partition_of
from harness.node import Node
from harness.peers import example, run_on_flink
from harness.report import Cases, check
from harness.sample import Record

RESULT = "order-aggregates"
START_S = 1_750_000_000
node = Node.from_environment()
client = Confluent(node.bootstrap)
sent = []


def sends_orders():
    """Three hours of orders over two partitions, out of order by up to four seconds, some of them of another kind."""
    chance = random.Random(7)
    for number in range(4000):
        cents = chance.randrange(1, 1_000_000)
        sent.append({
            "event_type": "order_updated" if number % 17 == 0 else "order_created",
            "timestamp": START_S + number * 2.7 - chance.random() * 4,
            "order_id": f"ORD-{number}",
            "customer_id": f"CUST-{chance.randrange(40)}",
            "total_amount": cents / 100,
            "items": ["item1", "item2"],
            "status": "created",
        })  # fmt: skip
    # The orders are months old, and so is what comes of them: the usual retention would take them away at once.
    client.create_topic("orders", 2, {"retention.ms": "-1"})
    client.create_topic(RESULT, 4, {"cleanup.policy": "compact"})
    records = [Record(order["order_id"].encode(), json.dumps(order).encode(), (), int(order["timestamp"] * 1000)) for order in sent]
    client.produce("orders", records, "zstd")


def truth():
    """{(window_start, customer): (window_end, orders, amount)}."""
    windows = collections.defaultdict(lambda: [0, Decimal(0)])
    for order in sent:
        if order["event_type"] == "order_created":
            window = int(order["timestamp"] * 1000) // 300_000 * 300
            row = windows[window, order["customer_id"]]
            row[0] += 1
            row[1] += Decimal(str(order["total_amount"]))
    return {(shown(start), customer): (shown(start + 300), count, amount) for (start, customer), (count, amount) in windows.items()}


def shown(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def compare():
    wanted = truth()
    await_records(node.bootstrap, RESULT, len(wanted))
    found = {}
    for partition, records in read_to_end(node.bootstrap, RESULT, keys=True).items():
        for _, key, value in records:
            row = json.loads(value, parse_float=Decimal, parse_int=Decimal)
            check(json.loads(key) == {name: row[name] for name in ("window_start", "customer_id")}, f"the key {key} is not that of {value}")
            check(partition == partition_of(key, 4), f"the key {key} lies in partition {partition}")
            place = row["window_start"], row["customer_id"]
            check(place not in found, f"{place} came twice")
            found[place] = row["window_end"], row["order_count"], row["total_amount"]
    wrong = [f"{key}: {found.get(key)}, not {wanted.get(key)}" for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)]
    check(not wrong, f"{len(wrong)} of {len(wanted)} rows are wrong: {'; '.join(sorted(wrong)[:3])}")


def logmill_is_right():
    node.require_logmill()
    node.sql(example("orders.sql", node.bootstrap))
    compare()


def flink_is_right():
    run_on_flink(example("orders.sql", node.bootstrap))
    compare()


cases = Cases("orders in SQL:")
cases.case("all are sent", sends_orders)
if "--flink" in sys.argv:
    cases.case("Flink is right to the cent", flink_is_right)
else:
    cases.case("Logmill is right to the cent", logmill_is_right)
cases.close()
