"""What a broker says of the quorum, asked by our tools and, where they can be had, by Apache Kafka's."""

import re
import subprocess

from harness import tools
from harness.report import check, eventually, say
from nodes import program


def check_members(cluster, voters, observers):
    """Who votes and who observes, the leader among the voters, nobody behind for long; and `logmill doctor` finds nothing bad."""

    def caught_up():
        found = cluster.status()["quorum"]
        ids = [sorted(replica["id"] for replica in found[kind]) for kind in ("voters", "observers")]
        check(ids == [voters, observers], f"voters and observers are {ids}, not {[voters, observers]}")
        return found["leader"] in voters and all(replica["lag"] is not None for replica in found["voters"] + found["observers"]) and found

    eventually("the quorum is led and everybody follows", caught_up, 30, 0.1)
    done = subprocess.run([program(), "doctor", "--bootstrap-server", cluster.bootstrap], capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, f"doctor ended with {done.returncode}: {done.stdout} {done.stderr}")
    try:
        script = tools.kafka_tools()
    except tools.Missing as missing:
        say(f"   Kafka's own tool was not asked: {missing} is missing")
        return
    status = described(script, cluster, "--status")
    ids = [sorted(map(int, re.findall(r"\d+", line))) for line in re.findall(r"^Current(?:Voters|Observers):(.*)$", status, re.M)]
    check(ids == [voters, observers], f"metadata-quorum --status: {status}")
    replication = described(script, cluster, "--replication")
    rows = [line.split() for line in replication.splitlines()[1:]]
    leaders, followers, others = (sorted(int(row[0]) for row in rows if row[-1] == kind) for kind in ("Leader", "Follower", "Observer"))
    check(len(leaders) == 1 and sorted(leaders + followers) == voters and others == observers, f"metadata-quorum --replication: {replication}")


def described(script, cluster, what):
    """What kafka-metadata-quorum describe prints."""
    command = [script, "metadata-quorum", "--bootstrap-server", cluster.bootstrap, "describe", what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, f"metadata-quorum {what} ended with {done.returncode}: {done.stdout} {done.stderr}")
    return done.stdout
