"""Apache Kafka's administration tools: each does its work on the node and prints what it prints for Apache Kafka."""

import json
import re
import tempfile

from confluent_client import Confluent
from harness.kafkatools import KafkaTools, table
from harness.node import Node
from harness.report import Cases, check, eventually
from harness.sample import plain
from harness.scenarios import read_and_commit

node = Node.from_environment()
tools = KafkaTools(node.bootstrap)
client = Confluent(node.bootstrap)


def topics_are_created_listed_described_grown_and_deleted():
    printed = tools.run("topics", "--create", "--topic", "grown", "--partitions", "2", "--replication-factor", "1", "--config", "retention.ms=-1")
    check("Created topic grown." in printed, f"create printed {printed}")
    check("grown" in tools.run("topics", "--list").split(), "the new topic is not listed")
    again = tools.attempt("topics", "--create", "--topic", "grown")
    check(again.returncode != 0 and "already exists" in again.stdout + again.stderr, f"a second creation printed {again.stdout} {again.stderr}")
    tools.run("topics", "--create", "--topic", "grown", "--if-not-exists")
    tools.run("topics", "--alter", "--topic", "grown", "--partitions", "5")
    described = tools.run("topics", "--describe", "--topic", "grown")
    check(re.search(r"PartitionCount: 5\s+ReplicationFactor: 1\s+Configs:.*retention.ms=-1", described), f"describe printed {described}")
    rows = re.findall(r"Partition: (\d+)\s+Leader: (\d+)\s+Replicas: (\d+)\s+Isr: (\d+)", described)
    check([int(row[0]) for row in rows] == [0, 1, 2, 3, 4], f"describe printed the partitions {rows}")
    check(all(row[1] == row[2] == row[3] for row in rows), "leader, replicas and ISR of a lone node differ")
    shrunk = tools.attempt("topics", "--alter", "--topic", "grown", "--partitions", "3")
    check(shrunk.returncode != 0, "a topic was shrunk")
    wrong = tools.attempt("topics", "--create", "--topic", "wide", "--replication-factor", "3")
    check(wrong.returncode != 0 and "eplication factor" in wrong.stdout + wrong.stderr, f"three replicas on one node: {wrong.stdout}")
    tools.run("topics", "--delete", "--topic", "grown")
    eventually("the topic is gone", lambda: "grown" not in tools.run("topics", "--list").split())
    absent = tools.attempt("topics", "--describe", "--topic", "grown")
    check("does not exist" in absent.stdout + absent.stderr, f"describe of a deleted topic printed {absent.stdout} {absent.stderr}")


def groups_are_listed_described_reset_and_deleted():
    client.create_topic("lagged", 3)
    places = client.produce("lagged", plain(100, "lagged"), "none")
    read = read_and_commit(client, "lagged", "laggards", 30)
    check("laggards" in tools.run("consumer-groups", "--list").split(), "the group is not listed")
    check("laggards" in tools.run("consumer-groups", "--list", "--state", "Empty"), "the group is not listed as empty")
    ends = {partition: sum(place[0] == partition for place in places) for partition in range(3)}

    def described():
        rows = [row for row in table(tools.run("consumer-groups", "--describe", "--group", "laggards")) if row.get("TOPIC") == "lagged"]
        for row in rows:
            check(int(row["LOG-END-OFFSET"]) == ends[int(row["PARTITION"])], f"log end of {row}")
            check(row["CURRENT-OFFSET"] == "-" or int(row["LAG"]) == int(row["LOG-END-OFFSET"]) - int(row["CURRENT-OFFSET"]), f"lag of {row}")
        return {int(row["PARTITION"]): int(row["CURRENT-OFFSET"]) for row in rows if row["CURRENT-OFFSET"] != "-"}

    check(sum(described().values()) == len(read), f"{len(read)} records were committed, the tool says {described()}")
    state = tools.run("consumer-groups", "--describe", "--group", "laggards", "--state")
    check("Empty" in state and "laggards" in state, f"the state is {state}")
    reset = ["--reset-offsets", "--group", "laggards", "--topic", "lagged", "--execute"]
    tools.run("consumer-groups", *reset, "--to-earliest")
    check(described() == {0: 0, 1: 0, 2: 0}, f"after --to-earliest: {described()}")
    tools.run("consumer-groups", *reset, "--to-latest")
    check(described() == ends, f"after --to-latest: {described()}, the ends are {ends}")
    tools.run("consumer-groups", *reset, "--shift-by", "-4")
    check(described() == {partition: end - 4 for partition, end in ends.items()}, f"after --shift-by -4: {described()}")
    check(len(read_and_commit(client, "lagged", "laggards", 12)) == 12, "the group does not read from where it was reset to")
    tools.run("consumer-groups", "--delete", "--group", "laggards")
    check("laggards" not in tools.run("consumer-groups", "--list").split(), "the group is still listed")


def active_members_are_described_and_protected():
    client.create_topic("active", 2)
    client.produce("active", plain(10, "active"), "none")
    member = client.consumer("active", "actives", auto_commit=False)
    try:
        eventually("it holds both partitions", lambda: (member.poll(), member.assignment() == {0, 1})[1])
        rows = table(tools.run("consumer-groups", "--describe", "--group", "actives", "--members"))
        check(len(rows) == 1 and rows[0]["#PARTITIONS"] == "2" and "rdkafka" in rows[0]["CONSUMER-ID"], f"the members are {rows}")
        state = tools.run("consumer-groups", "--describe", "--group", "actives", "--state")
        check("Stable" in state and "range" in state, f"the state is {state}")
        refused = tools.attempt("consumer-groups", "--delete", "--group", "actives")
        check("not empty" in (refused.stdout + refused.stderr).lower(), f"deletion of an active group printed {refused.stdout}")
    finally:
        member.close()


