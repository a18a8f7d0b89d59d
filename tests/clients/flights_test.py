"""Real data: a year of flights through examples/flights.sql, on Logmill or (--flink) on Apache Flink, against pandas.

With --flink the real Flink takes the node for its Kafka, so the same file runs on both engines over one topic.
"""

import sys

import flights
from confluent_client import Confluent
from flights_check import RESULT, compare, expected, read
from harness.node import Node
from harness.peers import example, run_on_flink
from harness.report import Cases, check

node = Node.from_environment()


def sends_every_flight():
    # Results may carry the time of their window, years ago: the usual retention would take them away.
    Confluent(node.bootstrap).create_topic(RESULT, 3, {"retention.ms": "-1"})
    check(flights.send(node.bootstrap) == 336_776, "not all 336,776 flights were sent")


def logmill_agrees_with_pandas():
    node.require_logmill()
    truth = expected()
    node.sql(example("flights.sql", node.bootstrap))
    compare(read(node.bootstrap, RESULT, len(truth)), truth)


def flink_agrees_with_pandas():
    truth = expected()
    run_on_flink(example("flights.sql", node.bootstrap))
    compare(read(node.bootstrap, RESULT, len(truth)), truth)


cases = Cases("flights:")
cases.case("all are sent", sends_every_flight)
if "--flink" in sys.argv:
    cases.case("Flink agrees with pandas", flink_agrees_with_pandas)
else:
    cases.case("Logmill agrees with pandas", logmill_agrees_with_pandas)
cases.close()
