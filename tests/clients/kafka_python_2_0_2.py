"""kafka-python 2.0.2, the version that most tutorials mean; it knows no idempotence."""

from harness.node import Node
from harness.report import Cases
from harness.scenarios import Scenarios
from kafka_python_client import KafkaPython

node = Node.from_environment()
cases = Cases("kafka-python 2.0.2")
Scenarios(KafkaPython(node.bootstrap), node).run(cases)
cases.close()