def offsets_are_told_for_every_kind_of_time():
    client.create_topic("offsets", 2)
    records = plain(100, "offsets")
    # The greatest time is not the last record's: max-timestamp must find it in the middle.
    records[60] = records[60]._replace(timestamp=records[-1].timestamp + 60_000)
    places = client.produce("offsets", records, "none")

    def told(time):
        lines = tools.run("get-offsets", "--topic", "offsets", "--time", str(time)).split()
        return {int(partition): int(offset) for _, partition, offset in (line.split(":") for line in lines if not line.endswith(":"))}

    def first_at(partition, time):
        return min((place[1] for place, record in zip(places, records) if place[0] == partition and record.timestamp >= time), default=None)

    ends = {partition: sum(place[0] == partition for place in places) for partition in (0, 1)}
    check(told("latest") == ends == told(-1), f"latest: {told('latest')}, the ends are {ends}")
    check(told("earliest") == {0: 0, 1: 0}, f"earliest: {told('earliest')}")
    found = told("max-timestamp")
    for partition in (0, 1):
        of_partition = [(record.timestamp, place[1]) for place, record in zip(places, records) if place[0] == partition]
        greatest = max(time for time, _ in of_partition)
        check((greatest, found[partition]) in of_partition, f"max-timestamp of {partition} is offset {found[partition]}")
    time = records[30].timestamp
    check(told(time) == {partition: first_at(partition, time) for partition in (0, 1)}, f"by time: {told(time)}")


def configs_are_described():
    client.create_topic("configured", 1, {"retention.ms": "123456", "cleanup.policy": "compact"})
    printed = tools.run("configs", "--describe", "--entity-type", "topics", "--entity-name", "configured")
    check("retention.ms=123456" in printed and "cleanup.policy=compact" in printed, f"the topic's configs: {printed}")
    check("DYNAMIC_TOPIC_CONFIG" in printed, f"the source of the configs is not told: {printed}")
    every = tools.run("configs", "--describe", "--all", "--entity-type", "topics", "--entity-name", "configured")
    for name in ("segment.bytes", "max.message.bytes", "message.timestamp.type", "min.insync.replicas", "compression.type"):
        check(f" {name}=" in every, f"{name} is not among all configs of a topic")
    broker = re.search(r"id: (\d+)", tools.run("broker-api-versions")).group(1)
    every = tools.run("configs", "--describe", "--all", "--entity-type", "brokers", "--entity-name", broker)
    for name in ("log.retention.ms", "num.partitions", "auto.create.topics.enable"):
        check(f" {name}=" in every, f"{name} is not among all configs of the broker")


def records_are_deleted():
    client.create_topic("cut", 1)
    client.produce("cut", plain(50, "cut"), "none")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"version": 1, "partitions": [{"topic": "cut", "partition": 0, "offset": 20}]}, file)
        file.flush()
        printed = tools.run("delete-records", "--offset-json-file", file.name)
    check("low_watermark: 20" in printed, f"delete-records printed {printed}")
    check(tools.run("get-offsets", "--topic", "cut", "--time", "earliest").strip() == "cut:0:20", "the log does not begin at 20")
    found = client.read("cut", [0], 30)
    check([each.offset for each in found] == list(range(20, 50)), "not the records from 20 on are read")


def log_dirs_are_described():
    client.create_topic("sized", 2)
    client.produce("sized", plain(200, "sized"), "none")
    printed = tools.run("log-dirs", "--describe", "--topic-list", "sized")
    told = json.loads(next(line for line in printed.splitlines() if line.startswith("{")))
    [broker] = told["brokers"]
    partitions = {row["partition"]: row for directory in broker["logDirs"] for row in directory["partitions"]}
    check(partitions.keys() == {"sized-0", "sized-1"}, f"log-dirs told of {sorted(partitions)}")
    check(sum(row["size"] for row in partitions.values()) > 200 * 10, f"the sizes are {partitions}")
    check(all(directory["error"] is None for directory in broker["logDirs"]), f"log-dirs told of an error: {printed}")


def versions_are_those_of_a_broker():
    printed = tools.run("broker-api-versions")
    check("ERROR" not in printed, f"broker-api-versions printed {printed[:300]}")
    for api in ("Produce(0): ", "Fetch(1): ", "ListOffsets(2): ", "Metadata(3): ", "JoinGroup(11): ", "ApiVersions(18): ", "InitProducerId(22): "):
        check(re.search(re.escape(api) + r"\d", printed), f"{api} is missing or unsupported")
    produce = re.search(r"Produce\(0\): (\d+) to (\d+)", printed)
    check(produce and produce.group(1) == "0", f"Produce is told from {produce and produce.group(1)}: librdkafka then sends uncompressed")


cases = Cases("Kafka's tools")
cases.case("kafka-topics", topics_are_created_listed_described_grown_and_deleted)
cases.case("kafka-consumer-groups: offsets", groups_are_listed_described_reset_and_deleted)
cases.case("kafka-consumer-groups: members", active_members_are_described_and_protected)
cases.case("kafka-get-offsets", offsets_are_told_for_every_kind_of_time)
cases.case("kafka-configs --describe", configs_are_described)
cases.case("kafka-delete-records", records_are_deleted)
cases.case("kafka-log-dirs", log_dirs_are_described)
cases.case("kafka-broker-api-versions", versions_are_those_of_a_broker)
cases.close()
