"""Ratios of paired runs, and the tables in docs/BENCHMARKS.md."""

import os
import statistics

from harness.brokers import ROOT

DOCUMENT = os.path.join(ROOT, "docs", "BENCHMARKS.md")
HEAD = """# Benchmarks

What Logmill costs beside the systems that it stands in for, on the same machine, in the same run. Each section is written by the program that
it names; the ratio is the median of the ratios of paired runs, so that a slow minute of the machine weighs on both sides alike.
"""


def median(values):
    """The median of what is there; None of nothing."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def ratio(ours, theirs):
    """The median ratio of paired runs."""
    pairs = [(one, other) for one, other in zip(ours, theirs) if one is not None and other]
    return median([one / other for one, other in pairs])


def spread(values, digits):
    """Median and range, as text."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    middle = f"{statistics.median(known):,.{digits}f}"
    if len(known) == 1:
        return middle
    return f"{middle} ({min(known):,.{digits}f}–{max(known):,.{digits}f})"


def markdown(headings, rows):
    """A table."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def write_section(name, text):
    """Puts the section `name` into the document, in place of what it said before; the rest stays as it is."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    document = HEAD
    if os.path.exists(DOCUMENT):
        with open(DOCUMENT) as file:
            document = file.read()
    if begin in document:
        before, rest = document.split(begin, 1)
        document = before + section + rest.split(end, 1)[1]
    else:
        document = document.rstrip() + "\n\n" + section + "\n"
    with open(DOCUMENT, "w") as file:
        file.write(document)
