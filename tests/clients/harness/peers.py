"""The examples' SQL, for this node, and Apache Flink to run it on."""

import os
import subprocess
import tempfile

from harness.report import check

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "examples")


def example(name, bootstrap):
    """The text of an example with this broker's address in it."""
    with open(os.path.join(EXAMPLES, name)) as file:
        return file.read().replace("127.0.0.1:9092", bootstrap)


def run_on_flink(text):
    """Runs the statements on Apache Flink until its jobs have ended."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([os.environ["CLIENTS_FLINK_SQL"], file.name], capture_output=True, text=True, timeout=400)
    check(done.returncode == 0, f"Flink ended with {done.returncode}: {done.stdout[-500:]} {done.stderr[-1500:]}")
