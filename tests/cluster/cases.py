"""What is done to the cluster, and what must be so afterwards."""

import shutil
import time

import quorum
import reassigning
from deposed import deposed
from harness.report import check, eventually, say
from history import check_history, check_replicas, lost, read_all
from load import Load
from network import CLIENTS
from riders import ConsoleRider, FranzGoRider, KafkaPythonRider, TransactionalCopierRider, VerifiableProducerRider
from workload import PARTITIONS, begin


def victim(cluster, chance):
    """Half of the time the leader of some partition (also of the groups' topic), else anyone."""
    if chance.random() < 0.5:
        leads = [partition.leader for _, partition in cluster.partitions() if partition.leader > 0]
        if leads:
            return cluster.node(chance.choice(leads))
    return chance.choice(cluster.nodes)


def kill9(cluster, chance, options):
    """kill -9 of single brokers; the next one sometimes before the last one is back in sync."""
    work = begin(cluster, options)
    for number in range(options.kills):
        time.sleep(chance.uniform(0, 1))
        node = victim(cluster, chance)
        before = work.load.gap_s_max
        work.load.gap_s_max = 0
        node.kill()
        if chance.random() < 0.7:
            work.load.await_acknowledged(500)
        node.launch()
        ready = node.await_serving()
        hurried = chance.random() < 0.25
        in_sync = 0 if hurried else cluster.await_in_sync()
        say(f"   kill {number + 1}: node {node.id}, gap {work.load.gap_s_max:.2f} s, back after {ready:.2f} s, " + ("not awaited" if hurried else f"in sync {in_sync:.1f} s later"))
        work.load.gap_s_max = max(before, work.load.gap_s_max)
    return f"{options.kills} kills; {work.finish()}"


def kill9_all(cluster, chance, options):
    """kill -9 of the whole cluster."""
    work = begin(cluster, options)
    for number in range(options.kills):
        work.load.await_acknowledged(300)
        time.sleep(chance.uniform(0, 0.5))
        for node in chance.sample(cluster.nodes, 3):
            node.kill()
            time.sleep(chance.choice([0, 0, chance.uniform(0, 0.3)]))
        took = cluster.start()
        begun = time.monotonic()
        work.load.await_acknowledged(300)
        say(f"   kill {number + 1} of all: serving after {took:.2f} s, acknowledging {time.monotonic() - begun:.2f} s later")
    return f"{options.kills} kills of all; {work.finish()}"


