"""The active controller is killed: until another one is elected, and until a change of metadata works again, asked through a broker that stays."""

import time
from concurrent.futures import ThreadPoolExecutor

from harness.measure import Tail
from harness.quorum import Quorum, change

TOPIC = "changed"
MEASURES = {
    "controller": Tail("kill -9 of the active controller: until a change of metadata works", "ms", 1, limit=200),
    "controller.elected": Tail("… until another one is elected", "ms", 1),
}


def measure(cluster, options, note):
    """Kills the active controller again and again, each time with the quorum whole."""
    cluster.create(TOPIC, 1)
    for number in range(options.count(20)):
        active = cluster.node(Quorum(cluster.port).leader)
        staying = cluster.others(active)[number % 2]
        change(staying.port, TOPIC, 2 * number)
        since = time.monotonic()
        active.kill()
        with ThreadPoolExecutor(1) as beside:
            told = beside.submit(_await, lambda: Quorum(staying.port, 30.0), lambda quorum: quorum.error == 0 and quorum.leader not in (-1, active.number))
            changed = _await(lambda: change(staying.port, TOPIC, 2 * number + 1, 30.0), lambda error: error == 0)
        note("controller", (changed - since) * 1000)
        note("controller.elected", (told.result() - since) * 1000)
        active.launch()
        active.await_serving()
        cluster.await_whole()


def _await(ask, is_good, seconds=60.0):
    """When it was so, asked again and again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if is_good(ask()):
                return time.monotonic()
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"no other controller within {seconds:g} s")
        time.sleep(0.002)
