"""Apache Flink's SQL on a cluster in one process, measured by FlinkBench.java."""

import hashlib
import json
import os
import subprocess

from harness.brokers import ROOT, jars

SOURCE = os.path.join(ROOT, "bench", "FlinkBench.java")
OPENED = "java.lang java.lang.reflect java.net java.io java.nio sun.nio.ch java.text java.time java.util java.util.concurrent java.util.concurrent.atomic java.util.concurrent.locks"


def measure(script, runs, options, seconds=900):
    """One object per run of the script's last statement."""
    done = subprocess.run([*_command(), script, str(runs), *options], capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        raise RuntimeError(f"Flink: {done.stdout[-1000:]}{done.stderr[-3000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def start(script, options):
    """The process of an unbounded job, once it runs."""
    process = subprocess.Popen([*_command(), script, "0", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.strip() == "running":
            return process
    raise RuntimeError(f"Flink: {process.stderr.read()[-3000:]}")


def _command():
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED.split()]
    heap = os.environ.get("FLINK_HEAP_OPTS", "-Xmx2G -Xms1G").split()
    logging = os.path.join(ROOT, "tests", "peers", "log4j2.properties")
    return ["java", *heap, "-XX:+UseG1GC", *opened, f"-Dlog4j2.configurationFile={logging}", "-Dpeer.log=ERROR", "-cp", f"{_classes()}:{jars('flink')}/*", "FlinkBench"]


def _classes():
    with open(SOURCE, "rb") as file:
        mark = hashlib.sha256(file.read()).hexdigest()[:12]
    folder = os.path.join(jars("flink"), f"bench-{mark}")
    if not os.path.exists(os.path.join(folder, "FlinkBench.class")):
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["javac", "-nowarn", "-cp", f"{jars('flink')}/*", "-d", folder, SOURCE], check=True)
    return folder
