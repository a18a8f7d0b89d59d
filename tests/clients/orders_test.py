"""The order shop against the node: keys decide partitions, a group shares them, a crash costs no order, a slow worker is put out."""

import json
import re
import signal
import subprocess
import sys
import threading
import time

import kafka

from harness.murmur2 import partition_of
from harness.node import Node
from harness.report import Cases, check, eventually
from kafka_python_client import KafkaPython
from orders import TOPIC, OrderProducer

WORKER = __file__.replace("orders_test.py", "orders_worker.py")
node = Node.from_environment()
library = KafkaPython(node.bootstrap)


def order(number):
    return {"order_id": f"ORD-{number}", "customer_id": f"CUST-{number % 5}", "total_amount": 99.99, "items": ["item1", "item2"]}


class Worker:
    """A running orders_worker.py and the orders that it has told of."""

    def __init__(self, group, *arguments):
        self.orders = []
        self.assigned = []
        command = [sys.executable, WORKER, node.bootstrap, group, *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            told = json.loads(line)
            if "assigned" in told:
                self.assigned = told["assigned"]
            else:
                self.orders.append(told)

    def ids(self):
        return [each["order_id"] for each in list(self.orders)]

    def interrupt(self):
        """Ctrl-C: it commits and leaves the group."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        self._reader.join(10)

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._reader.join(10)


def sends_to_a_topic_that_nobody_created():
    shop = OrderProducer([node.bootstrap])
    written = shop.send_order({**order(0), "order_id": "ORD-12345"})
    check(written == {"topic": TOPIC, "partition": 0, "offset": 0}, f"the first order was written to {written}")
    lines = shop.send_batch([order(number) for number in range(1, 50)])
    shop.close()
    check(lines[-1] == f"Sent to {TOPIC}:0:49", f"the last line is {lines[-1]}")


def reads_all_of_them_once():
    worker = Worker("reader")
    try:
        eventually("all orders are read", lambda: len(worker.orders) >= 50)
        time.sleep(0.5)  # for orders that must not come
    finally:
        worker.interrupt()
    check(worker.ids() == ["ORD-12345"] + [f"ORD-{number}" for number in range(1, 50)], "other orders, or another order of them")
    check([each["offset"] for each in worker.orders] == list(range(50)), "the offsets are not 0 to 49")


def recreate_with_three_partitions():
    admin = kafka.KafkaAdminClient(bootstrap_servers=node.bootstrap)
    admin.delete_topics([TOPIC])
    admin.close()

    def created():
        try:
            library.create_topic(TOPIC, 3)
            return True
        except Exception:  # the deletion may not be through
            return False

    eventually("the topic is created anew", created, pause=0.3)


def key_decides_the_partition():
    recreate_with_three_partitions()
    shop = OrderProducer([node.bootstrap])
    lines = shop.send_batch([order(number) for number in range(100)])
    written = shop.send_order(order(100))
    shop.close()
    partitions = [int(re.fullmatch(rf"Sent to {TOPIC}:(\d+):\d+", line).group(1)) for line in lines] + [written["partition"]]
    for number, partition in enumerate(partitions):
        check(partition == partition_of(f"ORD-{number}".encode(), 3), f"ORD-{number} went to partition {partition}")
    check(set(partitions) == {0, 1, 2}, "not all partitions were used")


def two_instances_share_the_partitions():
    one, other = Worker("pair"), Worker("pair")
    shop = OrderProducer([node.bootstrap])
    sent = 101
    try:
        def both_work():
            nonlocal sent
            shop.send_batch([order(number) for number in range(sent, sent + 20)])
            sent += 20
            time.sleep(0.2)
            return one.assigned and other.assigned and sorted(one.assigned + other.assigned) == [0, 1, 2]

        eventually("two instances hold the three partitions", both_work)
        expected = {f"ORD-{number}" for number in range(sent)}
        eventually("every order is worked off", lambda: set(one.ids()) | set(other.ids()) == expected)
    finally:
        shop.close()
        one.interrupt()
        other.interrupt()
    check(len(one.ids() + other.ids()) == len(expected), "an order was worked off twice though nobody crashed")


def goes_on_from_its_last_automatic_commit():
    node.require_control()
    worker = Worker("crashing", "0.01")
    shop = OrderProducer([node.bootstrap])
    for start in range(10_000, 10_600, 100):
        shop.send_batch([order(number) for number in range(start, start + 100)])
    shop.close()
    try:
        time.sleep(6.5)  # past one automatic commit at least
        check(worker.orders, "no order was worked off in 6.5 s")
    finally:
        worker.kill()
    node.restart_after_kill()
    follower = Worker("crashing")
    try:
        wanted = {f"ORD-{number}" for number in range(10_000, 10_600)}
        eventually("no order is missed", lambda: wanted <= set(worker.ids()) | set(follower.ids()), 60)
        time.sleep(0.5)
    finally:
        follower.interrupt()
    done = {(each["partition"], each["offset"]) for each in worker.orders}
    again = sum((each["partition"], each["offset"]) in done for each in follower.orders)
    check(again < len(done), "everything was worked off again: the automatic commit is lost")
    # Five seconds of work at 10 ms an order, and a hundred that one poll may hold.
    check(again <= 5 / 0.01 + 100, f"{again} orders were worked off again, more than five seconds of them")


def slow_worker_loses_its_partitions():
    slow = Worker("slow", "60", "max_poll_interval_ms=4000", "session_timeout_ms=6000", "heartbeat_interval_ms=500", "max_poll_records=1")
    try:
        eventually("the slow worker has its first order", lambda: slow.orders)
        swift = Worker("slow", "0", "max_poll_interval_ms=4000", "session_timeout_ms=6000", "heartbeat_interval_ms=500")
        try:
            eventually("the swift one holds every partition", lambda: swift.assigned == [0, 1, 2], 40)
        finally:
            swift.interrupt()
    finally:
        slow.kill()


cases = Cases(f"orders on kafka-python {kafka.__version__}")
cases.case("sends to a topic that nobody created", sends_to_a_topic_that_nobody_created)
cases.case("reads all of them once", reads_all_of_them_once)
cases.case("key decides the partition", key_decides_the_partition)
cases.case("two instances share the partitions", two_instances_share_the_partitions)
cases.case("goes on from its last automatic commit", goes_on_from_its_last_automatic_commit)
cases.case("slow worker loses its partitions", slow_worker_loses_its_partitions)
cases.close()
