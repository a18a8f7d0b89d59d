"""Apache Kafka's console producer and consumer: what most people first type at a broker."""

from harness.kafkatools import KafkaTools
from harness.murmur2 import partition_of
from harness.node import Node
from harness.report import Cases, check, eventually

node = Node.from_environment()
tools = KafkaTools(node.bootstrap)

READ_ALL = [
    "--formatter-property", "print.partition=true",
    "--formatter-property", "print.offset=true",
    "--formatter-property", "print.timestamp=true",
    "--formatter-property", "print.headers=true",
    "--formatter-property", "print.key=true",
]  # fmt: skip


def create(topic, partitions):
    tools.run("topics", "--create", "--topic", topic, "--partitions", str(partitions), "--replication-factor", "1")


def produce(topic, lines, codec="none"):
    """Lines are "headers TAB key TAB value", as the console producer's reader takes them."""
    tools.run(
        "console-producer", "--topic", topic, "--compression-codec", codec,
        "--command-property", "enable.idempotence=true", "--command-property", "acks=all",
        "--reader-property", "parse.headers=true", "--reader-property", "parse.key=true",
        text="".join(line + "\n" for line in lines),
    )  # fmt: skip


def lines_of(tag, count):
    return [f"trace:{tag}{number},again:yes\tkey-{number % 13}\t{tag} value {number} " + "x" * (number % 97) for number in range(count)]


def consume(topic, count, *arguments):
    """[(partition, offset, timestamp, "headers TAB key TAB value")] as printed by the console consumer."""
    text = tools.run("console-consumer", "--topic", topic, "--max-messages", str(count), "--timeout-ms", "30000", *READ_ALL, *arguments)
    found = []
    for line in text.splitlines():
        timestamp, partition, offset, rest = line.split("\t", 3)
        found.append((int(partition.removeprefix("Partition:")), int(offset.removeprefix("Offset:")), timestamp, rest))
    return found


def gets_back_what_it_sent(codec):
    topic = f"console-{codec}"
    create(topic, 4)
    sent = lines_of(codec, 200)
    produce(topic, sent, codec)
    found = consume(topic, 200, "--from-beginning")
    check(sorted(rest for *_, rest in found) == sorted(sent), "other lines came back than were sent")
    check(len({(partition, offset) for partition, offset, *_ in found}) == 200, "an offset came twice")
    for partition, _, timestamp, rest in found:
        key = rest.split("\t")[1]
        check(partition == partition_of(key.encode(), 4), f"{key} lies in partition {partition}")
        check(timestamp.startswith("CreateTime:"), f"the time is {timestamp}")


def group_shares_and_goes_on_after_kill():
    node.require_control()
    topic, group = "console-group", "console-pair"
    create(topic, 4)
    produce(topic, lines_of("before", 100))
    before = consume(topic, 40, "--group", group, "--from-beginning")
    node.restart_after_kill()
    produce(topic, lines_of("after", 100))
    both = [tools.start("console-consumer", "--topic", topic, "--group", group, "--timeout-ms", "8000", *READ_ALL) for _ in range(2)]

    def shared():
        text = tools.run("consumer-groups", "--describe", "--group", group, "--members")
        return sum("console-consumer" in line and line.split()[-1] == "2" for line in text.splitlines()) == 2

    try:
        eventually("two console consumers hold two partitions each", shared)
        produce(topic, lines_of("shared", 200))
        printed = [process.communicate(timeout=60)[0].splitlines() for process in both]
    finally:
        for process in both:
            process.kill()
    check(all(printed), "one of the two consumers read nothing")
    after = [line.split("\t", 3)[3] for lines in printed for line in lines]
    everything = sorted(lines_of("before", 100) + lines_of("after", 100) + lines_of("shared", 200))
    check(sorted([rest for *_, rest in before] + after) == everything, "what was read before and after is not the whole, once")


def reads_from_an_offset():
    topic = "console-offset"
    create(topic, 1)
    sent = lines_of("offset", 50)
    produce(topic, sent)
    found = consume(topic, 8, "--partition", "0", "--offset", "42")
    check([rest for *_, rest in found] == sent[42:], "not the lines from offset 42 on")


cases = Cases("Kafka's console")
for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
    cases.case(f"gets back what it sent, {codec}", gets_back_what_it_sent, codec)
cases.case("reads from an offset", reads_from_an_offset)
cases.case("group of two goes on after kill -9", group_shares_and_goes_on_after_kill)
cases.close()
