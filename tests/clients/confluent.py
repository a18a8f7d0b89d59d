"""confluent-kafka, and so librdkafka, the library beneath most clients that are not Java."""

from confluent_client import Confluent
from harness.node import Node
from harness.report import Cases
from harness.scenarios import Scenarios

node = Node.from_environment()
cases = Cases("confluent-kafka")
Scenarios(Confluent(node.bootstrap), node).run(cases)
cases.close()
