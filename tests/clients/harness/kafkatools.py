"""Apache Kafka's own command-line tools, run against the node."""

import os
import subprocess

from harness.report import check


class KafkaTools:
    """Calls a tool by the name of its script in Kafka's bin/, without the "kafka-"."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.script = os.environ["CLIENTS_KAFKA_TOOLS"]

    def run(self, tool, *arguments, text=None, seconds=60):
        """What the tool printed to standard output; its exit code must be 0."""
        done = self.attempt(tool, *arguments, text=text, seconds=seconds)
        check(done.returncode == 0, f"{tool} {' '.join(arguments)} ended with {done.returncode}: {done.stdout[-600:]} {done.stderr[-600:]}")
        return done.stdout

    def attempt(self, tool, *arguments, text=None, seconds=60):
        """The finished process, whatever its exit code."""
        process = self.start(tool, *arguments)
        try:
            output, errors = process.communicate(text, seconds)
        except subprocess.TimeoutExpired as late:
            process.kill()
            output, errors = process.communicate()
            raise AssertionError(f"{tool} {' '.join(arguments)} took longer than {seconds} s: {output[-600:]} {errors[-600:]}") from late
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def start(self, tool, *arguments):
        """The running process, for a tool that goes on until it is ended."""
        broker = [] if tool in ("dump-log", "storage") else ["--bootstrap-server", self.bootstrap]
        command = [self.script, tool, *broker, *arguments]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def table(text):
    """The rows of a tool's table as dictionaries by its headings; blank lines separate tables, whose rows are all returned."""
    rows, headings = [], None
    for line in text.splitlines():
        words = line.split()
        if not words:
            headings = None
        elif headings is None:
            headings = words if all(word.isupper() or "-" in word for word in words) else None
        else:
            rows.append(dict(zip(headings, words)))
    return rows
