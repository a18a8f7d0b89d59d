"""Figures of both systems, and their rows in a table: what each is called, what it is counted in, what is wanted of it."""

import math
import sys
import time

from harness import table

HEADINGS = ["measure", "unit", "Apache Kafka 4.3.1", "Logmill", "ratio", "wanted", "met"]


class Measure:
    """A figure, taken in paired runs. What is wanted of it holds for Logmill's median, or for the ratio to Kafka's."""

    def __init__(self, title, unit, digits, limit=None, ratio_limit=None, ratio_least=None):
        self.title = title
        self.unit = unit
        self.digits = digits
        self.limit = limit
        self.ratio_limit = ratio_limit
        self.ratio_least = ratio_least
        self.runs = {"Kafka": [], "Logmill": []}

    def row(self):
        """The figure's row of the table."""
        ours, theirs = self.runs["Logmill"], self.runs["Kafka"]
        ratio = self.ratio()
        middle = self.judged(ours)
        wanted, is_met = [], []
        if self.limit is not None:
            wanted.append(f"≤ {self.limit:g}")
            is_met += [] if middle is None else [middle <= self.limit]
        if self.ratio_limit is not None:
            wanted.append(f"ratio ≤ {self.ratio_limit:.2f}")
            is_met += [] if ratio is None else [ratio <= self.ratio_limit]
        if self.ratio_least is not None:
            wanted.append(f"ratio ≥ {self.ratio_least:g}")
            is_met += [] if ratio is None else [ratio >= self.ratio_least]
        verdict = "" if not is_met else ("yes" if all(is_met) else "**no**")
        shown = "–" if ratio is None else f"{ratio:.3f}"
        return [self.title, self.unit, self.text(theirs), self.text(ours), shown, ", ".join(wanted), verdict]

    def judged(self, values):
        """What of the values is held to the limit."""
        return table.median(values)

    def ratio(self):
        """Logmill's to Kafka's."""
        return table.ratio(self.runs["Logmill"], self.runs["Kafka"])

    def text(self, values):
        """The cell of the table."""
        return table.spread(values, self.digits)


class Tail(Measure):
    """A figure of single events that are no pairs (fail-overs): what is wanted holds for the p99, by nearest rank."""

    def judged(self, values):
        return percentile(values, 0.99)

    def ratio(self):
        ours, theirs = self.judged(self.runs["Logmill"]), self.judged(self.runs["Kafka"])
        return ours / theirs if ours is not None and theirs else None

    def text(self, values):
        if not values:
            return "–"
        shown = [f"{figure:,.{self.digits}f}" for figure in (percentile(values, 0.5), percentile(values, 0.99), max(values))]
        return f"p50 {shown[0]}, p99 {shown[1]}, worst {shown[2]} of {len(values)}"


def percentile(values, part):
    """By nearest rank; None of nothing."""
    ordered = sorted(values)
    return ordered[math.ceil(part * len(ordered)) - 1] if ordered else None


def say(text):
    """A line of the run's own log."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def say_latest(measures, name, number, system):
    """The newest figures of the measure `name` and its parts."""
    shown = {key: measure.runs[system.name][-1] for key, measure in measures.items() if key.split(".")[0] == name and measure.runs[system.name]}
    say(f"round {number + 1} {system.name}: " + ", ".join(f"{key} {value:.3f} {measures[key].unit}" for key, value in shown.items()))
