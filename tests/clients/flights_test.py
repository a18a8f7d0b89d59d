"""Real data: a year of flights through examples/flights.sql, on Logmill or (--flink) on Apache Flink, against pandas.

With --flink the real Flink takes the node for its Kafka, so the same file runs on both engines over one topic.
"""

import os
import subprocess
import sys
import tempfile

import flights
from flights_check import RESULT, await_rows, compare, expected, read
from harness.node import Node
from harness.report import Cases, check

HERE = os.path.dirname(os.path.abspath(__file__))
SQL = os.path.join(HERE, "..", "..", "examples", "flights.sql")
node = Node.from_environment()


def statements(**replaced):
    """The example with this node's address in it."""
    with open(SQL) as file:
        text = file.read().replace("127.0.0.1:9092", node.bootstrap)
    return text.replace(f"'{RESULT}'", f"'{replaced.get('result', RESULT)}'")


def sends_every_flight():
    check(flights.send(node.bootstrap) == 336_776, "not all 336,776 flights were sent")


def logmill_agrees_with_pandas():
    node.require_logmill()
    truth = expected()
    node.sql(statements())
    compare(await_rows(node.bootstrap, RESULT, len(truth)), truth)


def flink_agrees_with_pandas():
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(statements(result="flights-per-hour-flink"))
        file.flush()
        done = subprocess.run([os.environ["CLIENTS_FLINK_SQL"], file.name], capture_output=True, text=True, timeout=400)
    check(done.returncode == 0, f"Flink ended with {done.returncode}: {done.stdout[-500:]} {done.stderr[-1500:]}")
    compare(read(node.bootstrap, "flights-per-hour-flink"), expected())


cases = Cases("flights:")
cases.case("all are sent", sends_every_flight)
if "--flink" in sys.argv:
    cases.case("Flink agrees with pandas", flink_agrees_with_pandas)
else:
    cases.case("Logmill agrees with pandas", logmill_agrees_with_pandas)
cases.close()
