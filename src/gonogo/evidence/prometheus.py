"""Reading what Prometheus would scrape: text exposition format 0.0.4, strictly.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text-based format). Stricter than Prometheus itself: a sample needs
a TYPE line before it, so that nothing is shown without anybody knowing what it is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL}(?:,{LABEL})*,?)?)\}})?[ \t]+(\S+)(?:[ \t]+-?\d+)?")
TYPE = re.compile(rf"# TYPE ({NAME}) (counter|gauge|histogram|summary|untyped)")
HELP = re.compile(rf"# HELP ({NAME})(?: .*)?")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|Inf|NaN)")
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}
Series = dict[tuple[str, str], float]  #: (sample name, labels) → value


@dataclass
class Exposition:
    """What a scrape gave: the type of each family, its samples, and what is wrong, one line each."""

    types: dict[str, str] = field(default_factory=dict)
    samples: dict[str, Series] = field(default_factory=lambda: defaultdict(dict))
    problems: list[str] = field(default_factory=list)

    @property
    def families(self) -> list[str]:
        """Families that have at least one sample."""
        return [name for name in self.types if self.samples.get(name)]

    def total(self, family: str) -> float:
        """The sum over all series of a counter."""
        return sum(self.samples[family].values())


def read_exposition(text: str) -> Exposition:
    """Parse a scrape. Never raises: what is wrong is listed."""
    found = Exposition()
    if text and not text.endswith("\n"):
        found.problems.append("the last line does not end")
    for number, line in enumerate(text.split("\n"), start=1):
        problem = _line(line.strip(" \t\r"), found)
        if problem:
            found.problems.append(f"line {number}: {problem}")
    for name in found.families:
        found.problems += [f"{name}: {problem}" for problem in _family(found.types[name], name, found.samples[name])]
    return found


def _line(line: str, found: Exposition) -> str:
    """Take one line in; what is wrong with it, or nothing."""
    if not line:
        return ""
    if line.startswith("# TYPE"):
        match = TYPE.fullmatch(line)
        if not match:
            return "a malformed TYPE line"
        if match.group(1) in found.types:
            return f"a second TYPE of {match.group(1)}"
        found.types[match.group(1)] = match.group(2)
        return ""
    if line.startswith("#"):
        return "a malformed HELP line" if line.startswith("# HELP") and not HELP.fullmatch(line) else ""
    return _sample(line, found)


def _sample(line: str, found: Exposition) -> str:
    match = SAMPLE.fullmatch(line)
    if not match or not NUMBER.fullmatch(match.group(3)):
        return f"no sample: {line[:80]}"
    name, labels = match.group(1), ",".join(sorted(re.findall(LABEL, match.group(2) or "")))
    family = _family_of(name, found.types)
    if family is None:
        return f"a sample without a TYPE: {name}"
    if (name, labels) in found.samples[family]:
        return f"the same series twice: {name}"
    found.samples[family][(name, labels)] = float(match.group(3).replace("Inf", "inf"))
    return ""


def _family_of(name: str, types: dict[str, str]) -> str | None:
    for family, kind in types.items():
        if name in [family + suffix for suffix in PARTS.get(kind, ("",))]:
            return family
    return None


def _family(kind: str, name: str, samples: Series) -> list[str]:
    """What is wrong with the values of one family."""
    if kind == "counter":
        return ["a counter that is no number from 0 on"] if any(not 0 <= value < float("inf") for value in samples.values()) else []
    if kind != "histogram":
        return []
    problems: list[str] = []
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for (sample, labels), value in samples.items():
        if sample == f"{name}_bucket":
            bound = re.search(r'(?:^|,)le="([^"]*)"', labels)
            if not bound or not NUMBER.fullmatch(bound.group(1)):
                return ["a bucket without an upper bound"]
            rest = ",".join(part for part in re.findall(LABEL, labels) if not part.startswith("le="))
            groups[rest].append((float(bound.group(1).replace("Inf", "inf")), value))
    if not groups:
        problems.append("a histogram without buckets")
    for labels, buckets in groups.items():
        counts = [count for _, count in sorted(buckets)]
        if max(buckets)[0] != float("inf"):
            problems.append("a histogram without a +Inf bucket")
        elif samples.get((f"{name}_count", labels)) != counts[-1]:
            problems.append("a histogram whose count is not its +Inf bucket")
        if counts != sorted(counts):
            problems.append("a histogram whose buckets decrease")
    return problems
