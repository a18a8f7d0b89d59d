"""Apache Kafka's kafka-dump-log reads the node's own files and finds nothing wrong: after a clean stop, and after kill -9.

The topic has small segments, so that rolled and active ones, with their indexes, are all looked at.
"""

import json
import os
import re

from confluent_client import Confluent
from harness.kafkatools import KafkaTools
from harness.node import Node
from harness.report import Cases, check
from harness.sample import sample
from harness.scenarios import read_and_commit

TOPIC = "dumped"
node = Node.from_environment()
tools = KafkaTools(node.bootstrap)
client = Confluent(node.bootstrap)
sent = {}


def write_in_every_codec():
    """About 3.5 MiB, most of it incompressible, over two partitions with segments of 1 MiB."""
    filler = [record._replace(value=os.urandom(4000), key=b"key-%d" % (i % 13)) for i, record in enumerate(sample(120))]
    for codec in client.codecs:
        records = sample() + filler
        sent.update(zip(client.produce(TOPIC, records, codec), records))


def dump(files, *options):
    check(files, "there is no such file to look at")
    return tools.run("dump-log", "--files", ",".join(files), *options, seconds=120)


def logs_are_clean():
    """Every batch valid, every record readable, offsets without a gap, keys and times as sent."""
    found, codecs = {}, set()
    for partition in (0, 1):
        files = [file for file in node.log_files(TOPIC, ".log") if os.path.dirname(file).endswith(f"-{partition}")]
        text = dump(files, "--deep-iteration", "--print-data-log")
        check(not re.search(r"isvalid: false|isValid: false|[Cc]orrupt|Non-consecutive|Found timestamp mismatch|Exception", text), complaint(text))
        codecs |= {codec.lower() for codec in re.findall(r"compresscodec: (\w+)", text)}
        for line in re.findall(r"^\| offset: .*", text, re.MULTILINE):
            offset, timestamp = re.search(r"offset: (\d+) CreateTime: (\d+)", line).groups()
            found[partition, int(offset)] = int(timestamp)
    check(codecs == set(client.codecs), f"the batches are compressed by {sorted(codecs)}: the library did not send what it was told to")
    check(found == {place: record.timestamp for place, record in sent.items()}, "the dump shows other offsets or times than were acknowledged")


def indexes_are_sane():
    for suffix in (".index", ".timeindex"):
        files = node.log_files(TOPIC, suffix)
        check(len(files) >= 4, f"{len(files)} files end in {suffix}: the topic did not roll")
        text = dump(files, "--index-sanity-check")
        passed = len(re.findall("passed sanity check|is empty", text))  # an active segment may have no entry yet
        check(passed == len(files), f"{passed} of {len(files)} passed: {text[-600:]}")
        text = dump(files, "--verify-index-only")
        check(not re.search(r"[Mm]ismatch|out of order|Exception|Index offset", text), complaint(text))


def producer_snapshots_are_readable():
    files = [file for file in node.log_files(TOPIC, ".snapshot") if os.path.getsize(file)]
    text = dump(files)
    check(re.search(r"producerId: \d+ producerEpoch: 0 ", text), f"no producer is shown: {text[-600:]}")


def checkpoints_are_in_kafkas_format():
    for partition in (0, 1):
        [directory] = {os.path.dirname(file) for file in node.log_files(TOPIC, ".log") if os.path.dirname(file).endswith(f"-{partition}")}
        with open(os.path.join(directory, "partition.metadata")) as file:
            text = file.read()
            check(re.fullmatch(r"version: 0\ntopic_id: [A-Za-z0-9_-]{22}\n?", text), f"partition.metadata holds {text!r}")
        with open(os.path.join(directory, "leader-epoch-checkpoint")) as file:
            version, count, *entries = file.read().split("\n")
            rows = [entry.split() for entry in entries if entry]
            check(version == "0" and int(count) == len(rows) > 0, f"leader-epoch-checkpoint holds {version}, {count}, {rows}")
            check(rows[0][1] == "0", f"the first leader epoch does not begin at offset 0: {rows}")


def offsets_topic_is_decoded():
    committed = read_and_commit(client, TOPIC, "dumpers", 50)
    node.stop()
    files = [file for file in node.log_files("__consumer_offsets", ".log") if os.path.getsize(file)]
    text = dump(files, "--deep-iteration", "--offsets-decoder")
    commits, metadata = {}, []
    for key, payload in re.findall(r"key: (\{.*?\}) payload: (.*)$", text, re.MULTILINE):
        key = json.loads(key)
        if key["data"].get("group") != "dumpers" or not payload.startswith("{"):
            continue
        value = json.loads(payload)
        if "topic" in key["data"]:
            commits[key["data"]["partition"]] = value["data"]["offset"]
        else:
            metadata.append(value["data"])
    check(sum(commits.values()) == len(committed), f"{len(committed)} records were committed, the log says {commits}")
    check(any(each["protocolType"] == "consumer" and each["members"] for each in metadata), "the group's members were not written")
    node.start()


def after_a_clean_stop():
    client.create_topic(TOPIC, 2, {"segment.bytes": str(1 << 20), "retention.ms": "-1"})
    write_in_every_codec()
    node.stop()
    logs_are_clean()


def after_kill():
    """Killed with producers and a large active segment; the log is looked at while the node serves, the indexes once it has stopped."""
    node.start()
    write_in_every_codec()
    node.restart_after_kill()
    logs_are_clean()
    write_in_every_codec()
    node.stop()
    logs_are_clean()


def complaint(text):
    lines = [line for line in text.splitlines() if not line.startswith(("|", "baseOffset", "Dumping", "Log starting"))]
    return f"the dump complains: {' / '.join(lines)[:600]}"


cases = Cases("kafka-dump-log")
if node.kind == "foreign":
    cases.case("reads the node's files", node.require_control)  # says why not
    cases.close()
cases.case("finds logs clean after a clean stop", after_a_clean_stop)
cases.case("finds indexes sane after a clean stop", indexes_are_sane)
cases.case("reads producer snapshots", producer_snapshots_are_readable)
cases.case("checkpoints are in Kafka's format", checkpoints_are_in_kafkas_format)
cases.case("finds logs clean after kill -9", after_kill)
cases.case("finds indexes sane after kill -9", indexes_are_sane)
node.start()
cases.case("decodes __consumer_offsets", offsets_topic_is_decoded)
cases.close()