def pause(cluster, chance, options):
    """SIGSTOP of a broker for 3 to 15 s: it comes back believing that it leads."""
    work = begin(cluster, options)
    times = max(1, options.kills // 5)
    for number in range(times):
        node = victim(cluster, chance)
        seconds = chance.uniform(3, 15)
        before = work.load.gap_s_max
        work.load.gap_s_max = 0
        node.pause()
        time.sleep(seconds)
        node.resume()
        work.load.await_acknowledged(500)
        in_sync = cluster.await_in_sync()
        say(f"   pause {number + 1}: node {node.id} for {seconds:.1f} s, gap {work.load.gap_s_max:.2f} s, in sync {in_sync:.1f} s later")
        work.load.gap_s_max = max(before, work.load.gap_s_max)
    return f"{times} pauses; {work.finish()}"


def rolling_restart(cluster, chance, options):
    """SIGTERM and start of one after the other; a producer with its defaults and a group see no error."""
    work = begin(cluster, options)
    cluster.create("plain", PARTITIONS)
    # As librdkafka has it: no idempotence, five minutes for a record, up to ten seconds between two connections.
    plain = Load(cluster, "plain", PARTITIONS, options.rate // 3, enable_idempotence=False, message_timeout_ms=300_000, reconnect_backoff_max_ms=10_000)
    loads = [work.load, plain]
    plain.await_acknowledged(100)
    longest = 0
    for node in cluster.nodes:
        for load in loads:
            load.gap_s_max = 0
        stopped = node.stop()
        node.launch()
        ready = node.await_serving()
        in_sync = cluster.await_in_sync()
        gaps = [load.gap_s_max for load in loads]
        say(f"   node {node.id}: ended after {stopped:.2f} s, back after {ready:.2f} s, in sync {in_sync:.1f} s later; gaps {gaps[0]:.2f} s, plain {gaps[1]:.2f} s")
        longest = max(longest, *gaps)
    for load in loads:
        load.await_acknowledged(500)
    plain.end()
    found = read_all(cluster, "plain", PARTITIONS)
    gone = lost(plain, found)
    check(not gone, f"the plain producer lost {len(gone)} records: {gone[:5]}")
    twice = sum(map(len, found.values())) - plain.sent
    work.load.gap_s_max = longest
    told = work.finish()
    seen = [error for reader in work.readers for error in reader.errors]
    check(not seen, f"the group was told of {len(seen)} errors: {seen[:3]}")
    return f"a plain producer: {plain.sent} records, none lost, {twice} sent twice; {told}"


def moving_job(cluster, chance, options):
    """kill -9 of whoever runs the window job, half of the time with a leader of its results; it goes on elsewhere."""
    work = begin(cluster, options)
    times = max(1, options.kills // 2)
    for number in range(times):
        runner = eventually("somebody runs the job", work.windows.runner, 60)
        also = cluster.leader(work.windows.TOPIC, chance.randrange(work.windows.PARTITIONS)) if chance.random() < 0.5 else None
        before, begun = work.windows.results(), time.monotonic()
        runner.kill()
        if also and also is not runner:
            also.kill()
            also.launch()
        moved_to = eventually("another node runs the job", lambda: (node := work.windows.runner()) is not runner and node, 60)
        eventually("the job gives results elsewhere", lambda: work.windows.results() > before, 60, 0.01)
        gap = time.monotonic() - begun
        runner.launch()
        cluster.start()
        in_sync = cluster.await_in_sync()
        say(f"   move {number + 1}: from node {runner.id} to {moved_to.id}{', a leader of its results died too' if also and also is not runner else ''}, results again after {gap:.2f} s, in sync {in_sync:.1f} s later")
    return f"{times} moves; {work.finish()}"


def separate_roles(cluster, chance, options):
    """Three controllers beside three brokers: kill -9 of the controllers' leader, a broker, another controller, a broker together with the leader."""
    work = begin(cluster, options)
    voters, observers = [node.id for node in cluster.controllers], [node.id for node in cluster.nodes]
    quorum.check_members(cluster, voters, observers)
    for number in range(options.kills):
        time.sleep(chance.uniform(0, 1))
        leader, broker = cluster.quorum_leader(), victim(cluster, chance)
        follower = chance.choice([node for node in cluster.controllers if node is not leader])
        killed = [[leader], [broker], [follower], [broker, leader]][number % 4]
        before, work.load.gap_s_max = work.load.gap_s_max, 0
        for node in killed:
            node.kill()
        begun = time.monotonic()
        after = cluster.quorum_leader()
        led = time.monotonic() - begun
        work.load.await_acknowledged(500)
        cluster.start()
        in_sync = cluster.await_in_sync()
        names = " and ".join(f"node {node.id}{', the leader of the controllers' if node is leader else ''}" for node in killed)
        say(f"   kill {number + 1}: {names}; node {after.id} leads after {led:.2f} s, gap {work.load.gap_s_max:.2f} s, in sync {in_sync:.1f} s later")
        work.load.gap_s_max = max(before, work.load.gap_s_max)
    quorum.check_members(cluster, voters, observers)
    return f"{options.kills} kills; {work.finish()}"


separate_roles.controllers = 3


def lost_disk(cluster, chance, options):
    """A broker is alone in sync when it dies and its disk is lost; others have all that was acknowledged, and lead."""
    work = begin(cluster, options)
    times = max(1, options.kills // 2)
    for number in range(times):
        work.load.await_acknowledged(500)
        alone, *others = chance.sample(cluster.nodes, 3)
        for node in others:
            node.kill()
            time.sleep(chance.uniform(0, 1))
        eventually(f"node {alone.id} is alone in sync", lambda: all(found.isrs == [alone.id] for _, found in cluster.partitions()), 30, 0.05)
        alone.kill()
        shutil.rmtree(alone.data)
        for node in chance.sample(cluster.nodes, 3):
            node.launch()
            time.sleep(chance.uniform(0, 1))
        begun = time.monotonic()
        work.load.await_acknowledged(500)
        took = time.monotonic() - begun
        say(f"   round {number + 1}: node {alone.id} has lost its disk, acknowledging {took:.2f} s later, in sync {cluster.await_in_sync():.1f} s later")
    return f"{times} disks lost; {work.finish()}"


lost_disk.controllers = 3


def reassign(cluster, chance, options):
    """Kafka's reassign-partitions moves every topic in turn calmly, with a kill -9 of a broker that is added, with one that hangs, and to be called off."""
    tool = reassigning.Tool(cluster)
    work = begin(cluster, options)
    rounds = max(5, options.kills // 2)
    for number in range(rounds):
        work.load.await_acknowledged(300)
        before, work.load.gap_s_max = work.load.gap_s_max, 0
        begun = time.monotonic()
        wanted = reassigning.planned(number) or reassigning.shuffled(cluster, chance)
        # The planned rounds: calmly, and with a kill.
        told = reassigning.WAYS[number % len(reassigning.WAYS)](cluster, tool, wanted, chance)
        took = time.monotonic() - begun
        in_sync = cluster.await_in_sync()
        say(f"   round {number + 1}: {len(wanted)} partitions in {took:.1f} s, the tool's included: {told}; in sync {in_sync:.1f} s later, gap {work.load.gap_s_max:.2f} s")
        work.load.gap_s_max = max(before, work.load.gap_s_max)
    reassigning.check_strays(cluster)
    return f"{rounds} rounds; {work.finish()}"


def cut(cluster, chance, options):
    """A broker whose frames are lost: to and from everybody, the brokers alone, in one direction, or the clients alone; for 3 to 10 s."""
    work = begin(cluster, options)
    network, gaps = cluster.network, {}
    for number in range(options.kills):
        node = victim(cluster, chance)
        others = [each.id for each in cluster.nodes if each is not node]
        ways = {
            "vanished": [(one, other) for each in [CLIENTS, *others] for one, other in ((node.id, each), (each, node.id))],
            "cut from the brokers": [(one, other) for each in others for one, other in ((node.id, each), (each, node.id))],
            "unheard by the brokers": [(node.id, each) for each in others],
            "deaf to the brokers": [(each, node.id) for each in others],
            "cut from the clients": [(CLIENTS, node.id), (node.id, CLIENTS)],
        }
        way = list(ways)[number % len(ways)]
        seconds = chance.uniform(3, 10)
        before, work.load.gap_s_max = work.load.gap_s_max, 0
        for source, target in ways[way]:
            network.cut(source, target)
        time.sleep(seconds)
        network.heal_all()
        work.load.await_acknowledged(500)
        in_sync = cluster.await_in_sync()
        gap = work.load.gap_s_max
        gaps[way] = max(gap, gaps.get(way, 0))
        say(f"   cut {number + 1}: node {node.id} {way} for {seconds:.1f} s, gap {gap:.2f} s, in sync {in_sync:.1f} s later")
        work.load.gap_s_max = max(before, gap)
    longest = ", ".join(f"{way} {gap:.2f} s" for way, gap in gaps.items())
    return f"{options.kills} cuts (longest gaps: {longest}); {work.finish()}"


def lossy(cluster, chance, options):
    """A network that loses everything between two places for up to 400 ms at a time, and resets connections."""
    work = begin(cluster, options)
    network = cluster.network
    pairs = [(one, other) for one in network.everyone for other in network.everyone if one != other]
    losses = resets = 0
    ending = time.monotonic() + 3 * options.kills
    while time.monotonic() < ending:
        lost = chance.sample(pairs, chance.choice([1, 1, 2, 4]))
        for pair in lost:
            network.cut(*pair)
        time.sleep(chance.uniform(0.02, 0.4))
        for pair in lost:
            network.heal(*pair)
        losses += len(lost)
        if chance.random() < 0.1:
            resets += network.reset(*chance.choice([pair for pair in pairs if CLIENTS not in pair]))
        time.sleep(chance.uniform(0, 0.3))
    work.load.await_acknowledged(500)
    cluster.await_in_sync()
    return f"{losses} losses, {resets} resets; {work.finish()}"


cut.needs_network = lossy.needs_network = True


def riding(make):
    """A case in which `make(cluster, options)` gives the clients that ride through kills of single brokers."""

    def case(cluster, chance, options):
        cluster.start()
        riders = []
        try:
            for rider in make(cluster, options):
                riders.append(rider)
            for number in range(options.kills):
                before = [rider.progress() for rider in riders]
                for rider, was in zip(riders, before):
                    eventually(f"{rider.name} gets on", lambda: rider.progress() > was, 90)
                node = victim(cluster, chance)
                node.kill()
                time.sleep(chance.uniform(0, 2))
                node.launch()
                ready = node.await_serving()
                say(f"   kill {number + 1}: node {node.id}, back after {ready:.2f} s, in sync {cluster.await_in_sync():.1f} s later")
            for rider in riders:
                rider.end()
            told = [rider.check() for rider in riders]
        finally:
            for rider in riders:
                rider.kill()
        return f"{options.kills} kills; {'; '.join(told)}"

    case.__doc__ = make.__doc__
    return case


def kafka_python(cluster, options):
    """kafka-python 3, producer and group, through kill -9 of single brokers."""
    yield KafkaPythonRider(cluster, min(options.rate, 300))


def franz_go(cluster, options):
    """franz-go, producer and group, through kill -9 of single brokers."""
    yield FranzGoRider(cluster, options.rate)


def kafka_tools(cluster, options):
    """Apache Kafka's VerifiableProducer, TransactionalMessageCopier and console tools through kill -9 of single brokers."""
    producer = VerifiableProducerRider(cluster, min(options.rate, 300))
    yield producer
    yield TransactionalCopierRider(cluster, producer)
    yield ConsoleRider(cluster, 100)


def incident(cluster, chance, options):
    """A broker is away at the peak and comes back into the ISR; then the leader dies. With min ISR 1 the loss is reported."""
    cluster.start()
    cluster.place("safe", [[1, 2, 3]] * PARTITIONS, min_insync_replicas=2)
    cluster.place("risky", [[1, 2]], min_insync_replicas=1, unclean_leader_election_enable="true")
    one, two, _ = cluster.nodes
    safe = Load(cluster, "safe", PARTITIONS, options.rate)
    risky = Load(cluster, "risky", 1, options.rate // 3)
    safe.await_acknowledged(500)
    two.kill()
    safe.rate *= 4
    safe.await_acknowledged(4 * options.rate)
    risky.await_acknowledged(options.rate // 3)
    two.launch()
    two.await_serving()
    say(f"   node 2 is back in every ISR after {cluster.await_in_sync():.1f} s")
    # Away once more; what only node 1 has on "risky" goes with node 1.
    two.kill()
    risky.await_acknowledged(options.rate)
    risky.abandon()
    one.kill()
    two.launch()
    two.await_serving()
    safe.await_acknowledged(500)
    eventually("node 2 leads what nobody else has", lambda: cluster.leader("risky", 0) is two, 60, 0.1)
    one.launch()
    one.await_serving()
    cluster.await_in_sync()
    safe.end()
    check_history(safe, read_all(cluster, "safe", PARTITIONS))
    gone = lost(risky, read_all(cluster, "risky", 1))
    check_replicas(cluster)
    return f"min ISR 2: {safe.sent} records, none lost; min ISR 1 with unclean election: {len(gone)} of {len(risky.places)} acknowledged records lost, as reported here"


CASES = {
    "kill9": kill9,
    "kill9-all": kill9_all,
    "pause": pause,
    "rolling-restart": rolling_restart,
    "moving-job": moving_job,
    "separate-roles": separate_roles,
    "lost-disk": lost_disk,
    "reassign": reassign,
    "cut": cut,
    "lossy": lossy,
    "deposed": deposed,
    "kafka-python": riding(kafka_python),
    "franz-go": riding(franz_go),
    "kafka-tools": riding(kafka_tools),
    "incident": incident,
}
