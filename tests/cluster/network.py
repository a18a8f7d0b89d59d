"""A network that the tests own: every node in a network namespace with an address of its own, all on one bridge with the tests.

A cut needs neither a firewall nor a proxy: the sender is told a wrong hardware address for the receiver, so its frames are lost on the
way without anybody being told, in this one direction, as when a cable is broken. Needs Linux, and root or user namespaces; `entrance`
says how to get into one. Everything ends with the process that entered.
"""

import os
import subprocess

from harness.report import Skip

CLIENTS = 0  # where the tests are
INSIDE = "LOGMILL_CLUSTER_NETWORK"
NOBODY = "02:00:00:00:ff:ff"


def is_inside():
    return INSIDE in os.environ


def entrance():
    """The command before a program that is to have a network of its own."""
    for ways in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        try:
            if subprocess.run([*ways, "sh", "-c", "ip link add lm-try type bridge && nsenter --version"], capture_output=True).returncode == 0:
                return ways
        except OSError:
            break
    raise Skip("needs Linux with unshare, nsenter and ip, and root or user namespaces")


class Network:
    """Nodes 1 to `count`, and the tests as CLIENTS."""

    def __init__(self, count):
        self._run("ip", "link", "set", "lo", "up")
        self._run("ip", "link", "add", "mill", "type", "bridge")
        self._run("ip", "link", "set", "mill", "address", hardware(CLIENTS), "up")
        self._run("ip", "addr", "add", f"{address(CLIENTS)}/24", "dev", "mill")
        self._namespaces = {}
        for node in range(1, count + 1):
            self._add(node)
        self.everyone = [CLIENTS, *self._namespaces]
        for one in self.everyone:
            for other in self.everyone:
                if one != other:
                    self.heal(one, other)

    def inside(self, node):
        """The command before a program that is to be where the node is."""
        holder = self._namespaces.get(node)
        return ["nsenter", "--target", str(holder.pid), "--net"] if holder else []

    def cut(self, source, target):
        """What source sends to target is lost."""
        self._point(source, target, NOBODY)

    def heal(self, source, target):
        self._point(source, target, hardware(target))

    def heal_all(self):
        for one in self.everyone:
            for other in self.everyone:
                if one != other:
                    self.heal(one, other)

    def reset(self, node, other):
        """Ends every connection between the two with a reset at both ends. Answers whether the system can."""
        return self._run(*self.inside(node), "ss", "--kill", "dst", address(other), required=False)

    def end(self):
        for holder in self._namespaces.values():
            holder.kill()
            holder.wait()
        self._run("ip", "link", "del", "mill", required=False)

    def _add(self, node):
        holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo there; exec sleep infinity"], stdout=subprocess.PIPE, start_new_session=True)
        holder.stdout.readline()
        self._namespaces[node] = holder
        self._run("ip", "link", "add", f"mill-{node}", "type", "veth", "peer", "name", "mill", "netns", str(holder.pid))
        self._run("ip", "link", "set", f"mill-{node}", "master", "mill", "up")
        inside = self.inside(node)
        self._run(*inside, "ip", "link", "set", "lo", "up")
        self._run(*inside, "ip", "link", "set", "mill", "address", hardware(node), "up")
        self._run(*inside, "ip", "addr", "add", f"{address(node)}/24", "dev", "mill")

    def _point(self, source, target, at):
        neighbour = ["ip", "neigh", "replace", address(target), "lladdr", at, "dev", "mill", "nud", "permanent"]
        self._run(*self.inside(source), *neighbour)

    @staticmethod
    def _run(*command, required=True):
        done = subprocess.run(command, capture_output=True, text=True)
        if required and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.returncode == 0


def address(node):
    return f"10.99.0.{node or 254}"


def hardware(node):
    return f"02:00:00:00:00:{node or 254:02x}"
