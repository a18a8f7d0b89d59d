"""The newest kafka-python 3.x: idempotent by default, and it reads the broker's version from its table of APIs."""

from harness.node import Node
from harness.report import Cases
from harness.scenarios import Scenarios
from kafka_python_client import KafkaPython

node = Node.from_environment()
cases = Cases("kafka-python 3")
Scenarios(KafkaPython(node.bootstrap), node).run(cases)
cases.close()
