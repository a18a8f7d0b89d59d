"""Raw figures of runs that are taken apart, kept in a folder so that a table can be made of all of them."""

import json
import os
import subprocess
import time

from harness.brokers import ROOT


class Results:
    """Values by system and measure, and the commands that gave them."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "cluster-side-by-side.json") if folder else None
        self.values = {"Kafka": {}, "Logmill": {}}
        self.commands = []
        if self.path and os.path.exists(self.path):
            with open(self.path) as file:
                kept = json.load(file)
            self.values, self.commands = kept["values"], kept["commands"]

    def note(self, system, name, *values):
        """Adds figures of a measure, and keeps them at once."""
        self.values[system].setdefault(name, []).extend(values)
        self.keep()

    def begin(self, command):
        """Remembers a command, with commit and day."""
        commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
        self.commands.append([command, commit, time.strftime("%Y-%m-%d")])

    def keep(self):
        """Writes the file."""
        if self.path:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with open(self.path, "w") as file:
                json.dump({"commands": self.commands, "values": self.values}, file, indent=1)
