"""This machine and its processes, from /proc."""

import os

TICKS = os.sysconf("SC_CLK_TCK")


def describe():
    """The machine's class in one line: processor, cores, memory, kernel."""
    model = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 1024 / 1024
    kernel = os.uname().release.split("-")[0]
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {kernel}"


def cpu_seconds(pid):
    """User and system time of the process so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def compiler_seconds(pid):
    """What of that is a JVM's compilers, by thread."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/stat") as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue  # it has just ended
        if "CompilerThre" in name:
            fields = rest.split()
            found[thread] = (int(fields[11]) + int(fields[12])) / TICKS
    return found


def rss_mib(pid, name="VmRSS"):
    """The process's resident memory now, or with VmHWM at most so far."""
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {name} in /proc/{pid}/status")


def open_files(pid):
    """How many descriptors the process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))
